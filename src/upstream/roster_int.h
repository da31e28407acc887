/* What roster.c, roster_change.c, roster_answer.c and lineup.c share. */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "upstream/roster.h"

/* A server that was added by command. */
struct addition {
    struct list link;
    struct arena arena; /* the texts of the setting */
    struct server_setting setting;
};

/* One that was removed; of lines alone. */
struct removal {
    struct list link;
    struct slice key; /* behind it */
};

/* What was changed of an upstream. */
struct roster_change {
    struct list link;
    struct slice upstream; /* its name, behind it */
    struct list additions, removals;
    size_t addition_count, removal_count;
    bool holds; /* also in the snapshot that comes */
};

/* What a followed line leads to. */
struct answer {
    struct list link;
    struct arena arena;
    struct slice key;
    struct roster_answer *items;
    size_t count;
    bool is_asked; /* by a line of the snapshot that was taken last */
};

struct roster {
    struct server_registry *servers;
    const struct lending_circle *circle;
    struct health *health;
    const struct snapshot *snapshot; /* that is served; NULL: none yet */
    struct list changes, answers;
};

static inline struct upstream_table *roster_table(const struct snapshot *snapshot)
{
    return snapshot_get(snapshot, &upstream_part);
}

/* An upstream of the snapshot that is served gets an edition with those who belong to it, where
 * that are others than it has. False: no memory, and nothing has changed. */
bool roster_swap_served(struct roster *roster, const struct upstream *upstream);

/* With its texts. False: no memory. */
bool roster_copy_place(struct arena *arena, struct server_place *ret_place,
                       const struct server_place *place);

/* ---- roster_change.c */

struct roster_change *roster_find_change(const struct roster *roster,
                                         const struct upstream *upstream);

/* Which of them hold in the snapshot that comes. */
void roster_compare_changes(struct roster *roster, const struct snapshot *snapshot);

/* Those that do not, which is told. */
void roster_drop_changes(struct roster *roster);
void roster_free_changes(struct roster *roster);

/* ---- roster_answer.c */

const struct answer *roster_find_answer(const struct roster *roster, struct slice key);

/* Those for which no line of the snapshot asks. */
void roster_drop_answers(struct roster *roster, const struct snapshot *snapshot);
void roster_free_answers(struct roster *roster);

/* ---- lineup.c */

/* Who belongs to an upstream, in order. */
struct lineup {
    struct arena arena;
    struct map seen;
    const struct upstream *upstream;
    const struct roster_change *change; /* NULL: none */
    const struct server_setting **items;
    size_t count, capacity;
    size_t unfit; /* that are left out */
    const struct server_setting *first_unfit;
    const char *why_unfit;
    bool no_memory;
};

/* Gathers them, for a snapshot that is served or one that comes. False: no memory; there is nothing
 * to free then. */
bool lineup_init(struct lineup *lineup, const struct roster *roster,
                 const struct upstream *upstream, bool is_served);
void lineup_fini(struct lineup *lineup);

/* Whether these are the members of the upstream as it is. */
bool lineup_is(const struct lineup *lineup, const struct upstream *upstream);

/* Why the server cannot be a member beside `count` others; NULL: it can. */
const char *lineup_obstacle(const struct upstream *upstream, const struct server_place *place,
                            size_t count);
