/* HPACK between ours and libnghttp2's, both ways. */
#include "wire/hpack.h"
#include "wire/hpack_huffman.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

enum { ROOM = 64 * 1024, FIELDS = 32 };

static struct buffer_pools pools;
static struct hpack_decoder decoder;
static struct hpack_encoder encoder;

static void begin(void)
{
    assert_true(buffer_pools_init(&pools));
    hpack_decoder_init(&decoder, HPACK_TABLE_SIZE, &pools);
    hpack_encoder_init(&encoder, &pools);
}

static void end(void)
{
    hpack_decoder_fini(&decoder);
    hpack_encoder_fini(&encoder);
    buffer_pools_fini(&pools);
}

static uint32_t next_random(void)
{
    static uint32_t number = 1;
    number = number * 1664525 + 1013904223;
    return number >> 8;
}

static struct field random_field(char *memory)
{
    static const char *const names[] = {":path", ":status",    "content-type", "x-name",
                                        "etag",  "set-cookie", "date",         "x-request-id",
                                        "vary",  "server"};
    struct slice name = slice_from_text(names[next_random() % 10]);
    size_t length = next_random() % (next_random() % 20 == 0 ? 300 : 12);
    for (size_t i = 0; i < length; i++)
        memory[i] = (char)(next_random() % 4 ? 'a' + (char)(next_random() % 3)
                                             : (char)(next_random() % 256));
    bool is_pseudo = name.data[0] == ':';
    return (struct field){.name = name,
                          .value = slice_of(memory, length),
                          .id = is_pseudo ? FIELD_OTHER : field_name_find(name)};
}

static void assert_same(struct slice found, struct slice expected)
{
    assert_int_equal(found.length, expected.length);
    if (found.length > 0)
        assert_memory_equal(found.data, expected.data, found.length);
}

static void expect_inflated(nghttp2_hd_inflater *inflater, struct slice *rest,
                            const struct field *expected)
{
    nghttp2_nv pair;
    int flags = 0;
    do {
        ssize_t length = nghttp2_hd_inflate_hd2(inflater, &pair, &flags,
                                                (const uint8_t *)rest->data, rest->length, 1);
        assert_true(length >= 0);
        *rest = slice_from(*rest, (size_t)length);
    } while (!(flags & NGHTTP2_HD_INFLATE_EMIT));
    assert_same(slice_of((const char *)pair.name, pair.namelen), expected->name);
    assert_same(slice_of((const char *)pair.value, pair.valuelen), expected->value);
}

static void what_is_packed_here_others_unpack(void **state)
{
    static char block[ROOM], values[FIELDS][300];
    struct field fields[FIELDS], found;
    nghttp2_hd_inflater *inflater;
    (void)state;
    begin();
    assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
    for (unsigned run = 0; run < 2000; run++) {
        struct text text = text_over(block, sizeof(block));
        uint32_t count = next_random() % FIELDS;
        if (next_random() % 10 == 0)
            hpack_encoder_resize(&encoder, next_random() % 5000);
        for (uint32_t i = 0; i < count; i++) {
            fields[i] = random_field(values[i]);
            hpack_encode(&encoder, &text, &fields[i], next_random() % 3);
        }
        assert_false(text_is_cut(&text));
        struct slice rest = text_slice(&text), again = rest;
        for (uint32_t i = 0; i < count; i++) {
            expect_inflated(inflater, &rest, &fields[i]);
            assert_int_equal(hpack_next(&decoder, &again, &found), HPACK_FIELD);
            assert_same(found.name, fields[i].name);
            assert_same(found.value, fields[i].value);
        }
        assert_int_equal(rest.length, 0);
        assert_int_equal(hpack_next(&decoder, &again, &found), HPACK_END);
        assert_int_equal(nghttp2_hd_inflate_end_headers(inflater), 0);
    }
    nghttp2_hd_inflate_del(inflater);
    end();
}

static void what_others_pack_is_unpacked_here(void **state)
{
    static char values[FIELDS][300];
    static uint8_t block[ROOM];
    struct field fields[FIELDS], found;
    nghttp2_nv pairs[FIELDS];
    nghttp2_hd_deflater *deflater;
    (void)state;
    begin();
    assert_int_equal(nghttp2_hd_deflate_new(&deflater, 4096), 0);
    for (unsigned run = 0; run < 2000; run++) {
        uint32_t count = next_random() % FIELDS;
        if (next_random() % 10 == 0)
            (void)nghttp2_hd_deflate_change_table_size(deflater, next_random() % 4096);
        for (uint32_t i = 0; i < count; i++) {
            fields[i] = random_field(values[i]);
            pairs[i] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)fields[i].name.data,
                                    .value = (uint8_t *)(uintptr_t)fields[i].value.data,
                                    .namelen = fields[i].name.length,
                                    .valuelen = fields[i].value.length};
        }
        ssize_t length = nghttp2_hd_deflate_hd(deflater, block, sizeof(block), pairs, count);
        assert_true(length >= 0);
        struct slice rest = slice_of((const char *)block, (size_t)length);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(hpack_next(&decoder, &rest, &found), HPACK_FIELD);
            assert_same(found.name, fields[i].name);
            assert_same(found.value, fields[i].value);
            assert_int_equal(found.id, fields[i].id);
        }
        assert_int_equal(hpack_next(&decoder, &rest, &found), HPACK_END);
    }
    nghttp2_hd_deflate_del(deflater);
    end();
}

/* The packing of a byte that is not worth it, too. */
static void the_code_of_each_byte_is_that_of_the_rfc(void **state)
{
    nghttp2_hd_inflater *inflater;
    (void)state;
    assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
    for (unsigned byte = 0; byte < 256; byte++) {
        char block[16] = {0, 1, 'a'}, bytes[] = {(char)byte, (char)byte};
        const struct field field = {.name = SLICE("a"), .value = slice_of(bytes, sizeof(bytes))};
        size_t length = hpack_huffman_length(field.value);
        block[3] = (char)(0x80 | length);
        hpack_huffman_pack(field.value, block + 4);
        struct slice rest = slice_of(block, 4 + length);
        expect_inflated(inflater, &rest, &field);
        assert_int_equal(nghttp2_hd_inflate_end_headers(inflater), 0);
    }
    nghttp2_hd_inflate_del(inflater);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_code_of_each_byte_is_that_of_the_rfc),
        cmocka_unit_test(what_is_packed_here_others_unpack),
        cmocka_unit_test(what_others_pack_is_unpacked_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
