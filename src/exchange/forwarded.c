#include "exchange/forwarded.h"

#include "base/assert.h"
#include "base/cold.h"
#include "exchange/exchange.h"

/* What stands in all lines of a list becomes one value, with `link` at its end. False: no memory.
 */
COLD static bool join_list(struct exchange *exchange, enum field_name id, struct slice link)
{
    struct fields *fields = &exchange->request.fields;
    size_t room = link.length;
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
    text_add(&text, link);
    ASSERT(!text_is_cut(&text));
    (void)fields_remove(fields, id);
    fields_put(fields, id, field_name_text(id), text_slice(&text));
    return true;
}

/* What is added is printed as lines, one behind the other. So long they can be without peer
 * and authority, each of which stands in two of them. */
enum {
    LINES_MAX = sizeof("X-Forwarded-For: \r\n"
                       "Forwarded: for=\"[]\";host=\"\";proto=https\r\n"
                       "X-Forwarded-Proto: https\r\n"
                       "X-Forwarded-Host: \r\n"
                       "Via: 1.1 weir\r\n")
};

/* A link goes to the end of its chain, of which there is one only behind a trusted proxy. Returns
 * the place for the next line, or NULL: no memory. */
static char *add_link(struct exchange *exchange, enum field_name id, const char *line,
                      const char *value, char *end)
{
    struct fields *fields = &exchange->request.fields;
    if (fields->present & FIELD_BIT(id))
        return join_list(exchange, id, slice_of(value, (size_t)(end - value))) ? end : NULL;
    return fields_put_line(fields, id, line, value, end);
}

static struct slice peer_of(const struct exchange *exchange)
{
    return exchange->peer.kind == ADDRESS_UNIX ? SLICE("unknown") : exchange->peer_text;
}

static char *add_for(struct exchange *exchange, char *line)
{
    char *value = slice_put(line, SLICE("X-Forwarded-For: "));
    char *end = slice_put(value, peer_of(exchange));
    return add_link(exchange, FIELD_X_FORWARDED_FOR, line, value, end);
}

static char *put_scheme(char *at, const struct exchange *exchange)
{
    return slice_put(at, exchange->scheme == SCHEME_HTTPS ? SLICE("https") : SLICE("http"));
}

/* RFC 7239 4: IPv6 in brackets and quotes; a host with a port has to be quoted as well. */
static char *add_forwarded(struct exchange *exchange, char *line)
{
    bool is_ipv6 = exchange->peer.kind == ADDRESS_IPV6;
    struct slice authority = exchange->request.authority;
    char *value = slice_put(line, SLICE("Forwarded: "));
    char *end = slice_put(value, SLICE("for="));
    if (is_ipv6)
        end = slice_put(end, SLICE("\"["));
    end = slice_put(end, peer_of(exchange));
    if (is_ipv6)
        end = slice_put(end, SLICE("]\""));
    if (!slice_is_empty(authority)) {
        end = slice_put(end, SLICE(";host=\""));
        end = slice_put(end, authority);
        end = slice_put(end, SLICE("\""));
    }
    end = slice_put(end, SLICE(";proto="));
    end = put_scheme(end, exchange);
    return add_link(exchange, FIELD_FORWARDED, line, value, end);
}

/* Scheme and host as the client used them towards the first proxy: a trusted one has told them. */
static char *add_proto(struct exchange *exchange, char *line)
{
    struct fields *fields = &exchange->request.fields;
    if (fields_find(fields, FIELD_X_FORWARDED_PROTO))
        return line;
    char *value = slice_put(line, SLICE("X-Forwarded-Proto: "));
    char *end = put_scheme(value, exchange);
    return fields_put_line(fields, FIELD_X_FORWARDED_PROTO, line, value, end);
}

static char *add_host(struct exchange *exchange, char *line)
{
    struct fields *fields = &exchange->request.fields;
    struct slice authority = exchange->request.authority;
    if (slice_is_empty(authority) || fields_find(fields, FIELD_X_FORWARDED_HOST))
        return line;
    char *value = slice_put(line, SLICE("X-Forwarded-Host: "));
    char *end = slice_put(value, authority);
    return fields_put_line(fields, FIELD_X_FORWARDED_HOST, line, value, end);
}

static char *add_via(struct exchange *exchange, char *line)
{
    const struct request_head *request = &exchange->request;
    char *value = slice_put(line, SLICE("Via: "));
    char *end = slice_put(value, SLICE("1.1 weir"));
    if (request->major_version == 2)
        value[0] = '2';
    if (request->minor_version == 0 || request->major_version == 2)
        value[2] = '0';
    return fields_put_line(&exchange->request.fields, FIELD_VIA, line, value, end);
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

void forwarded_clean(struct exchange *exchange)
{
    struct fields *fields = &exchange->request.fields;
    if (exchange->peer_is_trusted)
        return;
    fields_remove_bits(fields, FIELD_BITS_TELL_CLIENT);
    remove_further_claims(fields);
}

void forwarded_clean_trailers(struct fields *trailers)
{
    remove_further_claims(trailers); /* the others are known to be no trailers */
}

bool forwarded_add(struct exchange *exchange, size_t spare, char **ret_line)
{
    size_t room = LINES_MAX + 2 * peer_of(exchange).length + 2 * exchange->request.authority.length;
    char *memory = arena_alloc(&exchange->arena, room + spare);
    if (!memory)
        return false;
    char *at = add_for(exchange, memory);
    if (at)
        at = add_forwarded(exchange, at);
    if (!at)
        return false;
    at = add_proto(exchange, at);
    at = add_host(exchange, at);
    at = add_via(exchange, at);
    ASSERT(at <= memory + room);
    *ret_line = at;
    return true;
}
