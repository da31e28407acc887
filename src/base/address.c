#include "base/address.h"

#include "base/assert.h"

static const uint8_t MAPPED[12] = {[10] = 0xFF, [11] = 0xFF};

static unsigned width(enum address_kind kind)
{
    switch (kind) {
    case ADDRESS_IPV4:
        return 32;
    case ADDRESS_IPV6:
        return 128;
    case ADDRESS_NONE:
    case ADDRESS_UNIX:
        break;
    }
    return 0;
}

/* An IPv4 address in the clothes of IPv6 (RFC 4291 2.5.5.2) is one of IPv4. */
static void unmap(struct ip *ip)
{
    if (memcmp(ip->bytes, MAPPED, sizeof(MAPPED)) != 0)
        return;
    struct ip plain = {.kind = ADDRESS_IPV4};
    memcpy(plain.bytes, ip->bytes + sizeof(MAPPED), 4);
    *ip = plain;
}

static bool parse_ipv4(struct slice text, uint8_t *bytes)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0 && slice_is_empty(text))
            return false;
        struct slice digits = i < 3 ? slice_cut(&text, '.') : text;
        uint64_t number = 0;
        /* A leading zero makes the number octal to some readers. */
        if (digits.length > 1 && digits.data[0] == '0')
            return false;
        if (!slice_to_number(digits, 255, &number))
            return false;
        bytes[i] = (uint8_t)number;
    }
    return true;
}

static bool parse_group(struct slice digits, uint8_t *bytes)
{
    unsigned group = 0;
    if (slice_is_empty(digits) || digits.length > 4)
        return false;
    for (size_t i = 0; i < digits.length; i++) {
        char digit = ascii_lower(digits.data[i]);
        if (!ascii_is_digit(digit) && (digit < 'a' || digit > 'f'))
            return false;
        group = group << 4 | (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    bytes[0] = (uint8_t)(group >> 8);
    bytes[1] = (uint8_t)group;
    return true;
}

/* The bytes written before and behind `::`, which stands at `gap`. */
static void fill_gap(uint8_t *bytes, size_t written, size_t gap)
{
    memmove(bytes + 16 - (written - gap), bytes + gap, written - gap);
    memset(bytes + gap, 0, 16 - written);
}

/* RFC 4291 2.2. */
static bool parse_ipv6(struct slice text, uint8_t *bytes)
{
    size_t written = 0, gap = SIZE_MAX;
    if (slice_starts_with(text, SLICE("::"))) {
        gap = 0;
        text = slice_from(text, 2);
    }
    while (!slice_is_empty(text)) {
        struct slice group = slice_until(text, slice_find(text, ':'));
        bool last = group.length == text.length;
        bool dotted = last && slice_find(group, '.') < group.length;
        size_t width = dotted ? 4 : 2;
        if (written + width > 16)
            return false;
        if (!(dotted ? parse_ipv4 : parse_group)(group, bytes + written))
            return false;
        written += width;
        if (last)
            break;
        text = slice_from(text, group.length + 1);
        if (slice_is_empty(text) || (text.data[0] == ':' && gap != SIZE_MAX))
            return false;
        if (text.data[0] == ':') {
            gap = written;
            text = slice_from(text, 1);
        }
    }
    if (gap != SIZE_MAX && written < 16)
        fill_gap(bytes, written, gap);
    return (gap == SIZE_MAX) == (written == 16);
}

/* The address as it was written, mapped ones too. */
static bool parse_as_written(struct slice text, struct ip *ret_ip)
{
    struct ip ip = {0};
    if (slice_find(text, ':') < text.length) {
        ip.kind = ADDRESS_IPV6;
        if (!parse_ipv6(text, ip.bytes))
            return false;
    } else {
        ip.kind = ADDRESS_IPV4;
        if (!parse_ipv4(text, ip.bytes))
            return false;
    }
    *ret_ip = ip;
    return true;
}

bool ip_parse(struct slice text, struct ip *ret_ip)
{
    if (!parse_as_written(text, ret_ip))
        return false;
    if (ret_ip->kind == ADDRESS_IPV6)
        unmap(ret_ip);
    return true;
}

/* Whether the first `bits` bits of both are the same. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned mask = 0xFFu << (8 - bits % 8) & 0xFFu;
    return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0;
}

static bool is_clear_from(const uint8_t *bytes, unsigned bit, unsigned end)
{
    for (; bit < end; bit++) {
        if (bytes[bit / 8] & 0x80u >> bit % 8)
            return false;
    }
    return true;
}

bool ip_range_parse(struct slice text, struct ip_range *ret_range)
{
    struct slice bits_text = text;
    struct slice ip_text = slice_cut(&bits_text, '/');
    struct ip ip;
    if (!parse_as_written(ip_text, &ip))
        return false;
    uint64_t bits = width(ip.kind);
    if (ip_text.length < text.length && !slice_to_number(bits_text, bits, &bits))
        return false;
    if (!is_clear_from(ip.bytes, (unsigned)bits, width(ip.kind)))
        return false;
    if (ip.kind == ADDRESS_IPV6 && bits >= 96) {
        unmap(&ip);
        bits -= ip.kind == ADDRESS_IPV4 ? 96 : 0;
    }
    *ret_range = (struct ip_range){ip, (uint8_t)bits};
    return true;
}

bool ip_is_loopback(const struct ip *ip)
{
    static const uint8_t ipv6[16] = {[15] = 1};
    if (ip->kind == ADDRESS_IPV4)
        return ip->bytes[0] == 127;
    return ip->kind == ADDRESS_IPV6 && memcmp(ip->bytes, ipv6, sizeof(ipv6)) == 0;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return a->kind == b->kind && memcmp(a->bytes, b->bytes, width(a->kind) / 8) == 0;
}

bool ip_range_contains(const struct ip_range *range, const struct ip *ip)
{
    ASSERT(range->bits <= width(range->first.kind));
    return width(ip->kind) > 0 && range->first.kind == ip->kind &&
           same_prefix(range->first.bytes, ip->bytes, range->bits);
}

static char *put_decimal(char *at, uint8_t byte)
{
    if (byte >= 100)
        *at++ = (char)('0' + byte / 100);
    if (byte >= 10)
        *at++ = (char)('0' + byte / 10 % 10);
    *at++ = (char)('0' + byte % 10);
    return at;
}

static void print_ipv4(struct text *text, const uint8_t *bytes)
{
    char printed[sizeof("255.255.255.255.")];
    char *at = printed;
    for (int i = 0; i < 4; i++) {
        at = put_decimal(at, bytes[i]);
        *at++ = '.';
    }
    text_add(text, slice_of(printed, (size_t)(at - printed) - 1));
}

/* How many groups of zeroes begin at `group`. */
static int zero_run(const uint8_t *bytes, int group)
{
    int end = group;
    while (end < 8 && bytes[2 * end] == 0 && bytes[2 * end + 1] == 0)
        end++;
    return end - group;
}

/* RFC 5952 4: the first of the longest runs of at least two zero groups becomes `::`. */
static void print_ipv6(struct text *text, const uint8_t *bytes)
{
    int gap = 8, gap_length = 1;
    for (int group = 0; group < 8; group++) {
        if (zero_run(bytes, group) > gap_length) {
            gap = group;
            gap_length = zero_run(bytes, group);
        }
    }
    for (int group = 0; group < 8; group++) {
        if (group == gap) {
            text_add(text, SLICE("::"));
            group += gap_length - 1;
            continue;
        }
        if (group > 0 && group != gap + gap_length)
            text_add_byte(text, ':');
        text_add_hex(text, (uint64_t)bytes[2 * group] << 8 | bytes[2 * group + 1]);
    }
}

void ip_print(struct text *text, const struct ip *ip)
{
    switch (ip->kind) {
    case ADDRESS_IPV4:
        print_ipv4(text, ip->bytes);
        break;
    case ADDRESS_IPV6:
        print_ipv6(text, ip->bytes);
        break;
    case ADDRESS_UNIX:
        text_add(text, SLICE("unix"));
        break;
    case ADDRESS_NONE:
        text_add(text, SLICE("unknown"));
        break;
    }
}

struct ip_text ip_text_of(const struct ip *ip)
{
    struct ip_text printed;
    struct text text = text_over(printed.bytes, sizeof(printed.bytes));
    ip_print(&text, ip);
    ASSERT(!text_is_cut(&text));
    printed.length = (uint8_t)text.length;
    return printed;
}

static bool parse_path(struct slice path, struct address *ret_address)
{
    struct address address = {.ip.kind = ADDRESS_UNIX};
    if (path.length < 2 || path.length > ADDRESS_PATH_MAX || slice_find(path, '\0') < path.length)
        return false;
    if (path.data[0] != '/' && path.data[0] != '@')
        return false;
    memcpy(address.path, path.data, path.length);
    *ret_address = address;
    return true;
}

/* What stands before the port. */
static bool parse_ip_part(struct slice text, struct ip *ret_ip)
{
    if (slice_is_empty(text) || slice_equal(text, SLICE("*"))) {
        *ret_ip = (struct ip){.kind = ADDRESS_IPV6};
        return true;
    }
    bool bracketed = text.length >= 2 && text.data[0] == '[' && text.data[text.length - 1] == ']';
    if (bracketed)
        text = slice_of(text.data + 1, text.length - 2);
    return (slice_find(text, ':') < text.length) == bracketed && ip_parse(text, ret_ip);
}

bool address_parse(struct slice text, struct address *ret_address)
{
    if (slice_starts_with(text, SLICE("unix:")))
        return parse_path(slice_from(text, 5), ret_address);
    size_t colon = slice_find_last(text, ':');
    struct address address = {0};
    uint64_t port = 0;
    if (colon == text.length || !parse_ip_part(slice_until(text, colon), &address.ip))
        return false;
    if (!slice_to_number(slice_from(text, colon + 1), UINT16_MAX, &port) || port == 0)
        return false;
    address.port = (uint16_t)port;
    *ret_address = address;
    return true;
}

bool address_is_any(const struct address *address)
{
    return address->ip.kind == ADDRESS_IPV6 && is_clear_from(address->ip.bytes, 0, 128);
}

bool address_equal(const struct address *a, const struct address *b)
{
    return ip_equal(&a->ip, &b->ip) && a->port == b->port && strcmp(a->path, b->path) == 0;
}

void address_print(struct text *text, const struct address *address)
{
    if (address->ip.kind == ADDRESS_UNIX) {
        text_add(text, SLICE("unix:"));
        text_add(text, slice_from_text(address->path));
        return;
    }
    bool brackets = address->ip.kind == ADDRESS_IPV6;
    if (address_is_any(address)) {
        text_add_byte(text, '*');
    } else {
        text_add(text, brackets ? SLICE("[") : SLICE(""));
        ip_print(text, &address->ip);
        text_add(text, brackets ? SLICE("]") : SLICE(""));
    }
    text_add_byte(text, ':');
    text_add_number(text, address->port);
}
