/* What may stand in a field: for fields that come from settings and templates rather than from a
 * codec. Pure. */
#pragma once

#include "base/slice.h"

/* A token (RFC 9110 5.1). */
bool field_name_is_valid(struct slice name);

/* Only bytes of RFC 9110 5.5, and no white space at the ends. */
bool field_value_is_valid(struct slice value);

/* A valid name that settings may set: not one of framing or of the connection, which the codec
 * writes (RFC 9110 7.6.1, 8.6). */
bool field_name_is_settable(struct slice name);
