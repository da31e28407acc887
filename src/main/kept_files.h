/* What was read for a configuration: files with their bytes, patterns with the names that they
 * stood for. The supervisor keeps what is served, so that a worker in the place of a dead one
 * serves the same, whatever has become of the files. One thread. */
#pragma once

#include "base/arena.h"
#include "base/list.h"

enum { KEPT_BYTES_MAX = 256 * 1024 * 1024 };

enum kept_kind { KEPT_FILE, KEPT_NAMES };

struct kept_files {
    struct arena arena; /* holds at most KEPT_BYTES_MAX */
    struct list entries;
};

void kept_files_init(struct kept_files *files);

/* Forgets everything; may be filled anew. */
void kept_files_clear(struct kept_files *files);

/* Moves everything from `from`, which is then empty; what was there before is forgotten. */
void kept_files_take(struct kept_files *files, struct kept_files *from);

/* Keeps `bytes`, which lie in the arena already, under a name, which is copied. False: no memory.
 */
bool kept_files_add(struct kept_files *files, enum kept_kind kind, struct slice name,
                    struct slice bytes);

/* False: nothing is kept under the name. */
bool kept_files_find(const struct kept_files *files, enum kept_kind kind, struct slice name,
                     struct slice *ret_bytes);
