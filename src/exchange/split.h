/* The action `split`: one of several upstreams, the same one for the same visitor. Which of them, a
 * *variant*, is decided when it is first asked for; from then on the exchange has the plan of that
 * variant in the place of the route's. */
#pragma once

#include "exchange/plan.h"
#include "exchange/split_settings.h"
#include "policy/split.h"

/* Why a visitor was given to a variant. */
enum split_reason {
    SPLIT_DRAWN,
    SPLIT_BY_KEY,
    SPLIT_BY_COOKIE,
    SPLIT_BY_ADDRESS, /* there was no key */
    SPLIT_FORCED_BY_HEADER,
    SPLIT_FORCED_BY_QUERY,
};

struct split {
    const struct variants_settings *settings;
    const struct assignment *assignment; /* the cookie; NULL: there is none */
    struct split_share shares[SPLIT_VARIANTS_MAX];
    const struct plan *plans[SPLIT_VARIANTS_MAX];
    struct route_counts *counts[SPLIT_VARIANTS_MAX]; /* of each, one for each loop (metrics.h) */
    uint32_t count;
};

/* NULL: it cannot be, which was told, or there is no memory. Plans are for the caller to fill in.
 */
struct split *split_new(struct arena *arena, const struct split_setting *setting,
                        const struct variants_settings *settings, const struct tls_mac *key,
                        struct diagnostics *diagnostics);

/* Decides where a plan is to be split and it is not decided yet. */
void split_decide(struct exchange *exchange);

/* The name of the variant; empty where there is none. */
struct slice split_variant(struct exchange *exchange);

/* Takes out of the trailers of the request what would tell the server another variant: many
 * applications take a trailer for a field of the head. */
COLD void split_clean_trailers(struct exchange *exchange);

/* When the head of the final response is there: the visitor is told the variant by a cookie, where
 * that is new; without memory it is not. */
COLD void split_answer(struct exchange *exchange);
