#include "main/kept_files.h"

#include "base/assert.h"

enum { NAME_LENGTH_MAX = 4096 };

void kept_files_init(struct kept_files *files)
{
    arena_init(&files->arena, NULL, KEPT_BYTES_MAX);
    map_init(&files->by_name);
}

void kept_files_clear(struct kept_files *files)
{
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
    if (!entry || !key.data)
        return false;
    *entry = kept;
    return map_set(&files->by_name, key, entry);
}

const struct kept *kept_files_find(const struct kept_files *files, enum kept_kind kind,
                                   struct slice name)
{
    char memory[NAME_LENGTH_MAX + 1];
    return map_get(&files->by_name, key_of(kind, name, memory));
}
