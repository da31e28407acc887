#include "upstream/session.h"

#include "base/assert.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { BUCKETS = SESSIONS_MAX / SESSION_ENTRIES, REFRESH_SECONDS = 60 };

/* The value is the server's id and, in the lower half, the second of its last use, from 1. The seal
 * is key ^ value: whoever finds two halves of different writes finds another key. */
struct entry {
    _Atomic uint64_t seal, value; /* 0: free */
};

struct session_table {
    struct entry buckets[BUCKETS][SESSION_ENTRIES];
};

struct session_table *session_table_new(void)
{
    return calloc(1, sizeof(struct session_table)); /* pages that nobody needs stay away */
}

void session_table_free(struct session_table *table)
{
    free(table);
}

static uint64_t make_value(uint32_t server, uint64_t now_ms)
{
    return (uint64_t)server << 32 | (uint32_t)(now_ms / 1000 + 1);
}

static uint32_t server_of(uint64_t value)
{
    return (uint32_t)(value >> 32);
}

static uint32_t second_of(uint64_t value)
{
    return (uint32_t)value;
}

/* FNV has mixed the key already (slice_hash): its upper bits are as good as any. */
static struct entry *bucket_of(struct session_table *table, uint64_t key)
{
    return table->buckets[key >> 32 & (BUCKETS - 1)];
}

static void write_entry(struct entry *entry, uint64_t key, uint64_t value)
{
    atomic_store_explicit(&entry->value, value, memory_order_relaxed);
    atomic_store_explicit(&entry->seal, key ^ value, memory_order_relaxed);
}

/* The value of the entry, where it is of that key; 0: it is not. */
static uint64_t value_for(struct entry *entry, uint64_t key)
{
    uint64_t value = atomic_load_explicit(&entry->value, memory_order_relaxed);
    uint64_t seal = atomic_load_explicit(&entry->seal, memory_order_relaxed);
    return (seal ^ value) == key ? value : 0;
}

uint32_t session_find(struct session_table *table, uint64_t key, uint64_t now_ms)
{
    struct entry *bucket = bucket_of(table, key);
    for (unsigned i = 0; i < SESSION_ENTRIES; i++) {
        uint64_t value = value_for(&bucket[i], key);
        if (value == 0)
            continue;
        uint64_t fresh = make_value(server_of(value), now_ms);
        if (second_of(fresh) - second_of(value) >= REFRESH_SECONDS)
            write_entry(&bucket[i], key, fresh);
        return server_of(value);
    }
    return SESSION_UNKNOWN;
}

void session_learn(struct session_table *table, uint64_t key, uint32_t server, uint64_t now_ms)
{
    ASSERT(server != SESSION_UNKNOWN);
    struct entry *bucket = bucket_of(table, key), *chosen = NULL;
    uint32_t oldest = UINT32_MAX;
    for (unsigned i = 0; i < SESSION_ENTRIES; i++) {
        if (value_for(&bucket[i], key) != 0) {
            chosen = &bucket[i];
            break;
        }
        uint32_t second = second_of(atomic_load_explicit(&bucket[i].value, memory_order_relaxed));
        if (second < oldest) {
            oldest = second;
            chosen = &bucket[i];
        }
    }
    if (!chosen)
        chosen = &bucket[0];
    write_entry(chosen, key, make_value(server, now_ms));
}
