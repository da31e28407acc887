#include "upstream/room.h"

#include "base/assert.h"
#include "upstream/lending.h"
#include "upstream/upstreams_int.h"

#include <stdlib.h>

/* A limit that was lowered is come down to here, too: idle ones are closed until it holds. */
COLD static bool make_room(struct upstreams *upstreams, const struct connection_account *account)
{
    while (upstreams_close_idle_of(upstreams, account->breaker)) {
        if (breaker_connect(account->breaker, account->limit))
            return true;
    }
    return false;
}

bool room_take(struct upstreams *upstreams, struct connection_account *account)
{
    bool had_room = account->has_room;
    account->has_room = false;
    return had_room || breaker_connect(account->breaker, account->limit) ||
           make_room(upstreams, account);
}

/* ---- the search */

static void end(struct room_search *search)
{
    if (search->account.has_room)
        room_give_back(search->account.breaker);
    ASSERT(search->home->searches > 0);
    search->home->searches--;
    free(search);
}

static void on_return(struct loop *loop, struct message *message)
{
    struct room_search *search = CONTAINER_OF(message, struct room_search, message);
    ASSERT(upstreams_loop(search->home) == loop);
    search->is_over = true;
    if (search->owner)
        search->on_end(search->owner);
    else
        end(search);
}

static void go_on(struct room_search *search);

static void on_visit(struct loop *loop, struct message *message)
{
    struct room_search *search = CONTAINER_OF(message, struct room_search, message);
    struct upstreams *host = search->home->circle->members[search->at];
    ASSERT(upstreams_loop(host) == loop && host != search->home);
    search->account.has_room = room_take(host, &search->account);
    go_on(search);
}

/* To the next loop, or back home. */
static void go_on(struct room_search *search)
{
    const struct lending_circle *circle = search->home->circle;
    search->at = search->account.has_room ? search->home->index : (search->at + 1) % circle->count;
    search->message.deliver = search->at == search->home->index ? on_return : on_visit;
    loop_send(upstreams_loop(circle->members[search->at]), &search->message);
}

struct room_search *room_search(struct upstreams *upstreams,
                                const struct connection_account *account, void *owner,
                                void (*on_end)(void *owner))
{
    ASSERT(owner && !account->has_room);
    bool is_alone = !upstreams->circle || upstreams->circle->count < 2;
    struct room_search *search = is_alone ? NULL : calloc(1, sizeof(*search));
    if (!search)
        return NULL;
    search->home = upstreams;
    search->account = *account;
    search->at = upstreams->index;
    search->owner = owner;
    search->on_end = on_end;
    upstreams->searches++;
    go_on(search);
    return search;
}

void room_search_leave(struct room_search *search)
{
    search->owner = NULL;
    if (search->is_over)
        end(search);
}
