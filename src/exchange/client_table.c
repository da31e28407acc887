#include "exchange/client_table.h"

#include "base/assert.h"
#include "base/list.h"
#include "sys/clock.h"
#include "sys/thread.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SHARDS = 16, BUCKETS = 1024 };

struct entry {
    struct list link;
    struct ip ip;
    uint64_t count;
};

struct shard {
    struct sys_lock *lock;
    struct list buckets[BUCKETS];
};

struct client_table {
    atomic_uint_least64_t count;
    uint64_t seed; /* a secret, so that nobody can choose addresses of one bucket */
    struct shard shards[SHARDS];
};

struct client_table *client_table_new(void)
{
    struct client_table *table = calloc(1, sizeof(*table));
    if (!table)
        return NULL;
    sys_random(&table->seed, sizeof(table->seed));
    for (int i = 0; i < SHARDS; i++) {
        table->shards[i].lock = sys_lock_new();
        if (!table->shards[i].lock) {
            client_table_free(table);
            return NULL;
        }
        for (int b = 0; b < BUCKETS; b++)
            list_init(&table->shards[i].buckets[b]);
    }
    return table;
}

void client_table_free(struct client_table *table)
{
    if (!table)
        return;
    for (int i = 0; i < SHARDS; i++)
        sys_lock_free(table->shards[i].lock);
    free(table);
}

static struct list *bucket_of(struct client_table *table, const struct ip *ip,
                              struct shard **ret_shard)
{
    uint64_t hash = slice_hash(slice_of((const char *)ip->bytes, sizeof(ip->bytes)), table->seed);
    *ret_shard = &table->shards[hash % SHARDS];
    return &(*ret_shard)->buckets[hash / SHARDS % BUCKETS];
}

static struct entry *find(struct list *bucket, const struct ip *ip)
{
    LIST_EACH (link, bucket) {
        struct entry *entry = CONTAINER_OF(link, struct entry, link);
        if (ip_equal(&entry->ip, ip))
            return entry;
    }
    return NULL;
}

static bool count_one(struct list *bucket, const struct ip *ip, uint64_t limit)
{
    ASSERT(limit > 0);
    struct entry *entry = find(bucket, ip);
    if (!entry) {
        entry = calloc(1, sizeof(*entry));
        if (!entry)
            return false;
        entry->ip = *ip;
        list_push_front(bucket, &entry->link);
    }
    if (entry->count >= limit)
        return false;
    entry->count++;
    return true;
}

static bool enter_client(struct client_table *table, const struct ip *ip, uint64_t limit)
{
    struct shard *shard = NULL;
    struct list *bucket = bucket_of(table, ip, &shard);
    sys_lock_take(shard->lock);
    bool entered = count_one(bucket, ip, limit);
    sys_lock_release(shard->lock);
    return entered;
}

enum client_entry client_table_enter(struct client_table *table, const struct ip *ip,
                                     uint64_t limit_all, uint64_t limit_per_client)
{
    uint64_t count = atomic_fetch_add_explicit(&table->count, 1, memory_order_relaxed) + 1;
    bool fits = limit_all == 0 || count <= limit_all;
    if (fits && (limit_per_client == 0 || enter_client(table, ip, limit_per_client)))
        return CLIENT_ENTRY_GRANTED;
    atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
    return fits ? CLIENT_ENTRY_ABOVE_PER_CLIENT : CLIENT_ENTRY_ABOVE_ALL;
}

static void leave_client(struct client_table *table, const struct ip *ip)
{
    struct shard *shard = NULL;
    struct list *bucket = bucket_of(table, ip, &shard);
    sys_lock_take(shard->lock);
    struct entry *entry = find(bucket, ip);
    ASSERT(entry && entry->count > 0);
    if (--entry->count == 0) {
        list_remove(&entry->link);
        free(entry);
    }
    sys_lock_release(shard->lock);
}

void client_table_leave(struct client_table *table, const struct ip *ip, uint64_t limit_per_client)
{
    if (limit_per_client > 0)
        leave_client(table, ip);
    uint64_t before = atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
    ASSERT(before > 0);
}

uint64_t client_table_count(const struct client_table *table)
{
    return atomic_load_explicit(&table->count, memory_order_relaxed);
}
