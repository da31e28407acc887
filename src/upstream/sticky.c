#include "upstream/sticky.h"

#include "http/byte_class.h"
#include "http/cookie.h"
#include "http/field_syntax.h"
#include "upstream/session.h"

/* ---- settings */

static const struct setting settings[] = {
    ASSIGNMENT_RECORDS(struct sticky_settings, SCOPE_UPSTREAM, NULL,
                       "The cookie that Weir sets and by which it knows to which server a client "
                       "belongs."),
    {.name = "session_cookie",
     .type = SETTING_TEXT,
     .offset = offsetof(struct sticky_settings, session_cookie),
     .size = sizeof(struct slice),
     .scopes = SCOPE_UPSTREAM,
     .summary = "In the place of a cookie of Weir's: the session cookie of the application, whose "
                "owner stays with the server that has set it.",
     .example = "JSESSIONID"},
    {.name = "session_header",
     .type = SETTING_TEXT,
     .offset = offsetof(struct sticky_settings, session_header),
     .size = sizeof(struct slice),
     .scopes = SCOPE_UPSTREAM,
     .summary = "The same by a header: in answers the application names a session by it, and "
                "clients do in their requests.",
     .example = "Mcp-Session-Id"},
    {.name = "by",
     .type = SETTING_TEMPLATE,
     .offset = offsetof(struct sticky_settings, by),
     .size = sizeof(const struct template *),
     .phase = TEMPLATE_REQUEST,
     .scopes = SCOPE_UPSTREAM,
     .summary = "In the place of a cookie: requests of which this is the same go to one server.",
     .example = "$client_ip"},
};

/* What differs from its default; `weir check --effective` writes the defaults out. */
static void warn_of_forgotten_cookie(const struct assignment_settings *own, const struct node *node,
                                     struct diagnostics *diagnostics)
{
    const struct {
        const char *name;
        bool differs;
    } rows[] = {
        {"path", !slice_equal(own->path, SLICE("/"))},
        {"domain", own->domain.length > 0},
        {"lifetime", own->lifetime > 0},
        {"secure", own->secure != ASSIGNMENT_SECURE_AUTO},
        {"http_only", !own->http_only},
        {"same_site", own->same_site != ASSIGNMENT_SAME_SITE_LAX},
        {"secret", own->secret.node != NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct node *written = node_find(node, slice_from_text(rows[i].name));
        if (written && rows[i].differs)
            diagnostics_warning(diagnostics, written->position,
                                "name the cookie, too: cookie: shop_server",
                                "\"%s\" is for a cookie, and there is none", rows[i].name);
    }
}

static void check_ways(const struct sticky_settings *own, const struct node *node,
                       struct diagnostics *diagnostics)
{
    const struct node *session = node_find(node, SLICE("session_cookie"));
    const struct node *header = node_find(node, SLICE("session_header"));
    int ways = (own->assignment.cookie.length > 0) + (own->session_cookie.length > 0) +
               (own->session_header.length > 0) + (own->by != NULL);
    if (ways > 1)
        diagnostics_error(diagnostics, node->position,
                          "write one of them, and take what is inherited out with off",
                          "clients stick by a cookie, a session_cookie, a session_header or \"by\" "
                          "something, not by several of them");
    if (session && !bytes_are(own->session_cookie, BYTE_TOKEN))
        diagnostics_error(diagnostics, session->position, "write its name, as JSESSIONID",
                          "no cookie can have this name");
    if (header && own->session_header.length > 0 && !field_name_is_settable(own->session_header))
        diagnostics_error(diagnostics, header->position, "write its name, as Mcp-Session-Id",
                          "no application names its sessions by this header");
}

static void check(const void *group, const struct node *node, struct diagnostics *diagnostics)
{
    const struct sticky_settings *own = group;
    const struct node *by = node_find(node, SLICE("by"));
    struct slice text;
    assignment_check(&own->assignment, node, diagnostics);
    if (own->assignment.cookie.length == 0)
        warn_of_forgotten_cookie(&own->assignment, node, diagnostics);
    check_ways(own, node, diagnostics);
    if (by && own->by && template_is_constant(own->by, &text))
        diagnostics_error(diagnostics, by->position,
                          "write what differs: $client_ip, $cookie.session",
                          "a text without variables leads every request to one server");
    if (by && own->by && template_captures(own->by) > 0)
        diagnostics_error(diagnostics, by->position, "write $path, or what else the request has",
                          "captures are of the path of a route, and an upstream has none");
}

const struct setting_group sticky_group = {
    .name = "sticky",
    .settings = settings,
    .count = sizeof(settings) / sizeof(settings[0]),
    .size = sizeof(struct sticky_settings),
    .check = check,
    .summary = "How clients stay with the server that they were given to.",
};

/* ---- sessions of the application */

/* The seed is the same for the upstream over reloads, and nobody's business. */
static uint64_t seed_of(const struct upstream *upstream, const struct server_registry *servers)
{
    uint64_t secret;
    memcpy(&secret, server_registry_key(servers), sizeof(secret));
    bool is_named = upstream->scope->kind == SCOPE_UPSTREAM;
    return slice_hash(is_named ? upstream->scope->name : SLICE(""), secret);
}

static uint32_t hash_of(uint32_t server)
{
    return server * 0x9e3779b1u;
}

struct sticky_session *sticky_session_new(struct arena *arena, const struct upstream *upstream,
                                          struct server_registry *servers,
                                          const struct sticky_settings *own)
{
    struct sticky_session *session = ARENA_NEW(arena, struct sticky_session);
    if (!session || !hash_index_init(&session->members, arena, upstream->count))
        return NULL;
    session->is_header = own->session_header.length > 0;
    session->name = session->is_header ? own->session_header : own->session_cookie;
    session->seed = seed_of(upstream, servers);
    session->table = server_registry_sessions(servers);
    for (uint32_t i = 0; i < upstream->count; i++)
        hash_index_add(&session->members, hash_of(upstream->members[i].server->serial), i);
    return session;
}

bool sticky_session_shown(const struct upstream *upstream, const struct fields *fields,
                          struct slice *ret_value)
{
    const struct sticky_session *session = upstream->session;
    if (!session->is_header)
        return cookie_find(fields, session->name, ret_value);
    const struct field *field = fields_find_text(fields, session->name);
    if (field)
        *ret_value = field->value;
    return field && field->value.length > 0;
}

/* The value that a field of an answer gives to a session. */
static bool sets_session(const struct sticky_session *session, const struct field *field,
                         struct slice *ret_value)
{
    struct slice rest = field->value, name;
    if (slice_is_empty(field->name))
        return false; /* it was taken out */
    if (session->is_header) {
        *ret_value = field->value;
        return slice_equal_fold(field->name, session->name) && field->value.length > 0;
    }
    return field->id == FIELD_SET_COOKIE && cookie_next(&rest, &name, ret_value) &&
           ret_value->length > 0 && slice_equal(name, session->name);
}

bool sticky_session_set(const struct upstream *upstream, const struct fields *fields, uint32_t *at,
                        struct slice *ret_value)
{
    while (*at < fields->count) {
        if (sets_session(upstream->session, &fields->items[(*at)++], ret_value))
            return true;
    }
    return false;
}

int sticky_session_find(const struct upstream *upstream, struct slice value, uint64_t now_ms)
{
    const struct sticky_session *session = upstream->session;
    uint32_t server = session_find(session->table, slice_hash(value, session->seed), now_ms);
    if (server == SESSION_UNKNOWN)
        return -1;
    uint32_t hash = hash_of(server), at = hash, member;
    while ((member = hash_index_next(&session->members, hash, &at)) != HASH_INDEX_NONE) {
        if (upstream->members[member].server->serial == server)
            return (int)member;
    }
    return -1;
}

void sticky_session_learn(const struct upstream *upstream, struct slice value, uint32_t member,
                          uint64_t now_ms)
{
    const struct sticky_session *session = upstream->session;
    session_learn(session->table, slice_hash(value, session->seed),
                  upstream->members[member].server->serial, now_ms);
}
