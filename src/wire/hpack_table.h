/* The two tables of HPACK: the static one, which is the same for all, and a dynamic one, from which
 * the oldest entries go where new ones need their place (RFC 7541 2.3, 4). One loop. */
#pragma once

#include "base/slice.h"
#include "base/small.h"
#include "http/message.h"

enum {
    HPACK_STATIC_COUNT = 61,
    HPACK_TABLE_SIZE = 4096,   /* of a dynamic table, as it is without a word (RFC 9113 6.5.2) */
    HPACK_ENTRY_OVERHEAD = 32, /* bytes that an entry counts beside its own (RFC 7541 4.1) */
};

/* RFC 7541 appendix A; the first one has the number 1. */
extern const struct field hpack_static_table[HPACK_STATIC_COUNT + 1];

struct hpack_entry {
    uint32_t name_length, value_length;
    enum field_name id;
    bool is_sound; /* of what was unpacked: see hpack_decoder */
    char bytes[];  /* the name, and then the value */
};

struct hpack_table {
    struct small_pools *pools;
    struct hpack_entry **ring; /* of `room`, a power of two; NULL: nothing was ever added */
    uint32_t room, count;
    uint32_t added; /* entries so far, which are numbered by it; may wrap around */
    size_t size, limit;
};

void hpack_table_init(struct hpack_table *table, size_t limit, struct small_pools *pools);
void hpack_table_fini(struct hpack_table *table);

/* Drops entries until the others fit (RFC 7541 4.3). */
void hpack_table_resize(struct hpack_table *table, size_t limit);

/* Whether an entry of that many bytes can stand in the table at all. */
bool hpack_table_takes(const struct hpack_table *table, size_t length);

/* Adds an entry that can; name and value may be those of one that has to go. NULL: no memory, and
 * the table is as it was. */
struct hpack_entry *hpack_table_add(struct hpack_table *table, struct slice name,
                                    struct slice value, enum field_name id);

/* The entry that was added `age` entries ago; 1 is the newest. NULL: there is none. */
static inline const struct hpack_entry *hpack_table_get(const struct hpack_table *table,
                                                        uint32_t age)
{
    return age - 1 < table->count ? table->ring[(table->added - age) & (table->room - 1)] : NULL;
}

static inline struct slice hpack_entry_name(const struct hpack_entry *entry)
{
    return slice_of(entry->bytes, entry->name_length);
}

static inline struct slice hpack_entry_value(const struct hpack_entry *entry)
{
    return slice_of(entry->bytes + entry->name_length, entry->value_length);
}
