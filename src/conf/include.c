/* The files of a configuration, each before those that it includes; merge.c puts them together. */
#include "base/assert.h"
#include "base/map.h"
#include "conf/configuration_int.h"
#include "conf/yaml.h"

#include <stdlib.h>

struct including {
    struct loading *loading;
    struct map names;    /* of sources; a value has no meaning */
    struct node **roots; /* of the files, each before those that it includes */
    size_t root_count, roots_size, sources_size;
};

static struct arena *arena_of(const struct including *including)
{
    return &including->loading->configuration->arena;
}

/* Room for one more in an array of the arena, which doubles; old arrays stay behind. */
static void *make_room(struct including *including, void *array, size_t count, size_t *size,
                       size_t item_size)
{
    ASSERT(count <= *size);
    if (count < *size)
        return array;
    size_t grown_size = *size ? 2 * *size : 4;
    char *grown = loading_allocate(including->loading, grown_size * item_size);
    if (!grown)
        return NULL;
    if (count)
        memcpy(grown, array, count * item_size);
    *size = grown_size;
    return grown;
}

/* Its number, or -1: no memory. */
static int add_source(struct including *including, struct slice name, struct slice bytes)
{
    struct configuration *configuration = including->loading->configuration;
    struct source *sources =
        make_room(including, configuration->sources, configuration->source_count,
                  &including->sources_size, sizeof(*sources));
    if (!sources)
        return -1;
    configuration->sources = sources;
    int index = (int)configuration->source_count;
    if (!map_set(&including->names, name, sources)) {
        including->loading->failed = true;
        return -1;
    }
    configuration->source_count++;
    sources[index] = (struct source){name, bytes};
    return index;
}

static bool add_root(struct including *including, struct node *root)
{
    struct node **roots = make_room(including, including->roots, including->root_count,
                                    &including->roots_size, sizeof(struct node *));
    if (!roots)
        return false;
    including->roots = roots;
    roots[including->root_count++] = root;
    return true;
}

static struct node *parse(struct including *including, int index)
{
    struct loading *loading = including->loading;
    const struct source *source = &loading->configuration->sources[index];
    /* A byte order mark is no part of the text. */
    if (slice_starts_with(source->bytes, SLICE("\xEF\xBB\xBF")))
        loading->configuration->sources[index].bytes = slice_from(source->bytes, 3);
    struct yaml_reader reader = {
        .arena = arena_of(including),
        .diagnostics = loading->diagnostics,
        .environment = {loading->with->environment, loading->with->context},
    };
    bool no_memory = false;
    struct node *root = yaml_read(&reader, source, (uint16_t)index, &no_memory);
    loading->failed |= !root;
    if (root && root->kind != NODE_MAPPING) {
        refuse_kind(loading, root, "a configuration", "a mapping", "begin with \"sites:\"");
        return NULL;
    }
    return root;
}

static bool is_pattern(struct slice path)
{
    for (size_t i = 0; i < path.length; i++) {
        if (strchr("*?[", path.data[i]))
            return true;
    }
    return false;
}

struct slice path_beside(struct arena *arena, struct slice file, struct slice path)
{
    size_t slash = slice_find_last(file, '/');
    if (slice_starts_with(path, SLICE("/")) || slash == file.length)
        return arena_copy(arena, path);
    struct slice parts[] = {slice_until(file, slash + 1), path};
    return arena_join(arena, parts, 2);
}

static void read_file(struct including *including, int index, unsigned depth);

/* Whether one more file may be read there; else it is told. */
static bool may_include(struct including *including, struct slice path, const struct node *from,
                        unsigned depth)
{
    struct loading *loading = including->loading;
    if (loading->configuration->source_count == SOURCES_MAX)
        diagnostics_error(loading->diagnostics, from->position, NULL,
                          "a configuration has at most %d files", SOURCES_MAX);
    else if (depth == INCLUDE_DEPTH_MAX)
        diagnostics_error(loading->diagnostics, from->position, NULL,
                          "%.*s is included more than %d files deep", SHOWN(path),
                          INCLUDE_DEPTH_MAX);
    else
        return true;
    return false;
}

/* `from` is where its name is written. */
static void include_file(struct including *including, struct slice path, const struct node *from,
                         bool by_pattern, unsigned depth)
{
    struct loading *loading = including->loading;
    struct slice bytes = SLICE("");
    const char *reason = "files cannot be read here";
    if (map_get(&including->names, path)) {
        /* A pattern may well stand for the file in which it is written. */
        if (!by_pattern)
            diagnostics_error(loading->diagnostics, from->position, "include each file once",
                              "the file %.*s is already a part of the configuration", SHOWN(path));
        return;
    }
    if (!may_include(including, path, from, depth))
        return;
    if (!loading->with->read_file ||
        !loading->with->read_file(loading->with->context, path, arena_of(including), &bytes,
                                  &reason)) {
        diagnostics_error(loading->diagnostics, from->position,
                          "name a file, or several by a pattern such as conf.d/*.yaml; the path "
                          "begins where this file lies",
                          "cannot read %.*s: %s", SHOWN(path), reason);
        return;
    }
    int index = add_source(including, path, bytes);
    if (index >= 0)
        read_file(including, index, depth + 1);
}

/* All files that a pattern stands for. */
static void include_pattern(struct including *including, struct slice pattern,
                            const struct node *from, unsigned depth)
{
    struct loading *loading = including->loading;
    struct slice *paths = NULL;
    size_t count = 0;
    if (!loading->with->expand_glob ||
        !loading->with->expand_glob(loading->with->context, pattern, arena_of(including), &paths,
                                    &count))
        diagnostics_error(loading->diagnostics, from->position, NULL, "cannot look for %.*s",
                          SHOWN(pattern));
    else if (count == 0)
        diagnostics_warning(loading->diagnostics, from->position, NULL, "no file is called %.*s",
                            SHOWN(pattern));
    for (size_t i = 0; i < count; i++)
        include_file(including, paths[i], from, true, depth);
}

static void include_entry(struct including *including, struct slice includer,
                          const struct node *entry, unsigned depth)
{
    struct loading *loading = including->loading;
    if (entry->kind != NODE_SCALAR || entry->text.length == 0) {
        refuse_kind(loading, entry, "an entry of \"include\"", "the name of a file", NULL);
        return;
    }
    struct slice path = path_beside(arena_of(including), includer, entry->text);
    if (!path.data)
        loading->failed = true;
    else if (is_pattern(path))
        include_pattern(including, path, entry, depth);
    else
        include_file(including, path, entry, false, depth);
}

static void read_file(struct including *including, int index, unsigned depth)
{
    struct node *root = parse(including, index);
    if (!root || !add_root(including, root))
        return;
    ASSERT((size_t)index < including->loading->configuration->source_count);
    struct slice name = including->loading->configuration->sources[index].name;
    const struct node *include = node_find(root, SLICE("include"));
    bool is_list = include && include->kind == NODE_SEQUENCE;
    for (uint32_t i = 0; is_list && i < include->count; i++)
        include_entry(including, name, include->items[i], depth);
    if (include && !is_list)
        include_entry(including, name, include, depth);
}

struct node *include_read(struct loading *loading, struct slice name, struct slice bytes)
{
    struct including including = {.loading = loading};
    struct arena *arena = &loading->configuration->arena;
    name = arena_copy(arena, name);
    bytes = arena_copy(arena, bytes);
    int index = name.data && bytes.data ? add_source(&including, name, bytes) : -1;
    struct node *root = NULL;
    if (index < 0)
        loading->failed = true;
    else
        read_file(&including, index, 0);
    if (including.root_count > 0)
        root = merge_roots(loading, including.roots, including.root_count);
    map_fini(&including.names);
    return root;
}
