#include "upstream/ejection.h"

#include "policy/ejection.h"

#define EJECTION_RECORD(...) SETTING_ROW(struct ejection_settings, __VA_ARGS__)
static const struct setting ejection_settings[] = {EJECTION_SETTINGS(EJECTION_RECORD)};

const struct setting_group ejection_group = {
    .name = "ejection",
    .settings = ejection_settings,
    .count = sizeof(ejection_settings) / sizeof(ejection_settings[0]),
    .size = sizeof(struct ejection_settings),
    .summary = "When a server that fails again and again is passed over.",
};

static uint32_t count_resting(const struct upstream *upstream, uint64_t now)
{
    uint32_t resting = 0;
    for (uint32_t i = 0; i < upstream->count; i++)
        resting += server_rests(upstream->members[i].server, now);
    return resting;
}

/* Calls that were under way when it was ejected fail as well, and change nothing more. */
bool ejection_note_failure(struct server_registry *registry, const struct upstream *upstream,
                           struct server *server, uint64_t now, uint64_t *ret_rest_ms)
{
    const struct ejection_settings *settings = upstream->ejection;
    uint32_t failures =
        atomic_fetch_add_explicit(&server->failures_in_row, 1, memory_order_relaxed) + 1;
    if (failures < settings->failures || server_rests(server, now) ||
        !ejection_is_due(failures, (uint32_t)settings->failures, count_resting(upstream, now),
                         upstream->count))
        return false;
    uint32_t before = atomic_fetch_add_explicit(&server->ejections_in_row, 1, memory_order_relaxed);
    *ret_rest_ms = ejection_time((uint64_t)settings->time, before);
    return server_rest(registry, server, now, now + *ret_rest_ms);
}
