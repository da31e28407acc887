/* What server.c, server_names.c, standing.c and farewell.c share. */
#pragma once

#include "base/map.h"
#include "tls/tls_mac.h"
#include "upstream/server.h"

struct server_resolvers;

struct server_registry {
    struct sys_lock *lock; /* of `resolvers` */
    struct map by_key;
    struct server **servers;  /* by id; NULL: gone */
    uint32_t count, capacity; /* of `servers` and of `free_ids` */
    uint32_t *free_ids;       /* of those that are gone */
    uint32_t free_count;
    uint32_t next_serial;
    struct list unnamed;      /* servers that nobody names */
    struct list farewells;    /* under way; the control loop's own */
    _Atomic uint64_t changes; /* of rests and of standings */
    struct tls_mac key;
    struct commons_table *commons;
    struct session_table *sessions;
    struct server_resolvers *resolvers;
    struct dns_settings name_servers;
    uint64_t asked; /* times that they changed */
    server_told_fn *told;
    void *context;
};

/* The lock of a registry, and the threads that look names up for it, which are not started yet.
 * NULL: no memory. */
struct server_resolvers *server_resolvers_new(struct server_registry *registry);
struct sys_lock *server_resolvers_lock(struct server_resolvers *resolvers);

/* None of them touches the registry or calls `told` from now on, and the lock may be gone. Waits
 * for nobody who is asked: such threads end when they are answered, or with the process. NULL is
 * accepted. */
void server_resolvers_stop(struct server_resolvers *resolvers);

/* The server whose name has been due longest, or NULL; `*ret_wait` is then how long until one is
 * due, -1 for none. The lock is held. */
struct server *server_next_due(const struct server_registry *registry, uint64_t now_ms,
                               int *ret_wait);

/* It has failed: its name is looked up again at once, or as soon as may be. */
COLD void server_look_up_soon(struct server_registry *registry, struct server *server,
                              uint64_t now_ms);

/* Of one server, from the newest on. */
void standings_free(struct standing *standing);

/* Those that are under way; no loop has one any more. */
void farewells_free(struct list *farewells);
