/* What names that are followed lead to. */
#include "base/assert.h"
#include "upstream/roster_int.h"

#include <stdlib.h>

static void free_answer(struct answer *answer)
{
    list_remove(&answer->link);
    arena_fini(&answer->arena);
    free(answer);
}

void roster_free_answers(struct roster *roster)
{
    LIST_EACH_SAFE (link, &roster->answers)
        free_answer(CONTAINER_OF(link, struct answer, link));
}

const struct answer *roster_find_answer(const struct roster *roster, struct slice key)
{
    LIST_EACH (link, &roster->answers) {
        struct answer *answer = CONTAINER_OF(link, struct answer, link);
        if (slice_equal(answer->key, key))
            return answer;
    }
    return NULL;
}

void roster_each_followed(const struct upstream_table *table,
                          void (*told)(void *context, const struct server_setting *line),
                          void *context)
{
    for (const struct upstream *upstream = upstream_first(table); upstream;
         upstream = upstream->next) {
        for (size_t i = 0; upstream->is_following && i < upstream->lines->count; i++) {
            if (upstream->lines->items[i].is_followed)
                told(context, &upstream->lines->items[i]);
        }
    }
}

static void note_asked(void *context, const struct server_setting *line)
{
    struct answer *answer =
        (struct answer *)(uintptr_t)roster_find_answer(context, line->place.key);
    if (answer)
        answer->is_asked = true;
}

void roster_drop_answers(struct roster *roster, const struct snapshot *snapshot)
{
    LIST_EACH (link, &roster->answers)
        CONTAINER_OF(link, struct answer, link)->is_asked = false;
    roster_each_followed(roster_table(snapshot), note_asked, roster);
    LIST_EACH_SAFE (link, &roster->answers) {
        struct answer *answer = CONTAINER_OF(link, struct answer, link);
        if (!answer->is_asked)
            free_answer(answer);
    }
}

static struct answer *answer_new(struct slice key, const struct roster_answer *items, size_t count)
{
    struct answer *answer = calloc(1, sizeof(*answer));
    if (!answer)
        return NULL;
    arena_init(&answer->arena, NULL, SIZE_MAX / 2);
    list_init(&answer->link);
    answer->key = arena_copy(&answer->arena, key);
    answer->items = ARENA_ARRAY(&answer->arena, struct roster_answer, count > 0 ? count : 1);
    bool good = answer->key.data && answer->items;
    for (; good && answer->count < count; answer->count++) {
        struct roster_answer *copy = &answer->items[answer->count];
        *copy = items[answer->count];
        good = roster_copy_place(&answer->arena, &copy->place, &items[answer->count].place);
    }
    if (good)
        return answer;
    free_answer(answer);
    return NULL;
}

static bool is_same_answer(const struct answer *answer, const struct roster_answer *items,
                           size_t count)
{
    bool same = answer && answer->count == count;
    for (size_t i = 0; same && i < count; i++) {
        const struct roster_answer *item = &answer->items[i];
        same = slice_equal(item->place.key, items[i].place.key) &&
               item->weight == items[i].weight && item->priority == items[i].priority;
    }
    return same;
}

static bool follows(const struct upstream *upstream, struct slice key)
{
    for (size_t i = 0; upstream->is_following && i < upstream->lines->count; i++) {
        const struct server_setting *line = &upstream->lines->items[i];
        if (line->is_followed && slice_equal(line->place.key, key))
            return true;
    }
    return false;
}

static bool swap_followers(struct roster *roster, struct slice key)
{
    bool good = true;
    const struct upstream *upstream =
        roster->snapshot ? upstream_first(roster_table(roster->snapshot)) : NULL;
    for (; good && upstream; upstream = upstream->next) {
        if (follows(upstream, key))
            good = roster_swap_served(roster, upstream);
    }
    return good;
}

bool roster_answer(struct roster *roster, struct slice key, const struct roster_answer *items,
                   size_t count)
{
    ASSERT(count <= ROSTER_ANSWERS_MAX);
    struct answer *before = (struct answer *)(uintptr_t)roster_find_answer(roster, key);
    if (is_same_answer(before, items, count))
        return true;
    struct answer *answer = answer_new(key, items, count);
    if (!answer)
        return false;
    list_push_front(&roster->answers, &answer->link); /* found before the one before */
    if (swap_followers(roster, key)) {
        if (before)
            free_answer(before);
        return true;
    }
    free_answer(answer);
    return false;
}
