/* `sticky`: clients stay with the server that they were given to. By a cookie of ours
 * (assignment.h), by what the application knows its sessions by (session.h), a cookie or a header,
 * or by what the request has of the client's, hashed (policy/rendezvous.h). */
#pragma once

#include "http/message.h"
#include "policy/hash_index.h"
#include "upstream/assignment.h"
#include "upstream/upstream.h"

struct sticky_settings {
    struct assignment_settings assignment;
    struct slice session_cookie, session_header; /* empty: none */
    const struct template *by;                   /* NULL: by a cookie, or not at all */
};

/* By what the application of an upstream knows its sessions, compiled. */
struct sticky_session {
    struct slice name; /* of the cookie, or of the header */
    bool is_header;
    uint64_t seed; /* of hashes of its values */
    struct session_table *table;
    struct hash_index members; /* by the ids of their servers */
};

static inline bool sticky_knows_sessions(const struct sticky_settings *settings)
{
    return settings->session_cookie.length > 0 || settings->session_header.length > 0;
}

/* NULL: no memory. */
struct sticky_session *sticky_session_new(struct arena *arena, const struct upstream *upstream,
                                          struct server_registry *servers,
                                          const struct sticky_settings *settings);

/* The value by which the fields of a request show their session. False: they show none. */
bool sticky_session_shown(const struct upstream *upstream, const struct fields *fields,
                          struct slice *ret_value);

/* The next session that the fields of an answer set, from `*at` on, which begins with 0. False:
 * there is none any more. */
bool sticky_session_set(const struct upstream *upstream, const struct fields *fields, uint32_t *at,
                        struct slice *ret_value);

/* What is known of a session by its value: the member of the upstream that has it; -1: none is
 * known. */
int sticky_session_find(const struct upstream *upstream, struct slice value, uint64_t now_ms);

/* It is that member that has it. */
void sticky_session_learn(const struct upstream *upstream, struct slice value, uint32_t member,
                          uint64_t now_ms);

extern const struct setting_group sticky_group;
