#include "conf/schema.h"

#include "base/assert.h"
#include "conf/configuration_int.h"
#include "conf/reference.h"
#include "conf/schema_form.h"
#include "conf/yaml.h"

#include <stdlib.h>

enum { EXAMPLE_MEMORY_MAX = 1 << 20, REFERENCE_MAX = 300 };

/* The scopes that are definitions; the top is the schema itself. */
static const struct {
    enum scope_kind kind;
    const char *name, *summary;
} scopes[] = {
    {SCOPE_LISTENER, "listener", "An address on which clients connect."},
    {SCOPE_SITE, "site", "What answers for one or more host names."},
    {SCOPE_ROUTE, "route", "A condition, and what to do with what it takes."},
    {SCOPE_UPSTREAM, "upstream", "A group of servers that do the same job."},
    {SCOPE_DEFAULTS, "defaults", "Settings for all sites and routes."},
    {SCOPE_UPSTREAM_DEFAULTS, "upstream_defaults", "Settings for all upstreams."},
};

enum { SCOPES = sizeof(scopes) / sizeof(scopes[0]) };

/* ---- names of definitions */

/* Whether another group has a setting that is called the same: then its scope stands before it. */
static bool is_ambiguous(const struct vocabulary *vocabulary, const struct setting_group *group,
                         const struct setting *setting)
{
    for (size_t i = 0; i < vocabulary->group_count; i++) {
        const struct setting_group *other = vocabulary->groups[i];
        bool has_same_key = other != group && strcmp(other->name, group->name) == 0;
        for (size_t j = 0; has_same_key && j < other->count; j++) {
            if (strcmp(other->settings[j].name, setting->name) == 0)
                return true;
        }
    }
    return false;
}

/* `timeouts.connect`, `listener.proxy_protocol`. */
static void name_setting(char name[SCHEMA_NAME_MAX], const struct vocabulary *vocabulary,
                         const struct setting_group *group, const struct setting *setting)
{
    struct text text = text_over(name, SCHEMA_NAME_MAX - 1);
    bool ambiguous = is_ambiguous(vocabulary, group, setting);
    for (size_t i = 0; ambiguous && i < SCOPES; i++) {
        if (setting->scopes & (unsigned)scopes[i].kind)
            text_print(&text, "%s.", scopes[i].name);
    }
    reference_print_name(&text, group, setting);
    ASSERT(!text_is_cut(&text));
    name[text.length] = '\0';
}

/* ---- settings */

static const char *keep_reference(void *context, const char *name)
{
    struct text text = text_over(context, REFERENCE_MAX);
    text_print(&text, "${env.%s}", name);
    text_add_byte(&text, '\0');
    return context;
}

/* A value as a record writes it, in JSON. False: no memory. */
static bool print_written(struct json_print *json, const char *written)
{
    char memory[REFERENCE_MAX + 1];
    struct arena arena;
    struct source source = {SLICE("example"), slice_from_text(written)};
    struct diagnostics *diagnostics = diagnostics_new(1);
    bool no_memory = false;
    arena_init(&arena, NULL, EXAMPLE_MEMORY_MAX);
    struct yaml_reader reader = {
        .arena = &arena, .diagnostics = diagnostics, .environment = {keep_reference, memory}};
    const struct node *node = diagnostics ? yaml_read(&reader, &source, 0, &no_memory) : NULL;
    ASSERT(node || !diagnostics || no_memory); /* a record is well-formed */
    if (node)
        json_node(json, node);
    arena_fini(&arena);
    diagnostics_free(diagnostics);
    return node != NULL;
}

/* What is said of it, and what it may be. */
static bool print_setting(struct schema_print *print, const struct setting *setting)
{
    struct json_print *json = &print->json;
    bool good = true;
    json_begin(json, '{');
    json_member(json, "description", setting->summary);
    if (setting->standard) {
        json_key(json, SLICE("default"));
        good &= print_written(json, setting->standard);
    }
    if (setting->example) {
        json_key(json, SLICE("examples"));
        json_begin(json, '[');
        good &= print_written(json, setting->example);
        json_end(json, ']');
    }
    schema_print_value(print, setting);
    json_end(json, '}');
    return good;
}

static bool print_settings(struct schema_print *print)
{
    const struct vocabulary *vocabulary = print->vocabulary;
    bool good = true;
    for (size_t i = 0; good && i < vocabulary->group_count; i++) {
        const struct setting_group *group = vocabulary->groups[i];
        for (size_t j = 0; good && j < group->count; j++) {
            char name[SCHEMA_NAME_MAX];
            name_setting(name, vocabulary, group, &group->settings[j]);
            json_key(&print->json, slice_from_text(name));
            good = print_setting(print, &group->settings[j]);
        }
    }
    return good;
}

/* ---- mappings inside of settings */

static void find_mapping(struct schema_print *print, const char *owner,
                         const struct setting *setting)
{
    const struct setting_group *group = setting->mapping;
    bool is_known = !group;
    for (size_t i = 0; i < print->mapping_count; i++)
        is_known |= print->mappings[i].group == group;
    if (is_known)
        return;
    ASSERT(print->mapping_count < SCHEMA_MAPPINGS_MAX);
    struct schema_mapping *mapping = &print->mappings[print->mapping_count++];
    struct text name = text_over(mapping->name, SCHEMA_NAME_MAX - 1);
    mapping->group = group;
    text_print(&name, "%s%s%s", owner, *owner ? "." : "", setting->name);
    ASSERT(!text_is_cut(&name));
}

/* Those of settings first, then those inside of these; the list grows while it is walked. */
static void find_mappings(struct schema_print *print)
{
    const struct vocabulary *vocabulary = print->vocabulary;
    for (size_t i = 0; i < vocabulary->group_count; i++) {
        const struct setting_group *group = vocabulary->groups[i];
        for (size_t j = 0; j < group->count; j++)
            find_mapping(print, group->name, &group->settings[j]);
    }
    for (size_t i = 0; i < print->mapping_count; i++) {
        const struct schema_mapping *mapping = &print->mappings[i];
        for (size_t j = 0; j < mapping->group->count; j++)
            find_mapping(print, mapping->name, &mapping->group->settings[j]);
    }
}

static bool print_mapping(struct schema_print *print, const struct schema_mapping *mapping)
{
    struct json_print *json = &print->json;
    char name[SCHEMA_NAME_MAX + sizeof("mapping.")];
    struct text text = text_over(name, sizeof(name));
    bool good = true;
    text_print(&text, "mapping.%s", mapping->name);
    json_key(json, text_slice(&text));
    json_begin(json, '{');
    json_member(json, "description", mapping->group->summary);
    json_member(json, "type", "object");
    json_key(json, SLICE("properties"));
    json_begin(json, '{');
    for (size_t i = 0; i < mapping->group->count; i++) {
        json_key(json, slice_from_text(mapping->group->settings[i].name));
        good &= print_setting(print, &mapping->group->settings[i]);
    }
    json_end(json, '}');
    json_key(json, SLICE("additionalProperties"));
    json_literal(json, SLICE("false"));
    json_end(json, '}');
    return good;
}

/* ---- scopes */

static void print_permitted(struct schema_print *print, enum scope_kind kind,
                            const struct setting_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *setting = &group->settings[i];
        char name[SCHEMA_NAME_MAX];
        if (!scope_permits(kind, setting))
            continue;
        name_setting(name, print->vocabulary, group, setting);
        json_key(&print->json, slice_from_text(setting->name));
        json_begin(&print->json, '{');
        schema_print_reference(print, "", name);
        json_end(&print->json, '}');
    }
}

static void print_group(struct schema_print *print, enum scope_kind kind,
                        const struct setting_group *group)
{
    struct json_print *json = &print->json;
    if (!*group->name || !scope_permits_group(kind, group)) {
        print_permitted(print, kind, group);
        return;
    }
    json_key(json, slice_from_text(group->name));
    json_begin(json, '{');
    json_member(json, "description", group->summary);
    json_member(json, "type", "object");
    json_key(json, SLICE("properties"));
    json_begin(json, '{');
    print_permitted(print, kind, group);
    json_end(json, '}');
    json_key(json, SLICE("additionalProperties"));
    json_literal(json, SLICE("false"));
    json_end(json, '}');
}

static void print_structure(struct schema_print *print, enum scope_kind kind)
{
    for (size_t i = 0; i < STRUCTURE_KEYS; i++) {
        const struct structure_key *key = &structure_keys[i];
        if (!(key->scopes & (unsigned)kind))
            continue;
        json_key(&print->json, slice_from_text(key->name));
        json_begin(&print->json, '{');
        json_member(&print->json, "description", key->summary);
        schema_print_form(print, slice_from_text(key->form), TEMPLATE_REQUEST, NULL);
        json_end(&print->json, '}');
    }
}

/* As members of the object that is open. */
static void print_scope(struct schema_print *print, enum scope_kind kind)
{
    struct json_print *json = &print->json;
    json_member(json, "type", "object");
    json_key(json, SLICE("properties"));
    json_begin(json, '{');
    print_structure(print, kind);
    for (size_t i = 0; i < print->vocabulary->group_count; i++)
        print_group(print, kind, print->vocabulary->groups[i]);
    json_end(json, '}');
    json_key(json, SLICE("additionalProperties"));
    json_literal(json, SLICE("false"));
}

static void print_scopes(struct schema_print *print)
{
    for (size_t i = 0; i < SCOPES; i++) {
        char name[SCHEMA_NAME_MAX];
        struct text text = text_over(name, sizeof(name));
        text_print(&text, "scope.%s", scopes[i].name);
        json_key(&print->json, text_slice(&text));
        json_begin(&print->json, '{');
        json_member(&print->json, "description", scopes[i].summary);
        print_scope(print, scopes[i].kind);
        json_end(&print->json, '}');
    }
}

/* ---- all of it */

static bool print_definitions(struct schema_print *print)
{
    bool good = true;
    json_key(&print->json, SLICE("$defs"));
    json_begin(&print->json, '{');
    print_scopes(print);
    good &= print_settings(print);
    for (size_t i = 0; good && i < print->mapping_count; i++)
        good &= print_mapping(print, &print->mappings[i]);
    schema_print_texts(print);
    json_end(&print->json, '}');
    return good;
}

bool schema_print(struct text *text, const struct vocabulary *vocabulary)
{
    struct schema_print *print = calloc(1, sizeof(*print));
    if (!print)
        return false;
    print->json.text = text;
    print->vocabulary = vocabulary;
    find_mappings(print);
    json_begin(&print->json, '{');
    json_member(&print->json, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_member(&print->json, "$id", "urn:weir:configuration");
    json_member(&print->json, "title", "Weir");
    json_member(&print->json, "description", "A configuration of the reverse proxy Weir.");
    print_scope(print, SCOPE_TOP);
    bool good = print_definitions(print);
    json_end(&print->json, '}');
    text_add_byte(text, '\n');
    free(print);
    return good;
}
