/* `mirror`: a copy of a request goes to another upstream, too, whose answer nobody sees. A mirror
 * has its own arena, call and time, and lives on when its exchange is over; the exchange knows it
 * only while it collects the body, and neither waits for it nor hears of it. What cannot be copied
 * within the limits is not, and counted. One loop. */
#pragma once

#include "exchange/action.h"
#include "exchange/context.h"

enum { MIRROR_BODY_MAX = 1024 * 1024 };

enum { MIRROR_SCOPES = SCOPE_SITE | SCOPE_ROUTE };

#define MIRROR_SETTINGS(S)                                                                         \
    S(calls, NUMBER, "100", 1, 100 * 1000, MIRROR_SCOPES,                                          \
      "How many copies the upstream may have at once; further requests are not copied.", "20")     \
    S(body, SIZE, "64KiB", 0, MIRROR_BODY_MAX, MIRROR_SCOPES,                                      \
      "Up to how many bytes of body a request is copied with; one with more is not copied.",       \
      "256KiB")                                                                                    \
    S(timeout, DURATION, "10s", 1, HOUR, MIRROR_SCOPES,                                            \
      "How long the call of a copy may take in all.", "3s")

struct mirror_settings {
    struct proxy_setting to;
    uint32_t share; /* hundredths of a percent */
    MIRROR_SETTINGS(SETTING_FIELD)
};

extern const struct setting_group mirror_group;

/* As compiled. */
struct mirror_plan {
    const struct mirror_settings *settings;
    const struct upstream *upstream;
    const struct timeouts *timeouts;
};

struct exchange;
struct mirror;

/* When a server is about to be asked: copies the request where its share says so. */
COLD void mirror_begin(struct exchange *exchange);

/* Of the exchange that has `mirror`: a piece of its body has come; all of it has; it is over. */
COLD void mirror_keep(struct exchange *exchange, const struct span *piece);
COLD void mirror_end_body(struct exchange *exchange);
COLD void mirror_let_go(struct exchange *exchange);

/* Ends all of them. */
void mirrors_abort(struct loop_context *context);
