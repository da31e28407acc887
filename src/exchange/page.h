/* The pages that Weir answers with by itself. */
#pragma once

#include "base/slice.h"

struct exchange;

/* A small page with the status and its standard words and nothing else, in the exchange's arena;
 * empty where there was no memory. */
struct slice page_for_status(struct exchange *exchange, unsigned status);

/* The value of Allow where no server was asked. */
struct slice page_allowed_methods(void);
