#include "exchange/plan_warnings.h"

#include "base/assert.h"
#include "exchange/mirror.h"
#include "policy/route_settings.h"
#include "tls/tls_settings.h"

/* Routes of one list that are looked into: nobody writes more by hand. */
enum { LIMITED_MAX = 64, BESIDE_MAX = 1000 };

/* ---- servers that are Weir itself */

/* Whether who connects to the server comes to `listener`. One on all addresses has those of this
 * machine's loop in any case; which others there are, nobody says. */
static bool is_reached(const struct address *listener, const struct server_place *server)
{
    bool is_named = slice_equal(server->host, SLICE("localhost"));
    if (address_equal(listener, &server->fixed))
        return true;
    if (listener->port != server->port || listener->ip.kind == ADDRESS_UNIX)
        return false;
    return address_is_any(listener) ? is_named || ip_is_loopback(&server->fixed.ip)
                                    : is_named && ip_is_loopback(&listener->ip);
}

static void warn_of_own_servers(const struct plans *plans, const struct server_list *servers,
                                struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < servers->count; i++) {
        const struct server_setting *server = &servers->items[i];
        bool is_own = false;
        for (uint32_t j = 0; j < plans->listener_count; j++)
            is_own |= is_reached(&plans->listeners[j].address, &server->place);
        if (is_own)
            diagnostics_warning(diagnostics, server->position, "name the server that does the work",
                                "this server is Weir itself, which listens there: what comes back "
                                "goes round in a circle");
    }
}

/* ---- routes inside of others */

/* The prefixes and exact paths of a route, or NULL. */
static const struct condition *path_of(const struct configuration *configuration,
                                       const struct scope *scope)
{
    const struct route_settings *settings = scope_group(configuration, scope, &route_group);
    return settings->conditions[CONDITION_PATH];
}

static bool lies_below(const struct test *inner, const struct test *prefix)
{
    return inner->kind != TEST_PATTERN && inner->text.length > prefix->text.length &&
           slice_starts_with(inner->text, prefix->text) &&
           inner->text.data[prefix->text.length] == '/';
}

/* Whether each path of `inner` lies below some prefix of `outer`. */
static bool is_inside(const struct condition *inner, const struct condition *outer)
{
    for (uint32_t i = 0; i < inner->test_count; i++) {
        bool found = false;
        for (uint32_t j = 0; j < outer->test_count && !found; j++)
            found = outer->tests[j].kind == TEST_PREFIX &&
                    lies_below(&inner->tests[i], &outer->tests[j]);
        if (!found)
            return false;
    }
    return inner->test_count > 0;
}

/* The limit of bodies that a scope writes itself, or NULL. */
static const struct node *own_limit(const struct scope *scope)
{
    return node_find(node_find(scope->node, SLICE("limits")), SLICE("body_size"));
}

static void warn_of_lost_limit(const struct scope *outer, const struct scope *inner,
                               struct diagnostics *diagnostics)
{
    const struct node *limit = own_limit(outer);
    ASSERT(limit);
    diagnostics_warning(
        diagnostics, inner->node->position,
        diagnostics_text(diagnostics,
                         "put it into the \"routes\" of that one, or write limits: {body_size: "
                         "%.*s}, or off",
                         SHOWN(limit->text)),
        "this route lies inside the path of the one at line %u, and has no body_size as that has",
        outer->node->position.line);
}

/* Beside each other, a route that is more specific goes its own way, with nothing of the other. */
static void warn_of_lost_limits(const struct configuration *configuration,
                                const struct scope *around, struct diagnostics *diagnostics)
{
    unsigned limited = 0;
    for (uint32_t i = 0; i < around->child_count && limited < LIMITED_MAX; i++) {
        const struct scope *outer = around->children[i];
        const struct limits *limits = scope_group(configuration, outer, &limits_group);
        const struct condition *path = path_of(configuration, outer);
        if (!own_limit(outer) || !path || limits->body_size == 0)
            continue;
        limited++;
        for (uint32_t j = 0; j < around->child_count; j++) {
            const struct scope *inner = around->children[j];
            const struct condition *inner_path = path_of(configuration, inner);
            const struct limits *own = scope_group(configuration, inner, &limits_group);
            bool has_none = own->body_size == 0 && !own_limit(inner);
            bool is_near = inner->node->position.source == outer->node->position.source;
            if (has_none && is_near && inner_path && is_inside(inner_path, path))
                warn_of_lost_limit(outer, inner, diagnostics);
        }
    }
}

/* ---- paths that end in a slash */

static bool is_taken(const struct test *test, const struct condition *paths)
{
    for (uint32_t i = 0; paths && i < paths->test_count; i++) {
        const struct test *other = &paths->tests[i];
        if (other->kind == TEST_PREFIX && other->text.length + 1 == test->text.length &&
            slice_starts_with(test->text, other->text))
            return true;
    }
    return false;
}

static bool has_action(const struct scope *scope)
{
    static const char *const actions[] = {"proxy", "split", "redirect", "respond"};
    for (; scope && scope->kind != SCOPE_TOP; scope = scope->parent) {
        for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
            if (node_find(scope->node, slice_from_text(actions[i])))
                return true;
        }
    }
    return false;
}

/* Whether what lies below the path of the test was thought of: by a route around or beside it. */
static bool is_thought_of(const struct configuration *configuration, const struct scope *route,
                          const struct test *test)
{
    const struct scope *around = route->parent;
    if (around->child_count > BESIDE_MAX)
        return true;
    for (uint32_t i = 0; i < around->child_count; i++) {
        if (is_taken(test, path_of(configuration, around->children[i])))
            return true;
    }
    return around->kind == SCOPE_ROUTE && is_taken(test, path_of(configuration, around));
}

/* What is meant by the path: all below it, or a pattern that finds it alone. */
static const char *slash_cure(struct diagnostics *diagnostics, struct slice path)
{
    char memory[512];
    struct text text = text_over(memory, sizeof(memory));
    text_print(&text, "write \"%.*s*\", or the pattern '~^", (int)path.length, path.data);
    for (size_t i = 0; i < path.length; i++) {
        if (path.data[i] == '\'')
            text_add_byte(&text, '\''); /* in YAML */
        else if (strchr("\\.^$|*+()[]{}", path.data[i]))
            text_add_byte(&text, '\\');
        text_add_byte(&text, path.data[i]);
    }
    text_add(&text, SLICE("$' if that is meant"));
    return text_is_cut(&text) ? "write a * behind its last slash, or a pattern if that is meant"
                              : diagnostics_text(diagnostics, "%.*s", (int)text.length, memory);
}

/* `/api/`, and `/` where nothing is done with the rest, are all below it to other proxies. */
static void warn_of_bare_slash(const struct configuration *configuration, const struct scope *scope,
                               struct diagnostics *diagnostics)
{
    const struct condition *paths =
        scope->kind == SCOPE_ROUTE ? path_of(configuration, scope) : NULL;
    bool asks = node_find(scope->node, SLICE("proxy")) || node_find(scope->node, SLICE("split"));
    for (uint32_t i = 0; asks && paths && i < paths->test_count; i++) {
        const struct test *test = &paths->tests[i];
        bool is_root = test->text.length == 1;
        if (test->kind != TEST_EQUAL || !slice_ends_with(test->text, SLICE("/")) ||
            (is_root && has_action(scope->parent)) || is_thought_of(configuration, scope, test))
            continue;
        if (is_root)
            diagnostics_warning(
                diagnostics, test->node->position,
                "write \"proxy\" in the site itself, or there \"respond: 404\" if "
                "that is meant",
                "this path is \"/\" alone, and nothing is done with what no route takes");
        else
            diagnostics_warning(
                diagnostics, test->node->position, slash_cure(diagnostics, test->text),
                "this path is \"%.*s\" alone, without what lies below it", SHOWN(test->text));
    }
}

/* ---- certificates of clients */

/* `not` would hold of all requests then. */
static bool goes_by_certificate(const struct route_settings *settings)
{
    bool asks = false;
    for (size_t i = 0; i < CONDITION_KINDS; i++) {
        for (const struct condition *one = settings->conditions[i]; one; one = one->next)
            asks |= condition_asks_certificate(one);
    }
    return asks;
}

static void warn_of_no_certificates(const struct configuration *configuration,
                                    const struct scope *scope, struct diagnostics *diagnostics)
{
    if (scope->kind != SCOPE_ROUTE ||
        !goes_by_certificate(scope_group(configuration, scope, &route_group)))
        return;
    const struct tls_settings *tls = scope_group(configuration, scope, &tls_group);
    if (!tls_settings_are_on(tls) || tls->client.verify == TLS_CLIENT_OFF)
        diagnostics_warning(diagnostics, scope->node->position,
                            "write tls: {client: {verify: optional, ca: FILE}} in its site",
                            "this route goes by certificates of clients, who are asked for none");
}

/* ---- */

/* As deep as the file is. */
static void warn_in(const struct plans *plans, const struct configuration *configuration,
                    const struct scope *scope, struct diagnostics *diagnostics)
{
    const struct action_settings *action = scope_group(configuration, scope, &action_group);
    warn_of_own_servers(plans, &action->proxy.servers, diagnostics);
    const struct mirror_settings *mirror = scope_group(configuration, scope, &mirror_group);
    if (node_find(scope->node, SLICE("mirror")))
        warn_of_own_servers(plans, &mirror->to.servers, diagnostics);
    warn_of_lost_limits(configuration, scope, diagnostics);
    warn_of_no_certificates(configuration, scope, diagnostics);
    warn_of_bare_slash(configuration, scope, diagnostics);
    for (uint32_t i = 0; i < scope->child_count; i++)
        warn_in(plans, configuration, scope->children[i], diagnostics);
}

void plan_warn(const struct plans *plans, const struct configuration *configuration,
               struct diagnostics *diagnostics)
{
    for (uint32_t i = 0; i < configuration->upstream_count; i++) {
        const struct upstream_settings *upstream =
            scope_group(configuration, configuration->upstreams[i], &upstream_group);
        warn_of_own_servers(plans, &upstream->servers, diagnostics);
    }
    for (uint32_t i = 0; i < configuration->top->child_count; i++)
        warn_in(plans, configuration, configuration->top->children[i], diagnostics);
}
