/* `sticky`: clients stay with the server that they were given to. By a cookie of ours
 * (assignment.h), by the session cookie of the application (session.h), or by what the request has
 * of the client's, hashed (policy/rendezvous.h). */
#pragma once

#include "policy/hash_index.h"
#include "upstream/assignment.h"
#include "upstream/upstream.h"

struct sticky_settings {
    struct assignment_settings assignment;
    struct slice session_cookie; /* empty: none */
    const struct template *by;   /* NULL: by a cookie, or not at all */
};

/* The session cookie of an upstream, compiled. */
struct session_cookie {
    struct slice name;
    uint64_t seed; /* of hashes of its values */
    struct session_table *table;
    struct hash_index members; /* by the ids of their servers */
};

/* NULL: no memory. */
struct session_cookie *session_cookie_new(struct arena *arena, const struct upstream *upstream,
                                          struct server_registry *servers, struct slice name);

/* What is known of a session by the value of its cookie: the member of the upstream that has made
 * it; -1: none is known. */
int session_cookie_find(const struct upstream *upstream, struct slice value, uint64_t now_ms);

/* It is that member that has it. */
void session_cookie_learn(const struct upstream *upstream, struct slice value, uint32_t member,
                          uint64_t now_ms);

extern const struct setting_group sticky_group;
