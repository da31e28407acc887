#include "main/estate.h"

#include "base/assert.h"
#include "sys/open.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

static const char NAME[] = "weir-estate";

static int write_head(int file, const char *key, size_t number)
{
    char memory[ESTATE_KEY_MAX + 32];
    struct text text = text_over(memory, sizeof(memory));
    text_print(&text, "%s %zu\n", key, number);
    ASSERT(!text_is_cut(&text));
    struct slice head = text_slice(&text);
    return sys_write(file, &head, 0);
}

int estate_begin(int file)
{
    return write_head(file, NAME, ESTATE_FORMAT);
}

int estate_add(int file, const char *key, const struct slice *parts, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    int error = write_head(file, key, length);
    for (size_t i = 0; !error && i < count; i++) {
        struct slice part = parts[i];
        error = sys_write(file, &part, 0);
    }
    struct slice end = SLICE("\n");
    return error ? error : sys_write(file, &end, 0);
}

int estate_print(int file, const char *key, const char *format, ...)
{
    enum { VALUE_MAX = 512 };
    char memory[VALUE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(memory, sizeof(memory), format, arguments);
    va_end(arguments);
    if (length < 0 || length >= VALUE_MAX)
        return -EOVERFLOW;
    struct slice value = slice_of(memory, (size_t)length);
    return estate_add(file, key, &value, 1);
}

/* ---- reading */

/* `KEY NUMBER` and the end of the line. */
static bool take_head(struct slice *rest, struct slice *ret_key, uint64_t *ret_number)
{
    size_t length = slice_find(*rest, '\n');
    if (length == rest->length)
        return false;
    struct slice line = slice_cut(rest, '\n');
    *ret_key = slice_cut(&line, ' ');
    return !slice_is_empty(*ret_key) && ret_key->length <= ESTATE_KEY_MAX &&
           slice_to_number(line, ESTATE_BYTES_MAX, ret_number);
}

bool estate_open(struct slice *rest)
{
    struct slice name;
    uint64_t format;
    return take_head(rest, &name, &format) && slice_equal(name, slice_from_text(NAME)) &&
           format == ESTATE_FORMAT;
}

enum estate_step estate_next(struct slice *rest, struct slice *ret_key, struct slice *ret_value)
{
    uint64_t length;
    if (slice_is_empty(*rest))
        return ESTATE_END;
    if (!take_head(rest, ret_key, &length) || length >= rest->length || rest->data[length] != '\n')
        return ESTATE_BROKEN;
    *ret_value = slice_until(*rest, length);
    *rest = slice_from(*rest, length + 1);
    return ESTATE_RECORD;
}

bool estate_take_number(struct slice *value, uint64_t max, uint64_t *ret_number)
{
    return slice_to_number(slice_cut(value, ' '), max, ret_number);
}

bool estate_take_int(struct slice *value, int *ret_number)
{
    uint64_t number;
    if (!estate_take_number(value, INT_MAX, &number))
        return false;
    *ret_number = (int)number;
    return true;
}
