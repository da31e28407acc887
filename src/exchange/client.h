/* The connection of a client: in HTTP/1 with one stream at a time, in HTTP/2 with many. Small while
 * it is idle: what an exchange needs lies in the exchange's arena. Belongs to one loop. */
#pragma once

#include "exchange/context.h"

struct client;

size_t client_size(void);

/* A client has connected through that listener. Takes over the descriptor, also where it is
 * refused. */
void client_accept(struct loop_context *context, struct loop_listener *listener, int fd,
                   const struct ip *peer);

/* Whoever came through a listener that is closed leaves: idle connections at once, others after
 * their exchange. */
void clients_leave(struct loop_context *context);

/* The loop drains: idle connections close at once, others after their exchange. */
void clients_drain(struct loop_context *context);

/* Ends all of them, whatever they do. */
void clients_abort(struct loop_context *context);

/* ---- for a tunnel, to which the connection goes after 101 */

struct connection_user;
struct stream;
struct span;

/* The stream gives its connection away and is gone; `*ret_leftover` is what the client sent behind
 * its request. News and time-outs go to `tunnel` from now on, and the tunnel closes it. */
struct client *client_take(struct stream *stream, struct connection_user *tunnel,
                           struct span *ret_leftover);

struct transport *client_transport(struct client *client);

/* Closes and frees it. */
void client_close(struct client *client, bool reset);
