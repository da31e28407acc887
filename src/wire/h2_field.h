/* What a field of HTTP/2 may be, whoever sends it (RFC 9113 8.2.1). Pure. */
#pragma once

#include "base/slice.h"

/* Whether the name of a field, in small letters, and its value are well-formed. Of the name of a
 * pseudo-header field, which begins with a colon, nothing more is asked: few are known. */
bool h2_name_is_sound(struct slice name);
bool h2_value_is_sound(struct slice value);
