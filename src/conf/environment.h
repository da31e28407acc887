/* `${env.NAME}` and `${env.NAME:-default}` in the texts of a file, put in once while it is read.
 * All other dollars stay as they are: variables are the templates' (template.h). */
#pragma once

#include "conf/diagnostics.h"

struct arena;

struct environment {
    const char *(*get)(void *context, const char *name); /* NULL: not set */
    void *context;
};

/* Puts the environment into a scalar's text, in `arena`. What is not set and has no default, and
 * what is malformed, is told. False: no memory. */
bool environment_expand(struct node *scalar, const struct environment *environment,
                        struct arena *arena, struct diagnostics *diagnostics);
