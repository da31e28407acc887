/* Files that settings name and whose bytes belong to the configuration. */
#include "base/assert.h"
#include "conf/configuration_int.h"
#include "conf/yaml.h"

const char configuration_file_is_large[] = "it is larger than 16 MiB";
_Static_assert(YAML_SIZE_MAX == 16 << 20, "as configuration_file_is_large says");

static const char unread_cure[] = "name a file that can be read; its path begins where this file "
                                  "lies";
static const char large_cure[] = "look whether it is the right file; what belongs there is smaller";

/* In the arena of the reader; without memory just the reason. */
static const char *words(struct setting_reader *reader, const char *begin, struct slice path,
                         const char *middle, const char *reason)
{
    enum { PATH_SHOWN = 80 };
    struct slice parts[] = {slice_from_text(begin),
                            slice_until(path, path.length < PATH_SHOWN ? path.length : PATH_SHOWN),
                            slice_from_text(middle), slice_from_text(reason)};
    struct slice all = arena_join(reader->arena, parts, 4);
    return all.data ? all.data : reason;
}

/* As seen from where the node stands. Data is NULL: no memory. */
static struct slice path_from(struct setting_reader *reader, const struct node *node,
                              struct slice path)
{
    struct slice beside = reader->configuration->sources[node->position.source].name;
    return path_beside(reader->arena, beside, path);
}

struct slice setting_path(struct setting_reader *reader, const struct node *node)
{
    ASSERT(node->kind == NODE_SCALAR);
    return node->text.length > 0 ? path_from(reader, node, node->text) : SLICE("");
}

bool setting_find_watched(struct setting_reader *reader, const struct node *node,
                          struct slice pattern, struct slice **ret_paths, size_t *ret_count)
{
    const struct configuration_reader *files = reader->files;
    struct slice path = path_from(reader, node, pattern);
    *ret_count = 0;
    if (!path.data || !files || (!files->expand_watched && !files->expand_glob))
        return path.data != NULL;
    return (files->expand_watched ? files->expand_watched : files->expand_glob)(
        files->context, path, reader->arena, ret_paths, ret_count);
}

/* In whole units. */
static const char *complain_of_size(struct setting_reader *reader, struct slice path, size_t max)
{
    enum { MIB = 1 << 20 };
    char size[32];
    struct text text = text_over(size, sizeof(size) - 1);
    text_print(&text, max % MIB == 0 ? "%zu MiB" : "%zu KiB",
               max % MIB == 0 ? max / MIB : max / 1024);
    size[text.length] = '\0';
    return words(reader, "\"", path, "\" is larger than ", size);
}

/* NULL, or what is wrong; then it is said what to do. */
static const char *read_path(struct setting_reader *reader, struct slice path, bool is_watched,
                             size_t max, struct slice *ret_bytes, const char **ret_cure)
{
    const struct configuration_reader *files = reader->files;
    const char *reason = "there are no files here";
    *ret_cure = unread_cure;
    if (!path.data)
        return "there is no memory for a file";
    bool good = path.length > 0 && files && files->read_file &&
                (is_watched && files->read_watched ? files->read_watched : files->read_file)(
                    files->context, path, reader->arena, ret_bytes, &reason);
    if (good && ret_bytes->length <= max)
        return NULL;
    if (!good && reason != configuration_file_is_large)
        return words(reader, "cannot read \"", path, "\": ", reason);
    if (good)
        slice_cleanse(*ret_bytes); /* it may be a key with much behind it */
    *ret_cure = large_cure;
    return complain_of_size(reader, path, max);
}

const char *setting_try_watched(struct setting_reader *reader, struct slice path, size_t max,
                                struct slice *ret_bytes, const char **ret_cure)
{
    return read_path(reader, path, true, max, ret_bytes, ret_cure);
}

bool setting_read_file(struct setting_reader *reader, const struct node *node, size_t max,
                       struct slice *ret_bytes)
{
    const char *cure;
    const char *problem =
        read_path(reader, setting_path(reader, node), false, max, ret_bytes, &cure);
    if (problem)
        diagnostics_error(reader->diagnostics, node->position, cure, "%s", problem);
    return problem == NULL;
}

/* What cannot be read is kept, too, without data. */
static struct slice *read_shared(struct setting_reader *reader, struct slice path)
{
    const struct configuration_reader *files = reader->files;
    const char *reason = NULL;
    struct slice *bytes = ARENA_NEW(reader->arena, struct slice);
    struct slice key = arena_copy(reader->arena, path);
    if (!bytes || !key.data)
        return NULL;
    *bytes = slice_of(NULL, 0);
    if (files && files->read_file &&
        !files->read_file(files->context, path, reader->arena, bytes, &reason))
        *bytes = slice_of(NULL, 0);
    return map_set(reader->configuration->shared_files, key, bytes) ? bytes : NULL;
}

bool setting_share_file(struct setting_reader *reader, struct slice path, size_t max,
                        struct slice *ret_bytes)
{
    ASSERT(path.length > 0);
    struct slice *bytes = map_get(reader->configuration->shared_files, path);
    if (!bytes)
        bytes = read_shared(reader, path);
    if (!bytes || !bytes->data || bytes->length > max)
        return false;
    *ret_bytes = *bytes;
    return true;
}

const char *setting_environment(struct setting_reader *reader, const char *name)
{
    const struct configuration_reader *with = reader->files;
    return with && with->environment ? with->environment(with->context, name) : NULL;
}
