/* Whether a call that went wrong is made again, when, and how many of all may be: the settings
 * `retry`, and the decisions that follow from them. Pure: time and chance are arguments. */
#pragma once

#include "base/error.h"
#include "conf/setting.h"

enum { RETRY_ATTEMPTS_MAX = 8, RETRY_STATUS_MAX = 599, RETRY_BODY_MAX = 1024 * 1024 };

/* Why another attempt is made. */
enum retry_cause {
    RETRY_CONNECT, /* no server could be reached: nothing was sent */
    RETRY_TIMEOUT, /* the server's response did not begin in time */
    RETRY_RESET,   /* it closed or reset the connection before */
    RETRY_CAUSES,
};

/* The value of `on`. */
struct retry_causes {
    uint64_t statuses[RETRY_STATUS_MAX / 64 + 1]; /* a bit for each */
    uint32_t causes;                              /* the same, of enum retry_cause */
};

enum {
    RETRY_OF_ROUTE = SCOPE_SITE | SCOPE_ROUTE | SCOPE_UPSTREAM,
};

#define RETRY_SETTINGS(S)                                                                          \
    S(attempts, NUMBER, "1", 1, RETRY_ATTEMPTS_MAX, RETRY_OF_ROUTE,                                \
      "How often a request is sent to servers at most, the first time included.", "3")             \
    S(non_idempotent, SWITCH, "off", 0, 0, RETRY_OF_ROUTE,                                         \
      "Whether requests are repeated as well that may do something twice: POST, PATCH and "        \
      "unknown methods.",                                                                          \
      "on")                                                                                        \
    S(body, SIZE, "16KiB", 0, RETRY_BODY_MAX, RETRY_OF_ROUTE,                                      \
      "How many bytes of a request's body are kept, so that it can be sent again; requests with "  \
      "more are not repeated.",                                                                    \
      "64KiB")                                                                                     \
    S(backoff, DURATION, "25ms", 0, MINUTE, RETRY_OF_ROUTE,                                        \
      "How long is waited before the second attempt, twice as long before each further one; up "   \
      "to half of it is left to chance.",                                                          \
      "100ms")                                                                                     \
    S(budget_least, NUMBER, "10", 0, 1000 * 1000, SCOPE_UPSTREAM,                                  \
      "How many repetitions a second are permitted however few requests there are.", "2")

struct retry_settings {
    struct retry_causes on;
    uint32_t budget; /* percent of an upstream's requests */
    RETRY_SETTINGS(SETTING_FIELD)
};

extern const struct setting_group retry_group;

/* Whether a failure of that kind is a cause to try again, and which one. False: it is none; such
 * are all that are the client's fault or our own. */
bool retry_cause_of(enum error_code error, enum retry_cause *ret_cause);

/* Whether the settings name the cause, or the status. */
bool retry_names_cause(const struct retry_settings *settings, enum retry_cause cause);
bool retry_names_status(const struct retry_settings *settings, unsigned status);

/* Milliseconds to wait before the next attempt, of which `attempts` were made. */
uint64_t retry_wait(const struct retry_settings *settings, unsigned attempts, uint64_t chance);

/* ---- the budget of an upstream: each request brings a share of a repetition, each second
 * `budget_least` of them, each repetition takes one, and what is not used is forgotten with time: a
 * tenth each second. So over any time there are at most `budget` percent of its requests, and
 * `budget_least` each second. One number holds it all, 0 at first; who shares it exchanges it. */

/* The budget after one more request. */
uint64_t retry_budget_earn(uint64_t budget, const struct retry_settings *settings, uint64_t now_ms);

/* The budget after a repetition. False: there is none left; `*ret_budget` is still the one of now.
 */
bool retry_budget_spend(uint64_t budget, const struct retry_settings *settings, uint64_t now_ms,
                        uint64_t *ret_budget);

/* The budget after a repetition that it was to pay for and that was not made. */
uint64_t retry_budget_return(uint64_t budget);
