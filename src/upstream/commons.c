#include "upstream/commons.h"

#include "base/arena.h"
#include "base/map.h"

#include <stdlib.h>

struct commons_table {
    struct sys_lock *lock;
    struct arena arena; /* keys */
    struct map by_key;
    uint64_t tickets; /* behind the lock: queues may wait for the same server */
};

struct commons_table *commons_table_new(void)
{
    struct commons_table *table = calloc(1, sizeof(*table));
    if (!table)
        return NULL;
    table->lock = sys_lock_new();
    arena_init(&table->arena, NULL, SIZE_MAX / 2);
    map_init(&table->by_key);
    if (table->lock)
        return table;
    commons_table_free(table);
    return NULL;
}

static void free_commons(struct commons *commons)
{
    struct list *link;
    while ((link = list_pop_front(&commons->links)))
        free(CONTAINER_OF(link, struct queue_link, of_commons));
    free(commons);
}

void commons_table_free(struct commons_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->by_key.capacity; i++) {
        if (table->by_key.entries[i].value)
            free_commons(table->by_key.entries[i].value);
    }
    map_fini(&table->by_key);
    arena_fini(&table->arena);
    if (table->lock)
        sys_lock_free(table->lock);
    free(table);
}

static struct commons *add(struct commons_table *table, struct slice key)
{
    struct commons *commons = calloc(1, sizeof(*commons));
    if (!commons)
        return NULL;
    commons->lock = table->lock;
    commons->tickets = &table->tickets;
    list_init(&commons->waiters);
    list_init(&commons->links);
    commons->key = arena_copy(&table->arena, key);
    if (commons->key.data && map_set(&table->by_key, commons->key, commons))
        return commons;
    free(commons);
    return NULL;
}

struct commons *commons_get(struct commons_table *table, struct slice key)
{
    sys_lock_take(table->lock);
    struct commons *commons = map_get(&table->by_key, key);
    if (!commons)
        commons = add(table, key);
    sys_lock_release(table->lock);
    return commons;
}

struct queue_link *commons_link_new(struct commons *commons)
{
    struct queue_link *link = calloc(1, sizeof(*link));
    if (!link)
        return NULL;
    link->commons = commons;
    list_push_back(&commons->links, &link->of_commons);
    return link;
}

/* ---- the budget of retries */

void commons_earn_retry(struct commons *commons, const struct retry_settings *settings,
                        uint64_t now_ms)
{
    uint64_t before = atomic_load_explicit(&commons->retry_budget, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&commons->retry_budget, &before,
                                                  retry_budget_earn(before, settings, now_ms),
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
}

static bool spend(struct commons *commons, const struct retry_settings *settings, uint64_t now_ms)
{
    uint64_t before = atomic_load_explicit(&commons->retry_budget, memory_order_relaxed), after;
    bool good;
    do {
        good = retry_budget_spend(before, settings, now_ms, &after);
    } while (!atomic_compare_exchange_weak_explicit(&commons->retry_budget, &before, after,
                                                    memory_order_relaxed, memory_order_relaxed));
    return good;
}

bool commons_spend_retry(struct commons *commons, const struct retry_settings *settings,
                         uint64_t now_ms)
{
    bool good = spend(commons, settings, now_ms);
    atomic_fetch_add_explicit(good ? &commons->retries : &commons->retries_refused, 1,
                              memory_order_relaxed);
    return good;
}

bool commons_spend_hedge(struct commons *commons, const struct retry_settings *settings,
                         uint64_t now_ms)
{
    bool good = spend(commons, settings, now_ms);
    if (!good)
        atomic_fetch_add_explicit(&commons->hedges_refused, 1, memory_order_relaxed);
    return good;
}

void commons_note_hedge(struct commons *commons, bool was_asked)
{
    if (was_asked) {
        atomic_fetch_add_explicit(&commons->hedges, 1, memory_order_relaxed);
        return;
    }
    uint64_t before = atomic_load_explicit(&commons->retry_budget, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&commons->retry_budget, &before,
                                                  retry_budget_return(before), memory_order_relaxed,
                                                  memory_order_relaxed))
        continue;
}
