#include "exchange/metrics.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/map.h"
#include "base/pool.h"
#include "exchange/exchange.h"
#include "exchange/outcome.h"

#include <stdlib.h>

enum { NAMES_MAX = 64 * 1024 * 1024 };

struct metrics_registry {
    unsigned loops;
    struct arena names;
    struct map by_name; /* of struct route_metrics; keys are `site NUL route NUL upstream` */
    struct route_metrics *first, *last;
    struct route_metrics unnamed;
};

static bool make_counts(struct metrics_registry *registry, struct route_metrics *metrics)
{
    /* aligned_alloc gives memory that is not cleared; a page that is never counted in stays away.
     */
    size_t size = registry->loops * sizeof(struct route_counts);
    metrics->counts = aligned_alloc(_Alignof(struct route_counts), size);
    if (metrics->counts)
        memset(metrics->counts, 0, size);
    return metrics->counts != NULL;
}

struct metrics_registry *metrics_registry_new(unsigned loops)
{
    ASSERT(loops > 0);
    struct metrics_registry *registry = calloc(1, sizeof(*registry));
    if (!registry)
        return NULL;
    registry->loops = loops;
    arena_init(&registry->names, NULL, NAMES_MAX);
    map_init(&registry->by_name);
    if (make_counts(registry, &registry->unnamed)) {
        registry->first = registry->last = &registry->unnamed;
        return registry;
    }
    metrics_registry_free(registry);
    return NULL;
}

void metrics_registry_free(struct metrics_registry *registry)
{
    if (!registry)
        return;
    for (struct route_metrics *metrics = registry->first; metrics; metrics = metrics->next)
        free(metrics->counts);
    map_fini(&registry->by_name);
    arena_fini(&registry->names);
    free(registry);
}

/* ---- plans */

static struct route_metrics *add(struct metrics_registry *registry, struct slice key,
                                 const struct slice names[3])
{
    struct route_metrics *metrics = arena_calloc(&registry->names, sizeof(*metrics));
    struct slice kept = arena_copy(&registry->names, key);
    if (!metrics || !kept.data || !make_counts(registry, metrics))
        return NULL;
    if (!map_set(&registry->by_name, kept, metrics)) {
        free(metrics->counts);
        return NULL;
    }
    metrics->site = slice_until(kept, names[0].length);
    metrics->route = slice_until(slice_from(kept, names[0].length + 1), names[1].length);
    metrics->upstream = slice_from(kept, names[0].length + names[1].length + 2);
    registry->last->next = metrics;
    registry->last = metrics;
    return metrics;
}

/* Those of that name; NULL: no memory. */
static struct route_metrics *find(struct metrics_registry *registry, const struct route *route,
                                  const struct plan *plan)
{
    struct arena scratch;
    arena_init(&scratch, NULL, 1024 * 1024);
    struct slice names[] = {route->site->name, plan_route_name(route),
                            plan->upstream ? plan->upstream->name : SLICE("")};
    struct slice parts[] = {names[0], SLICE("\0"), names[1], SLICE("\0"), names[2]};
    struct slice key = arena_join(&scratch, parts, 5);
    struct route_metrics *metrics = key.data ? map_get(&registry->by_name, key) : NULL;
    if (key.data && !metrics && registry->by_name.count >= METRICS_ROUTES_MAX)
        metrics = &registry->unnamed;
    if (key.data && !metrics)
        metrics = add(registry, key, names);
    arena_fini(&scratch);
    return metrics;
}

static bool attach(struct metrics_registry *registry, struct route *route)
{
    const struct plan *plan = route->plan;
    const struct route_metrics *metrics = find(registry, route, plan);
    if (!metrics)
        return false;
    route->counts = metrics->counts;
    for (uint32_t i = 0; plan->is_split && i < plan->split->count; i++) {
        metrics = find(registry, route, plan->split->plans[i]);
        if (!metrics)
            return false;
        plan->split->counts[i] = metrics->counts;
    }
    return true;
}

bool metrics_attach(struct metrics_registry *registry, const struct snapshot *snapshot)
{
    struct plans *plans = snapshot_get(snapshot, &plan_part);
    struct route_table *routes = snapshot_get(snapshot, &route_part);
    plans->counts = registry->unnamed.counts;
    for (size_t i = 0; i < route_table_count(routes); i++) {
        if (!attach(registry, route_table_get(routes, i)))
            return false;
    }
    return true;
}

/* ---- exchanges */

/* Not inlined: it wants a frame, which exchanges of other kinds need not make. */
__attribute__((noinline)) COLD static void count_grpc(struct exchange *exchange)
{
    unsigned code = GRPC_NO_CODE;
    if (exchange->response_sent)
        code = grpc_code_read(outcome_grpc_status(exchange));
    counter_add(&exchange->context->counts.grpc_statuses[code], 1);
}

void metrics_count(struct exchange *exchange)
{
    struct loop_context *context = exchange->context;
    if (grpc_is_asked(&exchange->request))
        count_grpc(exchange);
    struct route_counts *all = exchange->plan ? exchange->counts : exchange->hold->plans->counts;
    if (exchange->error)
        counter_add(&context->counts.errors[exchange->error], 1);
    if (!all)
        return; /* a world without a registry: the simulation */
    struct route_counts *counts = &all[context->index];
    unsigned class = outcome_status(exchange) / 100;
    counter_add(&counts->statuses[class < METRICS_STATUS_CLASSES ? class : 0], 1);
    counter_add(&counts->bytes_in, exchange->request_body_bytes);
    counter_add(&counts->bytes_out, exchange->response_body_bytes);
    histogram_add(&counts->milliseconds, outcome_milliseconds(exchange));
}

/* ---- loops */

void metrics_measure(struct loop_context *context)
{
    struct loop_gauges *gauges = &context->gauges;
    const struct pool_bytes bytes[MEMORY_KIND_COUNT] = {
        [MEMORY_BUFFERS] = buffer_pools_measure(loop_buffers(context->loop)),
        [MEMORY_HTTP2] = small_pools_measure(&loop_buffers(context->loop)->small),
        [MEMORY_EXCHANGES] = pool_measure(context->arena_chunks),
        [MEMORY_CLIENTS] = pool_measure(context->clients),
        [MEMORY_SERVERS] = upstreams_measure(context->upstreams),
        [MEMORY_TUNNELS] = pool_measure(context->tunnels),
    };
    for (unsigned kind = 0; kind < MEMORY_KIND_COUNT; kind++) {
        gauge_set(&gauges->bytes_used[kind], bytes[kind].used);
        gauge_set(&gauges->bytes_spare[kind], bytes[kind].spare);
    }
    gauge_set(&gauges->messages, loop_mail_count(context->loop));
    gauge_set(&gauges->tasks, loop_task_count(context->loop));
}

/* ---- reading */

const struct route_metrics *metrics_first(const struct metrics_registry *registry)
{
    return registry->first;
}

unsigned metrics_loops(const struct metrics_registry *registry)
{
    return registry->loops;
}
