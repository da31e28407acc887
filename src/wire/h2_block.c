#include "wire/h2_block.h"

#include "base/assert.h"
#include "base/cold.h"
#include "http/byte_class.h"
#include "http/uri.h"

#include <string.h>

enum { FIELD_EXTRA = 32 }; /* RFC 9113 6.5.2 */

/* ---- filling */

static bool is_pseudo_name(struct slice name)
{
    return name.length > 0 && name.data[0] == ':';
}

/* In the sizes of the pools: a few fields of another request, told in a byte each, must not hold
 * the memory of the largest head. */
static size_t capacity_for(size_t length, size_t limit)
{
    if (length <= BUFFER_SMALL)
        return BUFFER_SMALL;
    return length <= BUFFER_MEDIUM ? BUFFER_MEDIUM : limit;
}

/* A buffer with room for `more` behind the bytes. */
static bool grow(struct h2_block *block, size_t limit, struct buffer_pools *pools, size_t more)
{
    struct span *bytes = &block->bytes;
    struct buffer *buffer = buffer_new(pools, capacity_for(bytes->length + more, limit + more));
    if (!buffer)
        return false;
    if (bytes->buffer) {
        memcpy(buffer->data, bytes->buffer->data, bytes->length);
        buffer_unref(bytes->buffer);
    }
    bytes->buffer = buffer;
    bytes->offset = 0;
    return true;
}

static bool has_room(const struct h2_block *block, size_t more)
{
    const struct span *bytes = &block->bytes;
    return bytes->buffer && bytes->buffer->capacity - bytes->length >= more;
}

/* There is room. */
static void append(struct span *bytes, const struct field *field)
{
    struct slice name = field->name, value = field->value;
    struct h2_record record = {(uint32_t)name.length, (uint32_t)value.length, field->id};
    size_t length = sizeof(record) + name.length + value.length;
    ASSERT(bytes->length + length <= bytes->buffer->capacity);
    char *to = bytes->buffer->data + bytes->length;
    memcpy(to, &record, sizeof(record));
    memcpy(to + sizeof(record), name.data, name.length);
    memcpy(to + sizeof(record) + name.length, value.data, value.length);
    bytes->length += (uint32_t)length;
}

bool h2_block_put(struct h2_block *block, const struct h2_block_limits *limits,
                  struct buffer_pools *pools, const struct field *field)
{
    size_t length = field->name.length + field->value.length;
    block->size += length + FIELD_EXTRA;
    block->count += is_pseudo_name(field->name) ? 0 : 1;
    block->too_large |= block->size > limits->size;
    block->too_many |= block->count > limits->count;
    if (block->too_large || block->too_many)
        return true;
    length += sizeof(struct h2_record);
    if (!has_room(block, length) && !grow(block, limits->size, pools, length))
        return false;
    append(&block->bytes, field);
    return true;
}

size_t h2_block_size(const struct fields *fields)
{
    size_t size = 0;
    for (uint32_t i = 0; i < fields->count; i++)
        size += fields->items[i].name.length + fields->items[i].value.length + FIELD_EXTRA;
    return size;
}

void h2_block_clear(struct h2_block *block)
{
    span_clear(&block->bytes);
    *block = (struct h2_block){0};
}

/* ---- what is well-formed */

/* The length, and the third letter where that is not enough, leave one candidate. */
static struct slice *place_of(struct h2_pseudo *pseudo, struct slice name)
{
    switch (name.length) {
    case 5:
        return slice_equal(name, SLICE(":path")) ? &pseudo->path : NULL;
    case 7:
        if (name.data[2] == 'e')
            return slice_equal(name, SLICE(":method")) ? &pseudo->method : NULL;
        if (name.data[2] == 'c')
            return slice_equal(name, SLICE(":scheme")) ? &pseudo->scheme : NULL;
        return slice_equal(name, SLICE(":status")) ? &pseudo->status : NULL;
    case 9:
        return slice_equal(name, SLICE(":protocol")) ? &pseudo->protocol : NULL;
    case 10:
        return slice_equal(name, SLICE(":authority")) ? &pseudo->authority : NULL;
    default:
        return NULL;
    }
}

bool h2_block_read_pseudo(struct slice *rest, struct h2_pseudo *ret_pseudo)
{
    struct slice at = *rest;
    struct field field;
    *ret_pseudo = (struct h2_pseudo){0};
    while (h2_block_next(&at, &field) && is_pseudo_name(field.name)) {
        struct slice *place = place_of(ret_pseudo, field.name);
        if (!place || place->data)
            return false;
        *place = field.value;
        *rest = at;
    }
    return true;
}

/* RFC 9113 8.2.2: what speaks of a connection of HTTP/1. */
static bool is_of_connection(enum field_name id, struct slice value)
{
    switch (id) {
    case FIELD_CONNECTION:
    case FIELD_PROXY_CONNECTION:
    case FIELD_KEEP_ALIVE:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_UPGRADE:
        return true;
    case FIELD_TE:
        return !slice_equal_fold(value, SLICE("trailers"));
    default:
        return false;
    }
}

struct noted {
    struct slice host, length; /* stand at most once: each reader of two might take another one */
    struct slice priority;
};

static bool note(struct slice *place, struct slice value)
{
    bool is_first = !place->data;
    *place = value;
    return is_first;
}

/* False: what came before is there twice. */
static bool note_field(struct noted *noted, enum field_name id, struct slice value)
{
    switch (id) {
    case FIELD_HOST:
        return note(&noted->host, value);
    case FIELD_CONTENT_LENGTH:
        return note(&noted->length, value);
    case FIELD_PRIORITY:
        noted->priority = value;
        return true;
    default:
        return true;
    }
}

static bool are_fields(struct slice rest, struct noted *ret_noted)
{
    struct field field;
    *ret_noted = (struct noted){0};
    while (h2_block_next(&rest, &field)) {
        if (is_pseudo_name(field.name) || is_of_connection(field.id, field.value) ||
            !note_field(ret_noted, field.id, field.value))
            return false;
    }
    return true;
}

/* RFC 9113 8.3.1 and 8.5. An extended CONNECT has the target of any other request (RFC 8441 4). */
static bool is_target(const struct h2_pseudo *pseudo)
{
    struct slice path = pseudo->path;
    bool is_connect = slice_equal(pseudo->method, SLICE("CONNECT"));
    if (pseudo->protocol.data)
        return is_connect && bytes_are(pseudo->protocol, BYTE_TOKEN) &&
               pseudo->protocol.length > 0 && pseudo->scheme.length > 0 &&
               pseudo->authority.length > 0 && path.length > 0 && path.data[0] == '/';
    if (is_connect)
        return !pseudo->scheme.data && !path.data && pseudo->authority.length > 0;
    bool is_options = slice_equal(pseudo->method, SLICE("OPTIONS"));
    return pseudo->scheme.length > 0 && path.length > 0 &&
           (path.data[0] == '/' || (is_options && slice_equal(path, SLICE("*"))));
}

/* The same host and port, where the port of the scheme need not be written (RFC 3986 6.2.3). */
COLD __attribute__((noinline)) static bool is_same_place(const struct h2_pseudo *pseudo,
                                                         struct slice host)
{
    uint16_t usual = slice_equal_fold(pseudo->scheme, SLICE("https")) ? 443 : 80;
    struct slice names[2] = {{0}};
    uint16_t ports[2] = {0};
    if (!authority_parse(pseudo->authority, &names[0], &ports[0]) ||
        !authority_parse(host, &names[1], &ports[1]))
        return false;
    return slice_equal_fold(names[0], names[1]) &&
           (ports[0] ? ports[0] : usual) == (ports[1] ? ports[1] : usual);
}

/* The target has an authority, and Host, where it is there as well, says the same. */
static bool is_host(const struct h2_pseudo *pseudo, struct slice host)
{
    if (!pseudo->authority.data || !host.data)
        return pseudo->authority.data || host.data;
    return slice_equal_fold(host, pseudo->authority) || is_same_place(pseudo, host);
}

bool h2_block_read_facts(const struct h2_block *block, struct h2_block_facts *ret_facts)
{
    struct slice bytes = span_slice(&block->bytes), rest = bytes;
    *ret_facts = (struct h2_block_facts){0};
    bool good = h2_block_read_pseudo(&rest, &ret_facts->pseudo);
    ret_facts->fields_at = (uint32_t)(bytes.length - rest.length);
    return good;
}

bool h2_block_is_request(const struct h2_block *block, struct h2_block_facts *ret_facts)
{
    const struct h2_pseudo *pseudo = &ret_facts->pseudo;
    struct noted noted;
    if (block->is_unsound || !h2_block_read_facts(block, ret_facts) ||
        !are_fields(slice_from(span_slice(&block->bytes), ret_facts->fields_at), &noted))
        return false;
    bool is_method = pseudo->method.length > 0 && bytes_are(pseudo->method, BYTE_TOKEN);
    bool is_response = pseudo->status.data != NULL;
    ret_facts->is_counted = noted.length.data != NULL;
    ret_facts->priority = noted.priority;
    bool counted =
        !noted.length.data || slice_to_number(noted.length, INT64_MAX, &ret_facts->length);
    return is_method && !is_response && counted && is_target(pseudo) && is_host(pseudo, noted.host);
}

bool h2_block_is_response(const struct h2_block *block, struct h2_block_facts *ret_facts)
{
    const struct h2_pseudo *pseudo = &ret_facts->pseudo;
    struct noted noted;
    uint64_t status = 0;
    if (block->is_unsound || !h2_block_read_facts(block, ret_facts) ||
        !are_fields(slice_from(span_slice(&block->bytes), ret_facts->fields_at), &noted))
        return false;
    bool is_request = pseudo->method.data || pseudo->scheme.data || pseudo->authority.data ||
                      pseudo->path.data || pseudo->protocol.data;
    bool is_status = pseudo->status.length == 3 && slice_to_number(pseudo->status, 599, &status) &&
                     status >= 100 && status != 101; /* RFC 9113 8.6 */
    ret_facts->is_counted = noted.length.data != NULL;
    return is_status && !is_request &&
           (!noted.length.data || slice_to_number(noted.length, INT64_MAX, &ret_facts->length));
}

bool h2_block_is_trailers(const struct h2_block *block)
{
    struct noted noted;
    return !block->is_unsound && are_fields(span_slice(&block->bytes), &noted);
}
