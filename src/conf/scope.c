/* Settings of scopes. A scope has a slot of its own only for groups of which it writes something;
 * for all others it has those of the scope around it, so that ten thousand sites stay small. */
#include "base/assert.h"
#include "conf/configuration_int.h"

struct scope_reading {
    struct loading *loading;
    struct scope *scope;
    struct settings_slot *slots[GROUPS_MAX];
    const struct node *nodes[GROUPS_MAX]; /* the mapping of each group that is written */
    uint32_t bad;                         /* bit per group: something could not be read */
};

void *loading_allocate(struct loading *loading, size_t size)
{
    void *memory = arena_calloc(&loading->configuration->arena, size);
    if (!memory)
        loading->failed = true;
    return memory;
}

bool scope_permits(enum scope_kind kind, const struct setting *setting)
{
    switch (kind) {
    case SCOPE_DEFAULTS:
        return !setting->single && (setting->scopes & (SCOPE_SITE | SCOPE_ROUTE));
    case SCOPE_UPSTREAM_DEFAULTS:
        return !setting->single && (setting->scopes & SCOPE_UPSTREAM);
    case SCOPE_TOP:
    case SCOPE_LISTENER:
    case SCOPE_SITE:
    case SCOPE_ROUTE:
    case SCOPE_UPSTREAM:
        break;
    }
    return setting->scopes & (unsigned)kind;
}

bool scope_permits_group(enum scope_kind kind, const struct setting_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        if (scope_permits(kind, &group->settings[i]))
            return true;
    }
    return false;
}

static struct setting_reader reader_of(struct loading *loading)
{
    return (struct setting_reader){.arena = &loading->configuration->arena,
                                   .diagnostics = loading->diagnostics,
                                   .variables = loading->configuration->vocabulary->variables,
                                   .configuration = loading->configuration,
                                   .files = loading->with};
}

static struct settings_slot *allocate_slot(struct loading *loading,
                                           const struct setting_group *group)
{
    return loading_allocate(loading, sizeof(struct settings_slot) + group->size);
}

bool scope_make_standards(struct loading *loading)
{
    struct configuration *configuration = loading->configuration;
    const struct vocabulary *vocabulary = configuration->vocabulary;
    configuration->standards =
        loading_allocate(loading, vocabulary->group_count * sizeof(*configuration->standards));
    for (size_t i = 0; configuration->standards && i < vocabulary->group_count; i++) {
        struct settings_slot *slot = allocate_slot(loading, vocabulary->groups[i]);
        struct setting_reader reader = reader_of(loading);
        if (!slot || !setting_read_defaults(&reader, vocabulary->groups[i], slot->group))
            return false;
        slot->heritable = slot;
        configuration->standards[i] = slot;
    }
    return configuration->standards != NULL;
}

/* The slot that the scope has for itself, or NULL. */
static const struct settings_slot *own_slot(const struct scope *scope, size_t group)
{
    ASSERT(group < GROUPS_MAX);
    uint32_t bit = UINT32_C(1) << group;
    if (!(scope->own_groups & bit))
        return NULL;
    return scope->slots[__builtin_popcount(scope->own_groups & (bit - 1))];
}

/* What a scope inside of `scope` gets; `scope` may be NULL. */
static const struct settings_slot *heritable_slot(const struct configuration *configuration,
                                                  const struct scope *scope, size_t group)
{
    for (; scope; scope = scope->parent) {
        const struct settings_slot *slot = own_slot(scope, group);
        if (slot)
            return slot->heritable;
    }
    return configuration->standards[group];
}

/* The scope's own slot for a group; made from what is inherited at the first setting. */
static struct settings_slot *open_slot(struct scope_reading *reading, size_t group)
{
    struct loading *loading = reading->loading;
    if (reading->slots[group])
        return reading->slots[group];
    const struct setting_group *of = loading->configuration->vocabulary->groups[group];
    const struct settings_slot *inherited =
        heritable_slot(loading->configuration, reading->scope->parent, group);
    struct settings_slot *slot = allocate_slot(loading, of);
    if (slot) {
        memcpy(slot->group, inherited->group, of->size);
        slot->written = inherited->written;
        slot->heritable = slot;
    }
    return reading->slots[group] = slot;
}

static void read_setting(struct scope_reading *reading, size_t group, const struct node *around,
                         const struct setting *setting, const struct node *value)
{
    struct loading *loading = reading->loading;
    const struct setting_group *of = loading->configuration->vocabulary->groups[group];
    struct settings_slot *slot = open_slot(reading, group);
    if (!slot)
        return;
    ASSERT(scope_permits(reading->scope->kind, setting));
    struct setting_reader reader = reader_of(loading);
    if (reading->scope->parent && !setting->single)
        reader.inherited =
            heritable_slot(loading->configuration, reading->scope->parent, group)->group +
            setting->offset;
    slot->written |= UINT32_C(1) << (setting - of->settings);
    reading->nodes[group] = around;
    if (!setting_read(&reader, setting, value, slot->group + setting->offset)) {
        reading->bad |= UINT32_C(1) << group;
        loading->failed = true;
    }
}

static const struct setting *find_setting(const struct setting_group *group, enum scope_kind kind,
                                          struct slice name)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *setting = &group->settings[i];
        if (scope_permits(kind, setting) && slice_equal(slice_from_text(setting->name), name))
            return setting;
    }
    return NULL;
}

static void refuse_group(struct loading *loading, const struct setting_group *group,
                         const struct node *value)
{
    const struct setting *first = &group->settings[0];
    refuse_kind(loading, value, diagnostics_text(loading->diagnostics, "\"%s\"", group->name),
                "a mapping",
                diagnostics_text(loading->diagnostics, "for example \"%s: {%s: %s}\"", group->name,
                                 first->name, first->example));
}

static void read_group(struct scope_reading *reading, size_t index, const struct node_pair *pair)
{
    struct loading *loading = reading->loading;
    const struct setting_group *group = loading->configuration->vocabulary->groups[index];
    if (pair->value->kind != NODE_MAPPING) {
        refuse_group(loading, group, pair->value);
        return;
    }
    for (uint32_t i = 0; i < pair->value->count; i++) {
        const struct node_pair *inner = &pair->value->pairs[i];
        const struct setting *setting = find_setting(group, reading->scope->kind, inner->key);
        if (setting)
            read_setting(reading, index, pair->value, setting, inner->value);
        else
            unknown_key_in_group(loading, reading->scope->kind, group, inner);
    }
}

static bool is_structure(enum scope_kind kind, struct slice name)
{
    for (size_t i = 0; i < STRUCTURE_KEYS; i++) {
        if ((structure_keys[i].scopes & (unsigned)kind) &&
            slice_equal(slice_from_text(structure_keys[i].name), name))
            return true;
    }
    return false;
}

static void read_pair(struct scope_reading *reading, const struct node_pair *pair)
{
    const struct vocabulary *vocabulary = reading->loading->configuration->vocabulary;
    enum scope_kind kind = reading->scope->kind;
    if (is_structure(kind, pair->key))
        return;
    for (size_t i = 0; i < vocabulary->group_count; i++) {
        const struct setting_group *group = vocabulary->groups[i];
        if (*group->name) {
            if (slice_equal(slice_from_text(group->name), pair->key) &&
                scope_permits_group(kind, group)) {
                read_group(reading, i, pair);
                return;
            }
            continue;
        }
        const struct setting *setting = find_setting(group, kind, pair->key);
        if (setting) {
            read_setting(reading, i, reading->scope->node, setting, pair->value);
            return;
        }
    }
    unknown_key(reading->loading, kind, pair);
}

static void check_groups(struct scope_reading *reading)
{
    const struct vocabulary *vocabulary = reading->loading->configuration->vocabulary;
    for (size_t i = 0; i < vocabulary->group_count; i++) {
        const struct settings_slot *slot = reading->slots[i];
        if (slot && !(reading->bad & UINT32_C(1) << i) && vocabulary->groups[i]->check)
            vocabulary->groups[i]->check(slot->group, reading->nodes[i],
                                         reading->loading->diagnostics);
    }
}

/* What is single holds here alone: inner scopes get the slot without it. */
static void set_heritable(struct scope_reading *reading, size_t index)
{
    struct loading *loading = reading->loading;
    const struct setting_group *group = loading->configuration->vocabulary->groups[index];
    struct settings_slot *slot = reading->slots[index];
    uint32_t single = 0;
    for (size_t i = 0; i < group->count; i++)
        single |= (uint32_t)group->settings[i].single << i;
    if (!(slot->written & single))
        return;
    ASSERT(slot->heritable == slot);
    const struct settings_slot *inherited =
        heritable_slot(loading->configuration, reading->scope->parent, index);
    bool has_inner =
        reading->scope->kind == SCOPE_TOP || node_find(reading->scope->node, SLICE("routes"));
    slot->heritable = inherited;
    if (!has_inner || (slot->written & ~single) == inherited->written)
        return;
    struct settings_slot *heritable = allocate_slot(loading, group);
    if (!heritable)
        return;
    memcpy(heritable->group, slot->group, group->size);
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *setting = &group->settings[i];
        if (setting->single)
            memcpy(heritable->group + setting->offset,
                   loading->configuration->standards[index]->group + setting->offset,
                   setting->size);
    }
    heritable->written = slot->written & ~single;
    heritable->heritable = heritable;
    slot->heritable = heritable;
}

static void keep_slots(struct scope_reading *reading)
{
    struct scope *scope = reading->scope;
    size_t count = reading->loading->configuration->vocabulary->group_count, used = 0;
    for (size_t i = 0; i < count; i++)
        used += reading->slots[i] != NULL;
    scope->slots = used ? loading_allocate(reading->loading, used * sizeof(*scope->slots)) : NULL;
    used = 0;
    for (size_t i = 0; scope->slots && i < count; i++) {
        if (!reading->slots[i])
            continue;
        set_heritable(reading, i);
        scope->slots[used++] = reading->slots[i];
        scope->own_groups |= UINT32_C(1) << i;
    }
    ASSERT(used == (size_t)__builtin_popcount(scope->own_groups));
}

struct scope *scope_new(struct loading *loading, enum scope_kind kind, const struct node *node,
                        const struct scope *parent)
{
    ASSERT(!node || node->kind == NODE_MAPPING);
    struct scope *scope = loading_allocate(loading, sizeof(*scope));
    if (!scope)
        return NULL;
    scope->kind = kind;
    scope->node = node;
    scope->parent = parent;
    struct scope_reading reading = {.loading = loading, .scope = scope};
    for (uint32_t i = 0; node && i < node->count; i++)
        read_pair(&reading, &node->pairs[i]);
    check_groups(&reading);
    keep_slots(&reading);
    return scope;
}

static size_t group_index(const struct configuration *configuration,
                          const struct setting_group *group)
{
    for (size_t i = 0; i < configuration->vocabulary->group_count; i++) {
        if (configuration->vocabulary->groups[i] == group)
            return i;
    }
    UNREACHABLE();
}

const void *scope_group(const struct configuration *configuration, const struct scope *scope,
                        const struct setting_group *group)
{
    size_t index = group_index(configuration, group);
    const struct settings_slot *slot = own_slot(scope, index);
    if (!slot)
        slot = heritable_slot(configuration, scope->parent, index);
    return slot->group;
}

const struct node *scope_source(const struct configuration *configuration,
                                const struct scope *scope, const struct setting_group *group,
                                const char *setting)
{
    ASSERT(group_index(configuration, group) < GROUPS_MAX);
    for (const struct scope *at = scope; at; at = at->parent) {
        const struct setting *record = find_setting(group, at->kind, slice_from_text(setting));
        const struct node *mapping =
            *group->name ? node_find(at->node, slice_from_text(group->name)) : at->node;
        const struct node *value = record ? node_find(mapping, slice_from_text(setting)) : NULL;
        if (value && (at == scope || !record->single))
            return value;
    }
    return NULL;
}
