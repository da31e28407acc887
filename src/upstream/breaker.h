/* The circuit breaker of an upstream: how many calls it may have at once, and when it is left alone
 * since too many of them fail. *Closed*, calls go through and are counted; *open*, none does, for a
 * time; then one call at a time is a *trial*, and closes it or opens it anew, for longer. What is
 * counted is the upstream's, for all loops, and outlives a reload (commons.h). Any thread. */
#pragma once

#include "base/cold.h"
#include "base/error.h"
#include "policy/failure_rate.h"

#include <stdatomic.h>

#define BREAKER_SETTINGS(S)                                                                        \
    S(max_calls, NUMBER, "0", 0, 1000 * 1000, SCOPE_UPSTREAM,                                      \
      "How many calls the upstream may have at once, over all its servers, those that wait in "    \
      "its queue included; 0: no limit.",                                                          \
      "500")                                                                                       \
    S(max_connections, NUMBER, "0", 0, 1000 * 1000, SCOPE_UPSTREAM,                                \
      "How many connections may be open to the upstream at once, over all its servers, idle ones " \
      "included; 0: no limit.",                                                                    \
      "200")                                                                                       \
    S(window, DURATION, "10s", SECOND, HOUR, SCOPE_UPSTREAM,                                       \
      "Over which time the share of failures is counted.", "30s")                                  \
    S(calls, NUMBER, "20", 1, 10000, SCOPE_UPSTREAM,                                               \
      "How many calls it takes in that time to judge the upstream by the share of its failures.",  \
      "100")                                                                                       \
    S(time, DURATION, "10s", SECOND, HOUR, SCOPE_UPSTREAM,                                         \
      "How long it stays open at first; twice as long after each trial that fails.", "5s")

struct breaker_settings {
    uint32_t failure_rate; /* percent of the calls; 0: no share opens it */
    BREAKER_SETTINGS(SETTING_FIELD)
};

extern const struct setting_group breaker_group;

struct breaker {
    _Atomic uint64_t counts;     /* of the last calls: failure_rate.h */
    _Atomic uint64_t open_until; /* milliseconds of the monotonic clock; 0: closed */
    atomic_uint failed_trials;   /* in a row */
    atomic_bool on_trial;        /* a call is one */
    atomic_uint active;          /* calls that were let through and have not left */
    atomic_uint connections;     /* that were opened for the upstream, limited or not (room.h) */

    /* Since it is known. */
    _Atomic uint64_t opened, refused;
};

/* What a call that is let through owes. */
enum breaker_pass {
    BREAKER_NO_PASS,
    BREAKER_PASS,
    BREAKER_TRIAL, /* its outcome closes the circuit, or opens it anew */
};

enum breaker_news { BREAKER_NO_NEWS, BREAKER_OPENS, BREAKER_STAYS_OPEN, BREAKER_CLOSES };

/* Whether the settings ask for anything. */
bool breaker_is_used(const struct breaker_settings *settings);

/* Lets one more call through; with ERROR_NONE it has to leave. */
COLD enum error_code breaker_enter(struct breaker *breaker, const struct breaker_settings *settings,
                                   uint64_t now, enum breaker_pass *ret_pass);

/* What breaker_enter would say, of which nothing comes. */
enum error_code breaker_look(const struct breaker *breaker, const struct breaker_settings *settings,
                             uint64_t now);

/* How the call of that pass went. The counts that opened the circuit are in `*ret_counts`; a pass
 * is a trial no more. */
COLD enum breaker_news breaker_note(struct breaker *breaker,
                                    const struct breaker_settings *settings,
                                    enum breaker_pass *pass, enum failure_rate_outcome outcome,
                                    uint64_t now, uint64_t *ret_counts);

/* The call is over, whatever became of it: a trial of which nothing was noted was none. */
COLD void breaker_leave(struct breaker *breaker, enum breaker_pass pass);

/* Counts one more connection. False: there are as many as the limit says, where it is not 0. */
bool breaker_connect(struct breaker *breaker, uint32_t limit);

/* One less. */
void breaker_disconnect(struct breaker *breaker);

/* A call goes no further, since there is no room for its connection. */
COLD void breaker_refuse(struct breaker *breaker);

/* Whether no calls go through, but perhaps a trial. */
bool breaker_is_open(const struct breaker *breaker, const struct breaker_settings *settings);

/* In how many seconds, 1 at least, it may be asked again. */
uint64_t breaker_seconds_left(const struct breaker *breaker, uint64_t now);
