#include "exchange/plan.h"

#include "base/assert.h"
#include "base/map.h"
#include "exchange/access_log.h"
#include "exchange/error_pages.h"
#include "exchange/hedge.h"
#include "exchange/listener_settings.h"
#include "exchange/log_settings.h"
#include "exchange/mirror.h"
#include "exchange/plan_warnings.h"
#include "exchange/request_id.h"
#include "exchange/reveal.h"
#include "exchange/split.h"
#include "policy/retry.h"
#include "policy/route_settings.h"
#include "tls/tls_settings.h"
#include "upstream/commons.h"

#include <stdlib.h>

/* ---- routes */

struct builder {
    struct plans *plans;
    const struct snapshot *snapshot;
    const struct configuration *configuration;
    struct diagnostics *diagnostics;
    struct upstream_table *upstreams;
    struct map shared;    /* what routes may have in common, by its bytes */
    struct plan *current; /* the one that is built, with room for all stages */
};

static size_t plan_size(const struct plan *plan)
{
    return sizeof(*plan) + plan->stage_count * sizeof(struct plan_stage);
}

/* The same for the same bytes. NULL: no memory. */
static const void *share(struct builder *builder, const void *bytes, size_t size)
{
    struct slice key = slice_of(bytes, size);
    const void *known = map_get(&builder->shared, key);
    if (known)
        return known;
    void *copy = arena_calloc_lines(&builder->plans->arena, size);
    if (!copy)
        return NULL;
    memcpy(copy, bytes, size);
    return map_set(&builder->shared, slice_of(copy, size), copy) ? copy : NULL;
}

static const struct upstream *find_upstream(struct builder *builder,
                                            const struct proxy_setting *proxy)
{
    if (slice_is_empty(proxy->upstream))
        return upstream_from_list(builder->upstreams, builder->snapshot, &proxy->servers,
                                  builder->diagnostics);
    return upstream_find(builder->upstreams, proxy->upstream);
}

static const struct timeouts *timeouts_for(struct builder *builder, const struct route *route,
                                           const struct upstream *upstream)
{
    const struct timeouts *own = scope_group(builder->configuration, route->scope, &timeouts_group);
    if (!upstream)
        return own;
    struct timeouts merged = upstream_timeouts(builder->configuration, route->scope, upstream);
    return memcmp(&merged, own, sizeof(merged)) == 0 ? own
                                                     : share(builder, &merged, sizeof(merged));
}

static const struct hedge_settings *hedge_for(struct builder *builder, const struct route *route,
                                              const struct upstream *upstream)
{
    const struct hedge_settings *hedge =
        scope_group(builder->configuration, route->scope, &hedge_group);
    if (hedge->after == 0 || hedge_is_possible(upstream))
        return hedge->after > 0 ? hedge : NULL;
    const struct node *written = node_find(route->scope->node, SLICE("hedge"));
    if (written && upstream->is_led)
        diagnostics_warning(builder->diagnostics, written->position, "take one of them out",
                            "\"hedge\" does nothing where clients belong to one server, by "
                            "\"sticky\" or \"balance: hash\"");
    return NULL;
}

/* False: no memory. */
static bool set_retry(struct builder *builder, const struct route *route, struct plan *plan)
{
    if (!plan->upstream)
        return true;
    struct retry_settings merged =
        upstream_retry(builder->configuration, route->scope, plan->upstream);
    plan->hedge = hedge_for(builder, route, plan->upstream);
    plan->retries = merged.attempts > 1 || plan->hedge;
    if (!plan->retries)
        return true;
    plan->retry = share(builder, &merged, sizeof(merged));
    return plan->retry != NULL;
}

static bool has_copies(const struct mirror_settings *settings)
{
    return settings->share > 0 &&
           (settings->to.servers.count > 0 || !slice_is_empty(settings->to.upstream));
}

/* False: its upstream is wrong, which was told, or there is no memory. */
static bool set_mirror(struct builder *builder, const struct route *route, struct plan *plan)
{
    const struct mirror_settings *settings =
        scope_group(builder->configuration, route->scope, &mirror_group);
    bool asks_servers = plan->action == &proxy_action || plan->action == &split_action;
    if (!asks_servers || !has_copies(settings))
        return true;
    struct mirror_plan *mirror = ARENA_NEW(&builder->plans->arena, struct mirror_plan);
    if (!mirror)
        return false;
    *mirror = (struct mirror_plan){.settings = settings,
                                   .upstream = find_upstream(builder, &settings->to)};
    if (!mirror->upstream)
        return false;
    mirror->timeouts = timeouts_for(builder, route, mirror->upstream);
    plan->mirror = mirror;
    plan->mirrors = true;
    return mirror->timeouts != NULL;
}

/* Whether the route's path gives what the texts of its action ask for. */
static bool check_captures(struct builder *builder, const struct route *route,
                           const struct action_settings *settings)
{
    const struct scope *scope = route->action_scope;
    const char *name = settings->redirect.to ? "redirect" : "respond";
    const struct node *source = scope_source(builder->configuration, scope, &action_group, name);
    struct position position = source ? source->position : scope->node->position;
    const struct respond_setting *respond = &settings->respond;
    bool good = route_check_captures(route, settings->redirect.to, position, builder->diagnostics);
    good &= route_check_captures(route, respond->body, position, builder->diagnostics);
    for (uint32_t i = 0; i < respond->field_count; i++)
        good &=
            route_check_captures(route, respond->fields[i].value, position, builder->diagnostics);
    return good;
}

struct slice plan_route_name(const struct route *route)
{
    const struct node *path = node_find(route->scope->node, SLICE("path"));
    if (path && path->kind == NODE_SEQUENCE && path->count > 0)
        path = path->items[0];
    bool is_text = path && path->kind == NODE_SCALAR && path->text.data;
    return is_text ? path->text : SLICE("");
}

static bool has_exact_path(const struct route_settings *settings, struct slice path)
{
    const struct condition *own = settings->conditions[CONDITION_PATH];
    bool found = false;
    for (uint32_t i = 0; own && i < own->test_count; i++)
        found |= own->tests[i].kind == TEST_EQUAL && slice_equal(own->tests[i].text, path);
    return found;
}

/* Whether the route takes that path and asks for nothing else, and no other one names it, which
 * may take some of its requests: those that come by GET after a POST, say. */
static bool takes_all_of(const struct builder *builder, const struct route *route,
                         struct slice path)
{
    const struct configuration *configuration = builder->configuration;
    const struct scope *site = route->scope->parent;
    const struct route_settings *own = scope_group(configuration, route->scope, &route_group);
    if (site->kind != SCOPE_SITE || !has_exact_path(own, path))
        return false;
    for (int kind = 0; kind < CONDITION_KINDS; kind++) {
        if (kind != CONDITION_PATH && own->conditions[kind])
            return false;
    }
    for (uint32_t i = 0; i < site->child_count; i++) {
        const struct scope *other = site->children[i];
        if (other != route->scope &&
            has_exact_path(scope_group(configuration, other, &route_group), path))
            return false;
    }
    return route->scope->child_count == 0;
}

static void warn_of_loop(const struct builder *builder, const struct route *route,
                         const struct action_settings *settings)
{
    struct slice to;
    if (route->scope != route->action_scope || route->scope->kind != SCOPE_ROUTE ||
        !template_is_constant(settings->redirect.to, &to) || !takes_all_of(builder, route, to))
        return;
    const struct node *source =
        scope_source(builder->configuration, route->scope, &action_group, "redirect");
    diagnostics_warning(builder->diagnostics, source->position, "name another place",
                        "this redirect leads to the route itself, again and again");
}

static bool choose_action(struct builder *builder, const struct route *route, struct plan *plan)
{
    if (!route->action_scope)
        return true;
    const struct action_settings *settings =
        scope_group(builder->configuration, route->action_scope, &action_group);
    plan->settings = settings;
    if (settings->redirect.to) {
        plan->action = &redirect_action;
        warn_of_loop(builder, route, settings);
    } else if (settings->respond.status) {
        plan->action = &respond_action;
    } else if (settings->split.count > 0) {
        plan->action = &split_action;
    } else if (settings->proxy.servers.count > 0 || !slice_is_empty(settings->proxy.upstream)) {
        plan->action = &proxy_action;
        plan->settings = NULL; /* each `proxy` has its own */
        plan->upstream = find_upstream(builder, &settings->proxy);
        return plan->upstream != NULL;
    }
    return check_captures(builder, route, settings);
}

/* The stages whose settings ask for something, in their order. */
static uint32_t collect_stages(const struct builder *builder, const struct route *route,
                               struct plan_stage *stages)
{
    const struct live *live = builder->snapshot->live;
    uint32_t count = 0;
    for (uint32_t i = 0; i < live->stage_count; i++) {
        const struct stage *stage = live->stages[i];
        const void *settings = scope_group(builder->configuration, route->scope, stage->group);
        if (!stage->is_wanted(settings))
            continue;
        stages[count++] = (struct plan_stage){stage, settings};
    }
    return count;
}

static bool compile_stages(struct builder *builder, const struct route *route, struct plan *plan)
{
    const struct stage_compiler compiler = {
        .configuration = builder->configuration,
        .route = route,
        .arena = &builder->plans->arena,
        .diagnostics = builder->diagnostics,
    };
    bool good = true;
    for (uint32_t i = 0; i < plan->stage_count; i++) {
        struct plan_stage *entry = &plan->stages[i];
        if (entry->stage->compile)
            entry->settings = entry->stage->compile(entry->settings, &compiler);
        good &= entry->settings != NULL;
    }
    return good;
}

/* What the route does, towards the upstream of a variant. NULL: its upstream is wrong, which was
 * told, or there is no memory. */
static const struct plan *build_variant(struct builder *builder, const struct route *route,
                                        const struct plan *plan, struct split *split,
                                        struct slice upstream)
{
    size_t size = plan_size(plan);
    struct plan *variant = arena_calloc_lines(&builder->plans->arena, size);
    if (!variant)
        return NULL;
    memcpy(variant, plan, size);
    variant->split = split;
    variant->upstream = upstream_find(builder->upstreams, upstream);
    if (!variant->upstream)
        return NULL;
    variant->timeouts = timeouts_for(builder, route, variant->upstream);
    return variant->timeouts && set_retry(builder, route, variant) ? variant : NULL;
}

static bool check_variants(struct builder *builder, const struct route *route,
                           const struct split *split)
{
    const struct node *by =
        scope_source(builder->configuration, route->scope, &variants_group, "by");
    return route_check_captures(route, split->settings->by,
                                by ? by->position : route->scope->node->position,
                                builder->diagnostics);
}

/* When all else of the plan is there. */
static bool build_split(struct builder *builder, const struct route *route, struct plan *plan)
{
    const struct split_setting *setting = &plan->settings->split;
    const struct live *live = builder->snapshot->live;
    struct split *split =
        split_new(&builder->plans->arena, setting,
                  scope_group(builder->configuration, route->scope, &variants_group),
                  server_registry_key(live->servers), builder->diagnostics);
    for (uint32_t i = 0; split && i < setting->count; i++) {
        split->plans[i] = build_variant(builder, route, plan, split, setting->variants[i].upstream);
        if (!split->plans[i])
            return false;
    }
    plan->split = split;
    plan->is_split = true;
    return split && check_variants(builder, route, split);
}

static bool open_access_log(struct builder *builder, const struct scope *scope,
                            struct log_sink **ret_sink, const struct access_setting **ret_access)
{
    const struct log_settings *settings = scope_group(builder->configuration, scope, &log_group);
    *ret_access = &settings->access;
    return access_logs_open(builder->plans->access_logs, &settings->access, builder->diagnostics,
                            ret_sink);
}

/* How the route's upstream is asked. */
static void set_asking(const struct builder *builder, const struct route *route, struct plan *plan)
{
    const struct action_settings *own =
        scope_group(builder->configuration, route->scope, &action_group);
    plan->host_kind = (uint8_t)own->upstream_host.kind;
    plan->host_text = own->upstream_host.text;
    if (own->queue_priority.text || own->queue_priority.priority != QUEUE_PRIORITY_NORMAL)
        plan->queue_priority = &own->queue_priority;
}

static bool build_plan(struct builder *builder, struct route *route)
{
    ASSERT(!route->plan);
    const struct configuration *configuration = builder->configuration;
    struct plan *plan = builder->current;
    *plan = (struct plan){0};
    if (!choose_action(builder, route, plan))
        return false;
    set_asking(builder, route, plan);
    plan->timeouts = timeouts_for(builder, route, plan->upstream);
    plan->limits = scope_group(configuration, route->scope, &limits_group);
    plan->error_pages = scope_group(configuration, route->scope, &error_pages_group);
    const struct reveal_settings *reveal = scope_group(configuration, route->scope, &reveal_group);
    plan->reveal_server = reveal->reveal_server;
    plan->request_id = scope_group(configuration, route->scope, &request_id_group);
    plan->stage_count = (uint16_t)collect_stages(builder, route, plan->stages);
    bool good = compile_stages(builder, route, plan) && plan->timeouts != NULL &&
                set_retry(builder, route, plan) && set_mirror(builder, route, plan);
    good &= open_access_log(builder, route->scope, &plan->access_log, &plan->access);
    if (plan->action == &split_action)
        good = good && build_split(builder, route, plan);
    route->plan = good ? share(builder, plan, plan_size(plan)) : NULL;
    return route->plan != NULL;
}

static bool build_all(struct builder *builder, struct route_table *routes)
{
    const struct live *live = builder->snapshot->live;
    builder->current =
        arena_calloc_lines(&builder->plans->arena,
                           sizeof(struct plan) + live->stage_count * sizeof(struct plan_stage));
    bool good = builder->current != NULL;
    map_init(&builder->shared);
    for (size_t i = 0; builder->current && i < route_table_count(routes); i++)
        good &= build_plan(builder, route_table_get(routes, i));
    map_fini(&builder->shared);
    return good;
}

/* ---- listeners */

static struct listener_plan *find_listener(struct plans *plans, const struct address *address)
{
    for (uint32_t i = 0; i < plans->listener_count; i++) {
        if (address_equal(&plans->listeners[i].address, address))
            return &plans->listeners[i];
    }
    return NULL;
}

/* HTTPS stands at 443, everything else says so. */
static bool speaks_tls(const struct listener_settings *settings, const struct address *address)
{
    enum { HTTPS_PORT = 443 };
    bool is_https = address->ip.kind != ADDRESS_UNIX && address->port == HTTPS_PORT;
    return settings->tls == LISTENER_TLS_BY_PORT ? is_https : settings->tls == LISTENER_TLS_ON;
}

static struct listener_plan make_listener(const struct builder *builder,
                                          const struct address *address, const struct scope *scope,
                                          bool is_private)
{
    const struct limits *limits = scope_group(builder->configuration, scope, &limits_group);
    const struct listener_settings *settings =
        scope_group(builder->configuration, scope, &listener_group);
    return (struct listener_plan){
        .address = *address,
        .is_private = is_private,
        .speaks_tls = speaks_tls(settings, address),
        .offers_h2 = settings->http2,
        .takes_h2c = settings->h2c,
        .position = scope->node ? scope->node->position : (struct position){0},
        .timeouts = scope_group(builder->configuration, scope, &timeouts_group),
        .limits = limits,
        .proxy_protocol = &settings->proxy_protocol,
        .h1_limits = {.header_size = (uint32_t)limits->header_size,
                      .header_count = (uint32_t)limits->header_count,
                      .target_length = (uint32_t)limits->target_length},
    };
}

static void add_listener(struct builder *builder, const struct address *address,
                         const struct scope *scope, bool is_private)
{
    struct plans *plans = builder->plans;
    if (!find_listener(plans, address))
        plans->listeners[plans->listener_count++] =
            make_listener(builder, address, scope, is_private);
}

static bool some_site_has_tls(const struct configuration *configuration)
{
    for (uint32_t i = 0; i < configuration->top->child_count; i++) {
        const struct scope *site = configuration->top->children[i];
        const struct site_settings *settings = scope_group(configuration, site, &site_group);
        if (settings->listen.count == 0 &&
            tls_settings_are_on(scope_group(configuration, site, &tls_group)))
            return true;
    }
    return false;
}

static void add_standard_listener(struct builder *builder, struct slice text)
{
    struct address address;
    bool parsed = address_parse(text, &address);
    ASSERT(parsed);
    add_listener(builder, &address, builder->configuration->top, false);
}

static void add_top_listeners(struct builder *builder)
{
    const struct configuration *configuration = builder->configuration;
    for (uint32_t i = 0; i < configuration->listener_count; i++) {
        const struct scope *scope = configuration->listeners[i];
        const struct listener_settings *settings =
            scope_group(configuration, scope, &listener_group);
        add_listener(builder, &settings->address, scope, false);
    }
    if (configuration->listener_count > 0)
        return;
    add_standard_listener(builder, SLICE(":80"));
    if (some_site_has_tls(configuration))
        add_standard_listener(builder, SLICE(":443"));
}

static size_t count_addresses(const struct builder *builder)
{
    const struct configuration *configuration = builder->configuration;
    size_t count = (size_t)configuration->listener_count + 2;
    for (uint32_t i = 0; i < configuration->top->child_count; i++) {
        const struct site_settings *site =
            scope_group(configuration, configuration->top->children[i], &site_group);
        count += site->listen.count;
    }
    return count;
}

/* Those of the top first; what only sites name is private to them. Where every site has a `listen`
 * of its own and the top has none, port 80 is not opened. */
static bool build_listeners(struct builder *builder)
{
    const struct configuration *configuration = builder->configuration;
    const struct scope *top = configuration->top;
    struct plans *plans = builder->plans;
    plans->listeners = ARENA_ARRAY(&plans->arena, struct listener_plan, count_addresses(builder));
    if (!plans->listeners)
        return false;
    bool wants_top = configuration->listener_count > 0 || top->child_count == 0;
    for (uint32_t i = 0; i < top->child_count; i++) {
        const struct site_settings *site =
            scope_group(configuration, top->children[i], &site_group);
        wants_top |= site->listen.count == 0;
    }
    if (wants_top)
        add_top_listeners(builder);
    for (uint32_t i = 0; i < top->child_count; i++) {
        const struct site_settings *site =
            scope_group(configuration, top->children[i], &site_group);
        for (uint32_t j = 0; j < site->listen.count; j++)
            add_listener(builder, &site->listen.items[j], top, true);
    }
    ASSERT(plans->listener_count > 0);
    struct address nowhere = {0};
    for (unsigned i = 0; i < 4; i++) {
        struct listener_plan *gone = &plans->gone[i / 2][i % 2];
        *gone = make_listener(builder, &nowhere, top, i / 2);
        gone->speaks_tls = i % 2;
    }
    return true;
}

const struct listener_plan *plans_gone(const struct plans *plans, bool is_private, bool speaks_tls)
{
    return &plans->gone[is_private][speaks_tls];
}

/* ---- names */

struct upstream_names {
    struct map known;
    const char **items; /* the same, each with a NUL behind it, for "did you mean" */
    size_t count;
};

static void check_name(struct slice upstream, struct position position,
                       const struct upstream_names *names, struct diagnostics *diagnostics)
{
    if (map_get(&names->known, upstream))
        return;
    uint64_t port;
    const char *near = did_you_mean(upstream, names->items, names->count);
    if (!near && slice_to_number(upstream, UINT16_MAX, &port)) {
        diagnostics_error(diagnostics, position,
                          diagnostics_text(diagnostics, "write :%.*s for port %.*s of this machine",
                                           SHOWN(upstream), SHOWN(upstream)),
                          "there is no upstream \"%.*s\"", SHOWN(upstream));
        return;
    }
    diagnostics_error(diagnostics, position,
                      near ? diagnostics_text(diagnostics, "did you mean \"%s\"?", near)
                           : "name one that stands in upstreams, or write an address with its "
                             "port: app:3000",
                      "there is no upstream \"%.*s\"", SHOWN(upstream));
}

/* Where it is written; scopes inside inherit it. */
static void check_mirror(const struct configuration *configuration, const struct scope *scope,
                         const struct upstream_names *names, struct diagnostics *diagnostics)
{
    const struct mirror_settings *mirror = scope_group(configuration, scope, &mirror_group);
    if (node_find(scope->node, SLICE("mirror")) && !slice_is_empty(mirror->to.upstream))
        check_name(mirror->to.upstream, mirror->to.position, names, diagnostics);
}

static void check_scope(const struct configuration *configuration, const struct scope *scope,
                        const struct upstream_names *names, struct diagnostics *diagnostics)
{
    const struct action_settings *settings = scope_group(configuration, scope, &action_group);
    if (!slice_is_empty(settings->proxy.upstream))
        check_name(settings->proxy.upstream, settings->proxy.position, names, diagnostics);
    for (uint32_t i = 0; i < settings->split.count; i++)
        check_name(settings->split.variants[i].upstream, settings->split.variants[i].position,
                   names, diagnostics);
    check_mirror(configuration, scope, names, diagnostics);
    for (uint32_t i = 0; i < scope->child_count; i++)
        check_scope(configuration, scope->children[i], names, diagnostics);
}

void plan_check_names(const struct configuration *configuration, struct diagnostics *diagnostics)
{
    struct arena arena;
    arena_init(&arena, NULL, SIZE_MAX / 2);
    struct upstream_names names = {
        .items = ARENA_ARRAY(&arena, const char *, configuration->upstream_count + 1)};
    map_init(&names.known);
    bool good = names.items != NULL;
    for (uint32_t i = 0; good && i < configuration->upstream_count; i++) {
        struct slice name = arena_copy(&arena, configuration->upstreams[i]->name);
        names.items[names.count++] = name.data;
        good = name.data && map_set(&names.known, name, configuration->upstreams[i]);
    }
    if (good)
        check_mirror(configuration, configuration->defaults, &names, diagnostics);
    for (uint32_t i = 0; good && i < configuration->top->child_count; i++)
        check_scope(configuration, configuration->top->children[i], &names, diagnostics);
    map_fini(&names.known);
    arena_fini(&arena);
}

/* ---- the part */

static void free_plans(void *part)
{
    struct plans *plans = part;
    access_logs_free(plans->access_logs);
    arena_fini(&plans->arena);
    free(plans);
}

static void *build_plans(struct snapshot *snapshot, struct diagnostics *diagnostics)
{
    struct plans *plans = calloc(1, sizeof(*plans));
    if (!plans)
        return NULL;
    arena_init(&plans->arena, NULL, SIZE_MAX / 2);
    struct route_table *routes = snapshot_get(snapshot, &route_part);
    struct builder builder = {
        .plans = plans,
        .snapshot = snapshot,
        .configuration = snapshot->configuration,
        .diagnostics = diagnostics,
        .upstreams = snapshot_get(snapshot, &upstream_part),
    };
    const struct proxies_settings *proxies =
        scope_group(snapshot->configuration, snapshot->configuration->top, &proxies_group);
    plans->routes = routes;
    plans->tls = ((const struct live *)snapshot->live)->tls;
    plans->trusted_proxies = proxies->trusted;
    plans->error_pages =
        scope_group(snapshot->configuration, snapshot->configuration->defaults, &error_pages_group);
    plans->request_id =
        scope_group(snapshot->configuration, snapshot->configuration->defaults, &request_id_group);
    plans->access_logs = access_logs_new(((const struct live *)snapshot->live)->logs);
    bool good = plans->access_logs && build_listeners(&builder) &&
                site_plans_build(plans, snapshot, diagnostics) &&
                open_access_log(&builder, builder.configuration->defaults, &plans->access_log,
                                &plans->access);
    good &= plans->access_logs && build_all(&builder, routes);
    if (good) {
        plan_warn(plans, builder.configuration, diagnostics);
        arena_settle(&plans->arena);
        return plans;
    }
    free_plans(plans);
    return NULL;
}

const struct snapshot_part plan_part = {
    .name = "plans",
    .build = build_plans,
    .free = free_plans,
};
