/* Bytes as the value of a Refresh field: the URL that is found lies within it, is not empty, begins
 * with no white space, and stands where a browser looks, behind a time. Between its own quotes it
 * is found again as it is, where it has none and no NUL. */
#include "base/assert.h"
#include "base/text.h"
#include "http/refresh_field.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_one_of(char byte, const char *bytes)
{
    return byte && strchr(bytes, byte);
}

/* What stands before an URL: a time, and at least one byte that ends it. */
static void check_before(struct slice before)
{
    while (before.length > 0 && is_one_of(before.data[0], " \t\f\r\n"))
        before = slice_from(before, 1);
    ASSERT(before.length >= 2 && is_one_of(before.data[0], "0123456789."));
}

static void find_again(struct slice url, const char *before, const char *behind)
{
    size_t room = url.length + 32;
    char *memory = malloc(room);
    ASSERT(memory);
    struct text text = text_over(memory, room);
    text_add(&text, slice_from_text(before));
    text_add(&text, url);
    text_add(&text, slice_from_text(behind));
    ASSERT(!text_is_cut(&text));
    ASSERT(slice_equal(refresh_field_url(text_slice(&text)), url));
    free(memory);
}

static void check(struct slice value)
{
    struct slice url = refresh_field_url(value);
    if (!url.data)
        return;
    ASSERT(url.length > 0 && !is_one_of(url.data[0], " \t\f\r\n"));
    ASSERT(url.data > value.data && url.data + url.length <= value.data + value.length);
    check_before(slice_until(value, (size_t)(url.data - value.data)));
    if (slice_find(url, '"') == url.length)
        find_again(url, "5; url=\"", "\" and more");
    if (slice_find(url, '\'') == url.length)
        find_again(url, ".5,URL = '", "'");
    if (!is_one_of(url.data[0], "\"'"))
        find_again(url, "0\turl=", "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = malloc(size ? size : 1); /* so that a byte too far is seen */
    ASSERT(exact);
    if (size)
        memcpy(exact, data, size);
    check(slice_of(exact, size));
    free(exact);
    return 0;
}
