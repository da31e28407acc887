/* What was read for a configuration and what it names: files with their bytes, patterns with the
 * names that they stood for; logs and listeners by name alone. It is the *allowance* of a worker
 * (main/opening.h). The supervisor keeps that of what is served, so that a worker in the place of a
 * dead one serves the same, whatever has become of the files. Keys are among them: what is no
 * longer kept is overwritten. One thread. */
#pragma once

#include "base/arena.h"
#include "base/map.h"

enum { KEPT_BYTES_MAX = 256 * 1024 * 1024 };

enum kept_kind {
    KEPT_FILE,
    KEPT_NAMES,
    KEPT_REAL_PATH,
    KEPT_LOG,
    KEPT_SYSLOG,
    KEPT_LISTENER,
    KEPT_PRIVATE_LISTENER
};

/* What came of reading something. */
struct kept {
    int error; /* 0 or -errno */
    struct slice bytes;
    bool is_watched; /* a renewal reads it again, if it has changed */
    bool is_before;  /* what was read was not good; this is what it was before */
    uint64_t stamp;  /* of what is watched: what it looked like just before it was read */
};

struct kept_files {
    struct arena arena; /* holds at most KEPT_BYTES_MAX */
    struct map by_name; /* `struct kept *` by kind and name */
};

void kept_files_init(struct kept_files *files);

/* Forgets everything; may be filled anew. */
void kept_files_clear(struct kept_files *files);

/* Moves everything from `from`, which is then empty; what was there before is forgotten. */
void kept_files_take(struct kept_files *files, struct kept_files *from);

/* Keeps that, with bytes that lie in the arena already, under a name, which is copied and not yet
 * there. False: no memory. */
bool kept_files_add(struct kept_files *files, enum kept_kind kind, struct slice name,
                    struct kept kept);

/* Another thing in the place of what is kept under a name. */
void kept_files_replace(struct kept_files *files, enum kept_kind kind, struct slice name,
                        struct kept kept);

/* NULL: nothing is kept under the name. */
const struct kept *kept_files_find(const struct kept_files *files, enum kept_kind kind,
                                   struct slice name);

/* Goes through everything that is kept, in no order. Begins as {0}; the name has a NUL behind it
 * and lives as long as what is kept. */
struct kept_walk {
    size_t next;
    enum kept_kind kind;
    struct slice name;
};

/* NULL: that was all. */
const struct kept *kept_files_next(const struct kept_files *files, struct kept_walk *walk);

/* Writes a record for each into an estate, 0 or -errno; and takes one from there, where its key is
 * one of ours. False: it is malformed, or there is no memory. */
int kept_files_write(const struct kept_files *files, int file);
bool kept_files_read(struct kept_files *files, struct slice key, struct slice value);
