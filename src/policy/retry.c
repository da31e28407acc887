#include "policy/retry.h"

/* ---- settings */

enum { WORDS = RETRY_CAUSES + 1 };

/* The last one stands for all of them with 502, 503 and 504: what makes a server rest, too. */
static const char *const cause_choices[WORDS] = {[RETRY_CONNECT] = "connect",
                                                 [RETRY_TIMEOUT] = "timeout",
                                                 [RETRY_RESET] = "reset",
                                                 [RETRY_CAUSES] = "failure"};

static void add_statuses(struct retry_causes *causes, unsigned first, unsigned count)
{
    for (unsigned status = first; status < first + count; status++)
        causes->statuses[status / 64] |= UINT64_C(1) << (status % 64);
}

static bool read_cause_text(struct slice text, struct retry_causes *causes)
{
    uint64_t status = 0;
    for (unsigned i = 0; i < RETRY_CAUSES; i++) {
        if (slice_equal(text, slice_from_text(cause_choices[i]))) {
            causes->causes |= 1u << i;
            return true;
        }
    }
    if (slice_equal(text, slice_from_text(cause_choices[RETRY_CAUSES]))) {
        causes->causes |= (1u << RETRY_CAUSES) - 1;
        add_statuses(causes, 502, 3);
        return true;
    }
    if (slice_equal(text, SLICE("5xx"))) {
        add_statuses(causes, 500, 100);
        return true;
    }
    if (!slice_to_number(text, RETRY_STATUS_MAX, &status) || status < 400)
        return false;
    add_statuses(causes, (unsigned)status, 1);
    return true;
}

static bool read_cause(struct setting_reader *reader, const struct node *node,
                       struct retry_causes *causes)
{
    static const char cure[] = "write failure, connect, timeout, reset, a status from 400 to "
                               "599, or 5xx";
    if (node->kind != NODE_SCALAR) {
        diagnostics_error(reader->diagnostics, node->position, cure,
                          "a word or a status belongs here, not %s", node_kind_words(node));
        return false;
    }
    if (read_cause_text(node->text, causes))
        return true;
    const char *near = did_you_mean(node->text, cause_choices, WORDS);
    diagnostics_error(reader->diagnostics, node->position,
                      near ? diagnostics_text(reader->diagnostics, "did you mean \"%s\"?", near)
                           : cure,
                      "\"%.*s\" is no cause to try again", SHOWN(node->text));
    return false;
}

static bool read_causes(struct setting_reader *reader, const struct node *node, void *field)
{
    struct retry_causes *causes = field;
    *causes = (struct retry_causes){0};
    if (node->kind != NODE_SEQUENCE)
        return read_cause(reader, node, causes);
    bool good = true;
    for (uint32_t i = 0; i < node->count; i++)
        good &= read_cause(reader, node->items[i], causes);
    return good;
}

static bool read_budget(struct setting_reader *reader, const struct node *node, void *field)
{
    bool good = node_is_percent(node, 100, field);
    if (!good)
        diagnostics_error(reader->diagnostics, node->position, "for example \"budget: 20%\"",
                          "\"budget\" is a share of the requests, from 0%% to 100%%");
    return good;
}

#define RETRY_RECORD(...) SETTING_ROW(struct retry_settings, __VA_ARGS__)
static const struct setting settings[] = {
    RETRY_SETTINGS(RETRY_RECORD){
        .name = "on",
        .type = SETTING_CUSTOM,
        .offset = offsetof(struct retry_settings, on),
        .size = sizeof(struct retry_causes),
        .standard = "failure",
        .read = read_causes,
        .form = "TEXT | [TEXT]",
        .scopes = RETRY_OF_ROUTE,
        .summary = "What is a cause to try again: connect, timeout, reset, statuses (400 to 599, "
                   "5xx), failure for all of them with 502 to 504, or a list.",
        .example = "[connect, reset, 503]"},
    {.name = "budget",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct retry_settings, budget),
     .size = sizeof(uint32_t),
     .standard = "20%",
     .read = read_budget,
     .form = "PERCENT",
     .scopes = SCOPE_UPSTREAM,
     .summary = "How many repetitions the upstream gets at most, in percent of its requests.",
     .example = "10%"},
};

static bool names_nothing(const struct retry_causes *causes)
{
    uint64_t all = causes->causes;
    for (size_t i = 0; i < sizeof(causes->statuses) / sizeof(causes->statuses[0]); i++)
        all |= causes->statuses[i];
    return all == 0;
}

static void check_retry(const void *group, const struct node *node, struct diagnostics *diagnostics)
{
    const struct retry_settings *own = group;
    const struct node *attempts = node_find(node, SLICE("attempts"));
    if (attempts && own->attempts > 1 && names_nothing(&own->on))
        diagnostics_warning(diagnostics, attempts->position,
                            "name causes: on: [connect, timeout, reset, 503]",
                            "nothing is repeated, since \"on\" names no cause");
}

const struct setting_group retry_group = {
    .name = "retry",
    .settings = settings,
    .count = sizeof(settings) / sizeof(settings[0]),
    .size = sizeof(struct retry_settings),
    .summary = "When a request is sent once more, to another server where there is one.",
    .check = check_retry,
};

/* ---- decisions */

bool retry_cause_of(enum error_code error, enum retry_cause *ret_cause)
{
    switch (error) {
    case ERROR_UNRESOLVED:
    case ERROR_CONNECT_REFUSED:
    case ERROR_CONNECT_FAILED:
    case ERROR_CONNECT_TIMEOUT:
    case ERROR_SERVER_TLS_TIMEOUT:
    case ERROR_SERVER_TLS_CUT:
        *ret_cause = RETRY_CONNECT;
        return true;
    case ERROR_FIRST_BYTE_TIMEOUT:
    case ERROR_BETWEEN_BYTES_TIMEOUT:
        *ret_cause = RETRY_TIMEOUT;
        return true;
    case ERROR_SERVER_RESET:
    case ERROR_SERVER_STREAM_RESET:
    case ERROR_SERVER_STREAM_REFUSED:
    case ERROR_SERVER_CLOSED:
        *ret_cause = RETRY_RESET;
        return true;
    default:
        return false;
    }
}

bool retry_names_cause(const struct retry_settings *own, enum retry_cause cause)
{
    return own->on.causes >> cause & 1;
}

bool retry_names_status(const struct retry_settings *own, unsigned status)
{
    return status <= RETRY_STATUS_MAX && own->on.statuses[status / 64] >> (status % 64) & 1;
}

uint64_t retry_wait(const struct retry_settings *own, unsigned attempts, uint64_t chance)
{
    uint64_t whole = (uint64_t)own->backoff << (attempts > 0 ? attempts - 1 : 0);
    uint64_t half = whole / 2;
    return whole - (half > 0 ? chance % (half + 1) : 0);
}

/* ---- the budget: hundredths of a repetition below, the tick up to which they are counted above */

enum {
    TICK_MS = 100,
    TICKS_KEPT = 100, /* what is older is forgotten: ten seconds */
    WHOLE = 100,      /* hundredths */
};

static uint64_t pack(uint32_t tick, uint64_t hundredths)
{
    return (uint64_t)tick << 32 | (hundredths < UINT32_MAX ? hundredths : UINT32_MAX);
}

/* As it is now: of what was there a part is forgotten, and what time brings is added. Nothing was
 * there yet: as after a long time. */
static uint64_t up_to_now(uint64_t budget, const struct retry_settings *own, uint64_t now_ms)
{
    uint32_t now = (uint32_t)(now_ms / TICK_MS), then = (uint32_t)(budget >> 32);
    uint64_t hundredths = (uint32_t)budget;
    uint64_t each_tick = (uint64_t)own->budget_least * WHOLE * TICK_MS / 1000;
    int32_t passed = (int32_t)(now - then);
    if (budget == 0 || passed >= TICKS_KEPT)
        return pack(now, each_tick * TICKS_KEPT);
    if (passed <= 0) /* another loop was here, whose clock is ahead */
        return budget;
    uint64_t ticks = (uint64_t)passed;
    return pack(now, hundredths - hundredths * ticks / TICKS_KEPT + each_tick * ticks);
}

uint64_t retry_budget_earn(uint64_t budget, const struct retry_settings *own, uint64_t now_ms)
{
    budget = up_to_now(budget, own, now_ms);
    return pack((uint32_t)(budget >> 32), (uint64_t)(uint32_t)budget + own->budget);
}

bool retry_budget_spend(uint64_t budget, const struct retry_settings *own, uint64_t now_ms,
                        uint64_t *ret_budget)
{
    budget = up_to_now(budget, own, now_ms);
    *ret_budget = budget;
    if ((uint32_t)budget < WHOLE)
        return false;
    *ret_budget = budget - WHOLE;
    return true;
}

uint64_t retry_budget_return(uint64_t budget)
{
    return pack((uint32_t)(budget >> 32), (uint64_t)(uint32_t)budget + WHOLE);
}
