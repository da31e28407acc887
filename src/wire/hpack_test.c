#include "wire/hpack.h"

#include "base/assert.h"
#include "wire/h2_field.h"
#include "wire/hpack_huffman.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TEXT_MAX = 64 * 1024 };

static struct buffer_pools pools;

/* Bytes from digits; the result is static. */
static struct slice bytes_of(const char *hex)
{
    static char bytes[TEXT_MAX];
    size_t length = strlen(hex) / 2;
    for (size_t i = 0; i < length; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        bytes[i] = (char)byte;
    }
    return slice_of(bytes, length);
}

/* Reads a block to `name: value` lines. */
static enum hpack_result unpack(struct hpack_decoder *decoder, struct slice block,
                                struct text *lines)
{
    struct field field;
    enum hpack_result result;
    while ((result = hpack_next(decoder, &block, &field)) == HPACK_FIELD) {
        text_add(lines, field.name);
        text_add(lines, SLICE(": "));
        text_add(lines, field.value);
        text_add_byte(lines, '\n');
        if (!slice_starts_with(field.name, SLICE(":")))
            assert_int_equal(field.id, field_name_find(field.name));
    }
    return result;
}

static void assert_unpacks(struct hpack_decoder *decoder, struct slice block, const char *expected)
{
    static char memory[TEXT_MAX];
    struct text lines = text_over(memory, sizeof(memory) - 1);
    assert_int_equal(unpack(decoder, block, &lines), HPACK_END);
    memory[lines.length] = 0;
    assert_string_equal(memory, expected);
}

/* Blocks one after the other through one decoder, with what they are, and the table's size after
 * the last one. */
struct example {
    const char *name;
    uint32_t table;
    struct {
        const char *hex, *lines;
    } blocks[3];
    size_t size;
};

#define FIRST  ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n"
#define SECOND FIRST "cache-control: no-cache\n"
#define THIRD                                                                                      \
    ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\n"              \
    "custom-key: custom-value\n"
#define REST                                                                                       \
    "cache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\n"                                \
    "location: https://www.example.com\n"
#define GZIPPED                                                                                    \
    ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\n"                  \
    "location: https://www.example.com\ncontent-encoding: gzip\n"                                  \
    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n"

static const struct example EXAMPLES[] = {
    {"C.2.1",
     4096,
     {{"400a637573746f6d2d6b65790d637573746f6d2d686561646572", "custom-key: custom-header\n"}},
     55},
    {"C.2.2", 4096, {{"040c2f73616d706c652f70617468", ":path: /sample/path\n"}}, 0},
    {"C.2.3", 4096, {{"100870617373776f726406736563726574", "password: secret\n"}}, 0},
    {"C.2.4", 4096, {{"82", ":method: GET\n"}}, 0},
    {"C.3",
     4096,
     {{"828684410f7777772e6578616d706c652e636f6d", FIRST},
      {"828684be58086e6f2d6361636865", SECOND},
      {"828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", THIRD}},
     164},
    {"C.4",
     4096,
     {{"828684418cf1e3c2e5f23a6ba0ab90f4ff", FIRST},
      {"828684be5886a8eb10649cbf", SECOND},
      {"828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", THIRD}},
     164},
    {"C.5",
     256,
     {{"4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54"
       "6e1768747470733a2f2f7777772e6578616d706c652e636f6d",
       ":status: 302\n" REST},
      {"4803333037c1c0bf", ":status: 307\n" REST},
      {"88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f"
       "3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076"
       "657273696f6e3d31",
       GZIPPED}},
     215},
    {"C.6",
     256,
     {{"488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f"
       "0b97c8e9ae82ae43d3",
       ":status: 302\n" REST},
      {"4883640effc1c0bf", ":status: 307\n" REST},
      {"88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335df"
       "dfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
       GZIPPED}},
     215},
};

static void the_examples_of_the_rfc_unpack(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(EXAMPLES) / sizeof(EXAMPLES[0]); i++) {
        const struct example *example = &EXAMPLES[i];
        struct hpack_decoder decoder;
        hpack_decoder_init(&decoder, example->table, &pools);
        for (size_t block = 0; block < 3 && example->blocks[block].hex; block++)
            assert_unpacks(&decoder, bytes_of(example->blocks[block].hex),
                           example->blocks[block].lines);
        assert_int_equal(decoder.table.size, example->size);
        hpack_decoder_fini(&decoder);
    }
}

static void what_cannot_be_unpacked_is_refused(void **state)
{
    (void)state;
    static const char *const BLOCKS[] = {
        "80",               /* 6.1: index 0 */
        "be",               /* behind the tables */
        "ffffffffff0f",     /* far behind them */
        "ff80808080808000", /* 5.1: an integer of too many bytes */
        "ff",               /* one that does not end */
        "7e0161",           /* a name behind the tables */
        "40",               /* no name */
        "4001",             /* a name that is cut */
        "400161",           /* no value */
        "40016105616263",   /* a value that is cut */
        "400161ff",         /* a length that does not end */
        "40016182ffff",     /* 5.2: padding of more than seven bits */
        "400161811c",       /* padding of zeros */
        "40016184ffffffff", /* EOS */
        "40016183fffffd",   /* a code that is cut */
        "3fe21f",           /* 6.3: a table larger than was announced */
        "823f00",           /* 4.2: a size behind a field */
        "3f",               /* a size that does not end */
    };
    for (size_t i = 0; i < sizeof(BLOCKS) / sizeof(BLOCKS[0]); i++) {
        char memory[256];
        struct text lines = text_over(memory, sizeof(memory));
        struct hpack_decoder decoder;
        hpack_decoder_init(&decoder, 4096, &pools);
        assert_int_equal(unpack(&decoder, bytes_of(BLOCKS[i]), &lines), HPACK_BAD);
        hpack_decoder_fini(&decoder);
    }
}

/* RFC 7541 4.2 to 4.4. */
/* What is wrong with a field (RFC 9113 8.2.1) is found where it comes, and remembered where it is
 * referred to. */
static void what_is_not_sound_stays_so_in_the_table(void **state)
{
    static const struct {
        const char *hex;
        bool is_sound;
    } fields[] = {
        {"82", true},              /* :method: GET, of the static table */
        {"40017803610d62", false}, /* x: a CR b, which is added, */
        {"be", false},             /* and the same again */
        {"7e0161", true},          /* its name, with another value, */
        {"be", true},              /* which is added, too */
        {"bf", false},             /* the one before it */
        {"4001580161", false},     /* X: a */
        {"be", false},             /* the same */
        {"0f2f0162", false},       /* its name, with another value */
        {"0001780161", true},      /* x: a, and not added */
        {"0001780220"
         "61",
         false}, /* with a blank before it */
        {"4001780220"
         "61",
         false},                 /* the same, added */
        {"be", false},           /* and again */
        {"0f0d0161", true},      /* content-length: a, a name of the static table, */
        {"0f0d0109", false},     /* and with a tab alone */
        {"40000161", false},     /* no name */
        {"400278200161", false}, /* a name with a blank */
        {"44022f0a", false},     /* :path: / LF */
        {"be", false},           /* the same */
    };
    struct hpack_decoder decoder;
    struct field field;
    (void)state;
    hpack_decoder_init(&decoder, HPACK_TABLE_SIZE, &pools);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct slice rest = bytes_of(fields[i].hex);
        assert_int_equal(hpack_next(&decoder, &rest, &field), HPACK_FIELD);
        assert_int_equal(rest.length, 0);
        assert_int_equal(decoder.is_sound, fields[i].is_sound);
        assert_int_equal(hpack_next(&decoder, &rest, &field), HPACK_END);
    }
    hpack_decoder_fini(&decoder);
}

/* Nobody asks what comes of it: all of it is as it should be. */
static void the_static_table_is_sound(void **state)
{
    (void)state;
    for (unsigned row = 1; row <= HPACK_STATIC_COUNT; row++) {
        const struct field *field = &hpack_static_table[row];
        assert_true(h2_name_is_sound(field->name));
        assert_true(h2_value_is_sound(field->value));
        if (field->name.data[0] != ':')
            assert_int_equal(field->id, field_name_find(field->name));
    }
}

static void old_entries_make_room_for_new_ones(void **state)
{
    (void)state;
    struct hpack_decoder decoder;
    hpack_decoder_init(&decoder, 4096, &pools);
    assert_unpacks(&decoder, bytes_of("40016101624001630164"), "a: b\nc: d\n");
    assert_int_equal(decoder.table.size, 68);
    /* Room for one of them; its name goes while its successor takes it. */
    assert_unpacks(&decoder, bytes_of("3f047e0165"), "c: e\n");
    assert_int_equal(decoder.table.count, 1);
    assert_unpacks(&decoder, bytes_of("be"), "c: e\n");
    /* The name of the only entry, with a value that does not fit. */
    assert_unpacks(&decoder, bytes_of("7e03666f6f"), "c: foo\n");
    assert_int_equal(decoder.table.count, 0);
    /* None, and then again all that was announced. */
    assert_unpacks(&decoder, bytes_of("203fe11f4001610162"), "a: b\n");
    assert_int_equal(decoder.table.limit, 4096);
    hpack_decoder_fini(&decoder);
}

static void all_bytes_pack_and_unpack(void **state)
{
    (void)state;
    char packed[4 * 256], unpacked[8 * 256], text[256];
    for (unsigned start = 0; start < 256; start++) {
        for (unsigned i = 0; i < sizeof(text); i++)
            text[i] = (char)(start + i * (start | 1));
        struct slice all = slice_of(text, start);
        size_t length = hpack_huffman_length(all), back = 0;
        assert_true(length <= sizeof(packed));
        hpack_huffman_pack(all, packed);
        assert_true(hpack_huffman_unpack(slice_of(packed, length), unpacked, &back));
        assert_true(slice_equal(slice_of(unpacked, back), all));
    }
}

/* ---- packing */

struct pair {
    struct hpack_encoder encoder;
    struct hpack_decoder decoder;
    char memory[TEXT_MAX];
    struct text block;
};

static struct pair *pair_new(void)
{
    struct pair *pair = malloc(sizeof(*pair));
    ASSERT(pair);
    hpack_encoder_init(&pair->encoder, &pools);
    hpack_decoder_init(&pair->decoder, HPACK_TABLE_SIZE, &pools);
    pair->block = text_over(pair->memory, sizeof(pair->memory));
    return pair;
}

static void pair_free(struct pair *pair)
{
    hpack_encoder_fini(&pair->encoder);
    hpack_decoder_fini(&pair->decoder);
    free(pair);
}

static void pack(struct pair *pair, const char *name, const char *value, enum hpack_manner manner)
{
    struct slice text = slice_from_text(name);
    struct field field = {.name = text, .value = slice_from_text(value)};
    field.id = name[0] == ':' ? FIELD_OTHER : field_name_find(text);
    size_t before = pair->block.length;
    hpack_encode(&pair->encoder, &pair->block, &field, manner);
    assert_false(text_is_cut(&pair->block));
    assert_true(pair->block.length - before <=
                hpack_bound(field.name, field.value) + HPACK_BLOCK_BOUND);
}

/* Ends the block, which must read as that. Returns its length. */
static size_t sent(struct pair *pair, const char *lines)
{
    size_t length = pair->block.length;
    assert_unpacks(&pair->decoder, text_slice(&pair->block), lines);
    assert_int_equal(pair->encoder.table.size, pair->decoder.table.size);
    pair->block.length = 0;
    return length;
}

static void what_comes_again_takes_a_byte(void **state)
{
    (void)state;
    struct pair *pair = pair_new();
    for (unsigned round = 0; round < 2; round++) {
        pack(pair, ":status", "200", HPACK_INDEX);
        pack(pair, "Content-Type", "text/html", HPACK_INDEX);
        pack(pair, "X-Own-Name", "anything", HPACK_INDEX);
        pack(pair, "ETag", "\"1\"", HPACK_INDEX);
        size_t length = sent(pair, ":status: 200\ncontent-type: text/html\nx-own-name: anything\n"
                                   "etag: \"1\"\n");
        assert_true(round == 0 ? length > 20 : length == 4);
    }
    /* A name alone that was there takes two bytes, behind the 62 that take one. */
    pack(pair, "X-OWN-NAME", "b", HPACK_INDEX);
    assert_int_equal(sent(pair, "x-own-name: b\n"), 4);
    pair_free(pair);
}

/* A byte where the static table has it (RFC 7541 appendix A), and from the second time on. */
static void any_status_packs(void **state)
{
    (void)state;
    for (unsigned status = 100; status <= 599; status++) {
        char lines[32];
        struct pair *pair = pair_new();
        (void)snprintf(lines, sizeof(lines), ":status: %u\n", status);
        hpack_encode_status(&pair->encoder, &pair->block, (uint16_t)status);
        (void)sent(pair, lines);
        hpack_encode_status(&pair->encoder, &pair->block, (uint16_t)status);
        assert_int_equal(sent(pair, lines), 1);
        pair_free(pair);
    }
}

static void secrets_and_what_comes_once_are_not_kept(void **state)
{
    (void)state;
    struct pair *pair = pair_new();
    pack(pair, "Set-Cookie", "a=b", HPACK_SECRET);
    assert_int_equal(pair->memory[0] & 0xf0, 0x10);
    pack(pair, "Content-Length", "12", HPACK_PLAIN);
    (void)sent(pair, "set-cookie: a=b\ncontent-length: 12\n");
    assert_int_equal(pair->encoder.table.count, 0);
    pair_free(pair);
}

/* RFC 7541 4.2. */
static void sizes_that_the_peer_asks_for_are_told(void **state)
{
    (void)state;
    struct pair *pair = pair_new();
    pack(pair, "a", "b", HPACK_INDEX);
    (void)sent(pair, "a: b\n");
    hpack_encoder_resize(&pair->encoder, 0);
    hpack_encoder_resize(&pair->encoder, 1000000);
    pack(pair, "c", "d", HPACK_INDEX);
    assert_int_equal(pair->memory[0], 0x20);
    assert_int_equal(pair->memory[1], 0x3f);
    (void)sent(pair, "c: d\n");
    assert_int_equal(pair->decoder.table.limit, HPACK_TABLE_SIZE);
    assert_int_equal(pair->decoder.table.count, 1);
    hpack_encoder_resize(&pair->encoder, 30);
    pack(pair, "c", "d", HPACK_INDEX);
    (void)sent(pair, "c: d\n");
    assert_int_equal(pair->encoder.table.count, 0);
    pair_free(pair);
}

/* Names and values of all kinds, until entries have gone many times. */
static void both_sides_stay_alike(void **state)
{
    (void)state;
    struct pair *pair = pair_new();
    unsigned seed = 1;
    for (unsigned round = 0; round < 3000; round++) {
        char name[120], value[1500], lines[1700];
        seed = seed * 1103515245 + 12345;
        unsigned kind = seed >> 16 & 7, length = seed >> 19 & (kind == 7 ? 1023 : 63);
        if (kind < 2)
            snprintf(name, sizeof(name), "%s", kind ? "date" : "server");
        else
            snprintf(name, sizeof(name), "x-%0*u", (int)(kind * 12), seed >> 24 & 15);
        for (unsigned i = 0; i < length; i++)
            value[i] = (char)('!' + (seed >> (i & 7)) % 90);
        value[length] = 0;
        snprintf(lines, sizeof(lines), "%s: %s\n", name, value);
        pack(pair, name, value, HPACK_INDEX);
        (void)sent(pair, lines);
    }
    pair_free(pair);
}

static int set_up(void **state)
{
    (void)state;
    return buffer_pools_init(&pools) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    buffer_pools_fini(&pools);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_unpack),
        cmocka_unit_test(what_cannot_be_unpacked_is_refused),
        cmocka_unit_test(what_is_not_sound_stays_so_in_the_table),
        cmocka_unit_test(the_static_table_is_sound),
        cmocka_unit_test(old_entries_make_room_for_new_ones),
        cmocka_unit_test(all_bytes_pack_and_unpack),
        cmocka_unit_test(what_comes_again_takes_a_byte),
        cmocka_unit_test(any_status_packs),
        cmocka_unit_test(secrets_and_what_comes_once_are_not_kept),
        cmocka_unit_test(sizes_that_the_peer_asks_for_are_told),
        cmocka_unit_test(both_sides_stay_alike),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
