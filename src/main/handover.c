#include "main/handover.h"
#include "base/assert.h"

#include "exchange/client.h"

#include <stdlib.h>

enum { FAR_ABOVE = 16 }; /* clients more than the mean and a quarter, at least */

/* A client on its way to another loop. */
struct handed_client {
    struct message message;
    struct handover *handover;
    struct loop_context *to;
    uint64_t listener; /* its id */
    bool is_private;   /* so was it where the client came */
    bool speaks_tls;   /* the same */
    int fd;
    struct ip peer;
};

/* Where the listener was closed while the client was on its way, it may ask once. */
static void accept_here(const struct handed_client *client)
{
    struct loop_listener *listener = loop_listener_find(client->to, client->listener);
    struct loop_listener *gone = NULL;
    if (!listener)
        gone = loop_listener_new_gone(client->to, client->listener, client->is_private,
                                      client->speaks_tls);
    if (listener || gone)
        client_accept(client->to, listener ? listener : gone, client->fd, &client->peer);
    else
        sys_close(client->fd);
    if (gone)
        loop_listener_unref(gone);
}

static void on_arrival(struct loop *loop, struct message *message)
{
    struct handed_client *client = CONTAINER_OF(message, struct handed_client, message);
    ASSERT(client->to->loop == loop && client->fd >= 0);
    accept_here(client);
    atomic_fetch_sub(&client->handover->under_way, 1); /* it counts as a client by now */
    free(client);
}

static unsigned open_clients(const struct loop_context *context)
{
    return atomic_load_explicit(&context->open_clients, memory_order_relaxed);
}

/* The least loaded loop where `from` is far above the mean, else NULL. */
static struct loop_context *find_better(const struct handover *handover,
                                        const struct loop_context *from)
{
    ASSERT(handover->count > 1);
    struct loop_context *least = handover->contexts[0];
    unsigned sum = 0;
    for (unsigned i = 0; i < handover->count; i++) {
        sum += open_clients(handover->contexts[i]);
        if (open_clients(handover->contexts[i]) < open_clients(least))
            least = handover->contexts[i];
    }
    unsigned mean = sum / handover->count;
    bool far_above = open_clients(from) > mean + mean / 4 + FAR_ABOVE;
    return far_above && least != from ? least : NULL;
}

bool handover_give(struct handover *handover, const struct loop_context *from,
                   const struct loop_listener *listener, int fd, const struct ip *peer)
{
    ASSERT(fd >= 0);
    bool may = handover->count > 1 && !from->draining;
    struct loop_context *to = may ? find_better(handover, from) : NULL;
    struct handed_client *client = to ? malloc(sizeof(*client)) : NULL;
    if (!client)
        return false;
    *client = (struct handed_client){
        .message = {.deliver = on_arrival},
        .handover = handover,
        .to = to,
        .listener = listener->id,
        .is_private = listener->plan->is_private,
        .speaks_tls = listener->plan->speaks_tls,
        .fd = fd,
        .peer = *peer,
    };
    atomic_fetch_add(&handover->under_way, 1);
    loop_send(to->loop, &client->message);
    return true;
}
