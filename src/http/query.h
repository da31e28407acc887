/* The parameters of a query, `name=value` with `&` between them, as forms write them
 * (application/x-www-form-urlencoded): a plus is a space, bytes are escaped by %XX. An escape
 * without two hex digits stands for itself. Pure. */
#pragma once

#include "base/text.h"

struct arena;

/* Cuts the next parameter off `*rest`, name and value as they were sent. A parameter without `=`
 * has an empty value; empty parameters are passed over. False at the end. */
bool query_next(struct slice *rest, struct slice *ret_name, struct slice *ret_value);

/* The value of the first parameter of that (decoded) name, as it was sent. */
bool query_find(struct slice query, struct slice name, struct slice *ret_value);

/* Whether `sent` is `text` when decoded. */
bool query_text_equal(struct slice sent, struct slice text);

/* The decoded text: `sent` itself where nothing is escaped, else a copy. Data is NULL where there
 * was no memory. */
struct slice query_text_decode(struct slice sent, struct arena *arena);

/* Writes a value as it is to be sent. */
void query_add_encoded(struct text *text, struct slice value);
