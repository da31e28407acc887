#include "tls/tls_pem.h"

static const struct slice begin_mark = SLICE("-----BEGIN "), end_mark = SLICE("-----END "),
                          dashes = SLICE("-----");

/* Without its end, with a carriage return before it or not, and blanks. */
static struct slice take_line(struct slice *rest)
{
    struct slice line = slice_cut(rest, '\n');
    while (line.length > 0 &&
           (line.data[line.length - 1] == '\r' || line.data[line.length - 1] == ' ' ||
            line.data[line.length - 1] == '\t'))
        line.length--;
    return line;
}

/* What stands between a mark and the dashes at the end of a line. False: it is no such line. */
static bool read_label(struct slice line, struct slice mark, struct slice *ret_label)
{
    if (!slice_starts_with(line, mark) || !slice_ends_with(line, dashes) ||
        line.length <= mark.length + dashes.length)
        return false;
    *ret_label =
        slice_until(slice_from(line, mark.length), line.length - mark.length - dashes.length);
    return true;
}

/* RFC 4648 4; -1: no digit of it. */
static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Base64 as it comes, line by line. */
struct base64 {
    struct text *bytes;
    uint32_t bits;  /* that are not yet whole bytes */
    unsigned count; /* digits of the group */
    unsigned pads;
};

static bool take_digit(struct base64 *base64, char c)
{
    int value = c == '=' ? 0 : digit(c);
    base64->pads += c == '=';
    if (value < 0 || base64->pads > 2 || (base64->pads > 0 && c != '='))
        return false;
    base64->bits = base64->bits << 6 | (uint32_t)value;
    if (++base64->count < 4)
        return true;
    for (unsigned i = 0; i < 3 - base64->pads; i++)
        text_add_byte(base64->bytes, (char)(base64->bits >> (16 - 8 * i)));
    base64->count = 0;
    base64->bits = 0;
    return true;
}

static bool take_digits(struct base64 *base64, struct slice line)
{
    for (size_t i = 0; i < line.length; i++) {
        if (!take_digit(base64, line.data[i]))
            return false;
    }
    return true;
}

/* Up to the line with the end. */
static enum tls_pem read_body(struct slice *rest, struct slice label, struct text *memory)
{
    struct base64 base64 = {.bytes = memory};
    while (rest->length > 0) {
        struct slice end, line = take_line(rest);
        if (read_label(line, end_mark, &end))
            return slice_equal(end, label) && base64.count == 0 && !text_is_cut(memory)
                       ? TLS_PEM_BLOCK
                       : TLS_PEM_ODD;
        if (!take_digits(&base64, line))
            return TLS_PEM_ODD;
    }
    return TLS_PEM_ODD;
}

enum tls_pem tls_pem_next(struct slice *rest, struct text *memory, struct slice *ret_label,
                          struct slice *ret_bytes)
{
    while (rest->length > 0) {
        size_t before = memory->length;
        struct slice line = take_line(rest);
        if (!slice_starts_with(line, slice_until(begin_mark, dashes.length)))
            continue;
        if (!read_label(line, begin_mark, ret_label))
            return TLS_PEM_ODD;
        enum tls_pem found = read_body(rest, *ret_label, memory);
        *ret_bytes = slice_of(memory->data + before, memory->length - before);
        return found;
    }
    return TLS_PEM_END;
}
