/* Errors and warnings about a configuration, collected and told all at once, each with its place,
 * its line, what is wrong and what would be right. One thread.
 *
 *     diagnostics_error(diagnostics, node->position, "write the unit: 30s",
 *                       "\"%.*s\" is no duration", SHOWN(node->text));
 */
#pragma once

#include "base/slice.h"
#include "base/text.h"
#include "conf/node.h"

enum severity { SEVERITY_WARNING, SEVERITY_ERROR };

struct diagnostic {
    enum severity severity;
    struct position position; /* line 0: of no place in a file */
    struct slice what;        /* what is wrong: a sentence without a full stop */
    struct slice cure;        /* what would be right; may be empty */
    bool is_alone;            /* an error that says all that is to be told of its place */
    bool is_event;            /* a warning that is told in the error log of who serves it, too */
};

struct source {
    struct slice name;  /* as the user gave it */
    struct slice bytes; /* the whole text, for the excerpts */
};

struct diagnostics;

/* Keeps at most `max` diagnostics (errors before warnings, and those before events) and counts the
 * rest. NULL: no memory. */
struct diagnostics *diagnostics_new(size_t max);
void diagnostics_free(struct diagnostics *diagnostics);

/* The two arguments of `%.*s` for what the file says: not more than a line of it. */
#define SHOWN(slice) (int)((slice).length < 80 ? (slice).length : 80), (slice).data

/* printf for `what`; `cure` is ready (NULL: none). What is told twice of one place is kept once.
 * Bytes that are not for a terminal are taken out. */
void diagnostics_error(struct diagnostics *diagnostics, struct position position, const char *cure,
                       const char *what, ...) __attribute__((format(printf, 4, 5)));
void diagnostics_warning(struct diagnostics *diagnostics, struct position position,
                         const char *cure, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

/* An error beside which nothing that is told later of its place is kept: it knows best. `what` and
 * `cure` are ready. */
void diagnostics_error_alone(struct diagnostics *diagnostics, struct position position,
                             const char *cure, const char *what);

/* Takes back the errors of a place that were told by who knew less than who tells another now. */
void diagnostics_take_back(struct diagnostics *diagnostics, struct position position);

/* A warning about what is also told in the error log where it is served. */
void diagnostics_event(struct diagnostics *diagnostics, struct position position, const char *cure,
                       const char *what, ...) __attribute__((format(printf, 4, 5)));

/* A text for a cure made by printf, which lives as long as the diagnostics. */
const char *diagnostics_text(struct diagnostics *diagnostics, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* How many were told, also those that are not kept. */
size_t diagnostics_errors(const struct diagnostics *diagnostics);
size_t diagnostics_warnings(const struct diagnostics *diagnostics);

/* How many are not kept, without events or with them. */
size_t diagnostics_unkept(const struct diagnostics *diagnostics, bool events_too);

/* How many are kept, and one of them: in order of sources, lines and columns, those of no place
 * first. */
size_t diagnostics_count(const struct diagnostics *diagnostics);
const struct diagnostic *diagnostics_get(const struct diagnostics *diagnostics, size_t index);

/* The closest of `candidates` to a misspelt `word`, or NULL where none is close. */
const char *did_you_mean(struct slice word, const char *const *candidates, size_t count);

/* `file:line:column: error: …`, the line, a caret, the cure: for people. Takes at most
 * DIAGNOSTIC_PRINTED_MAX bytes. `colour`: with the escape sequences of a terminal. */
enum { DIAGNOSTIC_PRINTED_MAX = 4096 };
void diagnostic_print(struct text *text, const struct diagnostic *diagnostic,
                      const struct source *sources, size_t source_count, bool colour);

/* A line of a source, counted from 1, without its end; empty where there is no such line. Lines
 * end as YAML's do: LF, CR LF, CR, NEL, LS, PS. */
struct slice source_line(struct slice bytes, uint32_t line);

/* Everything from the beginning of that line on. */
struct slice source_from_line(struct slice bytes, uint32_t line);
