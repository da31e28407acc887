/* Who belongs to each upstream now: the lines of the configuration, where those that are followed
 * stand for the servers that their names lead to; without those that were removed, and with those
 * that were added by command. Where that is another list than the one of the lines, upstreams are
 * swapped for editions that have it (edition.h). Outlives snapshots: a snapshot that comes has its
 * editions before any loop knows it. The control loop. */
#pragma once

#include "upstream/upstream.h"

struct health;
struct lending_circle;
struct roster;

enum {
    ROSTER_CHANGES_MAX = 256, /* added and removed ones of an upstream, each */
    ROSTER_ANSWERS_MAX = 64,  /* servers of a followed line */
};

/* All must outlive it. NULL: no memory. */
struct roster *roster_new(struct server_registry *servers, const struct lending_circle *circle);

/* NULL is accepted. */
void roster_free(struct roster *roster);

/* Who is told of swapped lists; NULL: nobody any more. */
void roster_tell(struct roster *roster, struct health *health);

/* ---- snapshots */

/* A snapshot that no loop knows yet gets its editions. False: no memory. */
bool roster_prepare(struct roster *roster, const struct snapshot *snapshot);

/* It is the one that is served, from now on until the next one is. What was added to or removed
 * from an upstream of which it says something else holds no more, which is told. */
void roster_take(struct roster *roster, const struct snapshot *snapshot);

/* Now and then: editions that nobody uses any more go. */
void roster_tidy(struct roster *roster);

/* ---- what is changed by command */

enum roster_outcome {
    ROSTER_DONE,
    ROSTER_NO_MEMORY,
    ROSTER_NAMELESS, /* an upstream without a name cannot be found again in another snapshot */
    ROSTER_IS_THERE, /* the server is a member already */
    ROSTER_IS_ABSENT,
    ROSTER_IS_FULL, /* of changes */
    ROSTER_UNFIT,   /* the settings of the upstream do not bear it; `*ret_why` says what not */
};

/* A server becomes a member of the upstream, one of the snapshot that is served. What the setting
 * holds is copied; it is no followed line. */
enum roster_outcome roster_add(struct roster *roster, const struct upstream *upstream,
                               const struct server_setting *setting, const char **ret_why);

/* It is one no more. */
enum roster_outcome roster_remove(struct roster *roster, const struct upstream *upstream,
                                  struct slice key);

/* ---- names that are followed */

/* A server to which a followed line leads. */
struct roster_answer {
    struct server_place place; /* with a key of its own, and an address */
    uint32_t weight;           /* 1..1000; 0: that of the line */
    uint8_t priority;          /* 1..PRIORITY_BACKUP; 0: that of the line */
};

/* What lines with that key lead to from now on, ROSTER_ANSWERS_MAX at most: copied, and kept as
 * long as the snapshot that is served has such a line, or until the next one is taken. The same as
 * before changes nothing. False: no memory; not all upstreams have it, so give it again. */
bool roster_answer(struct roster *roster, struct slice key, const struct roster_answer *items,
                   size_t count);

/* Calls `told` for each followed line of the table, also for lines of the same key. */
void roster_each_followed(const struct upstream_table *table,
                          void (*told)(void *context, const struct server_setting *line),
                          void *context);
