#include "main/changes.h"

#include "base/map.h"

enum { NAMES_SHOWN = 8, NAME_SHOWN = 64 };

enum change { CHANGE_ADDED, CHANGE_REMOVED, CHANGE_ALTERED, CHANGES };

static const char *const change_words[CHANGES] = {"added", "removed", "altered"};

/* What has changed of one kind, by name. */
struct list_of_changes {
    size_t counts[CHANGES];
    struct slice names[CHANGES][NAMES_SHOWN];
};

static void note(struct list_of_changes *changes, enum change change, struct slice name)
{
    if (changes->counts[change] < NAMES_SHOWN)
        changes->names[change][changes->counts[change]] = name;
    changes->counts[change]++;
}

static void add_name(struct text *text, struct slice name)
{
    text_add(text, slice_until(name, name.length < NAME_SHOWN ? name.length : NAME_SHOWN));
    if (name.length > NAME_SHOWN)
        text_add(text, SLICE("..."));
}

static void print_names(struct text *text, const struct list_of_changes *changes,
                        enum change change)
{
    size_t count = changes->counts[change];
    text_add(text, SLICE(" ("));
    for (size_t i = 0; i < count && i < NAMES_SHOWN; i++) {
        if (i > 0)
            text_add(text, SLICE(", "));
        add_name(text, changes->names[change][i]);
    }
    text_add(text, count > NAMES_SHOWN ? SLICE(", ...)") : SLICE(")"));
}

/* `sites: 1 added (a), 2 altered (b, c)`; nothing where nothing has changed. */
static void print_changes(struct text *text, const char *what,
                          const struct list_of_changes *changes)
{
    bool is_first = true;
    for (enum change change = 0; change < CHANGES; change++) {
        if (changes->counts[change] == 0)
            continue;
        if (is_first)
            text_print(text, "%s%s: ", text->length > 0 ? "; " : "", what);
        else
            text_add(text, SLICE(", "));
        text_print(text, "%zu %s", changes->counts[change], change_words[change]);
        print_names(text, changes, change);
        is_first = false;
    }
}

/* ---- named mappings: by key */

static void compare_keys(struct list_of_changes *changes, const struct node *before,
                         const struct node *after)
{
    for (uint32_t i = 0; after && after->kind == NODE_MAPPING && i < after->count; i++) {
        const struct node *old = node_find(before, after->pairs[i].key);
        if (!old)
            note(changes, CHANGE_ADDED, after->pairs[i].key);
        else if (!node_equal(old, after->pairs[i].value))
            note(changes, CHANGE_ALTERED, after->pairs[i].key);
    }
    for (uint32_t i = 0; before && before->kind == NODE_MAPPING && i < before->count; i++) {
        if (!node_find(after, before->pairs[i].key))
            note(changes, CHANGE_REMOVED, before->pairs[i].key);
    }
}

/* ---- lists: sites by their first host, listeners by their address */

static struct slice name_of(const struct node *item)
{
    const struct node *name = item;
    if (item->kind == NODE_MAPPING) {
        name = node_find(item, SLICE("host"));
        name = name ? name : node_find(item, SLICE("address"));
    }
    if (name && name->kind == NODE_SEQUENCE && name->count > 0)
        name = name->items[0];
    return name && name->kind == NODE_SCALAR && name->text.length > 0 ? name->text : SLICE("*");
}

/* Items by name; of several with one name the first. False: no memory. */
static bool map_items(struct map *map, const struct node *list)
{
    bool good = true;
    map_init(map);
    for (uint32_t i = 0; good && list && list->kind == NODE_SEQUENCE && i < list->count; i++) {
        struct slice name = name_of(list->items[i]);
        if (!map_get(map, name))
            good = map_set(map, name, list->items[i]);
    }
    return good;
}

static void compare_items(struct list_of_changes *changes, const struct node *before,
                          const struct node *after)
{
    struct map old, new;
    bool good = map_items(&old, before);
    good = map_items(&new, after) && good;
    for (uint32_t i = 0; good && after && i < after->count; i++) {
        const struct node *item = after->items[i];
        const struct node *other = map_get(&old, name_of(item));
        if (!other)
            note(changes, CHANGE_ADDED, name_of(item));
        else if (map_get(&new, name_of(item)) == item && !node_equal(other, item))
            note(changes, CHANGE_ALTERED, name_of(item));
    }
    for (uint32_t i = 0; good && before && i < before->count; i++) {
        if (!map_get(&new, name_of(before->items[i])))
            note(changes, CHANGE_REMOVED, name_of(before->items[i]));
    }
    map_fini(&old);
    map_fini(&new);
}

/* ---- all of it */

static bool is_list_of_names(struct slice key)
{
    return slice_equal(key, SLICE("sites")) || slice_equal(key, SLICE("upstreams")) ||
           slice_equal(key, SLICE("listen"));
}

/* The other keys of the top, each as a whole. */
static void compare_settings(struct list_of_changes *changes, const struct node *before,
                             const struct node *after)
{
    struct list_of_changes all = {0};
    compare_keys(&all, before, after);
    for (enum change change = 0; change < CHANGES; change++) {
        for (size_t i = 0; i < all.counts[change] && i < NAMES_SHOWN; i++) {
            if (!is_list_of_names(all.names[change][i]))
                note(changes, change, all.names[change][i]);
        }
    }
}

void changes_print(struct text *text, const struct configuration *before,
                   const struct configuration *after)
{
    const struct node *old = before->top->node, *new = after->top->node;
    struct list_of_changes listeners = {0}, sites = {0}, upstreams = {0}, settings = {0};
    compare_items(&listeners, node_find(old, SLICE("listen")), node_find(new, SLICE("listen")));
    compare_items(&sites, node_find(old, SLICE("sites")), node_find(new, SLICE("sites")));
    compare_keys(&upstreams, node_find(old, SLICE("upstreams")),
                 node_find(new, SLICE("upstreams")));
    compare_settings(&settings, old, new);
    print_changes(text, "listeners", &listeners);
    print_changes(text, "sites", &sites);
    print_changes(text, "upstreams", &upstreams);
    print_changes(text, "settings", &settings);
    if (text->length == 0)
        text_add(text, SLICE("nothing has changed"));
}
