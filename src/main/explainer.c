#include "main/explainer.h"

#include "base/assert.h"
#include "http/uri.h"
#include "main/vocabulary.h"
#include "policy/route_settings.h"

enum { PORT_HTTP = 80, PORT_HTTPS = 443 };

/* ---- where it is played */

bool explainer_init(struct explainer *explainer, struct snapshot *snapshot,
                    struct server_registry *servers)
{
    *explainer = (struct explainer){.loop = loop_new(), .snapshot = snapshot};
    if (!explainer->loop)
        return false;
    struct snapshot_hold *hold = NULL;
    if (loop_context_init(&explainer->context, explainer->loop, 0, servers, NULL)) {
        snapshot_ref(snapshot);
        hold = snapshot_hold_new(snapshot);
    }
    if (hold) {
        loop_context_publish(&explainer->context, hold);
        return true;
    }
    if (explainer->context.loop)
        loop_context_fini(&explainer->context);
    loop_free(explainer->loop);
    return false;
}

void explainer_fini(struct explainer *explainer)
{
    loop_turn(explainer->loop, 0); /* for its graves */
    loop_context_fini(&explainer->context);
    loop_free(explainer->loop);
}

/* ---- the request */

struct url {
    struct slice authority, target;
    uint16_t port;
    bool is_https;
};

static bool has_line_end(const char *text)
{
    struct slice bytes = slice_from_text(text);
    return slice_find(bytes, '\r') < bytes.length || slice_find(bytes, '\n') < bytes.length;
}

static const char *check_words(const struct explain_request *request)
{
    for (size_t i = 0; i < request->field_count; i++) {
        struct slice field = slice_from_text(request->fields[i]);
        if (has_line_end(request->fields[i]))
            return "a field has no end of line inside";
        if (slice_find(field, ':') == field.length)
            return "a field is written -H 'Name: value'";
    }
    if (has_line_end(request->method) || has_line_end(request->url))
        return "method and URL have no end of line inside";
    return NULL;
}

/* Behind the last colon that is not inside of an IPv6 address. */
static uint16_t read_port(struct slice authority, uint16_t standard)
{
    uint64_t port = 0;
    size_t colon = slice_find_last(authority, ':');
    if (colon == authority.length || slice_ends_with(authority, SLICE("]")) ||
        !slice_to_number(slice_from(authority, colon + 1), UINT16_MAX, &port))
        return standard;
    return (uint16_t)port;
}

/* `http://host:port/path?query`; `/path` and `*` come without a host, which a field may tell. */
static bool read_url(struct slice text, struct url *ret_url)
{
    *ret_url = (struct url){.target = text};
    bool http = slice_starts_with(text, SLICE("http://"));
    if (!http && !slice_starts_with(text, SLICE("https://")))
        return slice_starts_with(text, SLICE("/")) || slice_equal(text, SLICE("*"));
    struct slice rest = slice_from(text, http ? 7 : 8);
    rest = slice_until(rest, slice_find(rest, '#'));
    size_t end = 0;
    while (end < rest.length && rest.data[end] != '/' && rest.data[end] != '?')
        end++;
    ret_url->authority = slice_until(rest, end);
    ret_url->target = slice_from(rest, end);
    ret_url->is_https = !http;
    ret_url->port = read_port(ret_url->authority, http ? PORT_HTTP : PORT_HTTPS);
    return ret_url->authority.length > 0;
}

static bool has_host(const struct explain_request *request)
{
    for (size_t i = 0; i < request->field_count; i++) {
        struct slice field = slice_from_text(request->fields[i]);
        if (slice_equal_fold(slice_until(field, slice_find(field, ':')), SLICE("Host")))
            return true;
    }
    return false;
}

/* The head that a client would send. */
static struct slice write_head(struct explanation *explanation, const struct url *url)
{
    const struct explain_request *request = &explanation->request;
    size_t room = strlen(request->method) + 2 * strlen(request->url) + 64;
    for (size_t i = 0; i < request->field_count; i++)
        room += strlen(request->fields[i]) + 2;
    char *memory = arena_alloc(&explanation->arena, room);
    struct text text = text_over(memory, memory ? room : 0);
    bool is_whole =
        slice_starts_with(url->target, SLICE("/")) || slice_equal(url->target, SLICE("*"));
    text_print(&text, "%s %s", request->method, is_whole ? "" : "/");
    text_add(&text, url->target);
    text_add(&text, SLICE(" HTTP/1.1\r\n"));
    if (url->authority.length > 0 && !has_host(request)) {
        text_add(&text, SLICE("Host: "));
        text_add(&text, url->authority);
        text_add(&text, SLICE("\r\n"));
    }
    for (size_t i = 0; i < request->field_count; i++)
        text_print(&text, "%s\r\n", request->fields[i]);
    text_add(&text, SLICE("\r\n"));
    ASSERT(!memory || !text_is_cut(&text));
    return text_slice(&text);
}

/* The listener at the URL's port, those of the top first; where there is none, the first that
 * speaks TLS as the URL does. */
static void choose_listener(struct explanation *explanation, const struct plans *plans,
                            const struct url *url)
{
    const struct listener_plan *alike = NULL;
    explanation->port = url->port;
    for (uint32_t i = 0; i < plans->listener_count; i++) {
        const struct listener_plan *listener = &plans->listeners[i];
        const struct address *address = &listener->address;
        if (url->port == 0 || (address->ip.kind != ADDRESS_UNIX && address->port == url->port)) {
            explanation->listener = listener;
            return;
        }
        if (!alike && listener->speaks_tls == url->is_https)
            alike = listener;
    }
    explanation->listener = alike ? alike : &plans->listeners[0];
    explanation->is_other_port = true;
}

/* ---- what holds for it */

static bool add_setting(struct explanation *explanation, struct explained_setting setting)
{
    enum { STEP = 64 };
    size_t count = explanation->setting_count;
    if (count % STEP == 0) {
        struct explained_setting *more =
            ARENA_ARRAY(&explanation->arena, struct explained_setting, count + STEP);
        if (!more)
            return false;
        if (count > 0)
            memcpy(more, explanation->settings, count * sizeof(*more));
        explanation->settings = more;
    }
    explanation->settings[explanation->setting_count++] = setting;
    return true;
}

/* Mappings add up over scopes: then the outer ones hold as well. The innermost first. */
static bool add_sources(struct explanation *explanation, const struct scope *scope,
                        struct explained_setting setting)
{
    const struct configuration *configuration = explanation->configuration;
    const struct node *last = NULL;
    for (; scope; scope = scope->parent) {
        setting.node = scope_source(configuration, scope, setting.group, setting.setting->name);
        if (!setting.node)
            return true;
        if (setting.node != last && !add_setting(explanation, setting))
            return false;
        last = setting.node;
        if (setting.setting->single || last->kind != NODE_MAPPING)
            return true;
    }
    return true;
}

static bool add_settings_of(struct explanation *explanation, const struct scope *scope,
                            unsigned permitted, bool of_upstream)
{
    const struct vocabulary *all = explanation->configuration->vocabulary;
    for (size_t g = 0; g < all->group_count; g++) {
        const struct setting_group *group = all->groups[g];
        for (size_t s = 0; s < group->count; s++) {
            const struct setting *setting = &group->settings[s];
            if (!(setting->scopes & permitted) || setting->action || group == &route_group ||
                group == &site_group)
                continue;
            if (!add_sources(explanation, scope,
                             (struct explained_setting){group, setting, NULL, of_upstream}))
                return false;
        }
    }
    return true;
}

static bool add_action(struct explanation *explanation, const struct scope *scope)
{
    const struct vocabulary *all = explanation->configuration->vocabulary;
    for (size_t g = 0; scope && g < all->group_count; g++) {
        const struct setting_group *group = all->groups[g];
        for (size_t s = 0; s < group->count; s++) {
            const struct setting *setting = &group->settings[s];
            if (setting->action &&
                !add_sources(explanation, scope,
                             (struct explained_setting){group, setting, NULL, false}))
                return false;
        }
    }
    return true;
}

static bool add_settings(struct explanation *explanation)
{
    const struct exchange *exchange = explanation->rehearsal.exchange;
    if (!exchange->route)
        return true;
    if (!add_action(explanation, exchange->route->action_scope) ||
        !add_settings_of(explanation, exchange->route->scope, SCOPE_SITE | SCOPE_ROUTE, false))
        return false;
    const struct upstream *upstream = exchange->plan ? exchange->plan->upstream : NULL;
    bool is_named = upstream && upstream->scope->kind == SCOPE_UPSTREAM;
    return !is_named || add_settings_of(explanation, upstream->scope, SCOPE_UPSTREAM, true);
}

/* ---- the other sites */

static bool name_fits(const struct host_name *name, struct slice host)
{
    if (name->kind == HOST_ANY)
        return true;
    if (name->kind == HOST_EXACT)
        return slice_equal(name->name, host);
    return host.length > name->name.length + 1 && slice_ends_with(host, name->name) &&
           host.data[host.length - name->name.length - 1] == '.';
}

static bool answers_there(const struct explanation *explanation,
                          const struct site_settings *settings)
{
    if (settings->listen.count == 0)
        return !explanation->listener->is_private;
    for (uint32_t i = 0; i < settings->listen.count; i++) {
        if (address_equal(&settings->listen.items[i], &explanation->listener->address))
            return true;
    }
    return false;
}

static void add_site(struct explanation *explanation, const struct scope *scope)
{
    const struct exchange *exchange = explanation->rehearsal.exchange;
    const struct site_settings *settings =
        scope_group(explanation->configuration, scope, &site_group);
    const struct host_name every_other = {.kind = HOST_ANY, .node = scope->node};
    uint32_t count = settings->host.count;
    for (uint32_t i = 0; i < (count ? count : 1); i++) {
        const struct host_name *name = count ? &settings->host.items[i] : &every_other;
        if (!name_fits(name, exchange->host))
            continue;
        explanation->sites[explanation->site_count++] = (struct explained_site){
            .scope = scope,
            .name = count ? name->node : NULL,
            .elsewhere = !answers_there(explanation, settings),
        };
        return;
    }
}

static bool add_sites(struct explanation *explanation)
{
    const struct scope *top = explanation->configuration->top;
    const struct exchange *exchange = explanation->rehearsal.exchange;
    explanation->sites =
        ARENA_ARRAY(&explanation->arena, struct explained_site, top->child_count + 1);
    for (uint32_t i = 0; explanation->sites && i < top->child_count; i++) {
        bool is_it = exchange->site && exchange->site->scope == top->children[i];
        if (!is_it && !slice_is_empty(exchange->path))
            add_site(explanation, top->children[i]);
    }
    return explanation->sites != NULL;
}

/* ---- all of it */

static bool rehearse(struct explanation *explanation, struct explainer *explainer, struct ip peer,
                     struct slice head)
{
    struct rehearsal_request request = {explanation->listener, peer, head};
    if (!head.data || !rehearsal_init(&explanation->rehearsal, &explainer->context, &request))
        return false;
    if (add_settings(explanation) && add_sites(explanation))
        return true;
    rehearsal_fini(&explanation->rehearsal);
    return false;
}

static const char *begin(struct explanation *explanation, struct explainer *explainer)
{
    const struct explain_request *request = &explanation->request;
    const char *wrong = check_words(request);
    struct url url;
    struct ip peer;
    if (wrong)
        return wrong;
    if (!read_url(slice_from_text(request->url), &url))
        return "a URL is http://host/path, or /path with the host as -H 'Host: name'";
    if (!ip_parse(slice_from_text(request->client ? request->client : "127.0.0.1"), &peer))
        return "the client is an IP address, without a port";
    choose_listener(explanation, snapshot_get(explainer->snapshot, &plan_part), &url);
    if (!rehearse(explanation, explainer, peer, write_head(explanation, &url)))
        return "the system refuses memory";
    return NULL;
}

bool explanation_init(struct explanation *explanation, struct explainer *explainer,
                      const struct explain_request *request, const char **ret_wrong)
{
    *explanation = (struct explanation){.configuration = explainer->snapshot->configuration,
                                        .request = *request};
    arena_init(&explanation->arena, NULL, SIZE_MAX / 2);
    *ret_wrong = begin(explanation, explainer);
    if (*ret_wrong)
        arena_fini(&explanation->arena);
    return *ret_wrong == NULL;
}

void explanation_fini(struct explanation *explanation)
{
    rehearsal_fini(&explanation->rehearsal);
    arena_fini(&explanation->arena);
}
