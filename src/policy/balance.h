/* Which server of an upstream is asked next. Pure: chance, time and the loads are arguments. What a
 * way of balancing remembers belongs to one loop. No question takes longer because there are more
 * servers; only a new list does, and that is made when one comes or goes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BALANCE_WEIGHT_MAX = 1000,
    BALANCE_EXACT_MAX = 64, /* up to here all are compared; beyond, only a sample */
    BALANCE_SAMPLE = 16,
};

/* The ways, in the order in which the setting names them. */
enum balance {
    BALANCE_ROUND_ROBIN,
    BALANCE_LEAST_CONNECTIONS,
    BALANCE_LEAST_TIME,
    BALANCE_RANDOM,
    BALANCE_HASH,
    BALANCE_FIRST,
};

/* How the setting names them; ends with NULL. */
extern const char *const balance_names[];

/* Whether the weights of the moment decide: hash has spread its keys by those that are written, and
 * first knows none. */
static inline bool balance_takes_weights(enum balance balance)
{
    return balance != BALANCE_HASH && balance != BALANCE_FIRST;
}

/* One server that may be asked. */
struct balance_server {
    uint32_t member; /* what the caller knows it by */
    uint32_t weight; /* 1..BALANCE_WEIGHT_MAX */
    uint32_t before; /* the weights of all that stand before it */
};

/* Those that may be asked, in the order of the configuration. A *place* is an index in it. */
struct balance_list {
    struct balance_server *servers; /* the caller's memory */
    uint32_t count;
    uint32_t weight; /* of all together */
};

static inline void balance_list_clear(struct balance_list *list)
{
    list->count = list->weight = 0;
}

void balance_list_add(struct balance_list *list, uint32_t member, uint32_t weight);

/* ---- in turn: smooth weighted round robin. Weights 5,1,1 give a a b a c a a. */

/* Servers of one weight come in turn among themselves, so only weights are compared, not servers.
 */
struct balance_group {
    int64_t weight;
    int64_t rounds;        /* how often all of them were asked */
    uint32_t first, count; /* in `order` */
    uint32_t next;         /* below `count` */
};

struct balance_turns {
    uint32_t *order;              /* places, by weight; room for every server */
    struct balance_group *groups; /* room for each weight: balance_turns_groups */
    uint32_t group_count;
    int64_t weight;    /* of all together */
    int64_t questions; /* in this period, of `weight` questions */
};

/* How many groups `count` servers may need. */
static inline uint32_t balance_turns_groups(uint32_t count)
{
    return count < BALANCE_WEIGHT_MAX ? count : BALANCE_WEIGHT_MAX;
}

/* Begins with a list that is not empty: with `phase` 0 at its beginning; any other number begins
 * somewhere in the middle, so that lists that change often do not favour who stands first. What is
 * left of that period gives everybody what he has not had. O(number of servers, and the square of
 * that of different weights). */
void balance_turns_begin(struct balance_turns *turns, const struct balance_list *list,
                         uint64_t phase);

/* The place of the next one. O(number of different weights). */
uint32_t balance_turns_next(struct balance_turns *turns);

/* ---- by load */

struct balance_candidate {
    uint32_t place;
    uint32_t weight;
    uint64_t load; /* of whatever unit; at most BALANCE_LOAD_MAX */
    uint64_t turn; /* among equals the lowest goes first */
};

#define BALANCE_LOAD_MAX ((uint64_t)1 << 53)

/* The place of the one with the least load for its weight. `count` is not 0. */
uint32_t balance_least(const struct balance_candidate *candidates, uint32_t count);

/* What a turn costs who has it: the more weight, the less. */
static inline uint64_t balance_turn_cost(uint32_t weight)
{
    return ((uint64_t)1 << 20) / weight;
}

/* ---- by chance: any 64 random bits */

/* A place; each as often as its weight says. O(log count). */
uint32_t balance_draw(const struct balance_list *list, uint64_t chance);

/* The same, but not that place. There are at least two. */
uint32_t balance_draw_other(const struct balance_list *list, uint32_t place, uint64_t chance);

/* A number below `limit`. */
static inline uint32_t balance_below(uint32_t limit, uint64_t chance)
{
    return (uint32_t)(((chance >> 32) * limit) >> 32);
}
