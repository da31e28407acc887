/* Sessions of applications: which server has made the one that a cookie names. What servers set is
 * remembered, for at most SESSIONS_MAX sessions; of more, those that were asked for least recently
 * are forgotten. A table that all loops share, outside of every snapshot; without locks: what two
 * threads write to one entry at once is no entry. Any thread. */
#pragma once

#include "base/slice.h"

struct session_table;

enum {
    SESSIONS_MAX = 1 << 16, /* a MiB */
    SESSION_ENTRIES = 4,    /* among which one is forgotten for another */
};

#define SESSION_UNKNOWN UINT32_MAX

/* NULL: no memory. */
struct session_table *session_table_new(void);

/* No loop may use it any more; NULL is accepted. */
void session_table_free(struct session_table *table);

/* The serial of the server that has the session; SESSION_UNKNOWN: nobody is known to. `key`: a hash
 * of the cookie's value that nobody can foretell. `now_ms`: of the loop. */
uint32_t session_find(struct session_table *table, uint64_t key, uint64_t now_ms);

/* It is that server that has it from now on. */
void session_learn(struct session_table *table, uint64_t key, uint32_t server, uint64_t now_ms);
