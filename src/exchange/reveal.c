#include "exchange/reveal.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "http/refresh_field.h"
#include "http/uri.h"

static const struct setting rows[] = {
    {.name = "reveal_server",
     .type = SETTING_SWITCH,
     .offset = offsetof(struct reveal_settings, reveal_server),
     .size = sizeof(bool),
     .standard = "off",
     .scopes = SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE,
     .summary = "Whether clients see what a server says of itself: Server, X-Powered-By, "
                "X-AspNet-Version, and its own address in Location, Content-Location and Refresh.",
     .example = "on"},
};

const struct setting_group reveal_group = {
    .name = "",
    .settings = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .size = sizeof(struct reveal_settings),
    .summary = "What is told of servers.",
};

/* What follows `http://` and the server's own address; data is NULL where the URL leads elsewhere.
 */
static struct slice behind_server(struct slice url, struct slice server)
{
    size_t scheme = slice_find(url, ':');
    struct slice rest = slice_from(url, scheme), nothing = slice_of(NULL, 0);
    bool is_web = slice_equal_fold(slice_until(url, scheme), SLICE("http")) ||
                  slice_equal_fold(slice_until(url, scheme), SLICE("https"));
    if (!is_web || !slice_starts_with(rest, SLICE("://")))
        return nothing;
    rest = slice_from(rest, 3);
    if (rest.length < server.length || !slice_equal_fold(slice_until(rest, server.length), server))
        return nothing;
    rest = slice_from(rest, server.length);
    return rest.length == 0 || strchr("/?#", rest.data[0]) ? rest : nothing;
}

/* As the server is written in a URL: the port of the scheme may be left away, or written. */
static struct slice find_path(struct slice url, const struct server *server)
{
    struct slice authority = server_authority(server);
    struct slice path = behind_server(url, authority);
    if (!path.data && !server->is_tls && slice_ends_with(authority, SLICE(":80")))
        path = behind_server(url, slice_until(authority, authority.length - 3));
    if (!path.data && server->is_tls)
        path = behind_server(url, slice_from(server->key, 8));
    return path;
}

/* The URL as clients may see it; `url` itself where it leads elsewhere. data is NULL: no memory. */
static struct slice clean_url(struct exchange *exchange, struct slice url)
{
    struct slice path = find_path(url, exchange->call.server);
    if (!path.data || reference_names_host(path))
        return url;
    if (!slice_is_empty(path) && path.data[0] == '/')
        return path;
    struct slice parts[] = {SLICE("/"), path};
    return arena_join(&exchange->arena, parts, 2);
}

/* The same of the value of a Refresh field. */
static struct slice clean_refresh(struct exchange *exchange, struct slice value)
{
    struct slice url = refresh_field_url(value);
    struct slice seen = url.data ? clean_url(exchange, url) : url;
    if (seen.data == url.data)
        return value;
    size_t start = (size_t)(url.data - value.data);
    struct slice parts[] = {slice_until(value, start), seen, slice_from(value, start + url.length)};
    return seen.data ? arena_join(&exchange->arena, parts, 3) : seen;
}

/* Every line of them: which one a client obeys, nobody has laid down. */
static bool clean_links(struct exchange *exchange)
{
    const uint64_t bits =
        FIELD_BIT(FIELD_LOCATION) | FIELD_BIT(FIELD_CONTENT_LOCATION) | FIELD_BIT(FIELD_REFRESH);
    struct fields *fields = &exchange->response.fields;
    if (!(fields->present & bits) || !exchange->call.server)
        return true;
    for (uint32_t i = 0; i < fields->count; i++) {
        struct field *field = &fields->items[i];
        if (slice_is_empty(field->name) || !(FIELD_BIT(field->id) & bits))
            continue;
        struct slice value = field->id == FIELD_REFRESH ? clean_refresh(exchange, field->value)
                                                        : clean_url(exchange, field->value);
        if (value.data == field->value.data)
            continue;
        field->value = value;
        field->is_line = false;
        if (!value.data)
            return false;
    }
    return true;
}

bool reveal_clean(struct exchange *exchange)
{
    ASSERT(exchange->has_call && exchange->response.status >= 200);
    if (exchange->plan->reveal_server)
        return true;
    fields_remove_bits(&exchange->response.fields, FIELD_BITS_TELL_SERVER);
    return clean_links(exchange);
}
