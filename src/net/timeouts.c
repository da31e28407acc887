#include "net/timeouts.h"

#define TIMEOUT_RECORD(...) SETTING_ROW(struct timeouts, __VA_ARGS__)
static const struct setting timeout_settings[] = {TIMEOUT_SETTINGS(TIMEOUT_RECORD)};

const struct setting_group timeouts_group = {
    .name = "timeouts",
    .settings = timeout_settings,
    .count = sizeof(timeout_settings) / sizeof(timeout_settings[0]),
    .size = sizeof(struct timeouts),
    .summary = "How long may be waited for whom.",
};

#define LIMIT_RECORD(...) SETTING_ROW(struct limits, __VA_ARGS__)
static const struct setting limit_settings[] = {LIMIT_SETTINGS(LIMIT_RECORD)};

const struct setting_group limits_group = {
    .name = "limits",
    .settings = limit_settings,
    .count = sizeof(limit_settings) / sizeof(limit_settings[0]),
    .size = sizeof(struct limits),
    .summary = "How much a client may ask of Weir.",
};
