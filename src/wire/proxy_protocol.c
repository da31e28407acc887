#include "wire/proxy_protocol.h"

#include "base/assert.h"

enum {
    LINE_MAX = 107,   /* version 1, with its CR LF */
    HEAD_LENGTH = 16, /* version 2, before the addresses */
    IPV4_LENGTH = 4,
    IPV6_LENGTH = 16,
    UNIX_LENGTH = 108,
    COMMAND_LOCAL = 0x20, /* with the version in the upper half */
    COMMAND_PROXY = 0x21,
    FAMILY_UNKNOWN = 0x00,
    FAMILY_TCP4 = 0x11,
    FAMILY_TCP6 = 0x21,
    FAMILY_UNIX = 0x31,
};

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n"; /* of version 2, without the NUL behind */
enum { SIGNATURE_LENGTH = sizeof(signature) - 1 };

/* ---- version 1: PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 */

static bool read_port(struct slice text, uint16_t *ret_port)
{
    uint64_t port = 0;
    bool has_zero = text.length > 1 && text.data[0] == '0';
    if (has_zero || !slice_to_number(text, UINT16_MAX, &port))
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static bool read_ip(struct slice text, enum address_kind kind, struct ip *ret_ip)
{
    /* An IPv6 address with an IPv4 one mapped into it is kept as that. */
    bool has_colon = slice_find(text, ':') < text.length;
    return has_colon == (kind == ADDRESS_IPV6) && ip_parse(text, ret_ip);
}

static bool read_line(struct slice line, struct proxy_header *header)
{
    if (slice_equal(slice_cut(&line, ' '), SLICE("PROXY"))) {
        struct slice family = slice_cut(&line, ' ');
        if (slice_equal(family, SLICE("UNKNOWN")))
            return true;
        enum address_kind kind = slice_equal(family, SLICE("TCP6")) ? ADDRESS_IPV6 : ADDRESS_IPV4;
        if (kind == ADDRESS_IPV4 && !slice_equal(family, SLICE("TCP4")))
            return false;
        struct slice source = slice_cut(&line, ' '), destination = slice_cut(&line, ' ');
        struct slice source_port = slice_cut(&line, ' ');
        return read_ip(source, kind, &header->source) &&
               read_ip(destination, kind, &header->destination) &&
               read_port(source_port, &header->source_port) &&
               read_port(line, &header->destination_port);
    }
    return false;
}

static enum proxy_header_event read_text(struct slice bytes, struct proxy_header *header,
                                         size_t *ret_length)
{
    size_t end = slice_find(bytes, '\n');
    if (end == bytes.length)
        return bytes.length < LINE_MAX ? PROXY_HEADER_MORE : PROXY_HEADER_BAD;
    if (end >= LINE_MAX || end == 0 || bytes.data[end - 1] != '\r' ||
        !read_line(slice_until(bytes, end - 1), header))
        return PROXY_HEADER_BAD;
    *ret_length = end + 1;
    return PROXY_HEADER_COMPLETE;
}

/* ---- version 2 */

static uint16_t read_number(const char *bytes)
{
    return (uint16_t)((unsigned char)bytes[0] << 8 | (unsigned char)bytes[1]);
}

static struct ip make_ip(enum address_kind kind, const char *bytes)
{
    static const char mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (char)0xff, (char)0xff};
    struct ip ip = {.kind = kind};
    if (kind == ADDRESS_IPV6 && memcmp(bytes, mapped, sizeof(mapped)) == 0)
        return make_ip(ADDRESS_IPV4, bytes + sizeof(mapped));
    memcpy(ip.bytes, bytes, kind == ADDRESS_IPV4 ? IPV4_LENGTH : IPV6_LENGTH);
    return ip;
}

/* What stands behind the addresses are extensions, which are passed over. */
static bool read_addresses(unsigned char family, struct slice rest, struct proxy_header *header)
{
    enum address_kind kind = family == FAMILY_TCP4 ? ADDRESS_IPV4 : ADDRESS_IPV6;
    size_t length = kind == ADDRESS_IPV4 ? IPV4_LENGTH : IPV6_LENGTH;
    if (family == FAMILY_UNKNOWN)
        return true;
    if (family == FAMILY_UNIX)
        return rest.length >= 2 * (size_t)UNIX_LENGTH;
    if ((family != FAMILY_TCP4 && family != FAMILY_TCP6) || rest.length < 2 * length + 4)
        return false;
    header->source = make_ip(kind, rest.data);
    header->destination = make_ip(kind, rest.data + length);
    header->source_port = read_number(rest.data + 2 * length);
    header->destination_port = read_number(rest.data + 2 * length + 2);
    return true;
}

static enum proxy_header_event read_binary(struct slice bytes, struct proxy_header *header,
                                           size_t *ret_length)
{
    if (bytes.length < HEAD_LENGTH)
        return PROXY_HEADER_MORE;
    unsigned char command = (unsigned char)bytes.data[12], family = (unsigned char)bytes.data[13];
    size_t length = HEAD_LENGTH + (size_t)read_number(bytes.data + 14);
    if ((command != COMMAND_LOCAL && command != COMMAND_PROXY) || length > PROXY_HEADER_MAX)
        return PROXY_HEADER_BAD;
    if (bytes.length < length)
        return PROXY_HEADER_MORE;
    struct slice rest = slice_of(bytes.data + HEAD_LENGTH, length - HEAD_LENGTH);
    if (command == COMMAND_PROXY && !read_addresses(family, rest, header))
        return PROXY_HEADER_BAD;
    *ret_length = length;
    return PROXY_HEADER_COMPLETE;
}

static bool may_begin_with(struct slice bytes, struct slice beginning)
{
    size_t length = bytes.length < beginning.length ? bytes.length : beginning.length;
    return slice_equal(slice_until(bytes, length), slice_until(beginning, length));
}

enum proxy_header_event proxy_header_read(struct slice bytes, struct proxy_header *ret_header,
                                          size_t *ret_length)
{
    *ret_header = (struct proxy_header){0};
    if (may_begin_with(bytes, slice_of(signature, SIGNATURE_LENGTH)))
        return read_binary(bytes, ret_header, ret_length);
    if (may_begin_with(bytes, SLICE("PROXY ")))
        return read_text(bytes, ret_header, ret_length);
    return PROXY_HEADER_BAD;
}

/* ---- writing */

static bool is_told(const struct ip *ip)
{
    return ip->kind == ADDRESS_IPV4 || ip->kind == ADDRESS_IPV6;
}

static bool is_ipv6(const struct proxy_header *header)
{
    return header->source.kind == ADDRESS_IPV6 || header->destination.kind == ADDRESS_IPV6;
}

/* As IPv6, with an IPv4 address mapped into it; a zero address where it is not told. */
static struct ip widened(const struct ip *ip)
{
    struct ip wide = {.kind = ADDRESS_IPV6};
    if (ip->kind == ADDRESS_IPV6)
        return *ip;
    if (ip->kind != ADDRESS_IPV4)
        return wide;
    memset(wide.bytes + 10, 0xff, 2);
    memcpy(wide.bytes + 12, ip->bytes, IPV4_LENGTH);
    return wide;
}

static void add_ip(struct text *text, const struct ip *ip, bool wide)
{
    struct ip none = {.kind = ADDRESS_IPV4};
    if (wide && ip->kind == ADDRESS_IPV4)
        text_add(text, SLICE("::ffff:"));
    if (wide && !is_told(ip))
        none.kind = ADDRESS_IPV6;
    ip_print(text, is_told(ip) ? ip : &none);
    text_add_byte(text, ' ');
}

static void write_text(struct text *text, const struct proxy_header *header)
{
    if (!is_told(&header->source)) {
        text_add(text, SLICE("PROXY UNKNOWN\r\n"));
        return;
    }
    bool wide = is_ipv6(header);
    text_add(text, wide ? SLICE("PROXY TCP6 ") : SLICE("PROXY TCP4 "));
    add_ip(text, &header->source, wide);
    add_ip(text, &header->destination, wide);
    text_add_number(text, header->source_port);
    text_add_byte(text, ' ');
    text_add_number(text, header->destination_port);
    text_add(text, SLICE("\r\n"));
}

static void add_number(struct text *text, size_t number)
{
    text_add_byte(text, (char)(number >> 8));
    text_add_byte(text, (char)number);
}

static void add_bytes(struct text *text, const struct ip *ip, bool wide)
{
    struct ip written = wide ? widened(ip) : *ip;
    text_add(text, slice_of((const char *)written.bytes, wide ? IPV6_LENGTH : IPV4_LENGTH));
}

static void write_binary(struct text *text, const struct proxy_header *header)
{
    bool known = is_told(&header->source), wide = is_ipv6(header);
    text_add(text, slice_of(signature, SIGNATURE_LENGTH));
    text_add_byte(text, known ? COMMAND_PROXY : COMMAND_LOCAL);
    text_add_byte(text, !known ? FAMILY_UNKNOWN : wide ? FAMILY_TCP6 : FAMILY_TCP4);
    if (!known) {
        add_number(text, 0);
        return;
    }
    add_number(text, 2 * (size_t)(wide ? IPV6_LENGTH : IPV4_LENGTH) + 4);
    add_bytes(text, &header->source, wide);
    add_bytes(text, &header->destination, wide);
    add_number(text, header->source_port);
    add_number(text, header->destination_port);
}

void proxy_header_write(struct text *text, unsigned version, const struct proxy_header *header)
{
    ASSERT(version == 1 || version == 2);
    if (version == 1)
        write_text(text, header);
    else
        write_binary(text, header);
}
