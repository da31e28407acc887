#include "conf/effective.h"

#include "base/assert.h"
#include "conf/configuration_int.h"
#include "conf/node_yaml.h"

enum { INDENT = 2 };

struct printer {
    struct text *text;
    const struct configuration *configuration;
};

static void print_key(const struct printer *printer, const char *key, unsigned indent)
{
    struct node_yaml yaml = {.text = printer->text, .sources = printer->configuration->sources};
    node_yaml_print_key(&yaml, slice_from_text(key), indent);
}

static void print_place(const struct printer *printer, struct position position)
{
    struct node_yaml yaml = {.text = printer->text, .sources = printer->configuration->sources};
    node_yaml_print_place(&yaml, position);
}

static struct node_yaml yaml_of(const struct printer *printer, const struct setting *setting)
{
    return (struct node_yaml){.text = printer->text,
                              .sources = printer->configuration->sources,
                              .names_files = setting->names_files,
                              .word = setting->word};
}

/* ---- settings of a scope */

static const struct node *own_value(const struct scope *scope, const struct setting_group *group,
                                    const struct setting *setting)
{
    const struct node *mapping =
        *group->name ? node_find(scope->node, slice_from_text(group->name)) : scope->node;
    return node_find(mapping, slice_from_text(setting->name));
}

/* The value that holds there and was written further out, or NULL. */
static const struct node *inherited_value(const struct printer *printer, const struct scope *scope,
                                          const struct setting_group *group,
                                          const struct setting *setting)
{
    if (setting->single || !scope->parent)
        return NULL;
    return scope_source(printer->configuration, scope->parent, group, setting->name);
}

/* A default stands in the outermost scopes that may have the setting. */
static bool shows_default(const struct printer *printer, const struct scope *scope,
                          const struct setting_group *group, const struct setting *setting)
{
    bool is_outermost = scope->kind == SCOPE_TOP || scope->kind == SCOPE_DEFAULTS ||
                        scope->kind == SCOPE_UPSTREAM_DEFAULTS || scope->kind == SCOPE_LISTENER;
    return setting->standard && !setting->single && is_outermost &&
           !(scope->parent && scope_permits(SCOPE_TOP, setting)) &&
           !inherited_value(printer, scope, group, setting);
}

static void print_default(const struct printer *printer, const struct setting *setting,
                          unsigned indent)
{
    struct node node = {.kind = NODE_SCALAR, .text = slice_from_text(setting->standard)};
    struct node_yaml yaml = {.text = printer->text, .sources = printer->configuration->sources};
    print_key(printer, setting->name, indent);
    text_add_byte(printer->text, ' ');
    node_yaml_print_line(&yaml, &node);
    text_add(printer->text, SLICE(" # default\n"));
}

static void print_group(const struct printer *printer, const struct scope *scope,
                        const struct setting_group *group, unsigned indent)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *setting = &group->settings[i];
        const struct node *value =
            scope_permits(scope->kind, setting) ? own_value(scope, group, setting) : NULL;
        if (value) {
            struct node_yaml yaml = yaml_of(printer, setting);
            print_key(printer, setting->name, indent);
            node_yaml_print(&yaml, value, indent + INDENT);
        } else if (scope_permits(scope->kind, setting) &&
                   shows_default(printer, scope, group, setting)) {
            print_default(printer, setting, indent);
        }
    }
}

static void print_inherited(const struct printer *printer, const struct scope *scope,
                            const struct setting_group *group, unsigned indent)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *setting = &group->settings[i];
        if (!scope_permits(scope->kind, setting) || own_value(scope, group, setting))
            continue;
        const struct node *value = inherited_value(printer, scope, group, setting);
        if (!value)
            continue;
        struct node_yaml yaml = yaml_of(printer, setting);
        text_print(printer->text, "%*s# %s%s%s: ", (int)indent, "", group->name,
                   *group->name ? "." : "", setting->name);
        node_yaml_print_line(&yaml, value);
        print_place(printer, value->position);
    }
}

static void print_settings(const struct printer *printer, const struct scope *scope,
                           unsigned indent)
{
    const struct vocabulary *vocabulary = printer->configuration->vocabulary;
    for (size_t i = 0; i < vocabulary->group_count; i++) {
        const struct setting_group *group = vocabulary->groups[i];
        if (!*group->name) {
            print_group(printer, scope, group, indent);
            continue;
        }
        size_t start = printer->text->length;
        print_key(printer, group->name, indent);
        text_add_byte(printer->text, '\n');
        size_t empty = printer->text->length;
        print_group(printer, scope, group, indent + INDENT);
        if (printer->text->length == empty)
            printer->text->length = start;
    }
}

/* ---- scopes */

/* Behind its key or dash, sites and routes with those inside. As deep as the file is. */
static void print_scope(const struct printer *printer, const struct scope *scope, unsigned indent)
{
    struct text *text = printer->text;
    const struct vocabulary *vocabulary = printer->configuration->vocabulary;
    size_t start = text->length;
    print_place(printer, scope->node->position);
    size_t empty = text->length;
    print_settings(printer, scope, indent);
    if (text->length == empty && scope->child_count == 0) {
        text->length = start;
        text_add(text, SLICE(" {}"));
        print_place(printer, scope->node->position);
    }
    for (size_t i = 0; i < vocabulary->group_count; i++)
        print_inherited(printer, scope, vocabulary->groups[i], indent);
    if (scope->child_count > 0) {
        print_key(printer, "routes", indent);
        text_add_byte(text, '\n');
    }
    for (uint32_t i = 0; i < scope->child_count && !text_is_cut(text); i++) {
        text_print(text, "%*s-", (int)indent + INDENT, "");
        print_scope(printer, scope->children[i], indent + 2 * INDENT);
    }
}

/* `listen`, where the file does not have it. */
static void print_implied(const struct printer *printer, const struct slice *listeners,
                          size_t count)
{
    const struct configuration *configuration = printer->configuration;
    struct node_yaml yaml = {.text = printer->text, .sources = configuration->sources};
    const struct node nothing = {.kind = NODE_MAPPING};
    const struct scope scope = {
        .kind = SCOPE_LISTENER, .node = &nothing, .parent = configuration->top};
    ASSERT(count == 0 || configuration->listener_count == 0);
    if (count > 0)
        text_add(printer->text, SLICE("listen:\n"));
    for (size_t i = 0; i < count; i++) {
        const struct node address = {.kind = NODE_SCALAR, .quoted = true, .text = listeners[i]};
        text_print(printer->text, "%*s- # default\n", INDENT, "");
        print_key(printer, "address", 2 * INDENT);
        text_add_byte(printer->text, ' ');
        node_yaml_print_line(&yaml, &address);
        text_add(printer->text, SLICE(" # default\n"));
        print_settings(printer, &scope, 2 * INDENT);
    }
}

static void print_list(const struct printer *printer, const char *key, struct scope *const *scopes,
                       uint32_t count)
{
    if (count == 0)
        return;
    print_key(printer, key, 0);
    text_add_byte(printer->text, '\n');
    for (uint32_t i = 0; i < count && !text_is_cut(printer->text); i++) {
        text_print(printer->text, "%*s-", INDENT, "");
        print_scope(printer, scopes[i], 2 * INDENT);
    }
}

static void print_upstreams(const struct printer *printer)
{
    const struct configuration *configuration = printer->configuration;
    struct node_yaml yaml = {.text = printer->text, .sources = configuration->sources};
    if (configuration->upstream_count > 0)
        text_add(printer->text, SLICE("upstreams:\n"));
    for (uint32_t i = 0; i < configuration->upstream_count; i++) {
        const struct scope *upstream = configuration->upstreams[i];
        node_yaml_print_key(&yaml, upstream->name, INDENT);
        print_scope(printer, upstream, 2 * INDENT);
    }
}

static void print_defaults(const struct printer *printer)
{
    struct text *text = printer->text;
    size_t start = text->length;
    text_add(text, SLICE("defaults:\n"));
    size_t empty = text->length;
    print_settings(printer, printer->configuration->defaults, INDENT);
    size_t before_upstream = text->length;
    text_print(text, "%*supstream:\n", INDENT, "");
    size_t upstream = text->length;
    print_settings(printer, printer->configuration->upstream_defaults, 2 * INDENT);
    if (text->length == upstream)
        text->length = before_upstream;
    if (text->length == empty)
        text->length = start;
}

void effective_print(struct text *text, const struct configuration *configuration,
                     const struct slice *listeners, size_t listener_count)
{
    struct printer printer = {text, configuration};
    ASSERT(configuration->top && configuration->source_count > 0);
    print_settings(&printer, configuration->top, 0);
    print_implied(&printer, listeners, listener_count);
    print_list(&printer, "listen", configuration->listeners, configuration->listener_count);
    print_defaults(&printer);
    print_upstreams(&printer);
    print_list(&printer, "sites", configuration->top->children, configuration->top->child_count);
}
