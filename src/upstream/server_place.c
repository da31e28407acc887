/* How a server is written. */
#include "base/arena.h"
#include "http/uri.h"
#include "upstream/server.h"

static bool wrong(const char *what, const char *cure, const char **ret_wrong, const char **ret_cure)
{
    *ret_wrong = what;
    *ret_cure = cure;
    return false;
}

static const struct slice http = {"http://", 7}, https = {"https://", 8};

/* Drops the scheme and a slash at the end; another scheme and a path are errors. */
static bool strip_url(struct slice *text, bool *ret_is_tls, const char **ret_wrong,
                      const char **ret_cure)
{
    *ret_is_tls = slice_equal_fold(slice_until(*text, https.length), https);
    if (*ret_is_tls)
        *text = slice_from(*text, https.length);
    else if (slice_equal_fold(slice_until(*text, http.length), http))
        *text = slice_from(*text, http.length);
    else if (memmem(text->data, text->length, "://", 3))
        return wrong("the scheme of a server is unknown", "write http:// or https://", ret_wrong,
                     ret_cure);
    if (slice_starts_with(*text, SLICE("unix:")))
        return true;
    size_t slash = slice_find(*text, '/');
    if (slash == text->length)
        return true;
    if (slash + 1 < text->length)
        return wrong("a server has no path",
                     "leave the path away and write rewrite: {add_prefix: /path}", ret_wrong,
                     ret_cure);
    *text = slice_until(*text, slash);
    return true;
}

static bool take_key(struct arena *arena, struct server_place *place)
{
    char memory[8 + ADDRESS_TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory));
    if (place->is_tls)
        text_add(&text, https);
    address_print(&text, &place->fixed);
    place->key = arena_copy(arena, text_slice(&text));
    return place->key.data != NULL;
}

static bool take_name(struct slice host, uint16_t port, struct arena *arena,
                      struct server_place *place, const char **ret_wrong, const char **ret_cure)
{
    char name_memory[256], memory[8 + sizeof(name_memory) + 8];
    struct text text = text_over(memory, sizeof(memory));
    struct slice name;
    if (!host_normalize(host, name_memory, sizeof(name_memory), &name))
        return wrong("the name of the server is too long", "a name has at most 253 characters",
                     ret_wrong, ret_cure);
    place->host = arena_copy(arena, name);
    if (place->is_tls)
        text_add(&text, https);
    text_add(&text, name);
    text_add_byte(&text, ':');
    text_add_number(&text, port);
    place->key = arena_copy(arena, text_slice(&text));
    return place->host.data && place->key.data;
}

bool server_place_parse(struct slice text, struct arena *arena, struct server_place *ret_place,
                        const char **ret_wrong, const char **ret_cure)
{
    static const char example[] = "write a server as 10.0.0.1:8080, app.internal:3000, :3000, "
                                  "https://app.internal or unix:/run/app.sock";
    *ret_place = (struct server_place){0};
    *ret_wrong = "this is no address of a server";
    *ret_cure = example;
    if (!strip_url(&text, &ret_place->is_tls, ret_wrong, ret_cure))
        return false;
    if (address_parse(text, &ret_place->fixed)) {
        if (address_is_any(&ret_place->fixed) && slice_starts_with(text, SLICE(":")))
            (void)ip_parse(SLICE("127.0.0.1"), &ret_place->fixed.ip);
        ret_place->port = ret_place->fixed.port;
        return take_key(arena, ret_place);
    }
    struct slice host;
    uint16_t port = 0;
    if (!authority_parse(text, &host, &port) || slice_is_empty(host))
        return false;
    uint64_t number = 0;
    if (slice_to_number(host, UINT64_MAX, &number))
        return wrong("this is a number, and no address of a server",
                     "write :3000 for port 3000 of this machine", ret_wrong, ret_cure);
    ret_place->port = port ? port : ret_place->is_tls ? 443 : 80;
    if (ip_parse(host, &ret_place->fixed.ip)) {
        ret_place->fixed.port = ret_place->port;
        return take_key(arena, ret_place);
    }
    return take_name(host, ret_place->port, arena, ret_place, ret_wrong, ret_cure);
}
