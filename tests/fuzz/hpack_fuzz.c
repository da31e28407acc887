/* Blocks of HPACK, one after the other: each begins with its length in two bytes. Ours and another
 * reader find the same fields and the same faults. What they read is packed by our writer, with a
 * table whose size changes, and both find it again. The first byte says how it is packed. */
#include "base/assert.h"
#include "http/byte_class.h"
#include "wire/hpack.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCK_MAX = 16 * 1024, FIELD_MAX = 32 * 1024 };

/* ---- two readers */

/* A reader of blocks that somebody else wrote. */
static nghttp2_hd_inflater *new_inflater(void)
{
    nghttp2_hd_inflater *inflater = NULL;
    ASSERT(nghttp2_hd_inflate_new(&inflater) == 0);
    return inflater;
}

/* What hpack_next does, with the other reader. */
static enum hpack_result next_of_other(nghttp2_hd_inflater *inflater, struct slice *rest,
                                       struct field *ret_field)
{
    for (;;) {
        nghttp2_nv pair;
        int flags = 0;
        ssize_t taken = nghttp2_hd_inflate_hd2(inflater, &pair, &flags, (const uint8_t *)rest->data,
                                               rest->length, 1);
        if (taken < 0)
            return HPACK_BAD;
        *rest = slice_of(rest->data + taken, rest->length - (size_t)taken);
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            ret_field->name = slice_of((const char *)pair.name, pair.namelen);
            ret_field->value = slice_of((const char *)pair.value, pair.valuelen);
            return HPACK_FIELD;
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL) {
            ASSERT(nghttp2_hd_inflate_end_headers(inflater) == 0);
            return HPACK_END;
        }
    }
}

/* The other reader takes numbers with more bytes than ours does (RFC 7541 5.1 lets each have a
 * limit). */
static bool may_be_long(struct slice block)
{
    unsigned run = 0;
    for (size_t i = 0; i < block.length && run < 4; i++)
        run = block.data[i] & 0x80 ? run + 1 : 0;
    return run == 4;
}

/* The id is that of the name, where it is one. */
static void check_id(const struct field *field)
{
    bool is_small = field->name.length > 0 && field->name.data[0] != ':';
    for (size_t i = 0; i < field->name.length; i++)
        is_small &= (field->name.data[i] >= 'a' && field->name.data[i] <= 'z') ||
                    field->name.data[i] == '-';
    ASSERT(!is_small || field->id == field_name_find(field->name));
    bool is_pseudo = field->name.length > 0 && field->name.data[0] == ':';
    ASSERT(!is_pseudo || field->id == FIELD_OTHER);
}

/* What is done with each field of a block that both read alike; NULL: nothing. */
typedef void visit_field(const struct field *field, void *context);

/* Has both read a block. False: it is none, and the two have no future. */
static bool read_block(struct hpack_decoder *decoder, nghttp2_hd_inflater *inflater,
                       struct slice block, visit_field *visit, void *context)
{
    char *exact = malloc(block.length > 0 ? block.length : 1);
    ASSERT(exact);
    memcpy(exact, block.data, block.length);
    struct slice ours = slice_of(exact, block.length), theirs = ours;
    enum hpack_result result = HPACK_FIELD;
    while (result == HPACK_FIELD) {
        struct field field = {0}, other = {0};
        result = hpack_next(decoder, &ours, &field);
        enum hpack_result expected = next_of_other(inflater, &theirs, &other);
        if (result == HPACK_BAD && expected != HPACK_BAD)
            ASSERT(may_be_long(block));
        else
            ASSERT(result == expected);
        if (result != HPACK_FIELD)
            break;
        ASSERT(ours.length == theirs.length);
        ASSERT(slice_equal(field.name, other.name) && slice_equal(field.value, other.value));
        check_id(&field);
        if (visit)
            visit(&field, context);
    }
    free(exact);
    return result == HPACK_END;
}

/* ---- packing what was read */

/* What is read, packed and read again. */
struct echo {
    struct hpack_encoder encoder;
    struct hpack_decoder decoder;
    nghttp2_hd_inflater *inflater;
    unsigned choice; /* goes on with each field */
};

/* The writer is given names that are tokens, or those of pseudo-header fields. */
static bool is_name(struct slice name)
{
    struct slice token = name.length > 0 && name.data[0] == ':' ? slice_from(name, 1) : name;
    return token.length > 0 && bytes_are(token, BYTE_TOKEN);
}

static void check_echo(const struct field *field, void *context)
{
    const struct field *sent = context;
    ASSERT(slice_equal_fold(field->name, sent->name) && slice_equal(field->value, sent->value));
    for (size_t i = 0; i < field->name.length; i++)
        ASSERT(ascii_lower(field->name.data[i]) == field->name.data[i]);
}

static void change_size(struct echo *echo)
{
    static const uint32_t SIZES[] = {4096, 0, 100, 5000};
    uint32_t size = SIZES[echo->choice >> 3 & 3];
    if (echo->choice % 11 != 0)
        return;
    hpack_encoder_resize(&echo->encoder, size);
    ASSERT(nghttp2_hd_inflate_change_table_size(echo->inflater, size) == 0);
}

static void pack(const struct field *field, void *context)
{
    static const enum hpack_manner MANNERS[] = {HPACK_INDEX, HPACK_PLAIN, HPACK_SECRET,
                                                HPACK_INDEX};
    static char memory[2 * FIELD_MAX];
    struct echo *echo = context;
    struct field sent = {.name = field->name, .value = field->value, .id = field->id};
    size_t bound = HPACK_BLOCK_BOUND + hpack_bound(sent.name, sent.value);
    struct text block = text_over(memory, bound);
    ASSERT(bound <= sizeof(memory));
    if (!is_name(sent.name))
        return;
    echo->choice = echo->choice * 5 + 3;
    change_size(echo);
    hpack_encode(&echo->encoder, &block, &sent, MANNERS[echo->choice >> 1 & 3]);
    ASSERT(!text_is_cut(&block));
    ASSERT(read_block(&echo->decoder, echo->inflater, text_slice(&block), check_echo, &sent));
    ASSERT(echo->decoder.table.size == echo->encoder.table.size);
}

/* ---- the input */

static struct slice take_block(struct slice *bytes)
{
    size_t length = (size_t)(unsigned char)bytes->data[0] << 8 | (unsigned char)bytes->data[1];
    struct slice block = slice_until(slice_from(*bytes, 2), length % BLOCK_MAX);
    *bytes = slice_from(*bytes, 2 + block.length);
    return block;
}

static void read_blocks(struct slice bytes, struct echo *echo, struct buffer_pools *pools)
{
    struct hpack_decoder decoder;
    nghttp2_hd_inflater *inflater = new_inflater();
    hpack_decoder_init(&decoder, HPACK_TABLE_SIZE, pools);
    while (bytes.length >= 2 && read_block(&decoder, inflater, take_block(&bytes), pack, echo))
        ASSERT(decoder.table.size <= HPACK_TABLE_SIZE);
    hpack_decoder_fini(&decoder);
    nghttp2_hd_inflate_del(inflater);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer_pools pools;
    struct echo echo = {.choice = size > 0 ? data[0] : 0};
    if (size == 0)
        return 0;
    ASSERT(buffer_pools_init(&pools));
    echo.inflater = new_inflater();
    hpack_encoder_init(&echo.encoder, &pools);
    hpack_decoder_init(&echo.decoder, HPACK_TABLE_SIZE, &pools);
    read_blocks(slice_of((const char *)data + 1, size - 1), &echo, &pools);
    hpack_decoder_fini(&echo.decoder);
    hpack_encoder_fini(&echo.encoder);
    nghttp2_hd_inflate_del(echo.inflater);
    buffer_pools_fini(&pools);
    return 0;
}
