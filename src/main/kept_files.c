#include "main/kept_files.h"

struct kept_entry {
    struct list link;
    enum kept_kind kind;
    struct slice name, bytes;
};

void kept_files_init(struct kept_files *files)
{
    arena_init(&files->arena, NULL, KEPT_BYTES_MAX);
    list_init(&files->entries);
}

void kept_files_clear(struct kept_files *files)
{
    arena_fini(&files->arena);
    kept_files_init(files);
}

void kept_files_take(struct kept_files *files, struct kept_files *from)
{
    kept_files_clear(files);
    files->arena = from->arena;
    list_move_all(&files->entries, &from->entries);
    kept_files_init(from);
}

bool kept_files_add(struct kept_files *files, enum kept_kind kind, struct slice name,
                    struct slice bytes)
{
    struct kept_entry *entry = ARENA_NEW(&files->arena, struct kept_entry);
    struct slice copy = arena_copy(&files->arena, name);
    if (!entry || !copy.data)
        return false;
    entry->kind = kind;
    entry->name = copy;
    entry->bytes = bytes;
    list_push_back(&files->entries, &entry->link);
    return true;
}

bool kept_files_find(const struct kept_files *files, enum kept_kind kind, struct slice name,
                     struct slice *ret_bytes)
{
    LIST_EACH (link, &files->entries) {
        const struct kept_entry *entry = CONTAINER_OF(link, struct kept_entry, link);
        if (entry->kind == kind && slice_equal(entry->name, name)) {
            *ret_bytes = entry->bytes;
            return true;
        }
    }
    return false;
}
