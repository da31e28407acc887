#include "exchange/context.h"

#include "base/assert.h"
#include "base/pool.h"
#include "exchange/client.h"
#include "exchange/request_id.h"
#include "exchange/tunnel.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    ARENA_CHUNK = 8 * 1024, /* an ordinary exchange needs one */
    ARENA_CHUNKS_SPARE = 256,
    OBJECTS_SPARE = 1024,
};

bool loop_context_init(struct loop_context *context, struct loop *loop, unsigned index,
                       struct server_registry *servers, struct client_table *client_table)
{
    *context = (struct loop_context){.loop = loop, .index = index, .client_table = client_table};
    request_id_seed(context);
    list_init(&context->client_list);
    list_init(&context->tunnel_list);
    list_init(&context->mirror_list);
    list_init(&context->listeners);
    context->upstreams = upstreams_new(loop, servers);
    context->pipes = pipe_pool_new();
    context->arena_chunks = pool_new("exchange", ARENA_CHUNK, ARENA_CHUNKS_SPARE);
    context->clients = pool_new("client", client_size(), OBJECTS_SPARE);
    context->tunnels = pool_new("tunnel", tunnel_size(), OBJECTS_SPARE);
    if (context->upstreams && context->pipes && context->arena_chunks && context->clients &&
        context->tunnels)
        return true;
    loop_context_fini(context);
    return false;
}

void loop_context_fini(struct loop_context *context)
{
    ASSERT(list_is_empty(&context->client_list) && list_is_empty(&context->tunnel_list));
    ASSERT(list_is_empty(&context->mirror_list));
    if (context->current)
        snapshot_hold_unref(context->current);
    ASSERT(!context->listeners.next || list_is_empty(&context->listeners));
    upstreams_free(context->upstreams);
    pipe_pool_free(context->pipes);
    pool_free(context->arena_chunks);
    pool_free(context->clients);
    pool_free(context->tunnels);
    *context = (struct loop_context){0};
}

struct snapshot_hold *snapshot_hold_new(struct snapshot *snapshot)
{
    struct snapshot_hold *hold = calloc(1, sizeof(*hold));
    if (!hold) {
        snapshot_unref(snapshot);
        return NULL;
    }
    *hold = (struct snapshot_hold){
        .snapshot = snapshot,
        .plans = snapshot_get(snapshot, &plan_part),
        .users = 1,
    };
    return hold;
}

void loop_context_publish(struct loop_context *context, struct snapshot_hold *hold)
{
    ASSERT(hold && hold->users == 1);
    struct snapshot_hold *before = context->current;
    context->current = hold;
    LIST_EACH (link, &context->listeners) {
        struct loop_listener *listener = CONTAINER_OF(link, struct loop_listener, link);
        if (listener->is_closed)
            listener->plan =
                plans_gone(hold->plans, listener->plan->is_private, listener->plan->speaks_tls);
    }
    if (before)
        snapshot_hold_unref(before);
}

struct snapshot_hold *snapshot_hold_ref(struct loop_context *context)
{
    ASSERT(context->current);
    context->current->users++;
    return context->current;
}

struct snapshot_hold *snapshot_hold_share(struct snapshot_hold *hold)
{
    ASSERT(hold->users > 0);
    hold->users++;
    return hold;
}

void snapshot_hold_unref(struct snapshot_hold *hold)
{
    ASSERT(hold->users > 0);
    if (--hold->users > 0)
        return;
    snapshot_unref(hold->snapshot);
    free(hold);
}

/* ---- listeners */

struct loop_listener *loop_listener_new(uint64_t id, const struct listener_plan *plan)
{
    ASSERT(plan);
    struct loop_listener *listener = calloc(1, sizeof(*listener));
    if (!listener)
        return NULL;
    list_init(&listener->link);
    listener->id = id;
    listener->plan = plan;
    listener->users = 1;
    return listener;
}

void loop_listener_open(struct loop_context *context, struct loop_listener *listener,
                        unsigned loop_index)
{
    ASSERT(listener->share.owner == context && !listener->is_closed);
    list_push_back(&context->listeners, &listener->link);
    listener_share_open(&listener->share, context->loop, loop_index);
}

void loop_listener_close(struct loop_listener *listener)
{
    ASSERT(!listener->is_closed);
    listener->is_closed = true;
    listener_share_close(&listener->share);
    listener->share.listener = NULL;
    loop_listener_unref(listener);
}

struct loop_listener *loop_listener_new_gone(struct loop_context *context, uint64_t id,
                                             bool is_private, bool speaks_tls)
{
    const struct plans *plans = context->current->plans;
    struct loop_listener *listener =
        loop_listener_new(id, plans_gone(plans, is_private, speaks_tls));
    if (!listener)
        return NULL;
    listener->is_closed = true;
    list_push_back(&context->listeners, &listener->link);
    return listener;
}

struct loop_listener *loop_listener_find(const struct loop_context *context, uint64_t id)
{
    LIST_EACH (link, &context->listeners) {
        struct loop_listener *listener = CONTAINER_OF(link, struct loop_listener, link);
        if (listener->id == id && !listener->is_closed)
            return listener;
    }
    return NULL;
}

void loop_listener_ref(struct loop_listener *listener)
{
    ASSERT(listener->users > 0);
    listener->users++;
}

void loop_listener_unref(struct loop_listener *listener)
{
    ASSERT(listener->users > 0);
    if (--listener->users > 0)
        return;
    list_remove(&listener->link);
    free(listener);
}

/* ---- the time of day */

struct slice loop_context_date(struct loop_context *context)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t now = loop_wall(context->loop);
    if (context->date_second != now || context->date[0] == '\0') {
        struct tm tm;
        time_t seconds = (time_t)now;
        (void)gmtime_r(&seconds, &tm);
        (void)snprintf(context->date, sizeof(context->date), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                       days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], (tm.tm_year + 1900) % 10000,
                       tm.tm_hour, tm.tm_min, tm.tm_sec);
        context->date_second = now;
    }
    return slice_of(context->date, 29);
}
