#include "wire/hpack_table.h"

#include "base/assert.h"

enum { FIRST_ROOM = 16 };

void hpack_table_init(struct hpack_table *table, size_t limit, struct small_pools *pools)
{
    *table = (struct hpack_table){.pools = pools, .limit = limit};
}

static struct hpack_entry **place_of(struct hpack_table *table, uint32_t number)
{
    return &table->ring[number & (table->room - 1)];
}

static size_t size_of(const struct hpack_entry *entry)
{
    return (size_t)entry->name_length + entry->value_length + HPACK_ENTRY_OVERHEAD;
}

static void drop_oldest(struct hpack_table *table)
{
    ASSERT(table->count > 0);
    struct hpack_entry *oldest = *place_of(table, table->added - table->count);
    table->size -= size_of(oldest);
    table->count--;
    small_free(oldest);
}

static void shrink(struct hpack_table *table, size_t size)
{
    while (table->size > size)
        drop_oldest(table);
}

void hpack_table_resize(struct hpack_table *table, size_t limit)
{
    table->limit = limit;
    shrink(table, limit);
}

void hpack_table_fini(struct hpack_table *table)
{
    shrink(table, 0);
    small_free(table->ring);
    table->ring = NULL;
}

bool hpack_table_takes(const struct hpack_table *table, size_t length)
{
    return length + HPACK_ENTRY_OVERHEAD <= table->limit;
}

/* Room for one entry more. False: no memory. */
static bool make_room(struct hpack_table *table)
{
    if (table->count < table->room)
        return true;
    struct hpack_table grown = *table;
    grown.room = table->room ? 2 * table->room : FIRST_ROOM;
    grown.ring = small_new(table->pools, grown.room * sizeof(struct hpack_entry *));
    if (!grown.ring)
        return false;
    for (uint32_t age = 1; age <= table->count; age++)
        *place_of(&grown, table->added - age) = *place_of(table, table->added - age);
    small_free(table->ring);
    *table = grown;
    return true;
}

struct hpack_entry *hpack_table_add(struct hpack_table *table, struct slice name,
                                    struct slice value, enum field_name id)
{
    size_t length = name.length + value.length;
    ASSERT(hpack_table_takes(table, length));
    struct hpack_entry *entry = small_new(table->pools, sizeof(*entry) + length);
    if (!entry)
        return NULL;
    *entry = (struct hpack_entry){
        .name_length = (uint32_t)name.length, .value_length = (uint32_t)value.length, .id = id};
    /* Before anything goes: the name may be that of an entry which does (RFC 7541 4.4). */
    memcpy(entry->bytes, name.data, name.length);
    if (value.length > 0)
        memcpy(entry->bytes + name.length, value.data, value.length);
    shrink(table, table->limit - length - HPACK_ENTRY_OVERHEAD);
    if (!make_room(table)) {
        small_free(entry);
        return NULL;
    }
    *place_of(table, table->added++) = entry;
    table->count++;
    table->size += size_of(entry);
    return entry;
}
