#include "main/kept_files.h"

#include "base/assert.h"
#include "main/estate.h"

#include <limits.h>

enum { NAME_LENGTH_MAX = 4096 };

void kept_files_init(struct kept_files *files)
{
    arena_init(&files->arena, NULL, KEPT_BYTES_MAX);
    map_init(&files->by_name);
}

void kept_files_clear(struct kept_files *files)
{
    struct kept_walk walk = {0};
    for (const struct kept *kept; (kept = kept_files_next(files, &walk));)
        slice_cleanse(kept->bytes);
    map_fini(&files->by_name);
    arena_fini(&files->arena);
    kept_files_init(files);
}

void kept_files_take(struct kept_files *files, struct kept_files *from)
{
    kept_files_clear(files);
    *files = *from;
    kept_files_init(from);
}

/* The kind and the name as one text. */
static struct slice key_of(enum kept_kind kind, struct slice name, char memory[NAME_LENGTH_MAX + 1])
{
    ASSERT(name.length <= NAME_LENGTH_MAX);
    memory[0] = (char)('a' + (int)kind);
    memcpy(memory + 1, name.data, name.length);
    return slice_of(memory, name.length + 1);
}

bool kept_files_add(struct kept_files *files, enum kept_kind kind, struct slice name,
                    struct kept kept)
{
    char memory[NAME_LENGTH_MAX + 1];
    struct kept *entry = ARENA_NEW(&files->arena, struct kept);
    struct slice key = arena_copy(&files->arena, key_of(kind, name, memory));
    if (entry)
        *entry = kept;
    bool good = entry && key.data && map_set(&files->by_name, key, entry);
    if (!good)
        slice_cleanse(kept.bytes);
    return good;
}

void kept_files_replace(struct kept_files *files, enum kept_kind kind, struct slice name,
                        struct kept kept)
{
    char memory[NAME_LENGTH_MAX + 1];
    struct kept *entry = map_get(&files->by_name, key_of(kind, name, memory));
    ASSERT(entry);
    slice_cleanse(entry->bytes);
    *entry = kept;
}

const struct kept *kept_files_find(const struct kept_files *files, enum kept_kind kind,
                                   struct slice name)
{
    char memory[NAME_LENGTH_MAX + 1];
    return map_get(&files->by_name, key_of(kind, name, memory));
}

const struct kept *kept_files_next(const struct kept_files *files, struct kept_walk *walk)
{
    while (walk->next < files->by_name.capacity) {
        const struct map_entry *entry = &files->by_name.entries[walk->next++];
        if (!entry->value)
            continue;
        walk->kind = (enum kept_kind)(entry->key.data[0] - 'a');
        walk->name = slice_from(entry->key, 1);
        return entry->value;
    }
    return NULL;
}

/* ---- from supervisor to supervisor */

/* The keys of an estate. */
static const char *const keys[] = {
    [KEPT_FILE] = "file",
    [KEPT_NAMES] = "names",
    [KEPT_REAL_PATH] = "real-path",
    [KEPT_LOG] = "log",
    [KEPT_SYSLOG] = "syslog",
    [KEPT_LISTENER] = "allowed-listener",
    [KEPT_PRIVATE_LISTENER] = "allowed-private-listener",
};

enum { KIND_COUNT = sizeof(keys) / sizeof(keys[0]) };

/* `ERROR WATCHED BEFORE STAMP NAME`, a NUL, and the bytes. */
static int write_entry(struct slice key, const struct kept *kept, int file)
{
    char memory[64];
    struct text facts = text_over(memory, sizeof(memory));
    text_print(&facts, "%d %d %d %llu ", -kept->error, kept->is_watched, kept->is_before,
               (unsigned long long)kept->stamp);
    const struct slice parts[] = {text_slice(&facts), slice_from(key, 1), {"", 1}, kept->bytes};
    return estate_add(file, keys[key.data[0] - 'a'], parts, 4);
}

int kept_files_write(const struct kept_files *files, int file)
{
    int error = 0;
    for (size_t i = 0; i < files->by_name.capacity && !error; i++) {
        const struct map_entry *entry = &files->by_name.entries[i];
        if (entry->value)
            error = write_entry(entry->key, entry->value, file);
    }
    return error;
}

static bool read_entry(struct kept_files *files, enum kept_kind kind, struct slice value)
{
    int error;
    uint64_t is_watched, is_before, stamp;
    if (!estate_take_int(&value, &error) || !estate_take_number(&value, 1, &is_watched) ||
        !estate_take_number(&value, 1, &is_before) ||
        !estate_take_number(&value, UINT64_MAX, &stamp) || slice_find(value, '\0') == value.length)
        return false;
    struct slice name = slice_cut(&value, '\0');
    if (name.length > NAME_LENGTH_MAX || kept_files_find(files, kind, name))
        return false;
    struct kept kept = {.error = -error,
                        .bytes = arena_copy(&files->arena, value),
                        .is_watched = is_watched,
                        .is_before = is_before,
                        .stamp = stamp};
    return kept.bytes.data && kept_files_add(files, kind, name, kept);
}

bool kept_files_read(struct kept_files *files, struct slice key, struct slice value)
{
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (slice_equal(key, slice_from_text(keys[kind])))
            return read_entry(files, (enum kept_kind)kind, value);
    }
    return true;
}
