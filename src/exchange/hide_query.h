/* Secrets that travel in a query, kept out of logs: `/a?token=abc&x=1` becomes
 * `/a?token=[hidden]&x=1`. Pure. */
#pragma once

#include "base/slice.h"

struct arena;

struct hidden_names {
    const struct slice *items;
    uint32_t count;
};

/* What is hidden where nothing else is said. */
extern const struct hidden_names hidden_names_standard;

/* Whether the value of a parameter is hidden: its decoded name is one of them, without case. */
bool hidden_names_have(const struct hidden_names *names, struct slice parameter);

/* `text` is a query without its question mark. Itself where nothing has to be hidden, else a copy;
 * empty where there is no memory for that. */
struct slice hide_in_query(struct slice text, const struct hidden_names *names,
                           struct arena *arena);

/* The same for a target or URL: what stands behind the first `?` or `#`, for a redirect may carry
 * tokens behind the latter (RFC 6749 4.2.2). */
struct slice hide_in_target(struct slice text, const struct hidden_names *names,
                            struct arena *arena);
