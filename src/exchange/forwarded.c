#include "exchange/forwarded.h"

#include "base/assert.h"
#include "base/cold.h"
#include "exchange/exchange.h"

/* What stands in all lines of a list, with `*value` behind it, takes its place; the lines go.
 * False: no memory. */
COLD static bool join_list(struct exchange *exchange, enum field_name id, struct slice *value)
{
    struct fields *fields = &exchange->request.fields;
    size_t room = value->length;
    for (uint32_t i = 0; i < fields->count; i++)
        room += fields->items[i].id == id ? fields->items[i].value.length + 2 : 0;
    char *memory = arena_alloc(&exchange->arena, room);
    if (!memory)
        return false;
    struct text text = text_over(memory, room);
    for (uint32_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id != id || slice_is_empty(fields->items[i].name))
            continue;
        text_add(&text, fields->items[i].value);
        text_add(&text, SLICE(", "));
    }
    text_add(&text, *value);
    ASSERT(!text_is_cut(&text));
    (void)fields_remove(fields, id);
    *value = text_slice(&text);
    return true;
}

/* A link goes to the end of its chain, of which there is one only behind a trusted proxy. */
static bool add_link(struct exchange *exchange, enum field_name id, struct slice name,
                     struct slice value)
{
    struct fields *fields = &exchange->request.fields;
    if (fields->present & FIELD_BIT(id) && !join_list(exchange, id, &value))
        return false;
    fields_put(fields, id, name, value);
    return true;
}

/* RFC 7239 4: IPv6 in brackets and quotes; a host with a port has to be quoted as well. Returns
 * the peer as it stands in both chains: a part of the text. */
static struct slice print_link(struct text *text, const struct exchange *exchange)
{
    bool is_ipv6 = exchange->peer.kind == ADDRESS_IPV6;
    struct slice peer =
        exchange->peer.kind == ADDRESS_UNIX ? SLICE("unknown") : exchange->peer_text;
    ASSERT(!slice_is_empty(peer));
    text_add(text, SLICE("for="));
    if (is_ipv6)
        text_add(text, SLICE("\"["));
    struct slice printed = slice_of(text->data + text->length, peer.length);
    text_add(text, peer);
    if (is_ipv6)
        text_add(text, SLICE("]\""));
    if (!slice_is_empty(exchange->request.authority)) {
        text_add(text, SLICE(";host=\""));
        text_add(text, exchange->request.authority);
        text_add_byte(text, '"');
    }
    text_add(text, SLICE(";proto=http"));
    if (exchange->scheme == SCHEME_HTTPS)
        text_add_byte(text, 's');
    return printed;
}

static bool add_chains(struct exchange *exchange)
{
    enum { FRAME_MAX = sizeof("for=\"[]\";host=\"\";proto=https") };
    size_t room = FRAME_MAX + IP_TEXT_MAX + exchange->request.authority.length;
    char *memory = arena_alloc(&exchange->arena, room);
    if (!memory)
        return false;
    struct text text = text_over(memory, room);
    struct slice peer = print_link(&text, exchange);
    ASSERT(!text_is_cut(&text));
    return add_link(exchange, FIELD_X_FORWARDED_FOR, SLICE("X-Forwarded-For"), peer) &&
           add_link(exchange, FIELD_FORWARDED, SLICE("Forwarded"), text_slice(&text));
}

/* Scheme and host as the client used them towards the first proxy: a trusted one has told them. */
static void add_origin(struct exchange *exchange)
{
    struct fields *fields = &exchange->request.fields;
    if (!fields_find(fields, FIELD_X_FORWARDED_PROTO))
        fields_put(fields, FIELD_X_FORWARDED_PROTO, SLICE("X-Forwarded-Proto"),
                   exchange->scheme == SCHEME_HTTPS ? SLICE("https") : SLICE("http"));
    struct slice authority = exchange->request.authority;
    if (!slice_is_empty(authority) && !fields_find(fields, FIELD_X_FORWARDED_HOST))
        fields_put(fields, FIELD_X_FORWARDED_HOST, SLICE("X-Forwarded-Host"), authority);
}

static void add_via(struct exchange *exchange)
{
    const struct request_head *request = &exchange->request;
    struct slice via = request->major_version == 2   ? SLICE("2.0 weir")
                       : request->minor_version == 0 ? SLICE("1.0 weir")
                                                     : SLICE("1.1 weir");
    fields_put(&exchange->request.fields, FIELD_VIA, SLICE("Via"), via);
}

/* Further ones of that family, such as X-Forwarded-Prefix, some frameworks believe as well. */
static bool is_further_claim(const struct field *field)
{
    const struct slice family = SLICE("X-Forwarded-");
    return field->id == FIELD_OTHER && field->name.length > family.length &&
           field_name_reads_as(slice_until(field->name, family.length), family);
}

static void remove_further_claims(struct fields *fields)
{
    if (!(fields->present & FIELD_BIT(FIELD_OTHER)))
        return;
    for (uint32_t i = 0; i < fields->count; i++) {
        if (is_further_claim(&fields->items[i]))
            fields->items[i].name = slice_of(NULL, 0);
    }
}

static void remove_claims(struct fields *fields)
{
    fields_remove_bits(fields, FIELD_BITS_TELL_CLIENT);
    remove_further_claims(fields);
}

void forwarded_clean_trailers(struct fields *trailers)
{
    remove_further_claims(trailers); /* the others are known to be no trailers */
}

bool forwarded_add(struct exchange *exchange)
{
    struct fields *fields = &exchange->request.fields;
    if (!exchange->peer_is_trusted)
        remove_claims(fields);
    if (!add_chains(exchange))
        return false;
    add_origin(exchange);
    add_via(exchange);
    return true;
}
