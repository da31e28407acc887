/* `Refresh`, which no RFC knows and every browser obeys: `5; url=/next` leads to /next after five
 * seconds (HTML, "shared declarative refresh steps", which is what is read here). Pure. */
#pragma once

#include "base/slice.h"

/* The URL within the value of a Refresh field, where browsers find one: without the quotes around
 * it and white space before it. A slice of `value`; data is NULL where there is none. */
struct slice refresh_field_url(struct slice value);
