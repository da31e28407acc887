/* Values of fields that a configuration writes. */
#pragma once

#include "conf/template.h"

/* Whether what a template makes of its text alone may be the value of a field (RFC 9110 5.5), white
 * space around it aside; one with variables is good here, and asked when they are known. Tells what
 * is wrong at `node`, where the template is written. Any thread. */
bool field_value_check(const struct template *value, const struct node *node,
                       struct diagnostics *diagnostics);
