/* Servers as they live: one object per address, by name, outside every snapshot, shared by all
 * loops. What loops write here is atomic; addresses of names are behind the registry's lock, which
 * is taken only to connect. A server stays as long as an upstream of some snapshot names it, and
 * while a loop still has a connection to it (farewell.h). */
#pragma once

#include "base/address.h"
#include "base/cold.h"
#include "base/list.h"
#include "obs/counter.h"
#include "policy/latency.h"
#include "sys/dns.h"
#include "sys/thread.h"
#include "tls/tls_mac.h"

#include <stdatomic.h>

enum {
    SERVER_ADDRESSES_MAX = 8,
    SERVER_H2_MS = 60 * 1000,  /* how long one that refused HTTP/1.1 alone is not offered it */
    SERVER_REST_MS = 5 * 1000, /* how long a server that failed is passed over */
    SERVER_KEY_MAX = 320,      /* of one with a name and an address: server_place_of_name */
};

struct arena;
struct queue_link;

/* Where a server is, as the configuration says it. */
struct server_place {
    struct slice key;  /* canonical text: `app.internal:3000`, `10.0.0.1:80`, `unix:/run/a`,
                        * `https://app.internal:443`, `h2c://10.0.0.1:80`, `h2://…:443`; of an
                        * address that a followed name led to `app.internal:3000@10.0.0.7` */
    bool is_tls;       /* spoken to over TLS */
    bool is_h2;        /* in HTTP/2 */
    struct slice host; /* of a name that has to be looked up; else empty */
    uint16_t port;
    struct address fixed; /* where no name has to be looked up */
};

/* Reads `http://host:port`, `https://host:port`, `h2c://host:port` and `h2://host:port` (HTTP/2
 * without and with TLS), `host:port`, `:3000` (this machine), `host` (port
 * 80, over TLS 443) or `unix:/path`. False: `*ret_wrong` says what is wrong and `*ret_cure` what
 * would be right (static texts). What the place holds is copied to `arena`, texts with a NUL behind
 * them. */
bool server_place_parse(struct slice text, struct arena *arena, struct server_place *ret_place,
                        const char **ret_wrong, const char **ret_cure);

/* What came of a name that is followed: `place` has an address in `fixed`, and how it is spoken to;
 * the rest is filled, with the key in `arena`. False: no memory. */
bool server_place_of_name(struct slice host, struct arena *arena, struct server_place *place);

/* As server_place_parse, also of the keys of such places: for who speaks of servers that there are.
 */
bool server_place_parse_any(struct slice text, struct arena *arena, struct server_place *ret_place,
                            const char **ret_wrong, const char **ret_cure);

/* What a server over TLS chose that could choose (ALPN), in its last handshake with any loop. */
enum server_chosen { SERVER_CHOSE_NOTHING, SERVER_CHOSE_H1, SERVER_CHOSE_H2 };

/* What one loop counts of a server: so each call needs no locked instruction for it, and no line of
 * the cache that other loops write. It is there as long as the server. */
struct server_tally {
    struct server_tally *next;
    const void *loop;    /* whose it is */
    struct counter lent; /* connections to calls, new ones and such as were used before */
    struct gauge idle;   /* connections */
};

struct server {
    uint32_t id; /* dense, from 0: index of tables per loop; of one that is gone another has it */
    uint32_t serial; /* nobody else ever has it */
    struct slice key;
    struct slice host; /* empty: no name to look up */
    uint16_t port;
    bool is_tls;
    bool is_h2;    /* many calls over one connection: server_h2.h */
    bool is_plain; /* none of both */

    _Atomic uint64_t rests_until; /* milliseconds of the monotonic clock; passed over until then */
    _Atomic uint32_t failures_in_row;    /* of calls, since one went well: ejection.h */
    _Atomic uint32_t ejections_in_row;   /* the same */
    atomic_uint idle_on;                 /* index of the loop that put one aside last */
    atomic_uint moves;                   /* times that its name left an address */
    atomic_uint active;                  /* calls on all loops */
    _Atomic(struct queue_link *) queues; /* who waits for its places; NULL: nobody ever does */
    atomic_uint set_aside;               /* upstreams in which it is: standing.h */
    _Atomic uint64_t latency;            /* what latency.h remembers */

    _Atomic(struct server_tally *) tallies; /* of all loops that had a connection to it */

    /* Since it is known, on all loops. */
    _Atomic uint64_t connections; /* that were opened, or tried to be */
    _Atomic uint64_t failed;      /* times that it could not be reached */
    _Atomic uint64_t ejected;     /* times that it rested since it failed again and again */

    _Atomic uint64_t tls_handshakes, tls_resumed; /* the second are among the first */
    _Atomic uint64_t tls_failures;
    _Atomic uint8_t chosen;    /* enum server_chosen */
    _Atomic uint64_t h2_until; /* milliseconds; HTTP/1.1 alone is not offered to it before */
    _Atomic uint32_t tls_told; /* which failure of TLS was told last; 0: none since it went well */

    _Atomic uint32_t unreached_told;   /* reaching.h: the error; 0: none since it was reached */
    _Atomic uint64_t reaching_told_at; /* milliseconds; 0: never */

    _Atomic uint64_t counts; /* of its last calls: failure_rate.h; of upstreams that want to know */

    /* Behind the registry's lock. */
    struct address addresses[SERVER_ADDRESSES_MAX];
    uint32_t address_count;     /* 0: not found yet */
    uint64_t look_up_at;        /* when the resolver shall look; 0: not at all */
    uint64_t looked_up_at;      /* when it had looked last; 0: never */
    uint64_t move_told_at;      /* when it was told that it moves; 0: never */
    uint32_t failures;          /* of look-ups, in a row */
    bool looking;               /* a resolver thread is at it */
    struct standing *standings; /* the newest first */
    uint32_t references;        /* members of snapshots; 0: nobody names it */
    uint32_t comings;           /* times that it came to be named */
    bool is_leaving;            /* the loops have been told to let go of it */
    struct list link;           /* among those that nobody names */
};

struct commons_table;
struct session_table;
struct server_registry;

struct server_registry *server_registry_new(void);

/* No loop may use it any more. Does not wait for name servers: a thread that is just asking one
 * stays until it is answered, and touches nothing of this. */
void server_registry_free(struct server_registry *registry);

/* A key that nobody can guess, the same as long as the registry lives. Any thread. */
const struct tls_mac *server_registry_key(const struct server_registry *registry);

/* The server at that place; made where it is new, and then looked up if it has a name. It is named
 * once more, which is given back with server_unref. NULL: no memory. Any thread. */
struct server *server_registry_get(struct server_registry *registry,
                                   const struct server_place *place);

/* Named once less; when nobody names it, the loops are told to let go of it (farewell.h), and names
 * are not looked up for it. Any thread. */
void server_unref(struct server_registry *registry, struct server *server);

/* What that loop counts of it, made where there is nothing yet. NULL: no memory. The loop alone. */
struct server_tally *server_tally_of(struct server *server, const void *loop);

/* How many connections are idle, and how often one was lent, on all loops. Any thread. */
unsigned server_idle(const struct server *server);
uint64_t server_lent(const struct server *server);

/* Nobody knows it any more. NULL is accepted. */
void server_free(struct server *server);

/* What it is called in a URL: its key without the scheme, without the port where it is that of the
 * scheme, and without the address that its name led to. */
struct slice server_authority(const struct server *server);

/* Its name; empty where it has none. */
struct slice server_name(const struct server *server);

/* What upstreams share over reloads (commons.h); goes with the registry. Any thread. */
struct commons_table *server_registry_commons(struct server_registry *registry);

/* Which servers have which sessions; goes with the registry. Any thread. */
struct session_table *server_registry_sessions(struct server_registry *registry);

/* How many servers there are, with those that nobody names and that are not yet gone. Any thread.
 */
uint32_t server_registry_count(struct server_registry *registry);

/* Times that its name has left an address: connections that were opened before are not for further
 * calls. Any thread. */
static inline unsigned server_moves(const struct server *server)
{
    return atomic_load_explicit(&server->moves, memory_order_acquire);
}

/* Whether that is one of its addresses now. Any thread. */
bool server_is_at(struct server_registry *registry, const struct server *server,
                  const struct address *address);

/* Copies the addresses to connect to, at most SERVER_ADDRESSES_MAX. Any thread. */
uint32_t server_addresses(struct server_registry *registry, const struct server *server,
                          struct address *ret_addresses);

/* What it chose last. Any thread. */
static inline enum server_chosen server_chosen(const struct server *server)
{
    return atomic_load_explicit(&server->chosen, memory_order_relaxed);
}

/* Whether it was offered HTTP/1.1 alone a short while ago, and refused. Any thread. */
static inline bool server_refuses_h1(const struct server *server, uint64_t now_ms)
{
    return atomic_load_explicit(&server->h2_until, memory_order_relaxed) > now_ms;
}

/* Until when it is passed over. Any thread. */
static inline uint64_t server_rests_until(const struct server *server)
{
    return atomic_load_explicit(&server->rests_until, memory_order_relaxed);
}

static inline bool server_rests(const struct server *server, uint64_t now_ms)
{
    return server_rests_until(server) > now_ms;
}

/* A number that changes when a server begins to rest, or stands otherwise in an upstream: what was
 * found out before holds while it is the same, until the first rest ends. Any thread. */
uint64_t server_registry_changes(const struct server_registry *registry);

/* Who sees the change sees what was written before. Any thread. */
void server_registry_change(struct server_registry *registry);

/* The server failed to accept: it rests, and its name is looked up again, at once where that was
 * not done a short while ago. Any thread. */
COLD void server_failed(struct server_registry *registry, struct server *server, uint64_t now_ms);

/* It rests from now on, though it can be reached. False: another loop has just said so. Any thread.
 */
bool server_rest(struct server_registry *registry, struct server *server, uint64_t now_ms,
                 uint64_t until_ms);

/* It answered so long after it was asked. Any thread. */
void server_answered(struct server *server, uint64_t microseconds, uint64_t now_ms);

/* How many microseconds its answer should take; 0: nothing is known. Any thread. */
uint32_t server_expected_time(const struct server *server, uint64_t now_ms);

/* How many microseconds its answers took when that was noted last, which may be long ago; 0: never.
 * Any thread. */
uint32_t server_latency(const struct server *server);

/* When that was, milliseconds that wrap. */
static inline uint32_t server_answered_at(const struct server *server)
{
    return latency_noted_at(atomic_load_explicit(&server->latency, memory_order_relaxed));
}

/* ---- the resolver: a few threads that look names up and never hold up a loop. A name is looked up
 * again when its time (TTL) is over, and where nobody tells that, every 30 s. */

/* Name servers that are asked from now on, and the system for what they do not know; without any
 * the system alone. Where they are others than before, all names are looked up anew. Any thread. */
void server_registry_ask(struct server_registry *registry, const struct dns_settings *settings);

/* What became of a look-up that changed something. Called on a resolver thread, and not any more
 * when the registry is freed. */
typedef void server_told_fn(void *context, const struct server *server, const char *problem);

/* False: no threads. `told` may be NULL. */
bool server_registry_start(struct server_registry *registry, server_told_fn *told, void *context);

/* Waits until every name was looked up once, `timeout_ms` at most. False: not all were. */
bool server_registry_wait(struct server_registry *registry, int timeout_ms);
