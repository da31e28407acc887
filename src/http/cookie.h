/* The cookies of a request (RFC 6265 4.2): `name=value` with semicolons between them, over all
 * Cookie lines. Names have case. Pure. */
#pragma once

#include "http/message.h"

/* Cuts the next cookie off a line's `*rest`. The value comes without quotes around it; a cookie
 * without `=` has an empty value; empty ones are passed over. False at the end. */
bool cookie_next(struct slice *rest, struct slice *ret_name, struct slice *ret_value);

/* The value of the first cookie of that name. */
bool cookie_find(const struct fields *fields, struct slice name, struct slice *ret_value);
