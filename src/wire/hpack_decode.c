#include "wire/hpack.h"

#include "base/assert.h"
#include "base/cold.h"
#include "wire/h2_field.h"
#include "wire/hpack_huffman.h"

enum { INTEGER_BITS_MAX = 28 }; /* more than anything here is long, or than a table has entries */

void hpack_decoder_init(struct hpack_decoder *decoder, uint32_t announced,
                        struct buffer_pools *pools)
{
    *decoder = (struct hpack_decoder){.pools = pools, .announced = announced};
    hpack_table_init(&decoder->table, announced, &pools->small);
}

static void forget_unpacked(struct hpack_decoder *decoder)
{
    if (decoder->unpacked)
        buffer_unref(decoder->unpacked);
    decoder->unpacked = NULL;
}

void hpack_decoder_fini(struct hpack_decoder *decoder)
{
    forget_unpacked(decoder);
    hpack_table_fini(&decoder->table);
}

/* ---- integers and strings */

/* RFC 7541 5.1. The first byte has `prefix` bits of it. False: it does not end, or is larger than
 * anything that is meant. */
static inline bool read_integer(struct slice *rest, unsigned prefix, uint32_t *ret_number)
{
    const uint32_t most = (UINT32_C(1) << prefix) - 1;
    uint32_t number = (unsigned char)rest->data[0] & most;
    size_t length = 1;
    if (number == most) {
        for (unsigned shift = 0;; shift += 7) {
            if (length == rest->length || shift >= INTEGER_BITS_MAX)
                return false;
            unsigned char byte = (unsigned char)rest->data[length++];
            number += (uint32_t)(byte & 0x7f) << shift;
            if (!(byte & 0x80))
                break;
        }
    }
    *rest = slice_of(rest->data + length, rest->length - length);
    *ret_number = number;
    return true;
}

struct string {
    struct slice bytes;
    bool is_packed;
};

/* RFC 7541 5.2. */
static inline bool read_string(struct slice *rest, struct string *ret_string)
{
    uint32_t length = 0;
    if (rest->length == 0)
        return false;
    ret_string->is_packed = rest->data[0] & 0x80;
    if (!read_integer(rest, 7, &length) || length > rest->length)
        return false;
    ret_string->bytes = slice_of(rest->data, length);
    *rest = slice_of(rest->data + length, rest->length - length);
    return true;
}

/* ---- fields */

/* RFC 7541 2.3.3: the numbers of the dynamic table follow those of the static one. */
static bool find(struct hpack_decoder *decoder, uint32_t index, struct field *ret_field)
{
    if (index == 0)
        return false;
    if (index <= HPACK_STATIC_COUNT) {
        *ret_field = hpack_static_table[index];
        decoder->is_sound = true;
        return true;
    }
    const struct hpack_entry *entry = hpack_table_get(&decoder->table, index - HPACK_STATIC_COUNT);
    if (!entry)
        return false;
    *ret_field = (struct field){
        .name = hpack_entry_name(entry), .value = hpack_entry_value(entry), .id = entry->id};
    decoder->is_sound = entry->is_sound;
    return true;
}

/* A literal field as it lies in the block. */
struct literal {
    struct string name, value;
    uint32_t index; /* whose name it has; 0: its own */
    bool is_added;
};

static bool read_literal(struct slice *rest, unsigned prefix, struct literal *ret_literal)
{
    return read_integer(rest, prefix, &ret_literal->index) &&
           (ret_literal->index > 0 || read_string(rest, &ret_literal->name)) &&
           read_string(rest, &ret_literal->value);
}

/* Room for what comes of the literal, and for the name of an entry that has to go. */
static char *make_room(struct hpack_decoder *decoder, size_t needed)
{
    if (decoder->unpacked && decoder->unpacked->capacity < needed)
        forget_unpacked(decoder);
    if (!decoder->unpacked)
        decoder->unpacked = buffer_new(decoder->pools, needed);
    return decoder->unpacked ? decoder->unpacked->data : NULL;
}

static bool unpack(const struct string *string, char **room, struct slice *ret_text)
{
    size_t length = 0;
    if (!string->is_packed) {
        *ret_text = string->bytes;
        return true;
    }
    if (!hpack_huffman_unpack(string->bytes, *room, &length))
        return false;
    *ret_text = slice_of(*room, length);
    *room += length;
    return true;
}

/* An entry that is larger than the table empties it, and is no error (RFC 7541 4.4). */
COLD static void empty(struct hpack_table *table)
{
    size_t limit = table->limit;
    hpack_table_resize(table, 0);
    hpack_table_resize(table, limit);
}

/* `room` is for a name that is an entry's. */
static enum hpack_result add(struct hpack_decoder *decoder, char *room, struct field *field)
{
    if (!hpack_table_takes(&decoder->table, field->name.length + field->value.length)) {
        if (room) {
            memcpy(room, field->name.data, field->name.length);
            field->name.data = room;
        }
        empty(&decoder->table);
        return HPACK_FIELD;
    }
    struct hpack_entry *entry =
        hpack_table_add(&decoder->table, field->name, field->value, field->id);
    if (!entry)
        return HPACK_NO_MEMORY;
    entry->is_sound = decoder->is_sound;
    field->name = hpack_entry_name(entry); /* that of an older one may have gone */
    field->value = hpack_entry_value(entry);
    return HPACK_FIELD;
}

static enum field_name name_id(struct slice name)
{
    bool is_pseudo = name.length > 0 && name.data[0] == ':';
    return is_pseudo ? FIELD_OTHER : field_name_find(name);
}

static enum hpack_result take_literal(struct hpack_decoder *decoder, const struct literal *literal,
                                      struct field *field)
{
    if (literal->index > 0 && !find(decoder, literal->index, field))
        return HPACK_BAD;
    bool has_name = literal->index > 0, has_entrys = literal->index > HPACK_STATIC_COUNT;
    size_t name = has_name ? field->name.length : hpack_huffman_bound(literal->name.bytes.length);
    char *room = NULL;
    if (literal->value.is_packed || literal->name.is_packed || has_entrys) {
        room = make_room(decoder, name + hpack_huffman_bound(literal->value.bytes.length));
        if (!room)
            return HPACK_NO_MEMORY;
    }
    if (!has_name) {
        if (!unpack(&literal->name, &room, &field->name))
            return HPACK_BAD;
        field->id = name_id(field->name);
    }
    if (!unpack(&literal->value, &room, &field->value))
        return HPACK_BAD;
    bool has_rows = has_name && !has_entrys; /* whose names are all well-formed */
    decoder->is_sound =
        (has_rows || h2_name_is_sound(field->name)) && h2_value_is_sound(field->value);
    return literal->is_added ? add(decoder, has_entrys ? room : NULL, field) : HPACK_FIELD;
}

/* RFC 7541 4.2: only before the first field, and within what was announced. */
COLD static bool take_size(struct hpack_decoder *decoder, struct slice *rest)
{
    uint32_t size = 0;
    if (decoder->in_block || !read_integer(rest, 5, &size) || size > decoder->announced)
        return false;
    hpack_table_resize(&decoder->table, size);
    return true;
}

enum hpack_result hpack_next(struct hpack_decoder *decoder, struct slice *rest,
                             struct field *ret_field)
{
    struct literal literal = {0};
    uint32_t index = 0;
    for (;;) {
        if (rest->length == 0) {
            decoder->in_block = false;
            forget_unpacked(decoder);
            return HPACK_END;
        }
        if ((rest->data[0] & 0xe0) != 0x20) /* RFC 7541 6.3 */
            break;
        if (!take_size(decoder, rest))
            return HPACK_BAD;
    }
    decoder->in_block = true;
    unsigned char first = (unsigned char)rest->data[0];
    if (first & 0x80) /* 6.1 */
        return read_integer(rest, 7, &index) && find(decoder, index, ret_field) ? HPACK_FIELD
                                                                                : HPACK_BAD;
    literal.is_added = first & 0x40; /* 6.2.1; the others are 6.2.2 and 6.2.3 */
    if (!read_literal(rest, literal.is_added ? 6 : 4, &literal))
        return HPACK_BAD;
    return take_literal(decoder, &literal, ret_field);
}
