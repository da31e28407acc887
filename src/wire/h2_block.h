/* A field block of HTTP/2 after HPACK: names and values one behind the other in one buffer of the
 * loop, so that the slices of a head can point into it. Grows up to a limit; what is beyond is
 * counted and dropped, because the unpacking has to go on for the sake of the next block (RFC 9113
 * 4.3). One loop. */
#pragma once

#include "base/assert.h"
#include "base/buffer.h"
#include "http/message.h"

#include <string.h>

struct h2_block_limits {
    uint32_t size;  /* bytes of names and values, with 32 for each field (RFC 9113 6.5.2) */
    uint32_t count; /* fields, pseudo-header fields apart; each crumb of a cookie is one */
};

struct h2_block {
    struct span bytes; /* records: read them with h2_block_next */
    size_t size;       /* as the limit counts */
    uint32_t count;
    bool too_large, too_many; /* nothing is complete then */
    bool is_unsound;          /* a name or a value is none (h2_field.h) */
};

/* Adds a field; the id is FIELD_OTHER for a pseudo-header field. False: no memory. */
bool h2_block_put(struct h2_block *block, const struct h2_block_limits *limits,
                  struct buffer_pools *pools, const struct field *field);

/* How large fields are, as the limit counts; their records take less. */
size_t h2_block_size(const struct fields *fields);

/* Gives the bytes back. */
void h2_block_clear(struct h2_block *block);

/* A field among the bytes, which begins anywhere. */
struct h2_record {
    uint32_t name, value; /* lengths; the bytes follow */
    enum field_name id;   /* found once: the check and the reader both ask for it */
};

/* Takes the next field off `*rest`, which begins as all of the bytes. False at the end. Of a
 * pseudo-header field the id is FIELD_OTHER; of a name that is no token it says nothing. */
static inline bool h2_block_next(struct slice *rest, struct field *ret_field)
{
    struct h2_record record;
    if (rest->length == 0)
        return false;
    ASSERT(rest->length >= sizeof(record));
    memcpy(&record, rest->data, sizeof(record));
    size_t length = sizeof(record) + record.name + record.value;
    ASSERT(rest->length >= length);
    const char *name = rest->data + sizeof(record);
    *ret_field = (struct field){.name = slice_of(name, record.name),
                                .value = slice_of(name + record.name, record.value),
                                .id = record.id};
    *rest = slice_of(rest->data + length, rest->length - length);
    return true;
}

/* The pseudo-header fields of a request, and that of a response; data is NULL where one was not
 * sent. */
struct h2_pseudo {
    struct slice method, scheme, authority, path, status;
    struct slice protocol; /* of an extended CONNECT (RFC 8441 4) */
};

/* What a head says of its stream; slices point into the block. */
struct h2_block_facts {
    struct h2_pseudo pseudo;
    uint32_t fields_at;    /* where in the bytes the others begin */
    bool is_counted;       /* there is a Content-Length */
    uint64_t length;       /* and this is what it says */
    struct slice priority; /* RFC 9218 5, as it came; data is NULL where none did */
};

/* Reads what the pseudo-header fields say, as far as h2_block_read_pseudo does, and nothing else.
 */
bool h2_block_read_facts(const struct h2_block *block, struct h2_block_facts *ret_facts);

/* Whether the block is well-formed as the head of a request (RFC 9113 8.2, 8.3.1), of a response
 * (8.3.2) or as a trailer section (8.1). What is only wrong as a URI or as a host is found when it
 * is read. */
bool h2_block_is_request(const struct h2_block *block, struct h2_block_facts *ret_facts);
bool h2_block_is_response(const struct h2_block *block, struct h2_block_facts *ret_facts);
bool h2_block_is_trailers(const struct h2_block *block);

/* Takes them off `*rest`, as far as the block has them in their place. False: one is unknown or
 * came twice. */
bool h2_block_read_pseudo(struct slice *rest, struct h2_pseudo *ret_pseudo);
