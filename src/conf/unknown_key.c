/* A key that has no place where it stands. Most often it is misspelt; else it is known elsewhere,
 * and then that is said. */
#include "base/assert.h"
#include "conf/configuration_int.h"
#include "conf/foreign_words.h"

enum { CANDIDATES_MAX = 256, TOLD_ENOUGH = 1000 };

/* clang-format off */
const struct structure_key structure_keys[STRUCTURE_KEYS] = {
    {"include", SCOPE_TOP, "TEXT | [TEXT]",
     "Further files, or patterns for them, relative to this one."},
    {"listen", SCOPE_TOP, "<address> | LISTENER | [<address> | LISTENER]",
     "Where clients connect: addresses, or mappings with an address."},
    {"sites", SCOPE_TOP, "[SITE]",
     "Who is served."},
    {"upstreams", SCOPE_TOP, "{*: <servers> | UPSTREAM}",
     "Named groups of servers that do the same job."},
    {"defaults", SCOPE_TOP, "DEFAULTS",
     "Settings for all sites and routes."},
    {"routes", SCOPE_SITE | SCOPE_ROUTE, "[ROUTE]",
     "Conditions, and what to do with what they take; the most specific one wins."},
    {"upstream", SCOPE_DEFAULTS, "UPSTREAM_DEFAULTS",
     "Settings for all upstreams."},
};
/* clang-format on */

static const enum scope_kind kinds[] = {SCOPE_TOP,   SCOPE_LISTENER, SCOPE_SITE,
                                        SCOPE_ROUTE, SCOPE_UPSTREAM, SCOPE_DEFAULTS};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

const char *scope_words(enum scope_kind kind)
{
    switch (kind) {
    case SCOPE_TOP:
        return "at the top";
    case SCOPE_LISTENER:
        return "in an entry of \"listen\"";
    case SCOPE_SITE:
        return "in a site";
    case SCOPE_ROUTE:
        return "in a route";
    case SCOPE_UPSTREAM:
        return "in an upstream";
    case SCOPE_DEFAULTS:
        return "in \"defaults\"";
    case SCOPE_UPSTREAM_DEFAULTS:
        return "in \"defaults.upstream\"";
    }
    return "here";
}

void scope_print_places(struct text *text, unsigned scopes)
{
    unsigned left = (unsigned)__builtin_popcount(scopes);
    for (size_t i = 0; i < KINDS; i++) {
        if (!(scopes & (unsigned)kinds[i]))
            continue;
        text_add(text, slice_from_text(scope_words(kinds[i])));
        left--;
        text_add(text, left > 1 ? SLICE(", ") : left == 1 ? SLICE(" or ") : SLICE(""));
    }
}

static bool is_called(const char *name, struct slice key)
{
    return slice_equal(slice_from_text(name), key);
}

static unsigned scopes_of_group(const struct setting_group *group)
{
    unsigned scopes = 0;
    for (size_t i = 0; i < group->count; i++)
        scopes |= group->settings[i].scopes;
    return scopes;
}

/* In which scopes the key may stand by itself. */
static unsigned scopes_of(const struct vocabulary *vocabulary, struct slice key)
{
    unsigned scopes = 0;
    for (size_t i = 0; i < STRUCTURE_KEYS; i++)
        scopes |= is_called(structure_keys[i].name, key) ? structure_keys[i].scopes : 0;
    for (size_t i = 0; i < vocabulary->group_count; i++) {
        const struct setting_group *group = vocabulary->groups[i];
        if (*group->name)
            scopes |= is_called(group->name, key) ? scopes_of_group(group) : 0;
        for (size_t j = 0; !*group->name && j < group->count; j++)
            scopes |= is_called(group->settings[j].name, key) ? group->settings[j].scopes : 0;
    }
    return scopes;
}

/* The group with a name that has such a setting for this scope, or NULL. */
static const struct setting_group *group_with(const struct vocabulary *vocabulary,
                                              enum scope_kind kind, struct slice key)
{
    for (size_t i = 0; i < vocabulary->group_count; i++) {
        const struct setting_group *group = vocabulary->groups[i];
        for (size_t j = 0; *group->name && j < group->count; j++) {
            if (is_called(group->settings[j].name, key) && scope_permits(kind, &group->settings[j]))
                return group;
        }
    }
    return NULL;
}

static size_t candidates_of(const struct vocabulary *vocabulary, enum scope_kind kind,
                            const char **candidates)
{
    size_t count = 0;
    for (size_t i = 0; i < STRUCTURE_KEYS; i++) {
        if (structure_keys[i].scopes & (unsigned)kind)
            candidates[count++] = structure_keys[i].name;
    }
    for (size_t i = 0; i < vocabulary->group_count; i++) {
        const struct setting_group *group = vocabulary->groups[i];
        if (*group->name && scope_permits_group(kind, group) && count < CANDIDATES_MAX)
            candidates[count++] = group->name;
        for (size_t j = 0; !*group->name && j < group->count && count < CANDIDATES_MAX; j++) {
            if (scope_permits(kind, &group->settings[j]))
                candidates[count++] = group->settings[j].name;
        }
    }
    return count;
}

/* `it belongs in a site or in a route` in the diagnostics, or NULL where it belongs nowhere. */
static const char *elsewhere(struct loading *loading, unsigned scopes)
{
    char memory[256];
    struct text text = text_over(memory, sizeof(memory) - 1);
    if (!scopes)
        return NULL;
    scope_print_places(&text, scopes);
    return diagnostics_text(loading->diagnostics, "it belongs %.*s", (int)text.length, memory);
}

static const char *meant_words(struct loading *loading, struct slice key,
                               const char *const *candidates, size_t count)
{
    /* The search is slow, and nobody reads so much. */
    if (diagnostics_errors(loading->diagnostics) > TOLD_ENOUGH)
        return NULL;
    const char *meant = did_you_mean(key, candidates, count);
    return meant ? diagnostics_text(loading->diagnostics, "did you mean \"%s\"?", meant) : NULL;
}

/* Of a key that is known elsewhere: where; and what was meant here, if that is near. */
static const char *elsewhere_or_meant(struct loading *loading, unsigned scopes, struct slice key,
                                      const char *const *candidates, size_t count)
{
    const char *known = elsewhere(loading, scopes);
    const char *meant = meant_words(loading, key, candidates, count);
    return known && meant ? diagnostics_text(loading->diagnostics, "%s; or %s", known, meant)
                          : known;
}

/* The same of a slip of a key that is known elsewhere alone. NULL: it is like none. */
static const char *meant_elsewhere(struct loading *loading, struct slice key)
{
    const struct vocabulary *vocabulary = loading->configuration->vocabulary;
    if (diagnostics_errors(loading->diagnostics) > TOLD_ENOUGH)
        return NULL;
    for (size_t i = 0; i < KINDS; i++) {
        const char *candidates[CANDIDATES_MAX];
        size_t count = candidates_of(vocabulary, kinds[i], candidates);
        const char *meant = did_you_mean(key, candidates, count);
        unsigned scopes = meant ? scopes_of(vocabulary, slice_from_text(meant)) : 0;
        const char *known = elsewhere(loading, scopes);
        if (known)
            return diagnostics_text(loading->diagnostics, "did you mean \"%s\"? %s", meant, known);
    }
    return NULL;
}

void unknown_key(struct loading *loading, enum scope_kind kind, const struct node_pair *pair)
{
    const struct vocabulary *vocabulary = loading->configuration->vocabulary;
    const char *candidates[CANDIDATES_MAX];
    size_t count = candidates_of(vocabulary, kind, candidates);
    ASSERT(count <= CANDIDATES_MAX);
    unsigned scopes = scopes_of(vocabulary, pair->key);
    const struct setting_group *group = group_with(vocabulary, kind, pair->key);
    const char *foreign = foreign_key(pair->key, kind);
    loading->failed = true;
    if (group || scopes) {
        diagnostics_error(loading->diagnostics, pair->key_position,
                          foreign ? foreign
                          : group
                              ? diagnostics_text(loading->diagnostics,
                                                 "it belongs in \"%s\": \"%s: {%.*s: …}\"",
                                                 group->name, group->name, SHOWN(pair->key))
                              : elsewhere_or_meant(loading, scopes, pair->key, candidates, count),
                          "\"%.*s\" cannot stand %s", SHOWN(pair->key), scope_words(kind));
        return;
    }
    const char *meant = foreign ? foreign : meant_words(loading, pair->key, candidates, count);
    if (!meant && kind == SCOPE_UPSTREAM && node_is_braced_address(pair)) {
        setting_refuse_braced(loading->diagnostics, pair);
        return;
    }
    if (!meant)
        meant = meant_elsewhere(loading, pair->key);
    diagnostics_error(loading->diagnostics, pair->key_position,
                      meant ? meant : "\"weir settings\" lists what there is",
                      "unknown key \"%.*s\"", SHOWN(pair->key));
}

/* The key that was meant, or else all that there are: a word for the same thing from elsewhere
 * (`statuses` for `on`) is like none of them. NULL: they are too many to tell. */
static const char *group_words(struct loading *loading, const struct setting_group *group,
                               struct slice key, const char *const *candidates, size_t count)
{
    char memory[256];
    struct text text = text_over(memory, sizeof(memory));
    const char *meant = meant_words(loading, key, candidates, count);
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += strlen(candidates[i]) + strlen(", ");
    if (meant || count == 0 || length > sizeof(memory))
        return meant;
    for (size_t i = 0; i < count; i++) {
        text_add(&text, i ? SLICE(", ") : SLICE(""));
        text_add(&text, slice_from_text(candidates[i]));
    }
    return diagnostics_text(loading->diagnostics, "\"%s\" has: %.*s", group->name, (int)text.length,
                            memory);
}

void unknown_key_in_group(struct loading *loading, enum scope_kind kind,
                          const struct setting_group *group, const struct node_pair *pair)
{
    const char *candidates[SETTINGS_PER_GROUP_MAX];
    size_t count = 0;
    unsigned scopes = 0;
    loading->failed = true;
    for (size_t i = 0; i < group->count; i++) {
        if (scope_permits(kind, &group->settings[i]))
            candidates[count++] = group->settings[i].name;
        if (is_called(group->settings[i].name, pair->key))
            scopes = group->settings[i].scopes;
    }
    const char *known = elsewhere(loading, scopes);
    if (known)
        diagnostics_error(loading->diagnostics, pair->key_position, known,
                          "\"%s.%.*s\" cannot stand %s", group->name, SHOWN(pair->key),
                          scope_words(kind));
    else
        diagnostics_error(loading->diagnostics, pair->key_position,
                          group_words(loading, group, pair->key, candidates, count),
                          "unknown key \"%.*s\" in \"%s\"", SHOWN(pair->key), group->name);
}

static bool is_port(struct slice text)
{
    uint64_t port;
    return slice_to_number(text, UINT16_MAX, &port);
}

/* `host:example.com` as a whole item: the space is forgotten. `127.0.0.1:3000` and `app:3000` are
 * addresses. */
static const char *tight_cure(struct loading *loading, const struct node *node)
{
    if (node->kind != NODE_SCALAR || node->quoted)
        return NULL;
    size_t colon = slice_find(node->text, ':');
    if (colon == 0 || colon + 1 >= node->text.length || node->text.data[colon + 1] == '/' ||
        is_port(slice_from(node->text, colon + 1)))
        return NULL;
    return diagnostics_text(loading->diagnostics, "write \"%.*s: %.*s\", with a space", (int)colon,
                            node->text.data, SHOWN(slice_from(node->text, colon + 1)));
}

void refuse_kind(struct loading *loading, const struct node *node, const char *name,
                 const char *wanted, const char *cure)
{
    const char *tight = tight_cure(loading, node), *hidden = setting_hidden_cure(node);
    loading->failed = true;
    if (node_is_nothing(node))
        diagnostics_error(loading->diagnostics, node->position, hidden ? hidden : cure,
                          "%s has nothing in it", name);
    else
        diagnostics_error(loading->diagnostics, node->position, tight ? tight : cure,
                          "%s must be %s, but here is %s", name, wanted, node_kind_words(node));
}
