#include "upstream/breaker.h"

#include "base/assert.h"
#include "policy/ejection.h"

/* ---- settings */

#define BREAKER_RECORD(...) SETTING_ROW(struct breaker_settings, __VA_ARGS__)
static const struct setting breaker_settings[] = {
    BREAKER_SETTINGS(BREAKER_RECORD){
        .name = "failure_rate",
        .type = SETTING_CUSTOM,
        .offset = offsetof(struct breaker_settings, failure_rate),
        .size = sizeof(uint32_t),
        .standard = "off",
        .read = failure_rate_read,
        .form = "off | PERCENT",
        .scopes = SCOPE_UPSTREAM,
        .summary = "Which share of the upstream's calls in \"window\" must fail for it to be left "
                   "alone.",
        .example = "50%"},
};

static void check_breaker(const void *group, const struct node *node,
                          struct diagnostics *diagnostics)
{
    static const char *const names[] = {"window", "calls", "time"};
    const struct breaker_settings *settings = group;
    if (node_find(node, SLICE("failure_rate")))
        return;
    for (size_t i = 0; i < 3 && settings->failure_rate == 0; i++) {
        const struct node *written = node_find(node, slice_from_text(names[i]));
        if (written)
            diagnostics_warning(diagnostics, written->position, "add failure_rate: 50%",
                                "\"%s\" has no effect without \"failure_rate\"", names[i]);
    }
}

const struct setting_group breaker_group = {
    .name = "circuit_breaker",
    .settings = breaker_settings,
    .count = sizeof(breaker_settings) / sizeof(breaker_settings[0]),
    .size = sizeof(struct breaker_settings),
    .summary = "When requests are answered at once, and not sent to the upstream.",
    .check = check_breaker,
};

bool breaker_is_used(const struct breaker_settings *settings)
{
    return settings->failure_rate > 0 || settings->max_calls > 0 || settings->max_connections > 0;
}

/* ---- who goes through */

bool breaker_is_open(const struct breaker *breaker, const struct breaker_settings *settings)
{
    return settings->failure_rate > 0 && atomic_load(&breaker->open_until) > 0;
}

/* Another trial may end between two of these looks, so the time is looked at again behind the
 * place. */
static bool pass_circuit(struct breaker *breaker, const struct breaker_settings *settings,
                         uint64_t now, enum breaker_pass *ret_pass)
{
    *ret_pass = BREAKER_PASS;
    if (!breaker_is_open(breaker, settings))
        return true;
    if (atomic_load(&breaker->open_until) > now || atomic_exchange(&breaker->on_trial, true))
        return false;
    uint64_t until = atomic_load(&breaker->open_until);
    if (until > 0 && until <= now) {
        *ret_pass = BREAKER_TRIAL;
        return true;
    }
    atomic_store(&breaker->on_trial, false);
    return until == 0;
}

/* One more, if there are fewer than the limit, where it is not 0. */
static bool count_up(atomic_uint *count, uint64_t limit)
{
    unsigned before = atomic_load(count);
    do {
        if (limit > 0 && before >= limit)
            return false;
    } while (!atomic_compare_exchange_weak(count, &before, before + 1));
    return true;
}

void breaker_refuse(struct breaker *breaker)
{
    atomic_fetch_add_explicit(&breaker->refused, 1, memory_order_relaxed);
}

enum error_code breaker_enter(struct breaker *breaker, const struct breaker_settings *settings,
                              uint64_t now, enum breaker_pass *ret_pass)
{
    enum error_code error = ERROR_NONE;
    enum breaker_pass pass = BREAKER_NO_PASS;
    if (!pass_circuit(breaker, settings, now, &pass))
        error = ERROR_CIRCUIT_OPEN;
    else if (!count_up(&breaker->active, (uint64_t)settings->max_calls))
        error = ERROR_UPSTREAM_FULL;
    if (error == ERROR_UPSTREAM_FULL && pass == BREAKER_TRIAL)
        atomic_store(&breaker->on_trial, false);
    if (error)
        breaker_refuse(breaker);
    *ret_pass = error ? BREAKER_NO_PASS : pass;
    return error;
}

enum error_code breaker_look(const struct breaker *breaker, const struct breaker_settings *settings,
                             uint64_t now)
{
    if (breaker_is_open(breaker, settings) &&
        (atomic_load(&breaker->open_until) > now || atomic_load(&breaker->on_trial)))
        return ERROR_CIRCUIT_OPEN;
    if (settings->max_calls > 0 && atomic_load(&breaker->active) >= settings->max_calls)
        return ERROR_UPSTREAM_FULL;
    return ERROR_NONE;
}

void breaker_leave(struct breaker *breaker, enum breaker_pass pass)
{
    ASSERT(pass != BREAKER_NO_PASS);
    if (pass == BREAKER_TRIAL)
        atomic_store(&breaker->on_trial, false);
    unsigned before = atomic_fetch_sub(&breaker->active, 1);
    ASSERT(before > 0);
}

uint64_t breaker_seconds_left(const struct breaker *breaker, uint64_t now)
{
    uint64_t until = atomic_load(&breaker->open_until);
    return until > now ? (until - now + 999) / 1000 : 1;
}

/* ---- connections */

bool breaker_connect(struct breaker *breaker, uint32_t limit)
{
    return count_up(&breaker->connections, limit);
}

void breaker_disconnect(struct breaker *breaker)
{
    unsigned before = atomic_fetch_sub(&breaker->connections, 1);
    ASSERT(before > 0);
}

/* ---- how calls went */

/* The place of the trial is given back last: nobody else judges until then. */
static enum breaker_news end_trial(struct breaker *breaker, const struct breaker_settings *settings,
                                   bool failed, uint64_t now)
{
    ASSERT(atomic_load(&breaker->on_trial) && atomic_load(&breaker->open_until) > 0);
    atomic_store(&breaker->counts, 0);
    if (failed) {
        unsigned before = atomic_fetch_add(&breaker->failed_trials, 1) + 1;
        atomic_store(&breaker->open_until, now + ejection_time((uint64_t)settings->time, before));
    } else {
        atomic_store(&breaker->failed_trials, 0);
        atomic_store(&breaker->open_until, 0);
    }
    atomic_store(&breaker->on_trial, false);
    return failed ? BREAKER_STAYS_OPEN : BREAKER_CLOSES;
}

enum breaker_news breaker_note(struct breaker *breaker, const struct breaker_settings *settings,
                               enum breaker_pass *pass, enum failure_rate_outcome outcome,
                               uint64_t now, uint64_t *ret_counts)
{
    ASSERT(*pass != BREAKER_NO_PASS);
    bool is_trial = *pass == BREAKER_TRIAL;
    *ret_counts = 0;
    *pass = BREAKER_PASS;
    if (is_trial)
        return end_trial(breaker, settings, outcome != FAILURE_RATE_WELL, now);
    if (settings->failure_rate == 0 || breaker_is_open(breaker, settings))
        return BREAKER_NO_NEWS; /* such were under way when it opened */
    uint64_t counts =
        failure_rate_count(&breaker->counts, (uint64_t)settings->window, outcome, now);
    uint64_t closed = 0;
    if (outcome == FAILURE_RATE_WELL ||
        !failure_rate_is_reached(counts, settings->failure_rate, (uint32_t)settings->calls) ||
        !atomic_compare_exchange_strong(&breaker->open_until, &closed,
                                        now + (uint64_t)settings->time))
        return BREAKER_NO_NEWS;
    atomic_store(&breaker->counts, 0);
    atomic_fetch_add_explicit(&breaker->opened, 1, memory_order_relaxed);
    *ret_counts = counts;
    return BREAKER_OPENS;
}
