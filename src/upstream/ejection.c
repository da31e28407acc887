#include "upstream/ejection.h"

#include "obs/log.h"
#include "policy/ejection.h"

static bool read_share(struct setting_reader *reader, const struct node *node, void *field)
{
    uint32_t percent = 0;
    bool good = node_is_percent(node, 100, &percent) && percent > 0;
    *(uint32_t *)field = percent;
    if (!good)
        diagnostics_error(reader->diagnostics, node->position,
                          "for example \"max_share: 30%\"; with failures: 0 none rests",
                          "\"max_share\" is a share of servers, from 1%% to 100%%");
    return good;
}

#define EJECTION_RECORD(...) SETTING_ROW(struct ejection_settings, __VA_ARGS__)
static const struct setting ejection_settings[] = {
    EJECTION_SETTINGS(EJECTION_RECORD){
        .name = "failure_rate",
        .type = SETTING_CUSTOM,
        .offset = offsetof(struct ejection_settings, failure_rate),
        .size = sizeof(uint32_t),
        .standard = "off",
        .read = failure_rate_read,
        .form = "off | PERCENT",
        .scopes = SCOPE_UPSTREAM,
        .summary = "Which share of its calls in \"window\" must fail for a server to rest.",
        .example = "50%"},
    {.name = "max_share",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct ejection_settings, max_share),
     .size = sizeof(uint32_t),
     .standard = "50%",
     .read = read_share,
     .form = "PERCENT",
     .scopes = SCOPE_UPSTREAM,
     .summary = "Which share of the servers may rest at once; those above it are asked although "
                "they fail.",
     .example = "30%"},
};

static void check_ejection(const void *group, const struct node *node,
                           struct diagnostics *diagnostics)
{
    static const char *const names[] = {"window", "calls"};
    const struct ejection_settings *settings = group;
    if (node_find(node, SLICE("failure_rate")))
        return;
    for (size_t i = 0; i < 2 && settings->failure_rate == 0; i++) {
        const struct node *written = node_find(node, slice_from_text(names[i]));
        if (written)
            diagnostics_warning(diagnostics, written->position, "add failure_rate: 50%",
                                "\"%s\" has no effect without \"failure_rate\"", names[i]);
    }
}

const struct setting_group ejection_group = {
    .name = "ejection",
    .settings = ejection_settings,
    .count = sizeof(ejection_settings) / sizeof(ejection_settings[0]),
    .size = sizeof(struct ejection_settings),
    .summary = "When a server that fails again and again is passed over.",
    .check = check_ejection,
};

static uint32_t count_resting(const struct upstream *upstream, uint64_t now)
{
    uint32_t resting = 0;
    for (uint32_t i = 0; i < upstream->count; i++)
        resting += server_rests(upstream->members[i].server, now);
    return resting;
}

/* Counts one more call; the counts after it. */
static uint64_t count_call(const struct upstream *upstream, struct server *server,
                           enum failure_rate_outcome outcome, uint64_t now)
{
    return failure_rate_count(&server->counts, (uint64_t)upstream->ejection->window, outcome, now);
}

void ejection_count_success(const struct upstream *upstream, struct server *server, uint64_t now)
{
    if (upstream->ejection->failure_rate == 0) {
        ejection_note_success(server);
        return;
    }
    (void)count_call(upstream, server, FAILURE_RATE_WELL, now);
    atomic_store_explicit(&server->failures_in_row, 0, memory_order_relaxed);
}

/* How often it rested without having worked since. */
static uint32_t ejections_before(const struct upstream *upstream, const struct server *server,
                                 uint64_t now)
{
    const struct ejection_settings *settings = upstream->ejection;
    uint32_t before = atomic_load_explicit(&server->ejections_in_row, memory_order_relaxed);
    uint64_t rests_until = server_rests_until(server);
    if (settings->failure_rate > 0 && now > rests_until &&
        ejection_is_forgotten((uint64_t)settings->time, before, now - rests_until))
        return 0;
    return before;
}

static void tell(const struct upstream *upstream, const struct server *server, bool in_row,
                 uint64_t counts, uint64_t rest_ms)
{
    if (in_row)
        log_event(LOG_WARNING, "a server fails again and again; it is passed over for a while",
                  LOG_TEXT("server", server->key), LOG_TEXT("upstream", upstream->name),
                  LOG_NUMBER("seconds", rest_ms / 1000));
    else
        log_event(LOG_WARNING, "a server fails too often; it is passed over for a while",
                  LOG_TEXT("server", server->key), LOG_TEXT("upstream", upstream->name),
                  LOG_NUMBER("failed_percent", failure_rate_percent(counts)),
                  LOG_NUMBER("seconds", rest_ms / 1000));
}

/* It begins anew with its counts: what it failed of before says nothing of how it comes back. */
static void eject(struct server_registry *registry, const struct upstream *upstream,
                  struct server *server, bool in_row, uint64_t counts, uint64_t now)
{
    uint32_t before = ejections_before(upstream, server, now);
    uint64_t rest_ms = ejection_time((uint64_t)upstream->ejection->time, before);
    if (!server_rest(registry, server, now, now + rest_ms))
        return;
    atomic_store_explicit(&server->ejections_in_row, before + 1, memory_order_relaxed);
    atomic_store_explicit(&server->counts, 0, memory_order_relaxed);
    tell(upstream, server, in_row, counts, rest_ms);
}

/* Calls that were under way when it was ejected fail as well, and change nothing more. */
void ejection_note_failure(struct server_registry *registry, const struct upstream *upstream,
                           struct server *server, enum failure_rate_outcome outcome, uint64_t now)
{
    const struct ejection_settings *settings = upstream->ejection;
    uint32_t failures =
        atomic_fetch_add_explicit(&server->failures_in_row, 1, memory_order_relaxed) + 1;
    if (server_rests(server, now))
        return;
    bool in_row = settings->failures > 0 && failures >= settings->failures;
    uint64_t counts = settings->failure_rate > 0 ? count_call(upstream, server, outcome, now) : 0;
    bool too_often =
        settings->failure_rate > 0 &&
        failure_rate_is_reached(counts, settings->failure_rate, (uint32_t)settings->calls);
    if ((in_row || too_often) &&
        ejection_is_permitted(count_resting(upstream, now), upstream->count, settings->max_share))
        eject(registry, upstream, server, in_row, counts, now);
}
