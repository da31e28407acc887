#include "wire/hpack.h"

#include "base/assert.h"
#include "base/cold.h"
#include "wire/hpack_huffman.h"

/* What a field's first byte says (RFC 7541 6). */
enum { INDEXED = 0x80, ADDED = 0x40, RESIZED = 0x20, SECRET = 0x10, PLAIN = 0 };

void hpack_encoder_init(struct hpack_encoder *encoder, struct buffer_pools *pools)
{
    *encoder = (struct hpack_encoder){.smallest = HPACK_TABLE_SIZE};
    hpack_table_init(&encoder->table, HPACK_TABLE_SIZE, &pools->small);
}

void hpack_encoder_fini(struct hpack_encoder *encoder)
{
    hpack_table_fini(&encoder->table);
    small_free(encoder->places);
    encoder->places = NULL;
}

/* Of several changes between two blocks the smallest size and the last one are told (RFC 7541
 * 4.2). */
void hpack_encoder_resize(struct hpack_encoder *encoder, uint32_t size)
{
    uint32_t used = size < HPACK_TABLE_SIZE ? size : HPACK_TABLE_SIZE;
    if (used == encoder->table.limit && !encoder->resized)
        return;
    encoder->smallest = encoder->resized && encoder->smallest < used ? encoder->smallest : used;
    encoder->resized = true;
    hpack_table_resize(&encoder->table, used);
}

/* ---- integers and strings */

/* RFC 7541 5.1. */
static inline void put_integer(struct text *block, unsigned first, unsigned prefix, size_t number)
{
    const unsigned most = (1u << prefix) - 1;
    if (number < most) {
        text_add_byte(block, (char)(first | number));
        return;
    }
    text_add_byte(block, (char)(first | most));
    for (number -= most; number >= 0x80; number >>= 7)
        text_add_byte(block, (char)(0x80 | (number & 0x7f)));
    text_add_byte(block, (char)number);
}

/* RFC 7541 5.2. There is room for all of it. Of a few bytes packing saves one, if any. */
static void put_string(struct text *block, struct slice string)
{
    enum { FEW = 4 };
    size_t length = string.length > FEW ? hpack_huffman_length(string) : string.length;
    if (length >= string.length) {
        put_integer(block, 0, 7, string.length);
        text_add(block, string);
        return;
    }
    put_integer(block, 0x80, 7, length);
    ASSERT(length <= block->capacity - block->length);
    hpack_huffman_pack(string, block->data + block->length);
    block->length += length;
}

COLD static void put_sizes(struct hpack_encoder *encoder, struct text *block)
{
    if (encoder->smallest < encoder->table.limit)
        put_integer(block, RESIZED, 5, encoder->smallest);
    put_integer(block, RESIZED, 5, encoder->table.limit);
    encoder->resized = false;
}

/* ---- the static table */

enum { NAME_SLOTS = 64 };

static uint8_t rows_by_id[FIELD_NAME_COUNT]; /* rows of the static table; 0: none has that name */
static uint8_t rows_by_hash[NAME_SLOTS];     /* of names that have no id */

/* Of a name, in small letters or not. The names of the static table all have different ones. */
static inline uint32_t hash_name(struct slice name)
{
    const unsigned char *bytes = (const unsigned char *)name.data;
    uint32_t first = bytes[0] | 0x20u, middle = bytes[name.length / 2] | 0x20u,
             last = bytes[name.length - 1] | 0x20u;
    return (uint32_t)name.length + first + 8 * middle + last;
}

__attribute__((constructor)) static void make_tables(void)
{
    for (uint8_t i = HPACK_STATIC_COUNT; i > 0; i--) {
        const struct field *row = &hpack_static_table[i];
        if (row->id != FIELD_OTHER) {
            rows_by_id[row->id] = i;
        } else if (row->name.data[0] != ':') {
            uint8_t *place = &rows_by_hash[hash_name(row->name) % NAME_SLOTS];
            ASSERT(*place == 0);
            *place = i;
        }
    }
}

/* The first row with the name of a pseudo-header field; some have none. Length and letters leave
 * one candidate. */
static uint32_t find_pseudo(struct slice name)
{
    enum { AUTHORITY = 1, METHOD = 2, PATH = 4, SCHEME = 6, STATUS = 8 };
    uint32_t row = 0;
    if (name.length == 5)
        row = PATH;
    else if (name.length == 7 && name.data[1] == 'm')
        row = METHOD;
    else if (name.length == 7)
        row = name.data[2] == 'c' ? SCHEME : STATUS;
    else if (name.length == 10)
        row = AUTHORITY;
    return slice_equal(hpack_static_table[row].name, name) ? row : 0;
}

/* `small` is in small letters, as most names are that are asked for. */
static bool is_name(struct slice small, struct slice name)
{
    return slice_equal(small, name) || slice_equal_fold(small, name);
}

/* A row with the field's name, or 0. */
static uint32_t find_row(const struct field *field)
{
    if (field->id != FIELD_OTHER)
        return rows_by_id[field->id];
    if (field->name.data[0] == ':')
        return find_pseudo(field->name);
    uint32_t row = rows_by_hash[hash_name(field->name) % NAME_SLOTS];
    return row && is_name(hpack_static_table[row].name, field->name) ? row : 0;
}

/* The row that is the field, from the first one with its name on, or 0. */
static uint32_t find_whole_row(uint32_t row, struct slice value)
{
    enum { LAST_WITH_VALUE = 16 };
    /* By the first row of a name: behind the last one, where they have values. */
    static const uint8_t ENDS[LAST_WITH_VALUE + 1] = {
        [2] = 4, [4] = 6, [6] = 8, [8] = 15, [16] = 17};
    uint32_t end = row <= LAST_WITH_VALUE ? ENDS[row] : 0;
    for (; row < end; row++) {
        if (slice_equal(hpack_static_table[row].value, value))
            return row;
    }
    return 0;
}

/* ---- the dynamic table */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t word_at(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* Of fewer bytes than a word has. */
static uint64_t few_bytes(struct slice bytes)
{
    uint64_t word = 0;
    for (size_t i = 0; i < bytes.length; i++)
        word = word << 8 | (unsigned char)bytes.data[i];
    return word;
}

/* Of what is no multiple of a word the last one overlaps the one before. */
static uint32_t hash_value(uint32_t name, struct slice value)
{
    enum { WORD = sizeof(uint64_t) };
    uint64_t hash = name ^ value.length << 32;
    if (value.length < WORD)
        return (uint32_t)(mix(hash, few_bytes(value)) >> 32);
    for (size_t i = 0; i + WORD < value.length; i += WORD)
        hash = mix(hash, word_at(value.data + i));
    return (uint32_t)(mix(hash, word_at(value.data + value.length - WORD)) >> 32);
}

/* Of a field on its way into the table, or in it. */
struct place {
    uint16_t *name, *fields;
};

static struct place place_of(struct hpack_encoder *encoder, const struct field *field)
{
    uint32_t hash = field->id == FIELD_OTHER ? hash_name(field->name) : (uint32_t)field->id;
    return (struct place){
        .name = &encoder->places->names[hash % HPACK_SLOTS],
        .fields = encoder->places->fields[hash_value(hash, field->value) % HPACK_SLOTS],
    };
}

static bool has_name_of(const struct hpack_entry *entry, const struct field *field)
{
    if (entry->id != field->id)
        return false;
    return field->id != FIELD_OTHER || is_name(hpack_entry_name(entry), field->name);
}

/* How long ago the entry was added, if it is the field's; 0: it is not. */
static uint32_t find_age(const struct hpack_table *table, uint16_t number,
                         const struct field *field, bool whole)
{
    uint32_t age = (uint16_t)(table->added - number);
    const struct hpack_entry *entry = hpack_table_get(table, age);
    if (!entry || !has_name_of(entry, field))
        return 0;
    return !whole || slice_equal(hpack_entry_value(entry), field->value) ? age : 0;
}

/* What takes more than half of the table would drive out more than it is worth. Without memory
 * nothing is added, which nobody else notices. */
static bool add(struct hpack_encoder *encoder, struct place place, const struct field *field)
{
    struct hpack_table *table = &encoder->table;
    size_t length = field->name.length + field->value.length;
    if (!hpack_table_takes(table, 2 * length))
        return false;
    struct hpack_entry *entry = hpack_table_add(table, field->name, field->value, field->id);
    if (!entry)
        return false;
    ascii_lower_copy(entry->bytes, field->name);
    place.fields[1] = place.fields[0]; /* two that meet here do not drive each other out */
    place.fields[0] = *place.name = (uint16_t)(table->added - 1);
    return true;
}

/* ---- fields */

static void put_name(struct text *block, const struct field *field)
{
    char memory[64];
    struct slice name = field->name;
    if (field->id != FIELD_OTHER) {
        put_string(block, field_name_small(field->id));
    } else if (name.length <= sizeof(memory)) {
        ascii_lower_copy(memory, name);
        put_string(block, slice_of(memory, name.length));
    } else {
        put_integer(block, 0, 7, name.length);
        ASSERT(name.length <= block->capacity - block->length);
        ascii_lower_copy(block->data + block->length, name);
        block->length += name.length;
    }
}

/* `name` is where the name stands in a table, or 0. */
static void put_literal(struct text *block, unsigned kind, uint32_t name, const struct field *field)
{
    put_integer(block, kind, kind == ADDED ? 6 : 4, name);
    if (name == 0)
        put_name(block, field);
    put_string(block, field->value);
}

static bool has_places(struct hpack_encoder *encoder)
{
    if (!encoder->places)
        encoder->places = small_new_cleared(encoder->table.pools, sizeof(*encoder->places));
    return encoder->places;
}

static void put_indexed(struct hpack_encoder *encoder, struct text *block, uint32_t row,
                        const struct field *field)
{
    if (!has_places(encoder)) {
        put_literal(block, PLAIN, row, field);
        return;
    }
    struct place place = place_of(encoder, field);
    uint32_t age = find_age(&encoder->table, place.fields[0], field, true);
    if (age == 0)
        age = find_age(&encoder->table, place.fields[1], field, true);
    if (age > 0) {
        put_integer(block, INDEXED, 7, HPACK_STATIC_COUNT + age);
        return;
    }
    if (row == 0) {
        age = find_age(&encoder->table, *place.name, field, false);
        row = age > 0 ? HPACK_STATIC_COUNT + age : 0;
    }
    put_literal(block, add(encoder, place, field) ? ADDED : PLAIN, row, field);
}

void hpack_encode(struct hpack_encoder *encoder, struct text *block, const struct field *field,
                  enum hpack_manner manner)
{
    ASSERT(field->name.length > 0);
    if (encoder->resized)
        put_sizes(encoder, block);
    uint32_t row = find_row(field);
    uint32_t whole = manner == HPACK_SECRET ? 0 : find_whole_row(row, field->value);
    if (whole > 0)
        put_integer(block, INDEXED, 7, whole);
    else if (manner == HPACK_INDEX)
        put_indexed(encoder, block, row, field);
    else
        put_literal(block, manner == HPACK_SECRET ? SECRET : PLAIN, row, field);
}

/* The row that is the status (RFC 7541 appendix A), or 0. */
static uint32_t find_status(uint16_t status)
{
    enum { FIRST = 8 };
    static const uint16_t ROWS[] = {200, 204, 206, 304, 400, 404, 500};
    for (uint32_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        if (ROWS[i] == status)
            return FIRST + i;
    }
    return 0;
}

void hpack_encode_status(struct hpack_encoder *encoder, struct text *block, uint16_t status)
{
    const char digits[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                           (char)('0' + status % 10)};
    const struct field field = {.name = SLICE(":status"),
                                .value = slice_of(digits, sizeof(digits))};
    uint32_t row = find_status(status);
    ASSERT(status >= 100 && status <= 999);
    if (row == 0 || encoder->resized)
        hpack_encode(encoder, block, &field, HPACK_INDEX);
    else
        put_integer(block, INDEXED, 7, row);
}
