/* Blocks, one after the other through one decoder: libnghttp2's must read the same fields, or
 * refuse the same block. What was read is packed again, and must then read as it did. The input is
 * a length of two bytes before each block. */
#include "base/assert.h"
#include "wire/hpack.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 8192, BLOCK_ROOM = 256 * 1024 };

static struct buffer_pools pools;

struct all {
    struct hpack_decoder decoder, again;
    struct hpack_encoder encoder;
    nghttp2_hd_inflater *inflater;
    char *memory;
    struct text block; /* what was read, packed */
};

/* The next field as the library reads it. */
static enum hpack_result next_by_library(nghttp2_hd_inflater *inflater, struct slice *rest,
                                         nghttp2_nv *ret_field)
{
    for (;;) {
        int flags = 0;
        ssize_t taken = nghttp2_hd_inflate_hd2(inflater, ret_field, &flags,
                                               (const uint8_t *)rest->data, rest->length, 1);
        if (taken < 0)
            return HPACK_BAD;
        *rest = slice_of(rest->data + taken, rest->length - (size_t)taken);
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            return HPACK_FIELD;
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            break;
    }
    return nghttp2_hd_inflate_end_headers(inflater) == 0 ? HPACK_END : HPACK_BAD;
}

static struct slice of_library(const uint8_t *data, size_t length)
{
    return slice_of((const char *)data, length);
}

/* Strange names are for the checks behind the decoder. */
static bool can_be_packed(struct slice name)
{
    for (size_t i = 0; i < name.length; i++) {
        if (ascii_lower(name.data[i]) != name.data[i])
            return false;
    }
    return name.length > 0;
}

static void pack(struct all *all, const struct field *unpacked)
{
    struct field field = {.name = unpacked->name, .value = unpacked->value, .id = unpacked->id};
    if (field.id != FIELD_OTHER)
        field.name = field_name_text(field.id);
    enum hpack_manner manner = (enum hpack_manner)(field.value.length % 7 % 3);
    hpack_encode(&all->encoder, &all->block, &field, manner);
    ASSERT(!text_is_cut(&all->block));
}

static void read_again(struct all *all, const struct field *unpacked)
{
    struct slice rest = text_slice(&all->block);
    struct field again;
    ASSERT(hpack_next(&all->again, &rest, &again) == HPACK_FIELD);
    ASSERT(slice_equal(again.name, unpacked->name) && slice_equal(again.value, unpacked->value));
    ASSERT(again.id == unpacked->id);
    ASSERT(hpack_next(&all->again, &rest, &again) == HPACK_END);
    ASSERT(all->again.table.size == all->encoder.table.size);
    all->block.length = 0;
}

/* False: the connection would end here. */
static bool read_block(struct all *all, struct slice block)
{
    struct slice rest = block, library_rest = block;
    for (;;) {
        struct field field;
        nghttp2_nv pair;
        enum hpack_result result = hpack_next(&all->decoder, &rest, &field);
        ASSERT(result != HPACK_NO_MEMORY);
        ASSERT(next_by_library(all->inflater, &library_rest, &pair) == result);
        if (result != HPACK_FIELD)
            return result == HPACK_END;
        ASSERT(slice_equal(field.name, of_library(pair.name, pair.namelen)));
        ASSERT(slice_equal(field.value, of_library(pair.value, pair.valuelen)));
        ASSERT(all->decoder.table.size <= all->decoder.table.limit);
        if (can_be_packed(field.name)) {
            pack(all, &field);
            read_again(all, &field);
        }
    }
}

static void read_all(struct all *all, const uint8_t *data, size_t size)
{
    while (size > 2) {
        size_t length = (size_t)(data[0] << 8 | data[1]);
        data += 2, size -= 2;
        length = length < size ? length : size;
        char *exact = malloc(length ? length : 1); /* so that a byte too far is seen */
        ASSERT(exact);
        memcpy(exact, data, length);
        bool good = read_block(all, slice_of(exact, length));
        free(exact);
        if (!good)
            return;
        data += length, size -= length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct all all = {.memory = malloc(BLOCK_ROOM)};
    if (size > INPUT_MAX)
        size = INPUT_MAX;
    ASSERT(all.memory && buffer_pools_init(&pools));
    all.block = text_over(all.memory, BLOCK_ROOM);
    hpack_decoder_init(&all.decoder, HPACK_TABLE_SIZE, &pools);
    hpack_decoder_init(&all.again, HPACK_TABLE_SIZE, &pools);
    hpack_encoder_init(&all.encoder, &pools);
    ASSERT(nghttp2_hd_inflate_new(&all.inflater) == 0);
    read_all(&all, data, size);
    nghttp2_hd_inflate_del(all.inflater);
    hpack_encoder_fini(&all.encoder);
    hpack_decoder_fini(&all.again);
    hpack_decoder_fini(&all.decoder);
    buffer_pools_fini(&pools);
    free(all.memory);
    return 0;
}
