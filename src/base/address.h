/* Network addresses as values: parsed, compared and written, never used (that is sys/). */
#pragma once

#include "base/slice.h"
#include "base/text.h"

enum address_kind { ADDRESS_NONE, ADDRESS_IPV4, ADDRESS_IPV6, ADDRESS_UNIX };

enum { ADDRESS_PATH_MAX = 107, ADDRESS_TEXT_MAX = 128 };
enum { IP_TEXT_MAX = sizeof("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") - 1 };

/* An IP address without a port. An IPv4 address that came mapped into IPv6 is kept as IPv4.
 * ADDRESS_UNIX stands for a peer on a Unix socket, which has no address. */
struct ip {
    enum address_kind kind;
    uint8_t bytes[16]; /* network order; IPv4 in the first four */
};

/* An address as ip_print writes it, kept where it is asked for often. */
struct ip_text {
    uint8_t length;
    char bytes[IP_TEXT_MAX];
};

/* Where to listen or to connect. */
struct address {
    struct ip ip;
    uint16_t port;
    char path[ADDRESS_PATH_MAX + 1]; /* of a Unix socket; a leading '@' is the abstract space */
};

/* A range of addresses, as in 10.0.0.0/8. */
struct ip_range {
    struct ip first;
    uint8_t bits;
};

/* `1.2.3.4` or `::1` (without brackets). False: not an address. */
bool ip_parse(struct slice text, struct ip *ret_ip);

/* `10.0.0.0/8`, `fd00::/8` or a single address. False: not a range, or bits beyond the mask. */
bool ip_range_parse(struct slice text, struct ip_range *ret_range);

/* Whether it is this machine's own (127.0.0.0/8, ::1): nobody else reaches it. */
bool ip_is_loopback(const struct ip *ip);

bool ip_equal(const struct ip *a, const struct ip *b);
bool ip_range_contains(const struct ip_range *range, const struct ip *ip);

/* Without brackets, IPv6 in the form of RFC 5952; `unix` for a Unix peer. */
void ip_print(struct text *text, const struct ip *ip);

struct ip_text ip_text_of(const struct ip *ip);

static inline struct slice ip_text_slice(const struct ip_text *text)
{
    return slice_of(text->bytes, text->length);
}

/* `1.2.3.4:80`, `[::1]:80`, `unix:/path`; `:80` and `*:80` are any address (of IPv6, which takes
 * IPv4 too, see address_is_any). No names. False: not an address, or a port outside 1..65535. */
bool address_parse(struct slice text, struct address *ret_address);

/* Whether it is the address on all interfaces, written without an address. */
bool address_is_any(const struct address *address);

bool address_equal(const struct address *a, const struct address *b);
void address_print(struct text *text, const struct address *address);
