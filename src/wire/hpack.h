/* HPACK (RFC 7541): how HTTP/2 packs fields. Pure code. A block that cannot be unpacked leaves a
 * table that no later block may build on: the connection has to end (RFC 9113 4.3).
 *
 *     while ((result = hpack_next(&decoder, &rest, &field)) == HPACK_FIELD)
 *         ...
 *
 * Each direction of a connection has its own table, of H2's usual size unless the peer wants less;
 * it takes memory from its first entry on, and no more than its entries are long, with some 24
 * bytes for each. One loop. */
#pragma once

#include "base/buffer.h"
#include "base/text.h"
#include "http/message.h"
#include "wire/hpack_table.h"

/* ---- unpacking */

struct hpack_decoder {
    struct hpack_table table;
    struct buffer_pools *pools;
    struct buffer *unpacked; /* of the field that was read last; NULL: nothing was to be unpacked */
    uint32_t announced;      /* bytes that the peer may have the table take */
    bool is_sound;           /* the field that was read last, as of h2_field.h */
    bool in_block;           /* a field has been read: no change of the table's size any more */
};

enum hpack_result {
    HPACK_FIELD,
    HPACK_END,
    HPACK_BAD, /* COMPRESSION_ERROR */
    HPACK_NO_MEMORY,
};

/* `announced`: SETTINGS_HEADER_TABLE_SIZE as the peer knows it. `pools` outlive the decoder. */
void hpack_decoder_init(struct hpack_decoder *decoder, uint32_t announced,
                        struct buffer_pools *pools);
void hpack_decoder_fini(struct hpack_decoder *decoder);

/* Takes the next field off a whole block, which is read to its end, or the connection ends. Slices
 * stay until the next call; the id is FIELD_OTHER of a pseudo-header field, and of no token it says
 * nothing. */
enum hpack_result hpack_next(struct hpack_decoder *decoder, struct slice *rest,
                             struct field *ret_field);

/* ---- packing */

enum { HPACK_SLOTS = 64 };

/* Numbers of entries as the table counts them, modulo 65536: the newest of a name, and the two
 * newest of a name with its value; by hashes. What stands there may be gone, or another one's. */
struct hpack_places {
    uint16_t names[HPACK_SLOTS], fields[HPACK_SLOTS][2];
};

struct hpack_encoder {
    struct hpack_table table;
    struct hpack_places *places; /* NULL: nothing was put into the table yet */
    uint32_t smallest; /* size that the table had since the last block; see hpack_encoder_resize */
    bool resized;      /* and has to be told of */
};

enum hpack_manner {
    HPACK_INDEX,  /* later blocks may refer to it */
    HPACK_PLAIN,  /* it comes once */
    HPACK_SECRET, /* nobody on the way may put it into a table (RFC 7541 7.1.3) */
};

void hpack_encoder_init(struct hpack_encoder *encoder, struct buffer_pools *pools);
void hpack_encoder_fini(struct hpack_encoder *encoder);

/* The peer has said how large the table may be; more than the usual size is not used. The next
 * block tells it (RFC 7541 4.2). */
void hpack_encoder_resize(struct hpack_encoder *encoder, uint32_t size);

/* Bytes that a field takes at most, and what a block takes besides. */
enum { HPACK_BLOCK_BOUND = 16 };
static inline size_t hpack_bound(struct slice name, struct slice value)
{
    return name.length + value.length + 16;
}

/* Adds a field to a block, which has room for it; the name is put into small letters. */
void hpack_encode(struct hpack_encoder *encoder, struct text *block, const struct field *field,
                  enum hpack_manner manner);

/* Adds `:status`, which has three digits. */
void hpack_encode_status(struct hpack_encoder *encoder, struct text *block, uint16_t status);
