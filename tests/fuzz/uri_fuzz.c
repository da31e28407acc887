/* The one form of a path is one: clean, without dot segments, its own form, and the same path as
 * before to a reader who decodes, merges and cuts whatever he can. Authorities and
 * addresses that are accepted hold nothing strange, and addresses read again as they print. */
#include "base/address.h"
#include "base/arena.h"
#include "base/assert.h"
#include "http/byte_class.h"
#include "http/uri.h"
#include "policy/path.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_dots(struct slice segment)
{
    return slice_equal(segment, SLICE(".")) || slice_equal(segment, SLICE(".."));
}

static void check_form(struct slice path)
{
    ASSERT(path.length > 0 && path.data[0] == '/');
    for (size_t i = 0; i < path.length; i++) {
        if (path.data[i] != '%') {
            ASSERT(byte_is(path.data[i], BYTE_PATH));
            continue;
        }
        ASSERT(i + 2 < path.length);
        char high = path.data[i + 1], low = path.data[i + 2];
        ASSERT(byte_is(high, BYTE_HEX) && byte_is(low, BYTE_HEX));
        char byte = (char)(hex_value(high) << 4 | hex_value(low));
        ASSERT(byte != 0 && !byte_is(byte, BYTE_UNRESERVED));
    }
    struct slice rest = path, segment;
    while (path_next_segment(&rest, &segment))
        ASSERT(!is_dots(segment) && slice_find(segment, '/') == segment.length);
}

/* All escapes decoded; a backslash is a slash. */
static struct slice decode_all(struct slice path, struct arena *arena)
{
    char *memory = arena_alloc(arena, path.length);
    ASSERT(memory);
    size_t length = 0;
    for (size_t i = 0; i < path.length; i++) {
        char byte = path.data[i];
        if (byte == '%') {
            byte = (char)(hex_value(path.data[i + 1]) << 4 | hex_value(path.data[i + 2]));
            i += 2;
        }
        memory[length++] = byte == '\\' ? '/' : byte;
    }
    return slice_of(memory, length);
}

/* The path as the freest of readers sees it: everything decoded, slashes merged, parameters cut
 * off, and then dot segments removed. */
static struct slice read_freely(struct slice path, struct arena *arena)
{
    struct slice rest = decode_all(path, arena), segment;
    char *memory = arena_alloc(arena, path.length + 1);
    ASSERT(memory);
    size_t length = 0;
    while (path_next_segment(&rest, &segment)) {
        segment = slice_until(segment, slice_find(segment, ';'));
        if (slice_equal(segment, SLICE("..")))
            length = length ? slice_find_last(slice_of(memory, length), '/') : 0;
        if (is_dots(segment) || slice_is_empty(segment))
            continue;
        memory[length++] = '/';
        memcpy(memory + length, segment.data, segment.length);
        length += segment.length;
    }
    return slice_of(memory, length);
}

/* For comparing: the same path, all hex digits of escapes in capitals. */
static void check_match_form(struct slice path, struct arena *arena)
{
    struct slice form;
    bool made = path_match_form(path, arena, &form);
    ASSERT(made && form.length == path.length);
    check_form(form);
    for (size_t i = 0; i + 2 < form.length; i++)
        ASSERT(form.data[i] != '%' || (form.data[i + 1] < 'a' && form.data[i + 2] < 'a'));
    ASSERT(slice_equal(read_freely(path, arena), read_freely(form, arena)));
}

static void check_bare(struct slice path, enum path_verdict verdict, struct arena *arena)
{
    struct slice form;
    ASSERT(verdict == PATH_PLAIN);
    bool made = path_match_form(path, arena, &form);
    ASSERT(made && form.data == path.data && form.length == path.length);
    made = path_collapse(path, arena, &form);
    ASSERT(made && form.data == path.data && form.length == path.length);
}

static void check_path(struct slice path)
{
    struct arena arena;
    struct slice form, again;
    arena_init(&arena, NULL, 1024 * 1024);
    enum path_verdict verdict = path_normalize(path, &arena, &form);
    if (path_is_bare(path))
        check_bare(path, verdict, &arena);
    if (verdict == PATH_PLAIN || verdict == PATH_REWRITTEN) {
        ASSERT(slice_equal(form, path) == (verdict == PATH_PLAIN));
        ASSERT(form.length <= path.length);
        check_form(form);
        check_match_form(form, &arena);
        ASSERT(path_normalize(form, &arena, &again) == PATH_PLAIN);
        ASSERT(slice_equal(form, again));
        ASSERT(slice_equal(read_freely(path, &arena), read_freely(form, &arena)));
    }
    arena_fini(&arena);
}

static void check_authority(struct slice authority)
{
    struct slice host, name;
    uint16_t port = 0;
    char memory[253];
    if (!authority_parse(authority, &host, &port))
        return;
    ASSERT(host.length > 0 && host.length <= authority.length);
    ASSERT(slice_find(host, '@') == host.length && slice_find(host, '/') == host.length);
    if (host_normalize(host, memory, sizeof(memory), &name)) {
        ASSERT(name.length <= sizeof(memory));
        for (size_t i = 0; i < name.length; i++)
            ASSERT(name.data[i] == ascii_lower(host.data[i]));
    }
}

static void check_address(struct slice text)
{
    char memory[ADDRESS_TEXT_MAX];
    struct text printed = text_over(memory, sizeof(memory));
    struct address address, again;
    struct ip ip, same;
    if (ip_parse(text, &ip)) {
        ip_print(&printed, &ip);
        ASSERT(!text_is_cut(&printed) && ip_parse(text_slice(&printed), &same));
        ASSERT(ip_equal(&ip, &same));
    }
    printed = text_over(memory, sizeof(memory));
    if (address_parse(text, &address)) {
        address_print(&printed, &address);
        ASSERT(!text_is_cut(&printed) && address_parse(text_slice(&printed), &again));
        ASSERT(address_equal(&address, &again));
    }
    struct ip_range range;
    if (ip_range_parse(text, &range))
        ASSERT(ip_range_contains(&range, &range.first));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly the size: a read beyond it is found. */
    char *copy = malloc(size ? size : 1);
    ASSERT(copy);
    memcpy(copy, data, size);
    struct slice text = slice_of(copy, size);
    check_path(text);
    check_authority(text);
    check_address(text);
    free(copy);
    return 0;
}
