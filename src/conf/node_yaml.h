/* A value of the file as YAML again, over as many lines as it takes, so that it is read as the same
 * value. Each line tells in a comment where it came from. Pure. */
#pragma once

#include "base/text.h"
#include "conf/diagnostics.h"
#include "conf/node.h"

struct node_yaml {
    struct text *text;
    const struct source *sources; /* for the comments */
    bool names_files; /* each text but `off` is a path as seen from its file, and is printed as seen
                         from the first one; */
    const char *word; /* and but for this word, where there is one */
};

/* What stands behind `key:` or `-`, up to the end of its last line; whatever needs lines of its own
 * is indented by `indent`. The environment is written as it was: `${env.NAME}`. */
void node_yaml_print(const struct node_yaml *yaml, const struct node *node, unsigned indent);

/* The same on one line, without comments and without its end, for a comment. */
void node_yaml_print_line(const struct node_yaml *yaml, const struct node *node);

/* A key and its colon. */
void node_yaml_print_key(const struct node_yaml *yaml, struct slice key, unsigned indent);

/* ` # weir.yaml:12` and the end of the line. */
void node_yaml_print_place(const struct node_yaml *yaml, struct position position);
