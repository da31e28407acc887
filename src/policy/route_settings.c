/* The readers check all that can be checked from one place alone, so that every mistake is told at
 * once; what takes the whole table (two sites of one name, routes that cannot win) is told when it
 * is built. */
#include "policy/route_settings.h"

#include "base/arena.h"
#include "base/assert.h"
#include "http/byte_class.h"
#include "http/uri.h"
#include "policy/condition_reader.h"

enum { PRIORITY_MAX = 1000000 };

/* --- Hosts -------------------------------------------------------------------------------------
 */

/* Labels of letters, digits and what is in use beside them, with single dots between. */
static bool is_host_text(struct slice name)
{
    for (size_t i = 0; i < name.length; i++) {
        bool after_dot = i == 0 || name.data[i - 1] == '.';
        if (!byte_is(name.data[i], BYTE_UNRESERVED) || name.data[i] == '~' ||
            (name.data[i] == '.' && after_dot))
            return false;
    }
    return name.length > 0;
}

static bool is_ip(struct slice name)
{
    struct ip ip;
    return ip_parse(name, &ip);
}

static bool has_bytes_outside_ascii(struct slice s)
{
    for (size_t i = 0; i < s.length; i++) {
        if ((unsigned char)s.data[i] >= 0x80)
            return true;
    }
    return false;
}

/* The quotes of printed text, U+2018 to U+201F, which word processors put in the place of ". */
static bool begins_with_printed_quote(struct slice name)
{
    return name.length >= 3 && memcmp(name.data, "\xE2\x80", 2) == 0 &&
           (unsigned char)name.data[2] >= 0x98 && (unsigned char)name.data[2] <= 0x9F;
}

/* What is wrong with a name, and what would be right. */
static const char *host_mistake(const struct node *node, const char **ret_cure)
{
    struct slice name = node->text;
    bool is_split = !node->quoted && !node->verbatim && !node->environment;
    if (begins_with_printed_quote(name)) {
        *ret_cure = "write straight ones, as in \"example.com\", or none";
        return "these quotes are no quotes in YAML";
    }
    if (is_split && slice_find(name, ' ') < name.length) {
        *ret_cure = "write several as a list, in brackets or each in a line behind \"- \"";
        return "this host goes on in the next line";
    }
    size_t colon = slice_find(name, ':');
    if (name.length > 0 && name.data[0] == '~') {
        *ret_cure = "write the names, or \"*.example.com\" for all names below one";
        return "a host is no regular expression";
    }
    if (memmem(name.data, name.length, "//", 2)) {
        *ret_cure = "write the name alone, as in \"example.com\"";
        return "a host has no scheme and no path";
    }
    if (colon < name.length && slice_find_last(name, ':') == colon) {
        *ret_cure = "write the name alone; \"listen\" says on which port a site answers";
        return "a host has no port";
    }
    if (has_bytes_outside_ascii(name)) {
        *ret_cure = "write it as it is sent, as in \"xn--bcher-kva.example\"";
        return "a host has only characters of ASCII";
    }
    if (name.length > 0 && name.data[0] == '.') {
        *ret_cure =
            "write \"*.example.com\" for all names below one, and the name itself beside it";
        return "a host does not begin with a dot";
    }
    if (slice_find(name, '/') < name.length) {
        *ret_cure = "write the name alone; \"path\" of a route says for which paths";
        return "a host has no path";
    }
    if (slice_find(name, ' ') < name.length) {
        *ret_cure = "write several as a list: [example.com, www.example.com]";
        return "a host has no spaces";
    }
    if (slice_find(name, '*') < name.length) {
        *ret_cure =
            "write \"*.example.com\" for all names below one, or \"*\" for every other name";
        return "a * stands only at the beginning of a host, as a label of its own";
    }
    *ret_cure = "for example \"shop.example.com\"";
    return "this is no host name";
}

static bool refuse_host(struct setting_reader *reader, const struct node *node)
{
    const char *cure = NULL, *mistake = host_mistake(node, &cure);
    const char *list = setting_list_cure(reader->diagnostics, node->text);
    diagnostics_error(reader->diagnostics, node->position, list ? list : cure, "%s",
                      list ? "this is no host name" : mistake);
    return false;
}

static bool normalize_host(struct setting_reader *reader, struct slice name, struct slice *ret_name)
{
    if (name.length > HOST_NAME_MAX + 1)
        return false;
    char *memory = arena_alloc(reader->arena, name.length);
    size_t capacity = name.length < HOST_NAME_MAX ? name.length : HOST_NAME_MAX;
    return memory && host_normalize(name, memory, capacity, ret_name);
}

static bool read_host(struct setting_reader *reader, const struct node *node,
                      struct host_name *host)
{
    struct slice name = node->text;
    host->node = node;
    if (slice_equal(name, SLICE("*"))) {
        host->kind = HOST_ANY;
        return true;
    }
    if (slice_starts_with(name, SLICE("*."))) {
        host->kind = HOST_WILDCARD;
        name = slice_from(name, 2);
    }
    bool is_bracketed = name.length > 2 && name.data[0] == '[' && slice_ends_with(name, SLICE("]"));
    if (is_bracketed)
        name = slice_of(name.data + 1, name.length - 2);
    if (slice_equal(name, SLICE("_"))) {
        diagnostics_error(reader->diagnostics, node->position,
                          "write \"*\" for every other name, or no host", "nobody is called \"_\"");
        return false;
    }
    bool is_address = is_ip(name) && host->kind == HOST_EXACT;
    if (!is_address && (is_bracketed || !is_host_text(name)))
        return refuse_host(reader, node);
    if (normalize_host(reader, name, &host->name))
        return true;
    diagnostics_error(reader->diagnostics, node->position, "shorten it: DNS has no longer ones",
                      "a host name has at most %d characters", HOST_NAME_MAX);
    return false;
}

static bool read_hosts(struct setting_reader *reader, const struct node *node, void *field)
{
    struct slice *texts = NULL;
    size_t count = 0;
    if (!setting_read_texts(reader, "host", "example.com", node, &texts, &count))
        return false;
    struct host_name *names = ARENA_ARRAY(reader->arena, struct host_name, count);
    if (!names)
        return false;
    bool good = true;
    for (size_t i = 0; i < count; i++)
        good &= read_host(reader, node->kind == NODE_SEQUENCE ? node->items[i] : node, &names[i]);
    if (good)
        *(struct host_names *)field = (struct host_names){.items = names, .count = (uint32_t)count};
    return good;
}

static bool read_listen(struct setting_reader *reader, const struct node *node, void *field)
{
    struct slice *texts = NULL;
    size_t count = 0;
    if (!setting_read_texts(reader, "listen", "127.0.0.1:8080", node, &texts, &count))
        return false;
    struct address *addresses = ARENA_ARRAY(reader->arena, struct address, count);
    if (!addresses)
        return false;
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        if (address_parse(texts[i], &addresses[i]))
            continue;
        const struct node *item = node->kind == NODE_SEQUENCE ? node->items[i] : node;
        diagnostics_error(reader->diagnostics, item->position,
                          setting_listen_cure(reader->diagnostics, texts[i]),
                          "\"%.*s\" is no address to listen on", SHOWN(texts[i]));
        good = false;
    }
    if (good)
        *(struct site_addresses *)field =
            (struct site_addresses){.items = addresses, .count = (uint32_t)count};
    return good;
}

static const struct setting site_records[] = {
    {
        .name = "host",
        .type = SETTING_CUSTOM,
        .offset = offsetof(struct site_settings, host),
        .size = sizeof(struct host_names),
        .read = read_hosts,
        .form = "TEXT | [TEXT]",
        .scopes = SCOPE_SITE,
        .single = true,
        .summary = "The names that the site answers for: a name, \"*.example.com\" for all names "
                   "below one (the longest wins), or \"*\" for every other name.",
        .example = "[shop.example.com, \"*.shop.example.com\"]",
    },
    {
        .name = "listen",
        .type = SETTING_CUSTOM,
        .offset = offsetof(struct site_settings, listen),
        .size = sizeof(struct site_addresses),
        .read = read_listen,
        .form = "ADDRESS | [ADDRESS]",
        .scopes = SCOPE_SITE,
        .single = true,
        .summary = "The addresses at which alone the site answers; without it, those of the top.",
        .example = "127.0.0.1:8080",
    },
};

const struct setting_group site_group = {
    .name = "",
    .settings = site_records,
    .count = sizeof(site_records) / sizeof(site_records[0]),
    .size = sizeof(struct site_settings),
    .summary = "What a site answers for.",
};

/* --- Routes ------------------------------------------------------------------------------------
 */

#define CONDITION_RECORD(name_, kind_, read_, form_, summary_, example_)                           \
    {                                                                                              \
        .name = name_, .type = SETTING_CUSTOM,                                                     \
        .offset = offsetof(struct route_settings, conditions[kind_]),                              \
        .size = sizeof(const struct condition *), .read = read_, .form = form_,                    \
        .scopes = SCOPE_ROUTE, .single = true, .summary = summary_, .example = example_            \
    }

/* clang-format off */
#define CONDITION_RECORDS                                                                          \
    CONDITION_RECORD("path", CONDITION_PATH, condition_read_path, "PATH | [PATH]",                 \
        "The path: \"/exact\", \"/prefix/*\" with all below it by whole segments, or a regular "   \
        "expression behind a ~; of a list, any.", "/products/*"),                                  \
    CONDITION_RECORD("method", CONDITION_METHOD, condition_read_method, "TEXT | [TEXT]",           \
        "The method of the request; of a list, any.", "[POST, PUT]"),                              \
    CONDITION_RECORD("header", CONDITION_HEADER, condition_read_header, "{*: TEXT | [TEXT]}",      \
        "Header fields, each with a text, a ~pattern, or \"*\" where it only has to be there; of " \
        "several lines of a field, any.", "{X-Beta: \"1\"}"),                                      \
    CONDITION_RECORD("query", CONDITION_QUERY, condition_read_query, "{*: TEXT | [TEXT]}",         \
        "Parameters of the query, decoded, each with a text, a ~pattern, or \"*\".",               \
        "{version: \"2\"}"),                                                                       \
    CONDITION_RECORD("cookie", CONDITION_COOKIE, condition_read_cookie, "{*: TEXT | [TEXT]}",      \
        "Cookies, each with a text, a ~pattern, or \"*\".", "{beta: \"*\"}"),                      \
    CONDITION_RECORD("client", CONDITION_CLIENT, condition_read_client, "TEXT | [TEXT]",           \
        "The client's address: an address or a range; of a list, any; unix is whoever comes over " \
        "a Unix socket.", "[10.0.0.0/8, \"fd00::/8\"]"),                                           \
    CONDITION_RECORD("scheme", CONDITION_SCHEME, condition_read_scheme,                            \
        "http | https | [http | https]",                                                           \
        "The scheme of the request: http or https.", "https"),                                     \
    CONDITION_RECORD("client_certificate", CONDITION_CERTIFICATE, condition_read_certificate,      \
        "{subject: TEXT | [TEXT], fingerprint: TEXT | [TEXT]}",                                    \
        "The certificate that the client has shown, and that was accepted: its subject (a text, "  \
        "a ~pattern, or \"*\" for any), its fingerprint by SHA-256, or both.",                     \
        "{subject: \"~,O=Example$\"}")
/* clang-format on */

static const struct setting condition_records[] = {CONDITION_RECORDS};

/* The mapping of `not`: all that stands in it is turned round as a whole. */
static const struct setting_group not_group = {
    .name = "not",
    .settings = condition_records,
    .count = sizeof(condition_records) / sizeof(condition_records[0]),
    .size = sizeof(struct route_settings),
    .summary = "Conditions that must not hold together.",
};

/* All conditions of a `not` in one chain, in copies, because each may have some behind it. */
static bool chain_conditions(const struct route_settings *settings, struct arena *arena,
                             const struct condition **ret_first)
{
    const struct condition **link = ret_first;
    for (size_t kind = 0; kind < CONDITION_KINDS; kind++) {
        for (const struct condition *one = settings->conditions[kind]; one; one = one->next) {
            struct condition *copy = ARENA_NEW(arena, struct condition);
            if (!copy)
                return false;
            *copy = *one;
            copy->next = NULL;
            *link = copy;
            link = &copy->next;
        }
    }
    return true;
}

static bool read_not_one(struct setting_reader *reader, const struct node *node,
                         struct condition **ret_condition)
{
    struct route_settings inner = {.priority = 0};
    if (node->kind != NODE_MAPPING || node->count == 0)
        return setting_refuse(reader, "not", "a mapping of conditions, or a list of such",
                              "{method: GET}", node);
    if (!setting_read_mapping(reader, &not_group, node, &inner))
        return false;
    struct condition *condition = ARENA_NEW(reader->arena, struct condition);
    if (!condition || !chain_conditions(&inner, reader->arena, &condition->inner))
        return false;
    condition->kind = CONDITION_NOT;
    *ret_condition = condition;
    return true;
}

/* Of a list, none may hold. */
static bool read_not(struct setting_reader *reader, const struct node *node, void *field)
{
    bool is_list = node->kind == NODE_SEQUENCE && node->count > 0;
    uint32_t count = is_list ? node->count : 1;
    const struct condition *chain = NULL;
    bool good = true;
    for (uint32_t i = count; i-- > 0;) {
        struct condition *one = NULL;
        good &= read_not_one(reader, is_list ? node->items[i] : node, &one);
        if (!one)
            continue;
        one->next = chain;
        chain = one;
    }
    *(const struct condition **)field = good ? chain : NULL;
    return good;
}

static const struct setting route_records[] = {
    CONDITION_RECORDS,
    {
        .name = "not",
        .type = SETTING_CUSTOM,
        .offset = offsetof(struct route_settings, conditions[CONDITION_NOT]),
        .size = sizeof(const struct condition *),
        .read = read_not,
        .form = "MAPPING | [MAPPING]",
        .mapping = &not_group,
        .scopes = SCOPE_ROUTE,
        .single = true,
        .summary = "Conditions that must not hold together; of a list, none may.",
        .example = "{method: [GET, HEAD]}",
    },
    {
        .name = "priority",
        .type = SETTING_NUMBER,
        .offset = offsetof(struct route_settings, priority),
        .size = sizeof(int64_t),
        .standard = "0",
        .min = -PRIORITY_MAX,
        .max = PRIORITY_MAX,
        .scopes = SCOPE_ROUTE,
        .summary = "Goes before everything else that decides which route wins: the highest does.",
        .example = "10",
    },
};

const struct setting_group route_group = {
    .name = "",
    .settings = route_records,
    .count = sizeof(route_records) / sizeof(route_records[0]),
    .size = sizeof(struct route_settings),
    .summary = "The requests that a route takes.",
};
