/* Paths by whole segments. All paths here are normalized (http/uri.h). Pure. */
#pragma once

#include "base/slice.h"

struct arena;

/* Escapes every byte that no path may hold as it is (RFC 3986 3.3); escapes stay. Data is NULL
 * where there was no memory. */
struct slice path_escape(struct slice path, struct arena *arena);

/* The path with `//` as `/`, as it is matched: itself, or a copy in `arena`. False: no memory. */
bool path_collapse(struct slice path, struct arena *arena, struct slice *ret_path);

/* How many segments it has: as many as slashes. */
uint32_t path_depth(struct slice path);

/* Whether `path` is `prefix` or lies below it. The prefix has no slash at its end; an empty one
 * takes every path that begins with a slash. Both are collapsed. */
bool path_has_prefix(struct slice path, struct slice prefix);

/* What stands behind a prefix in a normalized path that may have `//` in it, and escapes in small
 * digits: empty, or from a slash on. False where the path is not below the prefix, which is in the
 * form in which paths are matched. */
bool path_behind_prefix(struct slice path, struct slice prefix, struct slice *ret_rest);
