/* What server.c and standing.c share. */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "tls/tls_mac.h"
#include "upstream/server.h"

enum { RESOLVERS = 4 };

struct server_registry {
    struct sys_lock *lock;
    struct arena arena; /* keys and hosts */
    struct map by_key;
    struct server **servers;
    uint32_t count, capacity;
    _Atomic uint64_t changes; /* of rests and of standings */
    struct tls_mac key;
    struct commons_table *commons;
    struct session_table *sessions;
    struct sys_thread *resolvers[RESOLVERS];
    server_told_fn *told;
    void *context;
    bool stopping;
};

/* Of one server, from the newest on. */
void standings_free(struct standing *standing);
