/* The names that a certificate holds for: GeneralNames (RFC 5280 4.2.1.6), of which the names of
 * hosts and the addresses count. */
#include "base/address.h"
#include "tls/tls_certificate_int.h"
#include "tls/tls_der.h"

enum { TAG_DNS_NAME = DER_CONTEXT | 2, TAG_IP_ADDRESS = DER_CONTEXT | 7 };

/* As the library has it of whoever shows a certificate: a star is the whole first label, stands for
 * one label, and not for all below a top level (RFC 9525 6.3). */
static bool is_below_star(struct slice name, struct slice below)
{
    return slice_starts_with(name, SLICE("*.")) && slice_find(below, '.') < below.length &&
           slice_equal_fold(slice_from(name, 2), below);
}

static bool name_covers(struct slice name, struct slice host, bool is_wildcard)
{
    size_t dot = slice_find(host, '.');
    if (is_wildcard)
        return is_below_star(name, host);
    return slice_equal_fold(name, host) ||
           (dot > 0 && is_below_star(name, slice_from(host, dot + 1)));
}

static bool address_covers(struct slice bytes, const struct ip *ip)
{
    size_t length = ip->kind == ADDRESS_IPV4 ? 4 : 16;
    return slice_equal(bytes, slice_of((const char *)ip->bytes, length));
}

bool tls_certificate_covers(const struct tls_certificate *certificate, struct slice host,
                            bool is_wildcard)
{
    struct slice rest = certificate->names;
    struct der_item name;
    struct ip ip;
    bool is_address = !is_wildcard && ip_parse(host, &ip), covers = false;
    while (host.length > 0 && !covers && tls_der_next(&rest, &name)) {
        if (is_address)
            covers = name.tag == TAG_IP_ADDRESS && address_covers(name.content, &ip);
        else
            covers = name.tag == TAG_DNS_NAME && name_covers(name.content, host, is_wildcard);
    }
    return covers;
}

static void print_name(struct text *text, struct slice name)
{
    if (text->capacity - text->length < name.length + 2)
        return;
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~')
            return;
    }
    if (text->length > 0)
        text_add(text, SLICE(", "));
    text_add(text, name);
}

void tls_certificate_print_names(struct text *text, const struct tls_certificate *certificate)
{
    struct slice rest = certificate->names;
    struct der_item name;
    while (tls_der_next(&rest, &name)) {
        if (name.tag == TAG_DNS_NAME)
            print_name(text, name.content);
    }
}
