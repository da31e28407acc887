/* The JSON Schema (draft 2020-12) of a configuration, made from the records of the settings, so
 * that an editor completes and checks what the reader takes. It refuses nothing that the reader
 * takes, but for `null` and `~` without quotes, which are nothing to an editor; what it cannot tell
 * (whether an upstream has the name that a route gives, which captures a pattern has) is left to
 * `weir check`. Pure. */
#pragma once

#include "conf/configuration.h"

/* False: there was no memory. What does not fit into the text is cut. */
bool schema_print(struct text *text, const struct vocabulary *vocabulary);
