#include "upstream/standing.h"

#include "base/assert.h"
#include "upstream/server_int.h"

#include <stdlib.h>

void standings_free(struct standing *standing)
{
    while (standing) {
        struct standing *older = standing->older;
        free(standing);
        standing = older;
    }
}

static struct standing *find(struct server *server, struct slice upstream)
{
    struct standing *standing = server->standings;
    while (standing && !slice_equal(standing->upstream, upstream))
        standing = standing->older;
    return standing;
}

/* The lock is held. */
static struct standing *add(struct server *server, struct slice upstream)
{
    struct standing *standing = calloc(1, sizeof(*standing) + upstream.length);
    if (!standing)
        return NULL;
    standing->server = server;
    memcpy(standing + 1, upstream.data, upstream.length);
    standing->upstream = slice_of((char *)(standing + 1), upstream.length);
    standing->older = server->standings;
    return server->standings = standing;
}

struct standing *standing_get(struct server_registry *registry, struct server *server,
                              struct slice upstream)
{
    ASSERT(upstream.length > 0);
    sys_lock_take(registry->lock);
    struct standing *standing = find(server, upstream);
    if (!standing)
        standing = add(server, upstream);
    if (standing)
        standing->references++;
    sys_lock_release(registry->lock);
    return standing;
}

static bool is_set_aside(const struct standing *standing)
{
    return standing_order_of(standing) != STANDING_ENABLED || standing_is_down(standing);
}

/* The lock is held. */
static void take_out(struct standing *standing)
{
    struct standing **place = &standing->server->standings;
    while (*place != standing)
        place = &(*place)->older;
    *place = standing->older;
    if (is_set_aside(standing))
        atomic_fetch_sub_explicit(&standing->server->set_aside, 1, memory_order_relaxed);
}

void standing_unref(struct server_registry *registry, struct standing *standing)
{
    sys_lock_take(registry->lock);
    ASSERT(standing->references > 0);
    bool is_last = --standing->references == 0;
    if (is_last)
        take_out(standing);
    sys_lock_release(registry->lock);
    if (is_last)
        free(standing);
}

/* ---- the control loop */

/* What has changed of it is seen by all loops. */
static void tell(struct server_registry *registry, struct standing *standing, bool was_set_aside)
{
    bool is = is_set_aside(standing);
    if (is && !was_set_aside)
        atomic_fetch_add_explicit(&standing->server->set_aside, 1, memory_order_relaxed);
    else if (!is && was_set_aside)
        atomic_fetch_sub_explicit(&standing->server->set_aside, 1, memory_order_relaxed);
    server_registry_change(registry);
}

static void come(struct standing *standing, uint64_t now_ms)
{
    atomic_store_explicit(&standing->since, now_ms, memory_order_relaxed);
}

void standing_set_down(struct server_registry *registry, struct standing *standing, bool is_down,
                       uint64_t now_ms)
{
    bool was = is_set_aside(standing);
    if (standing_is_down(standing) && !is_down)
        come(standing, now_ms);
    atomic_store_explicit(&standing->is_down, is_down, memory_order_relaxed);
    tell(registry, standing, was);
}

void standing_set_order(struct server_registry *registry, struct standing *standing,
                        enum standing_order order, uint64_t now_ms)
{
    bool was = is_set_aside(standing);
    if (standing_order_of(standing) != STANDING_ENABLED && order == STANDING_ENABLED)
        come(standing, now_ms);
    atomic_store_explicit(&standing->order, order, memory_order_relaxed);
    tell(registry, standing, was);
}

void standing_set_weight(struct server_registry *registry, struct standing *standing,
                         uint32_t weight)
{
    atomic_store_explicit(&standing->weight, weight, memory_order_relaxed);
    server_registry_change(registry);
}

static bool is_same(const struct standing_line *a, const struct standing_line *b)
{
    return a->weight == b->weight && a->priority == b->priority &&
           a->max_connections == b->max_connections;
}

bool standing_is_changed(const struct standing *standing)
{
    return standing_order_of(standing) != STANDING_ENABLED ||
           atomic_load_explicit(&standing->weight, memory_order_relaxed) > 0;
}

/* It is what it would be if nobody had known it. */
static void forget(struct server_registry *registry, struct standing *standing, uint64_t now_ms)
{
    standing->score = (struct health_score){0};
    standing->probe_due = standing->probe_took = 0;
    standing->problem = standing->problem_status = standing->problem_tls = 0;
    standing_set_down(registry, standing, false, now_ms);
    come(standing, now_ms);
}

static void forget_orders(struct server_registry *registry, struct standing *standing,
                          uint64_t now_ms)
{
    standing_set_weight(registry, standing, 0);
    standing_set_order(registry, standing, STANDING_ENABLED, now_ms);
}

void standing_come(struct server_registry *registry, struct standing *standing,
                   const struct standing_line *line, uint64_t number, uint64_t now_ms)
{
    ASSERT(number > 0 && number >= standing->seen && line->weight > 0);
    standing->line = *line;
    if (standing->seen == number)
        return;
    standing->seen = number;
    forget(registry, standing, now_ms);
    if (standing_is_changed(standing))
        forget_orders(registry, standing, now_ms);
}

void standing_leave(struct standing *standing)
{
    standing->seen = 0;
}

bool standing_take_line(struct server_registry *registry, struct standing *standing,
                        const struct standing_line *line, uint64_t number, uint64_t now_ms)
{
    ASSERT(number > 0 && number >= standing->seen && line->weight > 0);
    if (standing->seen == number)
        return false;
    bool comes = number > 1 && standing->seen + 1 != number;
    bool is_other = comes || !is_same(&standing->line, line);
    standing->line = *line;
    standing->seen = number;
    if (comes)
        forget(registry, standing, now_ms);
    if (!is_other || !standing_is_changed(standing))
        return false;
    forget_orders(registry, standing, now_ms);
    return true;
}
