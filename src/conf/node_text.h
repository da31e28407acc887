/* A value of the file as text again, on one line: for telling people what is written. Pure. */
#pragma once

#include "base/text.h"
#include "conf/node.h"

/* As YAML's flow style has it: `[a, "b c"]`, `{key: value}`. What came from the environment, which
 * may be a secret, is `${env...}`. */
void node_print(struct text *text, const struct node *node);
