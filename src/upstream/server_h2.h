/* One connection to a server that speaks HTTP/2, with the calls that share it. It belongs to the
 * loop's upstreams, is found by those who have a call for its server, and goes when it is idle for
 * too long, broken, or left by the server (GOAWAY) and by its last call. One loop. */
#pragma once

#include "base/cold.h"
#include "net/output.h"
#include "upstream/upstreams.h"
#include "wire/h2.h"

enum {
    SERVER_H2_STREAMS_MAX = 100,   /* calls on one connection; then another is opened */
    SERVER_H2_CONTROLS_MAX = 1000, /* frames without content: h2_gate.h */
};

enum server_h2_state {
    SERVER_H2_CONNECTS,
    SERVER_H2_OPEN,
    SERVER_H2_LEAVES, /* takes no further calls */
    SERVER_H2_IS_H1,  /* the server could choose and speaks HTTP/1.1: a call takes it (below) */
    SERVER_H2_CLOSED, /* lives only as long as calls hold it */
};

/* A call that waits for the connection, or is on it. */
struct server_h2_user {
    struct list link;
    struct h2_stream *stream;                     /* NULL: none yet */
    void (*on_news)(struct server_h2_user *user); /* try again */
};

struct server_h2 {
    struct connection_user user;          /* of `connection` */
    struct server_connection *connection; /* NULL: closed, taken, or between two addresses */
    struct upstreams *home;
    struct server *server;
    struct server_tally *tally;     /* of that, on this loop */
    struct tls_server_context *tls; /* a reference; NULL: without TLS */
    struct connection_account account;
    enum server_h2_state state;
    enum error_code error; /* why it is closed */
    bool is_idle;          /* and counted so */
    uint8_t address_next;
    uint32_t holds;              /* one of its own until it is closed, and one of each user */
    uint64_t asked;              /* requests so far */
    uint64_t heard_at;           /* when something came last */
    int64_t connect_ms, idle_ms; /* of the last user's timeouts */
    struct h2_settings settings;
    struct h2 *codec; /* NULL: it connects */
    struct output output;
    struct list link; /* among those of its server that take calls */
    struct list users;
    struct task task;
    struct grave grave;
};

/* What a user brings. */
struct server_h2_terms {
    const struct server_question *question;
    struct connection_account *account; /* where one is opened; what room it has is then taken */
    const struct timeouts *timeouts;
    uint32_t window; /* bytes of a response that are held for one call; of the same window are all
                        calls of a connection */
    struct h2_block_limits blocks;
};

/* Whether server_h2_join would find one that is there already. */
COLD bool server_h2_is_there(struct upstreams *upstreams, const struct server_h2_terms *terms,
                             bool fresh);

/* One that is there already and has room, or, where there is none or `fresh`, one that begins to
 * connect. The user holds it from then on. NULL: it cannot be reached, or there is no room for a
 * connection; `*ret_error`. */
struct server_h2 *server_h2_join(struct upstreams *upstreams, const struct server_h2_terms *terms,
                                 bool fresh, struct server_h2_user *user,
                                 enum error_code *ret_error);

/* In IS_H1, before the user lets go: who comes first has the connection for itself, as one of
 * HTTP/1.1 that is established; `call` is its user from then on, and the call stays counted. NULL:
 * another one was first. What nobody takes is closed. */
COLD struct server_connection *server_h2_take(struct server_h2 *self, struct connection_user *call);

/* A connection that a call has opened for itself, and on which the server chose HTTP/2: others may
 * share it from now on. The user holds it; the call stays counted. NULL: no memory, and it is
 * closed. */
COLD struct server_h2 *server_h2_adopt(struct upstreams *upstreams,
                                       const struct server_h2_terms *terms,
                                       struct server_connection *connection,
                                       struct server_h2_user *user);

/* The user lets go. A stream that is not complete is cancelled. */
void server_h2_leave(struct server_h2 *self, struct server_h2_user *user);

/* Frames what may be sent, and has it sent in this turn. */
void server_h2_push(struct server_h2 *self);

/* Somebody has waited in vain since then (milliseconds): where nothing else came either, the
 * connection gets no further calls. */
void server_h2_doubt(struct server_h2 *self, uint64_t since);

/* Whether nobody is on it, though it takes calls; it may not be counted as idle yet. */
static inline bool server_h2_is_unused(const struct server_h2 *self)
{
    return self->state == SERVER_H2_OPEN && list_is_empty(&self->users);
}

/* Whether the way to the server is gone. */
static inline bool server_h2_is_closed(const struct server_h2 *self)
{
    return self->state == SERVER_H2_CLOSED;
}

/* The loop ends, or serves nobody any more: closes if nobody holds it. */
void server_h2_close_idle(struct server_h2 *self);
