/* Texts with variables, compiled where they are used: `https://$host$target`,
 * `${request.header.X}`,
 * `$1` a capture, `$$` a dollar. `${env.NAME}` is not seen here: it was put in when the file was
 * read. A template is immutable and shared by all threads; expanding belongs to one loop. */
#pragma once

#include "base/slice.h"
#include "conf/diagnostics.h"

struct arena;
struct node;
struct template;

/* When the value is known. */
enum template_phase {
    TEMPLATE_REQUEST,  /* from the request alone */
    TEMPLATE_RESPONSE, /* also of the response, the server, the status */
    TEMPLATE_END,      /* only when the exchange is over: for logs */
};

/* One named value of an exchange. `exchange` is opaque here. A value that is not there is empty.
 * `argument` is what stands behind the name: X in request.header.X; empty without. The slice lives
 * as long as the exchange or was made in `arena`. */
struct variable {
    const char *name; /* `host`, or with a dot at its end where an argument follows */
    enum template_phase phase;
    struct slice (*get)(const void *exchange, struct slice argument, struct arena *arena);
    const char *summary;
};

struct variable_table {
    const struct variable *items;
    size_t count;
};

enum { TEMPLATE_PIECES_MAX = 64 }; /* texts and variables in one template */

/* Compiles a scalar. What does not exist, or is not known in that phase, is told with its column.
 * `$0` (the whole match) to `$9` must be below `captures`; 0: there are none. `$host.x` is `$host`
 * and `.x`, where no longer name fits. NULL: an error was told, or there is no memory. */
const struct template *template_compile(const struct node *scalar, enum template_phase phase,
                                        unsigned captures, const struct variable_table *variables,
                                        struct arena *arena, struct diagnostics *diagnostics);

/* How many captures are needed: 0 for none, 2 where `$1` is the last. */
unsigned template_captures(const struct template *template);

/* Whether the variable of that name, which takes no argument, stands in it. */
bool template_names(const struct template *template, const char *name);

/* The text with all values in. `captures` may be NULL where the template has none. A template
 * without variables costs nothing. Data is NULL where there was no memory. */
struct slice template_expand(const struct template *template, const void *exchange,
                             const struct slice *captures, struct arena *arena);

/* The same, for a template without captures in a text with a syntax of its own: each value goes
 * through `encode` (its data is NULL where there was no memory), which may return it as it is. */
struct slice template_expand_encoded(const struct template *template, const void *exchange,
                                     struct slice (*encode)(struct slice value,
                                                            struct arena *arena),
                                     struct arena *arena);

/* Whether it has no variable, and then its text. */
bool template_is_constant(const struct template *template, struct slice *ret_text);

/* For whoever puts the values in by a way of its own: the pieces in order. `variable` is NULL for a
 * piece of text, and `text` then is that; else it is the variable's argument. The template has no
 * captures. */
struct template_part {
    const struct variable *variable;
    struct slice text;
};
uint32_t template_part_count(const struct template *template);
struct template_part template_part(const struct template *template, uint32_t index);
