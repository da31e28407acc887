/* An explanation for programs: one JSON object. */
#include "base/assert.h"
#include "conf/node_text.h"
#include "conf/reference.h"
#include "exchange/json_text.h"
#include "main/explainer.h"
#include "tls/tls_server_settings.h"

#include <inttypes.h>

enum { STRING_MAX = 1024 * 1024, WORDS_MAX = 8192 };

static void add(struct text *text, const char *words)
{
    text_add(text, slice_from_text(words));
}

static void add_string(struct text *text, struct slice bytes)
{
    json_add_text(text, bytes, STRING_MAX);
}

/* `, "key": "value"`, without the comma behind a brace. */
static void add_key(struct text *text, const char *key)
{
    char before = text->length > 0 ? text->data[text->length - 1] : '{';
    add(text, before == '{' || before == '[' ? "\"" : ", \"");
    add(text, key);
    add(text, "\": ");
}

static void add_member(struct text *text, const char *key, struct slice value)
{
    add_key(text, key);
    add_string(text, value);
}

/* Words that were made in memory of fixed size. */
static void add_words(struct text *text, const char *key, struct text *words)
{
    struct slice end = SLICE("...");
    if (text_is_cut(words)) {
        words->length -= end.length;
        words->cut = false;
        text_add(words, end);
    }
    add_member(text, key, text_slice(words));
}

static void add_place(struct text *text, const struct explanation *explanation,
                      struct position position)
{
    char memory[WORDS_MAX];
    struct text place = text_over(memory, sizeof(memory));
    explain_place(&place, explanation, position);
    add_words(text, "place", &place);
}

static void begin_item(struct text *text, bool is_first)
{
    add(text, is_first ? "{" : ", {");
}

/* ---- who takes it */

static void add_question(struct text *text, const struct explanation *explanation)
{
    char memory[WORDS_MAX];
    struct text words = text_over(memory, sizeof(memory));
    add_member(text, "method", slice_from_text(explanation->request.method));
    add_member(text, "url", slice_from_text(explanation->request.url));
    ip_print(&words, &explanation->rehearsal.exchange->client);
    add_member(text, "client", text_slice(&words));
    words.length = 0;
    address_print(&words, &explanation->listener->address);
    add_member(text, "listener", text_slice(&words));
    add_key(text, "listens");
    add(text, explanation->is_other_port ? "false" : "true");
}

static void add_site(struct text *text, const struct explanation *explanation)
{
    const struct site *site = explanation->rehearsal.exchange->site;
    add_key(text, "site");
    if (!site) {
        add(text, "null");
        return;
    }
    add(text, "{");
    add_member(text, "name", site->name);
    add_place(text, explanation, site->scope->node->position);
    add(text, "}");
}

static void add_scope(struct text *text, const struct explanation *explanation,
                      const struct scope *scope)
{
    char memory[WORDS_MAX];
    struct text words = text_over(memory, sizeof(memory));
    explain_scope(&words, scope);
    add_words(text, "conditions", &words);
    add_place(text, explanation, scope->node->position);
}

static void add_route(struct text *text, const struct explanation *explanation)
{
    const struct route *route = explanation->rehearsal.exchange->route;
    add_key(text, "route");
    if (!route) {
        add(text, "null");
        return;
    }
    add(text, "{");
    add_scope(text, explanation, route->scope);
    add(text, "}");
}

static void add_other_routes(struct text *text, const struct explanation *explanation)
{
    bool is_first = true;
    add_key(text, "other_routes");
    add(text, "[");
    for (size_t i = 0; i < explanation->rehearsal.reason_count; i++) {
        const struct route_reason *reason = &explanation->rehearsal.reasons[i];
        if (reason->takes)
            continue;
        char memory[WORDS_MAX];
        struct text words = text_over(memory, sizeof(memory));
        begin_item(text, is_first);
        add_scope(text, explanation, reason->route->scope);
        explain_reason(&words, explanation, reason);
        add_words(text, "why_not", &words);
        add(text, "}");
        is_first = false;
    }
    add(text, "]");
}

static void add_other_sites(struct text *text, const struct explanation *explanation)
{
    add_key(text, "other_sites");
    add(text, "[");
    for (size_t i = 0; i < explanation->site_count; i++) {
        const struct explained_site *site = &explanation->sites[i];
        begin_item(text, i == 0);
        add_member(text, "name", site->name ? site->name->text : SLICE("*"));
        add_place(text, explanation, site->scope->node->position);
        add_member(text, "why_not",
                   site->elsewhere ? SLICE("it answers at other listeners")
                                   : SLICE("it would, but the more exact name goes first"));
        add(text, "}");
    }
    add(text, "]");
}

/* ---- what holds for it */

static void add_settings(struct text *text, const struct explanation *explanation)
{
    add_key(text, "settings");
    add(text, "[");
    for (size_t i = 0; i < explanation->setting_count; i++) {
        const struct explained_setting *one = &explanation->settings[i];
        char memory[WORDS_MAX];
        struct text words = text_over(memory, sizeof(memory));
        begin_item(text, i == 0);
        reference_print_name(&words, one->group, one->setting);
        add_member(text, "name", text_slice(&words));
        words.length = 0;
        node_print(&words, one->node);
        add_words(text, "value", &words);
        add_key(text, "of_upstream");
        add(text, one->of_upstream ? "true" : "false");
        add_place(text, explanation, one->node->position);
        add(text, "}");
    }
    add(text, "]");
}

static void add_stages(struct text *text, const struct explanation *explanation)
{
    const struct plan *plan = explanation->rehearsal.exchange->plan;
    add_key(text, "stages");
    add(text, "[");
    for (uint32_t i = 0; plan && i < plan->stage_count; i++) {
        add(text, i == 0 ? "" : ", ");
        add_string(text, slice_from_text(plan->stages[i].stage->name));
    }
    add(text, "]");
}

/* ---- what becomes of it */

static void add_offer(struct text *text, enum tls_offer offer, enum server_chosen chosen)
{
    struct slice rest = tls_offer_words(offer);
    add_key(text, "alpn");
    add(text, "[");
    for (bool is_first = true; rest.length > 0; is_first = false) {
        add(text, is_first ? "" : ", ");
        add_string(text, slice_trim(slice_cut(&rest, ',')));
    }
    add(text, "]");
    if (chosen != SERVER_CHOSE_NOTHING)
        add_member(text, "chosen", chosen == SERVER_CHOSE_H2 ? SLICE("h2") : SLICE("http/1.1"));
}

/* By what the server is known that is spoken to over TLS. */
static void add_tls(struct text *text, const struct explanation *explanation)
{
    const struct rehearsal *rehearsal = &explanation->rehearsal;
    const struct tls_server_settings *settings = scope_group(
        explanation->configuration, rehearsal->exchange->plan->upstream->scope, &tls_server_group);
    if (!rehearsal->server->is_tls)
        return;
    add_key(text, "tls");
    text_print(text, "{\"verify\": %s", settings->verify ? "true" : "false");
    if (settings->name.length > 0)
        add_member(text, "name", settings->name);
    if (settings->verify && settings->ca.node)
        add_member(text, "ca", settings->ca.node->text);
    if (tls_offer_is_choice(settings->offer) && !rehearsal->server->is_h2)
        add_offer(text, settings->offer, server_chosen(rehearsal->server));
    add(text, "}");
}

static void add_request(struct text *text, struct explanation *explanation)
{
    const struct rehearsal *rehearsal = &explanation->rehearsal;
    const struct upstream *upstream = rehearsal->exchange->call.upstream;
    if (rehearsal->exchange->plan->split)
        add_member(text, "variant", split_variant(rehearsal->exchange));
    add_member(text, "upstream", upstream->name);
    add_member(text, "balance", slice_from_text(balance_names[upstream->balance]));
    add_member(text, "server", rehearsal->server->key);
    add_tls(text, explanation);
    if (rehearsal->sticking != STICKING_NONE)
        add_member(text, "sticky", slice_from_text(sticking_words[rehearsal->sticking]));
    if (explain_hedge_after(explanation) > 0) {
        add_key(text, "hedge_after_ms");
        text_print(text, "%" PRId64, explain_hedge_after(explanation));
    }
    add_key(text, "servers");
    add(text, "[");
    for (uint32_t i = 0; i < upstream->count; i++) {
        add(text, i == 0 ? "" : ", ");
        add_string(text, upstream->members[i].server->key);
    }
    add(text, "]");
    add_key(text, "head");
    add(text, "[");
    struct slice rest = rehearsal->head;
    for (bool is_first = true; rest.length > 2; is_first = false) {
        add(text, is_first ? "" : ", ");
        add_string(text, explain_next_line(explanation, &rest));
    }
    add(text, "]");
}

static void add_answer(struct text *text, struct explanation *explanation)
{
    const struct exchange *exchange = explanation->rehearsal.exchange;
    const struct fields *fields = &exchange->response.fields;
    if (exchange->error)
        add_member(text, "error", slice_from_text(error_words(exchange->error)));
    add_key(text, "status");
    text_print(text, "%u", exchange->response.status);
    add_key(text, "fields");
    add(text, "[");
    for (uint32_t i = 0, shown = 0; i < fields->count; i++) {
        const struct field *field = &fields->items[i];
        const struct slice parts[] = {field->name, SLICE(": "), field->value};
        if (slice_is_empty(field->name) || field->id == FIELD_DATE)
            continue;
        add(text, shown++ == 0 ? "" : ", ");
        struct slice line = arena_join(&explanation->arena, parts, 3);
        add_string(text, explain_next_line(explanation, &line));
    }
    add(text, "]");
    add_member(text, "body", exchange->reply_body);
}

void explain_print_json(struct text *text, struct explanation *explanation)
{
    add(text, "{");
    add_question(text, explanation);
    add_site(text, explanation);
    add_other_sites(text, explanation);
    add_route(text, explanation);
    add_other_routes(text, explanation);
    add_settings(text, explanation);
    add_stages(text, explanation);
    if (explanation->rehearsal.outcome == REHEARSAL_ASKS)
        add_request(text, explanation);
    if (explanation->rehearsal.outcome == REHEARSAL_ANSWERS)
        add_answer(text, explanation);
    add(text, "}\n");
}
