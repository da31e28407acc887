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

enum { SCHEME_MAX = 8 };

struct known_scheme {
    struct slice text; /* as it begins the key */
    bool is_tls, is_h2;
};

static const struct known_scheme schemes[] = {
    {{"http://", 7}, false, false},
    {{"https://", 8}, true, false},
    {{"h2c://", 6}, false, true},
    {{"h2://", 5}, true, true},
};

/* What a place with that scheme begins with; nothing where it is plain. */
static struct slice scheme_of(const struct server_place *place)
{
    for (size_t i = 1; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (schemes[i].is_tls == place->is_tls && schemes[i].is_h2 == place->is_h2)
            return schemes[i].text;
    }
    return SLICE("");
}

/* Drops the scheme and a slash at the end; another scheme and a path are errors. */
static bool strip_url(struct slice *text, struct server_place *place, const char **ret_wrong,
                      const char **ret_cure)
{
    bool is_known = false;
    for (size_t i = 0; !is_known && i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        const struct known_scheme *scheme = &schemes[i];
        is_known = slice_equal_fold(slice_until(*text, scheme->text.length), scheme->text);
        if (!is_known)
            continue;
        *text = slice_from(*text, scheme->text.length);
        place->is_tls = scheme->is_tls;
        place->is_h2 = scheme->is_h2;
    }
    if (!is_known && text->length > 0 && memmem(text->data, text->length, "://", 3))
        return wrong("the scheme of a server is unknown",
                     "write http://, https://, h2c:// (HTTP/2) or h2:// (HTTP/2 over TLS)",
                     ret_wrong, ret_cure);
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
    char memory[SCHEME_MAX + ADDRESS_TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory));
    text_add(&text, scheme_of(place));
    address_print(&text, &place->fixed);
    place->key = arena_copy(arena, text_slice(&text));
    return place->key.data != NULL;
}

static bool take_name(struct slice host, uint16_t port, struct arena *arena,
                      struct server_place *place, const char **ret_wrong, const char **ret_cure)
{
    char name_memory[256], memory[SCHEME_MAX + sizeof(name_memory) + 8];
    struct text text = text_over(memory, sizeof(memory));
    struct slice name;
    if (!host_normalize(host, name_memory, sizeof(name_memory), &name))
        return wrong("the name of the server is too long", "a name has at most 253 characters",
                     ret_wrong, ret_cure);
    place->host = arena_copy(arena, name);
    text_add(&text, scheme_of(place));
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
    if (!strip_url(&text, ret_place, ret_wrong, ret_cure))
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

bool server_place_of_name(struct slice host, struct arena *arena, struct server_place *place)
{
    char memory[SERVER_KEY_MAX];
    struct text text = text_over(memory, sizeof(memory));
    text_add(&text, scheme_of(place));
    text_add(&text, host);
    text_add_byte(&text, ':');
    text_add_number(&text, place->fixed.port);
    text_add_byte(&text, '@');
    ip_print(&text, &place->fixed.ip);
    place->port = place->fixed.port;
    place->host = SLICE("");
    place->key = arena_copy(arena, text_slice(&text));
    return place->key.data && !text_is_cut(&text);
}

bool server_place_parse_any(struct slice text, struct arena *arena, struct server_place *ret_place,
                            const char **ret_wrong, const char **ret_cure)
{
    size_t at = slice_find_last(text, '@');
    struct ip ip;
    if (at == text.length || slice_starts_with(text, SLICE("unix:")) ||
        !ip_parse(slice_from(text, at + 1), &ip))
        return server_place_parse(text, arena, ret_place, ret_wrong, ret_cure);
    if (!server_place_parse(slice_until(text, at), arena, ret_place, ret_wrong, ret_cure))
        return false;
    if (slice_is_empty(ret_place->host))
        return wrong("in front of the @ stands no name", "write app.internal:3000@10.0.0.7",
                     ret_wrong, ret_cure);
    ret_place->fixed = (struct address){.ip = ip, .port = ret_place->port};
    return server_place_of_name(ret_place->host, arena, ret_place);
}
