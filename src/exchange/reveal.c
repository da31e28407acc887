#include "exchange/reveal.h"

#include "base/assert.h"
#include "exchange/exchange.h"

static const struct setting rows[] = {
    {.name = "reveal_server",
     .type = SETTING_SWITCH,
     .offset = offsetof(struct reveal_settings, reveal_server),
     .size = sizeof(bool),
     .standard = "off",
     .scopes = SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE,
     .summary = "Whether clients see what a server says of itself: Server, X-Powered-By, "
                "X-AspNet-Version, and its own address in Location and Content-Location.",
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

static bool clean_location(struct exchange *exchange, enum field_name id)
{
    struct fields *fields = &exchange->response.fields;
    const struct field *location = fields_find(fields, id);
    if (!location || !exchange->call.server)
        return true;
    struct slice path = find_path(location->value, exchange->call.server);
    if (!path.data)
        return true;
    /* A second slash would begin the name of another host (RFC 3986 4.2). */
    if (slice_starts_with(path, SLICE("//")))
        return true;
    if (slice_is_empty(path) || path.data[0] != '/') {
        struct slice parts[] = {SLICE("/"), path};
        path = arena_join(&exchange->arena, parts, 2);
    }
    return path.data && fields_set(fields, &exchange->arena, id, field_name_text(id), path);
}

bool reveal_clean(struct exchange *exchange)
{
    ASSERT(exchange->has_call && exchange->response.status >= 200);
    if (exchange->plan->reveal_server)
        return true;
    fields_remove_bits(&exchange->response.fields, FIELD_BITS_TELL_SERVER);
    return clean_location(exchange, FIELD_LOCATION) &&
           clean_location(exchange, FIELD_CONTENT_LOCATION);
}
