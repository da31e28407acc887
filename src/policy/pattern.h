/* Regular expressions: PCRE2 with JIT, behind the little that Weir needs of it. A pattern is
 * immutable and any thread may match with it; each thread keeps what it needs for matches until it
 * says pattern_leave_thread. No locale, no UTF mode: texts are bytes, and a text is one line. */
#pragma once

#include "conf/diagnostics.h"

enum { PATTERN_CAPTURES_MAX = 10 }; /* $0 (the whole match) to $9 */

struct arena;
struct pattern;

/* Compiles the scalar's text from its byte `start` on (1 where it begins with the `~` of patterns).
 * The pattern lives as long as the arena. NULL: it is malformed, which was told with PCRE2's words
 * at its place, or there is no memory. */
const struct pattern *pattern_new(const struct node *scalar, size_t start, struct arena *arena,
                                  struct diagnostics *diagnostics);

enum pattern_verdict {
    PATTERN_MATCHES,
    PATTERN_DIFFERS,
    PATTERN_TOO_COSTLY, /* gave up at its limit: what it would have said is unknown */
};

/* Fills `captures` with PATTERN_CAPTURES_MAX slices into `text` where it is not NULL; groups that
 * took no part are empty. */
enum pattern_verdict pattern_match(const struct pattern *pattern, struct slice text,
                                   struct slice *captures);

/* Gives back what this thread needs for matching; before a thread ends. It may match again. */
void pattern_leave_thread(void);

/* How many groups it has, without the whole match: the `$1`… that there are. */
unsigned pattern_groups(const struct pattern *pattern);

/* The bytes with which every text that matches begins: `/a/` of `^/a/(b|c)`. Often empty. */
struct slice pattern_literal_prefix(const struct pattern *pattern);
