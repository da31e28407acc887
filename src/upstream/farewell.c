#include "upstream/farewell.h"

#include "base/assert.h"
#include "upstream/lending.h"
#include "upstream/queue.h"
#include "upstream/server_int.h"
#include "upstream/standing.h"
#include "upstream/upstreams_int.h"

#include <stdlib.h>

struct farewell {
    struct list link; /* of the registry's */
    struct server *server;
    uint32_t comings;  /* of the server, when it was said: who comes back meanwhile stays */
    atomic_uint holds; /* loops that have not let go yet */
    struct farewell_letter letters[];
};

void farewells_free(struct list *farewells)
{
    struct list *link;
    while ((link = list_pop_front(farewells)))
        free(CONTAINER_OF(link, struct farewell, link));
}

struct server *farewell_server(const struct farewell *farewell)
{
    return farewell->server;
}

/* Who sees that nobody holds it sees all that the loops did with it. */
void farewell_answer(struct farewell_letter *letter)
{
    unsigned before = atomic_fetch_sub_explicit(&letter->farewell->holds, 1, memory_order_acq_rel);
    ASSERT(before > 0);
}

/* ---- saying it */

static void on_letter(struct loop *loop, struct message *message)
{
    struct farewell_letter *letter = CONTAINER_OF(message, struct farewell_letter, message);
    ASSERT(upstreams_loop(letter->to) == loop);
    upstreams_let_go(letter->to, letter);
}

/* False: no memory; it is tried again. */
static bool say(struct server_registry *registry, struct server *server,
                const struct lending_circle *circle)
{
    struct farewell *farewell =
        calloc(1, sizeof(*farewell) + circle->count * sizeof(struct farewell_letter));
    if (!farewell)
        return false;
    farewell->server = server;
    farewell->comings = server->comings;
    atomic_store(&farewell->holds, circle->count);
    list_push_back(&registry->farewells, &farewell->link);
    server->is_leaving = true;
    for (unsigned i = 0; i < circle->count; i++) {
        struct farewell_letter *letter = &farewell->letters[i];
        *letter = (struct farewell_letter){
            .message = {.deliver = on_letter}, .farewell = farewell, .to = circle->members[i]};
        loop_send(upstreams_loop(letter->to), &letter->message);
    }
    return true;
}

/* ---- its end */

/* Nobody finds it any more. The lock is held. */
static void take_out(struct server_registry *registry, struct server *server)
{
    ASSERT(!server->standings && registry->servers[server->id] == server);
    list_remove(&server->link);
    map_remove(&registry->by_key, server->key);
    registry->servers[server->id] = NULL;
    registry->free_ids[registry->free_count++] = server->id;
}

/* Everybody has let go. A server that was named meanwhile may be held again, also where it is not
 * named any more: then another farewell is said. The lock is held. */
static struct server *part(struct server_registry *registry, struct farewell *farewell)
{
    struct server *server = farewell->server;
    list_remove(&farewell->link);
    server->is_leaving = false;
    if (server->references > 0 || server->comings != farewell->comings)
        return NULL;
    take_out(registry, server);
    return server;
}

static void end_one(struct server_registry *registry, struct farewell *farewell)
{
    struct server *gone = NULL;
    sys_lock_take(registry->lock);
    bool is_over = !farewell->server->looking; /* by a thread that looks its name up */
    if (is_over)
        gone = part(registry, farewell);
    sys_lock_release(registry->lock);
    if (gone)
        queue_forget(gone);
    server_free(gone);
    if (is_over)
        free(farewell);
}

void farewells_tidy(struct server_registry *registry, const struct lending_circle *circle)
{
    LIST_EACH_SAFE (link, &registry->farewells) {
        struct farewell *farewell = CONTAINER_OF(link, struct farewell, link);
        if (atomic_load_explicit(&farewell->holds, memory_order_acquire) == 0)
            end_one(registry, farewell);
    }
    sys_lock_take(registry->lock);
    bool good = true;
    LIST_EACH (link, &registry->unnamed) {
        struct server *server = CONTAINER_OF(link, struct server, link);
        if (good && !server->is_leaving)
            good = say(registry, server, circle);
    }
    sys_lock_release(registry->lock);
}
