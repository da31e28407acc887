/* Targets and paths: RFC 3986 as far as a proxy needs it. Pure. */
#pragma once

#include "base/slice.h"

struct arena;

enum path_verdict {
    PATH_PLAIN,     /* already in its one form: use it as it is */
    PATH_REWRITTEN, /* the one form is in `*ret_path`, in the arena */
    PATH_REFUSED,   /* malformed or ambiguous: 400 */
    PATH_NO_MEMORY,
};

/* Whether it is an ordinary path, which is the same in every form that is made of one here and in
 * policy/path.h: it has no escapes, no empty segments, and no dots behind a slash. */
bool path_is_bare(struct slice path);

/* The one form of a path for rules and for the server: unreserved characters decoded (RFC 3986
 * 6.2.2.2), dot segments removed (5.2.4), all other escapes byte for byte, so that signed paths
 * live. `%2F` and `%5C` stay encoded and `//` stays. Refused: `%00`, an escape without two hex
 * digits, a raw backslash, control bytes, and whatever two readers would resolve differently: a dot
 * segment next to an empty segment (`//..`) or next to an encoded slash or backslash
 * (`..%2F`, `%2F..`, also with encoded dots), or before parameters (`..;`, `..%3B`). A path that
 * climbs above the root stays at the root.
 * `path` begins with `/`. PATH_PLAIN leaves `*ret_path` equal to `path`. */
enum path_verdict path_normalize(struct slice path, struct arena *arena, struct slice *ret_path);

/* The same path for comparing: the hex digits of its escapes in capitals (RFC 3986 6.2.2.1), so
 * that no route can be walked around by their case. `*ret_path` is `path` itself where nothing
 * changes, else in the arena. False: no memory. */
bool path_match_form(struct slice path, struct arena *arena, struct slice *ret_path);

/* Walks a normalized path for matching, where `//` counts as `/`: cuts the next segment off
 * `*rest` (which begins with `/`), without its slashes. False at the end. The last segment of a
 * path that ends in `/` is not given. */
bool path_next_segment(struct slice *rest, struct slice *ret_segment);

/* Whether a reference that begins with a slash names a host to somebody who reads it: a second
 * slash begins one (RFC 3986 4.2), and to browsers a backslash is a slash, too, and a tab is
 * nothing (URL Standard, 4.4). */
bool reference_names_host(struct slice reference);

/* Splits `host`, `host:port`, `[v6]`, `[v6]:port`. Host: a name or IPv4 in ASCII (letters,
 * digits and `-._~`, no empty label, but a dot at the end may be) without userinfo; IPv6 must
 * parse. `*ret_port` 0: none written (an empty port as in `host:` is none). False: malformed (RFC
 * 3986 3.2, RFC 9110 7.2); what is returned then means nothing. */
bool authority_parse(struct slice authority, struct slice *ret_host, uint16_t *ret_port);

/* `name` in lower case and without the dot at its end, in `memory` of `capacity` bytes. False: it
 * does not fit (253 bytes are the longest name, RFC 1035). */
bool host_normalize(struct slice name, char *memory, size_t capacity, struct slice *ret_host);
