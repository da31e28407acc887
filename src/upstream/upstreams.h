/* The upstream side of one loop: its connections to servers, idle and in use, and its
 * balancers. Belongs to one loop. */
#pragma once

#include "loop/timer.h"
#include "net/pump.h"
#include "net/timeouts.h"
#include "net/transport.h"
#include "upstream/balancer.h"

struct lending_circle;
struct server_connection;
struct upstreams;

/* Who has borrowed a connection: a call, or the tunnel that became of it. */
struct connection_user {
    void (*on_news)(struct connection_user *user);    /* of its transport: try again */
    void (*on_timeout)(struct connection_user *user); /* its timer has fired */
    /* While its own connection is not established, one from another loop has come: it takes that
     * and drops its own. NULL: it wants none that was used before. */
    void (*on_loan)(struct connection_user *user, struct server_connection *connection);
};

/* One connection to one server. Owned by the loop's upstreams: idle in a pool, or lent to a user.
 */
struct server_connection {
    struct transport transport;
    struct timer timer;
    struct list link; /* among the idle ones of its server, the newest first; or among those
                       * that connect */
    struct upstreams *home;
    struct server *server;
    struct connection_user *user; /* NULL: idle */
    struct grave grave;
};

/* NULL: no memory. The registry must outlive it. */
struct upstreams *upstreams_new(struct loop *loop, struct server_registry *registry);

/* All calls must be over; idle connections are closed. */
void upstreams_free(struct upstreams *upstreams);

/* Lets it borrow from the others of the circle, of which it is number `index`. Before loops run. */
void upstreams_join(struct upstreams *upstreams, const struct lending_circle *circle,
                    unsigned index);

/* Memory of its connections. */
struct pool_bytes upstreams_measure(const struct upstreams *upstreams);

/* Whether nothing that it asked of others is still under way. */
bool upstreams_is_quiet(const struct upstreams *upstreams);

/* Closes the idle connections: nobody will need them any more. */
void upstreams_close_idle(struct upstreams *upstreams);

struct loop *upstreams_loop(struct upstreams *upstreams);
struct server_registry *upstreams_registry(struct upstreams *upstreams);

/* The member of the upstream to ask next, without those that were tried; -1: none is left. Servers
 * that rest after a failure are asked only when all others were. Time and chance of the question
 * are filled in here. */
int upstreams_pick(struct upstreams *upstreams, const struct upstream *upstream,
                   struct balancer_question *question);

/* The idle connection of that server that was used last, lent to `user`; NULL: none, or the server
 * has as many calls as `limit` permits (0: any number). */
struct server_connection *upstreams_take_idle(struct upstreams *upstreams, struct server *server,
                                              struct connection_user *user, uint32_t limit);

/* The connection is established: loans are no longer for it. */
void upstreams_connected(struct server_connection *connection);

/* A new connection to one address of the server, lent to `user`; IO_PENDING: news will tell.
 * IO_FAILED: `*ret_connection` is NULL, and upstreams_connect_error is the errno. IO_DONE and NULL:
 * the server has as many calls as `limit` permits. */
enum io upstreams_connect(struct upstreams *upstreams, struct server *server,
                          const struct address *address, struct connection_user *user,
                          uint32_t limit, struct server_connection **ret_connection);
int upstreams_connect_error(const struct upstreams *upstreams);

/* Gives a connection back that may carry another call; it is kept `idle_ms` at most. */
void upstreams_keep(struct server_connection *connection, uint64_t idle_ms);

/* Closes a connection that may not. */
void upstreams_drop(struct server_connection *connection, bool reset);
