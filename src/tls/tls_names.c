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

/* A name of a host without its star. */
static bool is_name(struct slice name)
{
    enum { LENGTH_MAX = 253 };
    if (slice_starts_with(name, SLICE("*.")))
        name = slice_find(slice_from(name, 2), '.') < name.length - 2 ? slice_from(name, 2)
                                                                      : SLICE("");
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~' || name.data[i] == '*')
            return false;
    }
    return name.length > 0 && name.length <= LENGTH_MAX;
}

static bool take_name(const struct der_item *item, struct text *ret_name)
{
    struct ip ip = {.kind = item->content.length == 4 ? ADDRESS_IPV4 : ADDRESS_IPV6};
    ret_name->length = 0;
    if (item->tag == TAG_DNS_NAME && is_name(item->content)) {
        text_add(ret_name, item->content);
        ascii_lower_copy(ret_name->data, text_slice(ret_name));
        return !text_is_cut(ret_name);
    }
    if (item->tag != TAG_IP_ADDRESS || (item->content.length != 4 && item->content.length != 16))
        return false;
    memcpy(ip.bytes, item->content.data, item->content.length);
    ip_print(ret_name, &ip);
    return !text_is_cut(ret_name);
}

bool tls_certificate_next_name(struct tls_name_walk *walk, struct text *ret_name)
{
    struct der_item item;
    if (!walk->has_begun)
        walk->rest = walk->certificate->names;
    walk->has_begun = true;
    while (tls_der_next(&walk->rest, &item)) {
        if (take_name(&item, ret_name))
            return true;
    }
    return false;
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
