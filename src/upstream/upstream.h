/* Upstreams as a snapshot knows them: names, servers with their weights, settings. Immutable; the
 * servers themselves live in the registry (server.h). */
#pragma once

#include "conf/snapshot.h"
#include "net/timeouts.h"
#include "policy/balance.h"
#include "upstream/standing.h"

/* ---- as written: what `servers:` and `proxy:` read. */

struct server_setting {
    struct server_place place;
    bool is_added;           /* by command, and in no file */
    bool is_followed;        /* a name whose servers come and go: roster.h; itself no server */
    bool is_service;         /* by its SRV records */
    int64_t weight;          /* 1..1000 */
    int64_t priority;        /* 1..PRIORITY_BACKUP: those of the lowest are asked first */
    int64_t max_connections; /* calls and tunnels at once; 0: no limit */
    struct position position;
};

enum { PRIORITY_BACKUP = 100 }; /* of a backup, the last one */

enum { SERVER_CONNECTIONS_MAX = 1000 * 1000 };

enum { UPSTREAM_SERVERS_MAX = 65535 }; /* calls remember in 16 bits whom they tried */

struct server_list {
    struct server_setting *items;
    size_t count;
    struct slice authorities; /* of the system, in PEM, where a server is spoken to over TLS */
};

/* Reads one server or a list of them: texts or mappings {address, weight}. Its form is that of all
 * settings which it reads. */
#define SERVER_FORM                                                                                \
    "TEXT | {address: TEXT, dns: TEXT, srv: SWITCH, weight: 1..1000, priority: 1..100, "           \
    "backup: SWITCH, max_connections: 1..1000000}"
#define SERVER_LIST_FORM SERVER_FORM " | [" SERVER_FORM "]"
bool server_list_read(struct setting_reader *reader, const struct node *node, void *field);

struct assignment;
struct sticky_session;
struct commons;
struct queue_settings;
struct ejection_settings;
struct breaker_settings;
struct health_settings;
struct retry_settings;

struct upstream_settings {
    struct server_list servers;
    int balance;                 /* enum balance */
    const struct template *hash; /* by what BALANCE_HASH chooses */
    uint32_t hash_load_limit;    /* percent of a server's part of all calls; 0: none */
    uint32_t fallback_below;     /* percent of the servers of a priority; 0: none */
    int proxy_protocol;          /* the version of the header that begins a connection; 0: none */
    int64_t slow_start;          /* milliseconds until a server that comes has its share; 0: none */
    int64_t stream_window;       /* bytes of a response that a server of HTTP/2 may send ahead */
};

extern const struct setting_group upstream_group;

/* ---- as compiled. */

struct edition;
struct tls_server_context;

struct upstream_member {
    struct server *server;
    struct standing *standing; /* of the server in this upstream */
    int32_t weight;
    uint8_t priority;         /* the lowest goes first */
    bool is_added;            /* by command, while Weir runs */
    uint32_t max_connections; /* 0: no limit */
};

struct upstream {
    struct slice name;         /* for logs; the key of its first line where it has no name */
    uint64_t serial;           /* unique in the process: loops know by it that it is a new one */
    uint32_t index;            /* dense in its snapshot, from 0 */
    const struct scope *scope; /* its settings */
    const struct server_list *lines; /* its servers as they are written */
    const struct upstream *next;     /* of the snapshot's; NULL: the last */
    const struct ejection_settings *ejection;
    const struct health_settings *health;
    uint64_t slow_start;     /* milliseconds until a server that comes has its share; 0: none */
    unsigned proxy_protocol; /* version of the header that begins each connection; 0: none */
    uint32_t stream_window;  /* bytes of a response that a server of HTTP/2 may send ahead */
    struct tls_server_context *tls; /* NULL: no server is spoken to over TLS */
    struct commons *commons;        /* what its loops share */
    enum balance balance;
    const struct template *hash; /* what is hashed; BALANCE_HASH, or clients stick by it */
    uint32_t hash_load_limit; /* BALANCE_HASH: percent of a server's part of all calls; 0: none */
    const uint16_t *slots;    /* where keys lead, and there are several servers: rendezvous.h */
    const struct assignment *sticky;      /* the cookie that leads to a member; NULL: none does */
    const struct sticky_session *session; /* those of the application; NULL: not by them */
    /* For who finds all servers full; NULL: nobody waits. */
    const struct queue_settings *queue;
    const struct breaker_settings *breaker; /* NULL: all calls go through */
    /* What stands in its place; in one of these, itself (edition.h). NULL: nothing, its members are
     * those of its lines. */
    _Atomic(struct edition *) edition;
    bool is_led;            /* the request has a say in who is asked: `hash` or a cookie */
    bool is_limited;        /* a member has max_connections */
    bool is_judged;         /* each answer counts, not failures alone */
    bool is_following;      /* a line is a followed one */
    uint8_t first_priority; /* the lowest of its members */
    uint8_t fallback_below; /* percent of a priority that must be up, or the next one helps; 0: one
                               is enough */
    uint32_t count;         /* 0: nobody has come, or all have gone */
    struct upstream_member members[];
};

/* Whether its first member is the one to ask, whatever the question: it is the only one, and
 * neither how many calls it has nor how it stands is to be looked at. */
static inline bool upstream_has_no_choice(const struct upstream *upstream)
{
    return upstream->count == 1 && !upstream->is_limited &&
           !server_is_set_aside(upstream->members[0].server);
}

struct log_sinks;
struct tls_entrance;
struct tls_finding;
struct tls_maker;
struct stage;

/* What the parts of a snapshot refer to and do not own: what lives on, and what is built in. */
struct live {
    struct server_registry *servers;
    struct log_sinks *logs;            /* NULL: nothing is logged (weir check) */
    const struct stage *const *stages; /* in the order in which they run */
    uint32_t stage_count;
    struct tls_entrance *tls; /* what TLS connections of clients begin with; NULL: there are none */
    struct tls_maker *certificates; /* what earlier ones were served with; NULL: nothing was */
    bool is_lenient; /* the snapshot will serve: one bad certificate of many does not stop it */
    /* Is told a file of TLS that is not good, or not with another one. NULL: nobody is. */
    void (*note_bad_file)(struct live *live, struct slice path);
};

/* Tells it, where somebody is to be told; the path is empty where no file was named. */
static inline void live_note_bad_file(struct live *live, struct slice path)
{
    if (live->note_bad_file && path.length > 0)
        live->note_bad_file(live, path);
}

struct upstream_table;

extern const struct snapshot_part upstream_part;

/* The first one; `next` leads to the others, also to those without a name. NULL: there is none. */
const struct upstream *upstream_first(const struct upstream_table *table);

/* The upstream of that name, or NULL. */
const struct upstream *upstream_find(const struct upstream_table *table, struct slice name);

/* What is to be told of certificates and authorities towards servers while it is served; NULL:
 * there are none. */
const struct tls_finding *upstream_findings(const struct upstream_table *table);

/* Swaps of lists that the loops have not heard of yet (edition.h). The control loop. */
struct list *upstream_swaps(struct upstream_table *table);

/* An upstream without a name, made from a list that stands in `proxy`; freed with the table. NULL:
 * it cannot be what the defaults of upstreams ask for, which was told, or there is no memory. Only
 * while the snapshot is built. */
const struct upstream *upstream_from_list(struct upstream_table *table,
                                          const struct snapshot *snapshot,
                                          const struct server_list *list,
                                          struct diagnostics *diagnostics);

/* The timeouts of calls from a route to an upstream: what site and route write goes before what the
 * upstream says, and that before what holds for everybody. */
struct timeouts upstream_timeouts(const struct configuration *configuration,
                                  const struct scope *route, const struct upstream *upstream);

/* The same of retries; their budget is the upstream's alone. */
struct retry_settings upstream_retry(const struct configuration *configuration,
                                     const struct scope *route, const struct upstream *upstream);
