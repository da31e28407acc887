#include "policy/balance.h"

#include "base/assert.h"

const char *const balance_names[] = {
    [BALANCE_ROUND_ROBIN] = "round_robin",
    [BALANCE_LEAST_CONNECTIONS] = "least_connections",
    [BALANCE_LEAST_TIME] = "least_time",
    [BALANCE_RANDOM] = "random",
    [BALANCE_HASH] = "hash",
    [BALANCE_FIRST] = "first",
    NULL,
};

void balance_list_add(struct balance_list *list, uint32_t member, uint32_t weight)
{
    ASSERT(weight >= 1 && weight <= BALANCE_WEIGHT_MAX);
    list->servers[list->count++] = (struct balance_server){member, weight, list->weight};
    list->weight += weight;
}

/* ---- in turn
 *
 * Smooth weighted round robin gives every server its weight with each question, and the one that
 * has most then pays what all were given. So after n questions a server of weight w that was asked
 * k times has w * n - k * W, where W is the weight of all: who was asked less often has more, and
 * servers of one weight come round in their order. It is enough to look at the next one of each
 * weight. After W questions everybody has nothing again. */

/* A counting sort: servers of one weight stay in their order. */
static void sort_by_weight(struct balance_turns *turns, const struct balance_list *list)
{
    uint32_t starts[BALANCE_WEIGHT_MAX + 2] = {0};
    for (uint32_t i = 0; i < list->count; i++)
        starts[list->servers[i].weight + 1]++;
    for (uint32_t weight = 1; weight < BALANCE_WEIGHT_MAX + 2; weight++)
        starts[weight] += starts[weight - 1];
    for (uint32_t i = 0; i < list->count; i++)
        turns->order[starts[list->servers[i].weight]++] = i;
}

static void make_groups(struct balance_turns *turns, const struct balance_list *list)
{
    turns->group_count = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        int64_t weight = list->servers[turns->order[i]].weight;
        struct balance_group *last = &turns->groups[turns->group_count - 1];
        if (turns->group_count > 0 && last->weight == weight)
            last->count++;
        else
            turns->groups[turns->group_count++] =
                (struct balance_group){.weight = weight, .first = i, .count = 1};
    }
    ASSERT(turns->group_count <= balance_turns_groups(list->count));
}

static void begin_period(struct balance_turns *turns)
{
    turns->questions = 0;
    for (uint32_t i = 0; i < turns->group_count; i++)
        turns->groups[i].rounds = turns->groups[i].next = 0;
}

uint32_t balance_turns_next(struct balance_turns *turns)
{
    ASSERT(turns->group_count > 0);
    struct balance_group *chosen = NULL;
    int64_t most = INT64_MIN;
    uint32_t chosen_place = 0;
    turns->questions++;
    for (uint32_t i = 0; i < turns->group_count; i++) {
        struct balance_group *group = &turns->groups[i];
        int64_t has = group->weight * turns->questions - group->rounds * turns->weight;
        uint32_t place = turns->order[group->first + group->next];
        if (has < most || (has == most && place > chosen_place))
            continue;
        chosen = group;
        most = has;
        chosen_place = place;
    }
    if (++chosen->next == chosen->count) {
        chosen->next = 0;
        chosen->rounds++;
    }
    if (turns->questions == turns->weight)
        begin_period(turns);
    return chosen_place;
}

/* Each group has had the whole questions of its part; those that are over, fewer than there are
 * groups, are asked. Were they left out, the first period would be too short for somebody. */
void balance_turns_begin(struct balance_turns *turns, const struct balance_list *list,
                         uint64_t phase)
{
    ASSERT(list->count > 0);
    sort_by_weight(turns, list);
    make_groups(turns, list);
    turns->weight = list->weight;
    turns->questions = 0;
    int64_t begun = (int64_t)(phase % list->weight);
    for (uint32_t i = 0; i < turns->group_count; i++) {
        struct balance_group *group = &turns->groups[i];
        int64_t asked = group->count * group->weight * begun / turns->weight;
        group->rounds = asked / group->count;
        group->next = (uint32_t)(asked % group->count);
        turns->questions += asked;
    }
    while (turns->questions < begun)
        (void)balance_turns_next(turns);
}

/* ---- by load */

/* Whether a goes before b. Loads over weights are compared without dividing. */
static bool goes_first(const struct balance_candidate *a, const struct balance_candidate *b)
{
    ASSERT(a->load <= BALANCE_LOAD_MAX && a->weight >= 1 && a->weight <= BALANCE_WEIGHT_MAX);
    uint64_t of_a = a->load * b->weight, of_b = b->load * a->weight;
    return of_a != of_b ? of_a < of_b : a->turn < b->turn;
}

uint32_t balance_least(const struct balance_candidate *candidates, uint32_t count)
{
    ASSERT(count > 0);
    const struct balance_candidate *least = &candidates[0];
    for (uint32_t i = 1; i < count; i++) {
        if (goes_first(&candidates[i], least))
            least = &candidates[i];
    }
    return least->place;
}

/* ---- by chance */

/* The server whose weights lie around that number. */
static uint32_t find_place(const struct balance_list *list, uint32_t number)
{
    ASSERT(number < list->weight);
    uint32_t low = 0, high = list->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (list->servers[middle].before <= number)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint32_t balance_draw(const struct balance_list *list, uint64_t chance)
{
    return find_place(list, balance_below(list->weight, chance));
}

uint32_t balance_draw_other(const struct balance_list *list, uint32_t place, uint64_t chance)
{
    ASSERT(list->count > 1 && place < list->count);
    const struct balance_server *left_out = &list->servers[place];
    uint32_t number = balance_below(list->weight - left_out->weight, chance);
    if (number >= left_out->before)
        number += left_out->weight;
    return find_place(list, number);
}
