/* The upstream side of one loop: its connections to servers, idle and in use, and its
 * balancers. Belongs to one loop. */
#pragma once

#include "base/error.h"
#include "loop/timer.h"
#include "net/pump.h"
#include "net/timeouts.h"
#include "net/transport.h"
#include "upstream/balancer.h"
#include "upstream/room.h"

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
    struct transport transport; /* `tls` is there once the socket has connected */
    struct timer timer;
    struct list link; /* among the idle ones of its server, the newest first; or among those
                       * that connect */
    struct upstreams *home;
    struct server *server;
    struct server_pool *pool;               /* of that, on this loop */
    unsigned moves;                         /* of the server, when it was opened */
    struct connection_user *user;           /* NULL: idle */
    struct tls_server_context *tls_context; /* a reference; NULL: without TLS */
    struct breaker *breaker;                /* in which it counts, until it is closed */
    bool is_shared;                         /* by calls over HTTP/2, which are counted apart */
    bool h1_alone;                          /* nothing else is offered in its handshake */
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

/* Whom a call asks, as its upstream says. */
struct server_question {
    struct server *server;
    struct tls_server_context *tls; /* for a server that is spoken to over TLS */
    uint32_t limit;                 /* of calls that the server has at once; 0: any number */
    bool is_shared;                 /* no connection of one call: one of HTTP/2 is wanted */
    bool h1_alone;                  /* a server over TLS is offered HTTP/1.1 and nothing else */
};

/* The idle connection of that server that was used last, lent to `user`; over TLS, one that was
 * made under the same terms. NULL: none, or the server has as many calls as the limit permits. */
struct server_connection *upstreams_take_idle(struct upstreams *upstreams,
                                              const struct server_question *question,
                                              struct connection_user *user);

/* A new connection to one address of the server, lent to `user`, on that account, of which what
 * room it has is used up or given back; IO_PENDING: news will tell, and upstreams_go_on_connecting
 * is to be asked. IO_FAILED: `*ret_connection` is NULL, and `*ret_error` says why;
 * ERROR_CONNECTIONS_FULL: there is no room for it, nor an idle one of this loop in its way. IO_DONE
 * and NULL: the server has as many calls as the limit permits. */
enum io upstreams_connect(struct upstreams *upstreams, const struct server_question *question,
                          struct connection_account *account, const struct address *address,
                          struct connection_user *user, struct server_connection **ret_connection,
                          enum error_code *ret_error);

/* Goes on with one that is pending, and shakes hands where the server is spoken to over TLS.
 * IO_DONE: it is established, and loans are no longer for it. IO_FAILED: `*ret_error`; it is to be
 * dropped. */
enum io upstreams_go_on_connecting(struct server_connection *connection,
                                   enum error_code *ret_error);

/* One that is established goes from a call to what calls share, or back: the server has chosen the
 * other version of HTTP. The call stays counted. */
COLD void upstreams_pass_on(struct server_connection *connection, struct connection_user *user,
                            bool is_shared);

/* It took too long: why that is an error. */
enum error_code upstreams_connect_timeout(struct server_connection *connection);

/* Gives a connection back that may carry another call; it is kept `idle_ms` at most. */
void upstreams_keep(struct server_connection *connection, uint64_t idle_ms);

/* Closes a connection that may not. */
void upstreams_drop(struct server_connection *connection, bool reset);
