/* An explanation for people. */
#include "base/assert.h"
#include "conf/node_text.h"
#include "conf/reference.h"
#include "main/explainer.h"
#include "tls/tls_server_settings.h"
#include "upstream/assignment.h"
#include "upstream/member.h"

#include <inttypes.h>

enum { SHOWN_MAX = 20 };

static void add(struct text *text, const char *words)
{
    text_add(text, slice_from_text(words));
}

static void add_place(struct text *text, const struct explanation *explanation,
                      struct position position)
{
    add(text, "  (");
    explain_place(text, explanation, position);
    add(text, ")\n");
}

static void print_question(struct text *text, const struct explanation *explanation)
{
    text_print(text, "%s %s\n\n", explanation->request.method, explanation->request.url);
    add(text, "client    ");
    ip_print(text, &explanation->rehearsal.exchange->client);
    if (!ip_equal(&explanation->rehearsal.exchange->client,
                  &explanation->rehearsal.exchange->peer)) {
        add(text, ", behind ");
        ip_print(text, &explanation->rehearsal.exchange->peer);
    }
    add(text, "\nlistener  ");
    address_print(text, &explanation->listener->address);
    if (explanation->is_other_port)
        text_print(text, ", though the URL says port %u, where nobody listens", explanation->port);
    add(text, "\n");
}

/* ---- who takes it */

static void print_other_sites(struct text *text, const struct explanation *explanation)
{
    bool found = explanation->rehearsal.exchange->site;
    for (size_t i = 0; i < explanation->site_count; i++) {
        const struct explained_site *site = &explanation->sites[i];
        if (i == SHOWN_MAX) {
            text_print(text, "  ... and %zu more\n", explanation->site_count - i);
            return;
        }
        add(text, "  not     ");
        if (site->name)
            node_print(text, site->name);
        else
            add(text, "every other name");
        add(text, site->elsewhere ? ": it answers at other listeners"
                  : found         ? ": it would, but the more exact name goes first"
                                  : "");
        add_place(text, explanation, site->scope->node->position);
    }
}

static void print_site(struct text *text, const struct explanation *explanation)
{
    const struct exchange *exchange = explanation->rehearsal.exchange;
    if (slice_is_empty(exchange->path))
        return; /* it was refused before */
    add(text, "site      ");
    if (exchange->site) {
        text_add(text, exchange->site->name);
        add_place(text, explanation, exchange->site->scope->node->position);
    } else {
        text_print(text, "none has the name \"%.*s\"\n", SHOWN(exchange->host));
    }
    print_other_sites(text, explanation);
}

static void print_route(struct text *text, const struct explanation *explanation)
{
    const struct route *route = explanation->rehearsal.exchange->route;
    if (!explanation->rehearsal.exchange->site)
        return;
    add(text, "route     ");
    if (route) {
        explain_scope(text, route->scope);
        add_place(text, explanation, route->scope->node->position);
    } else {
        add(text, "none\n");
    }
    size_t shown = 0;
    for (size_t i = 0; i < explanation->rehearsal.reason_count; i++) {
        const struct route_reason *reason = &explanation->rehearsal.reasons[i];
        if (reason->takes || shown++ >= SHOWN_MAX)
            continue;
        add(text, "  not     ");
        explain_scope(text, reason->route->scope);
        add(text, ": ");
        explain_reason(text, explanation, reason);
        add_place(text, explanation, reason->route->scope->node->position);
    }
    if (shown > SHOWN_MAX)
        text_print(text, "  ... and %zu more\n", shown - SHOWN_MAX);
}

/* ---- what holds for it */

static void print_settings(struct text *text, const struct explanation *explanation)
{
    const struct plan *plan = explanation->rehearsal.exchange->plan;
    for (size_t i = 0; i < explanation->setting_count; i++) {
        const struct explained_setting *one = &explanation->settings[i];
        add(text, i == 0 ? "settings  " : "          ");
        if (one->of_upstream)
            text_print(text, "upstreams.%.*s.", SHOWN(plan->upstream->name));
        reference_print_name(text, one->group, one->setting);
        add(text, ": ");
        node_print(text, one->node);
        add_place(text, explanation, one->node->position);
    }
    for (uint32_t i = 0; plan && i < plan->stage_count; i++)
        text_print(text, "%s%s", i == 0 ? "stages    " : ", then ", plan->stages[i].stage->name);
    if (plan && plan->stage_count > 0)
        add(text, "\n");
}

/* ---- what becomes of it */

/* What the hash was made of, on one line. */
static void add_key(struct text *text, struct explanation *explanation)
{
    struct exchange *exchange = explanation->rehearsal.exchange;
    struct slice key = exchange_expand(exchange, exchange->plan->upstream->hash);
    struct slice shown = explain_next_line(explanation, &key);
    text_print(text, "\"%.*s\"", SHOWN(shown));
}

static void add_hashed(struct text *text, struct explanation *explanation)
{
    add(text, ", to which the hash of ");
    if (explanation->rehearsal.exchange->plan->upstream->hash)
        add_key(text, explanation);
    else
        add(text, "its session");
    add(text, " leads");
}

/* Why that one; and what the others are to it. */
static const char *add_why(struct text *text, struct explanation *explanation)
{
    const struct exchange *exchange = explanation->rehearsal.exchange;
    const struct upstream *upstream = exchange->call.upstream;
    if (explanation->rehearsal.sticking == STICKING_KEPT && exchange->call.has_wish) {
        add(text, ", to which its cookie leads");
        return "others are for other cookies";
    }
    if (exchange->call.has_key) {
        add_hashed(text, explanation);
        return "others are for other hashes";
    }
    switch (upstream->balance) {
    case BALANCE_ROUND_ROBIN:
        break;
    case BALANCE_LEAST_CONNECTIONS:
        add(text, ", with the fewest calls in progress for its weight");
        return "the others are";
    case BALANCE_LEAST_TIME:
        add(text, ", which should answer soonest");
        return "the others are";
    case BALANCE_RANDOM:
        add(text, ", the less loaded of two that were drawn");
        return "the next draw may bring";
    case BALANCE_HASH:
        add(text, ", whose turn is first, for there is nothing to hash");
        return "in turn with";
    case BALANCE_FIRST:
        add(text, ", the first in the list that can be asked");
        return "where it rests";
    }
    add(text, ", whose turn is first");
    return "in turn with";
}

/* What is compared, where loads are. */
static void add_load(struct text *text, const struct upstream *upstream,
                     const struct server *server, uint64_t now)
{
    bool by_time = upstream->balance == BALANCE_LEAST_TIME;
    if (!by_time && upstream->balance != BALANCE_LEAST_CONNECTIONS &&
        upstream->balance != BALANCE_RANDOM)
        return;
    unsigned calls = atomic_load_explicit(&server->active, memory_order_relaxed);
    uint32_t expected = server_expected_time(server, now);
    text_print(text, " (%u call%s in progress", calls, calls == 1 ? "" : "s");
    if (by_time && expected > 0)
        text_print(text, ", %u.%03u ms expected", expected / 1000, expected % 1000);
    else if (by_time)
        add(text, ", no time known yet");
    add(text, ")");
}

static const char *state_words(const struct upstream_member *member, uint64_t now)
{
    static const char *const words[MEMBER_STATES] = {
        [MEMBER_UP] = "",
        [MEMBER_RESTS] = ", which rests just now",
        [MEMBER_DOWN] = ", which is down",
        [MEMBER_DRAINED] = ", which is drained",
        [MEMBER_DISABLED] = ", which is disabled",
    };
    return words[member_state(member, now)];
}

static void add_priority(struct text *text, const struct upstream *upstream, uint32_t member)
{
    unsigned priority = upstream->members[member].priority;
    if (priority == upstream->first_priority)
        return;
    if (priority == PRIORITY_BACKUP)
        add(text, ", a backup");
    else
        text_print(text, ", of priority %u", priority);
}

static void print_others(struct text *text, const struct explanation *explanation, uint64_t now)
{
    const struct upstream *upstream = explanation->rehearsal.exchange->call.upstream;
    for (uint32_t i = 0; i < upstream->count && i < SHOWN_MAX; i++) {
        const struct server *server = upstream->members[i].server;
        if (server == explanation->rehearsal.server)
            continue;
        text_print(text, "          %.*s", SHOWN(server->key));
        add_load(text, upstream, server, now);
        add_priority(text, upstream, i);
        text_print(text, "%s\n", state_words(&upstream->members[i], now));
    }
}

static void print_choice(struct text *text, enum tls_offer offer, enum server_chosen chosen)
{
    static const char *const outcomes[] = {
        [SERVER_CHOSE_NOTHING] = "",
        [SERVER_CHOSE_H1] = ", and chose HTTP/1.1 last",
        [SERVER_CHOSE_H2] = ", and chose HTTP/2 last",
    };
    text_print(text, "          it may choose (alpn: %.*s)%s\n", SHOWN(tls_offer_words(offer)),
               outcomes[chosen]);
}

/* By what the server is known. */
static void print_tls(struct text *text, const struct explanation *explanation)
{
    const struct upstream *upstream = explanation->rehearsal.exchange->plan->upstream;
    const struct tls_server_settings *settings =
        scope_group(explanation->configuration, upstream->scope, &tls_server_group);
    struct slice ca = settings->ca.node ? settings->ca.node->text : SLICE("this system");
    if (!explanation->rehearsal.server->is_tls)
        return;
    add(text, "          over TLS");
    if (settings->name.length > 0)
        text_print(text, ", as %.*s", SHOWN(settings->name));
    if (settings->verify)
        text_print(text, ", verified by the authorities of %.*s\n", SHOWN(ca));
    else
        add(text, ", not verified\n");
    if (tls_offer_is_choice(settings->offer) && !explanation->rehearsal.server->is_h2)
        print_choice(text, settings->offer, server_chosen(explanation->rehearsal.server));
}

static const char *sticking_words_of(enum sticking sticking, bool by_cookie)
{
    switch (sticking) {
    case STICKING_FIRST:
        return by_cookie ? "is not there yet; the answer brings it" : "is nothing yet";
    case STICKING_KEPT:
        return "leads there";
    case STICKING_MOVED:
        return by_cookie ? "leads to a server that cannot be asked; the answer brings another one"
                         : "leads to a server that cannot be asked";
    case STICKING_UNKNOWN:
        return "is none of ours, or of a server that is gone; the answer brings another one";
    case STICKING_NONE:
        break;
    }
    UNREACHABLE();
}

static void print_variant(struct text *text, const struct explanation *explanation)
{
    static const char *const reasons[] = {
        [SPLIT_DRAWN] = "drawn, as the visitor has no cookie for it",
        [SPLIT_BY_KEY] = "to which what splits them leads",
        [SPLIT_BY_COOKIE] = "to which its cookie leads",
        [SPLIT_BY_ADDRESS] = "to which the client's address leads, for there is nothing else",
        [SPLIT_FORCED_BY_HEADER] = "which a field of the request demands",
        [SPLIT_FORCED_BY_QUERY] = "which the query demands",
    };
    struct exchange *exchange = explanation->rehearsal.exchange;
    const struct split *split = exchange->plan->split;
    if (!split)
        return;
    text_print(text, "variant   %.*s, %s\n", SHOWN(split_variant(exchange)),
               reasons[exchange->split_reason]);
}

static void print_sticking(struct text *text, struct explanation *explanation)
{
    const struct upstream *upstream = explanation->rehearsal.exchange->call.upstream;
    enum sticking sticking = explanation->rehearsal.sticking;
    if (sticking == STICKING_NONE)
        return;
    add(text, "sticky    ");
    if (upstream->sticky)
        text_print(text, "the cookie \"%.*s\" ", SHOWN(assignment_cookie(upstream->sticky)));
    else
        add(text, "what clients stick by ");
    text_print(text, "%s\n", sticking_words_of(sticking, upstream->sticky));
}

static void print_hedge(struct text *text, const struct explanation *explanation)
{
    int64_t after = explain_hedge_after(explanation);
    if (after > 0)
        text_print(text,
                   "hedge     a second server is asked as well where the answer has not begun "
                   "%" PRId64 " ms after the request was sent\n",
                   after);
}

static void print_servers(struct text *text, struct explanation *explanation)
{
    const struct rehearsal *rehearsal = &explanation->rehearsal;
    const struct upstream *upstream = rehearsal->exchange->call.upstream;
    const struct server *server = rehearsal->server;
    uint64_t now = loop_now(rehearsal->exchange->context->loop);
    print_variant(text, explanation);
    text_print(text, "upstream  %.*s, %u server%s\n", SHOWN(upstream->name), upstream->count,
               upstream->count == 1 ? "" : "s");
    text_print(text, "server    %.*s", SHOWN(server->key));
    if (upstream->count == 1) {
        text_print(text, ", the only one%s\n", state_words(&upstream->members[0], now));
        print_tls(text, explanation);
        print_sticking(text, explanation);
        return;
    }
    add_priority(text, upstream, rehearsal->member);
    if (rehearsal->is_fallback)
        add(text, upstream->fallback_below > 0 ? ", for too few others can be asked"
                                               : ", for no other server can be asked");
    const char *others = add_why(text, explanation);
    add_load(text, upstream, server, now);
    enum member_state state = member_state(&upstream->members[rehearsal->member], now);
    if (state == MEMBER_DOWN)
        add(text, ", though it is down, as too many are");
    else if (state == MEMBER_RESTS)
        add(text, ", though it rests just now, as all do");
    text_print(text, "; %s\n", others);
    print_tls(text, explanation);
    print_others(text, explanation, now);
    print_sticking(text, explanation);
    print_hedge(text, explanation);
}

static void print_head(struct text *text, struct explanation *explanation)
{
    const struct upstream *upstream = explanation->rehearsal.exchange->plan->upstream;
    struct slice rest = explanation->rehearsal.head;
    add(text, "\nThe server is sent:\n\n");
    if (upstream->proxy_protocol > 0)
        text_print(text, "    the header of the PROXY protocol, version %u, and then\n",
                   upstream->proxy_protocol);
    while (rest.length > 2) {
        add(text, "    ");
        text_add(text, explain_next_line(explanation, &rest));
        add(text, "\n");
    }
}

static void print_answer(struct text *text, struct explanation *explanation)
{
    const struct exchange *exchange = explanation->rehearsal.exchange;
    const struct response_head *response = &exchange->response;
    if (exchange->error)
        text_print(text, "refused   %s\n", error_words(exchange->error));
    text_print(text, "\nThe client is answered:\n\n    HTTP/1.1 %u %.*s\n", response->status,
               SHOWN(response->reason));
    for (uint32_t i = 0; i < response->fields.count; i++) {
        const struct field *field = &response->fields.items[i];
        const struct slice parts[] = {field->name, SLICE(": "), field->value};
        if (slice_is_empty(field->name) || field->id == FIELD_DATE)
            continue;
        struct slice line = arena_join(&explanation->arena, parts, 3);
        add(text, "    ");
        text_add(text, explain_next_line(explanation, &line));
        add(text, "\n");
    }
    if (!slice_is_empty(exchange->reply_body))
        text_print(text, "\n    and a body of %zu bytes\n", exchange->reply_body.length);
}

void explain_print(struct text *text, struct explanation *explanation)
{
    print_question(text, explanation);
    print_site(text, explanation);
    print_route(text, explanation);
    print_settings(text, explanation);
    switch (explanation->rehearsal.outcome) {
    case REHEARSAL_ASKS:
        print_servers(text, explanation);
        print_head(text, explanation);
        return;
    case REHEARSAL_ANSWERS:
        print_answer(text, explanation);
        return;
    case REHEARSAL_WAITS:
        add(text, "\nA stage waits for what only comes in service.\n");
        return;
    case REHEARSAL_QUEUES:
        add(text, "\nAll servers are full; it waits in the queue of the upstream.\n");
        return;
    }
}
