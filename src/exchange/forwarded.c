#include "exchange/forwarded.h"

#include "base/assert.h"
#include "exchange/exchange.h"

/* The chains are written into one piece of the arena, of which the fields are parts. */
struct writer {
    struct exchange *exchange;
    struct text text;
    size_t begin;
};

static bool add(struct exchange *exchange, enum field_name id, struct slice value)
{
    return fields_add(&exchange->request.fields, &exchange->arena, id, field_name_text(id), value);
}

static bool add_written(struct writer *writer, enum field_name id)
{
    ASSERT(writer->begin <= writer->text.length);
    struct slice value = slice_from(text_slice(&writer->text), writer->begin);
    writer->begin = writer->text.length;
    return add(writer->exchange, id, value);
}

static struct slice scheme_text(const struct exchange *exchange)
{
    return exchange->scheme == SCHEME_HTTPS ? SLICE("https") : SLICE("http");
}

/* The peer as it stands in both chains; part of the text. */
static struct slice print_peer(struct text *text, const struct ip *peer)
{
    size_t begin = text->length;
    if (peer->kind == ADDRESS_UNIX)
        text_add(text, SLICE("unknown"));
    else
        ip_print(text, peer);
    return slice_from(text_slice(text), begin);
}

/* All lines of a list field, joined; they are removed. */
static void take_list(struct writer *writer, enum field_name id)
{
    struct fields *fields = &writer->exchange->request.fields;
    if (!fields_find(fields, id))
        return;
    for (uint32_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id != id || slice_is_empty(fields->items[i].name))
            continue;
        text_add(&writer->text, fields->items[i].value);
        text_add(&writer->text, SLICE(", "));
    }
    (void)fields_remove(fields, id);
}

/* RFC 7239 4: IPv6 in brackets and quotes; a host with a port has to be quoted as well. */
static void print_forwarded(struct text *text, const struct exchange *exchange, struct slice peer)
{
    ASSERT(!slice_is_empty(peer));
    if (exchange->peer.kind == ADDRESS_IPV6) {
        text_add(text, SLICE("for=\"["));
        text_add(text, peer);
        text_add(text, SLICE("]\""));
    } else {
        text_add(text, SLICE("for="));
        text_add(text, peer);
    }
    if (!slice_is_empty(exchange->request.authority)) {
        text_add(text, SLICE(";host=\""));
        text_add(text, exchange->request.authority);
        text_add_byte(text, '"');
    }
    text_add(text, SLICE(";proto="));
    text_add(text, scheme_text(exchange));
}

static size_t lengths(const struct fields *fields, enum field_name id)
{
    size_t length = 0;
    for (uint32_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == id)
            length += fields->items[i].value.length + 2;
    }
    return length;
}

static size_t room_needed(const struct exchange *exchange)
{
    const struct fields *fields = &exchange->request.fields;
    size_t room = 256 + exchange->request.authority.length;
    if (exchange->peer_is_trusted)
        room += lengths(fields, FIELD_X_FORWARDED_FOR) + lengths(fields, FIELD_FORWARDED);
    return room;
}

static bool add_chain(struct writer *writer)
{
    take_list(writer, FIELD_X_FORWARDED_FOR);
    struct slice peer = print_peer(&writer->text, &writer->exchange->peer);
    if (!add_written(writer, FIELD_X_FORWARDED_FOR))
        return false;
    take_list(writer, FIELD_FORWARDED);
    print_forwarded(&writer->text, writer->exchange, peer);
    return add_written(writer, FIELD_FORWARDED);
}

/* Scheme and host as the client used them towards the first proxy: a trusted one has told them. */
static bool add_origin(struct exchange *exchange)
{
    const struct fields *fields = &exchange->request.fields;
    struct slice authority = exchange->request.authority;
    if (!fields_find(fields, FIELD_X_FORWARDED_PROTO) &&
        !add(exchange, FIELD_X_FORWARDED_PROTO, scheme_text(exchange)))
        return false;
    if (fields_find(fields, FIELD_X_FORWARDED_HOST) || slice_is_empty(authority))
        return true;
    return add(exchange, FIELD_X_FORWARDED_HOST, authority);
}

static bool add_via(struct exchange *exchange)
{
    const struct request_head *request = &exchange->request;
    struct slice via = request->major_version == 2   ? SLICE("2.0 weir")
                       : request->minor_version == 0 ? SLICE("1.0 weir")
                                                     : SLICE("1.1 weir");
    return add(exchange, FIELD_VIA, via);
}

/* Further ones of that family, such as X-Forwarded-Prefix, some frameworks believe as well. */
static bool is_further_claim(const struct field *field)
{
    const struct slice family = SLICE("X-Forwarded-");
    return field->id == FIELD_OTHER && field->name.length > family.length &&
           field_name_reads_as(slice_until(field->name, family.length), family);
}

static void remove_claims(struct fields *fields)
{
    fields_remove_bits(fields, FIELD_BITS_TELL_CLIENT);
    for (uint32_t i = 0; i < fields->count; i++) {
        if (is_further_claim(&fields->items[i]))
            fields->items[i].name = slice_of(NULL, 0);
    }
}

bool forwarded_add(struct exchange *exchange)
{
    if (!exchange->peer_is_trusted)
        remove_claims(&exchange->request.fields);
    size_t room = room_needed(exchange);
    char *memory = arena_alloc(&exchange->arena, room);
    if (!memory)
        return false;
    struct writer writer = {.exchange = exchange, .text = text_over(memory, room)};
    bool good = add_chain(&writer) && add_origin(exchange) && add_via(exchange);
    ASSERT(!text_is_cut(&writer.text));
    return good;
}
