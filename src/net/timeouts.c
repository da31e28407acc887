#include "net/timeouts.h"

/* ---- timeouts that do harm */

enum {
    HEAD_TIME_MOST = 2 * MINUTE, /* more than any client takes that means well */
    TUNNEL_TIME_LEAST = 10 * SECOND,
    CONNECT_TIME_MOST = 30 * SECOND,
};

/* Only what is written in this mapping is told of: what was inherited was told where it stands. */
static void warn_if(bool is_harmful, const struct node *mapping, const char *name, const char *cure,
                    const char *what, struct diagnostics *diagnostics)
{
    const struct node *written = node_find(mapping, slice_from_text(name));
    if (is_harmful && written)
        diagnostics_warning(diagnostics, written->position, cure, "%s", what);
}

static void warn_of_harm(const void *group, const struct node *node,
                         struct diagnostics *diagnostics)
{
    const struct timeouts *timeouts = group;
    warn_if(timeouts->request_header > HEAD_TIME_MOST, node, "request_header",
            "seconds are enough; the head of a request comes at once",
            "so long, anybody can hold connections with requests that never begin", diagnostics);
    warn_if(timeouts->tunnel < TUNNEL_TIME_LEAST, node, "tunnel",
            "a WebSocket may well be silent for half a minute, and more",
            "so short, tunnels end while they are in use", diagnostics);
    warn_if(timeouts->connect > CONNECT_TIME_MOST, node, "connect",
            "a few seconds are enough; a server that works accepts at once",
            "so long, each request waits for a server that is gone before another is asked",
            diagnostics);
}

/* ---- the groups */

#define TIMEOUT_RECORD(...) SETTING_ROW(struct timeouts, __VA_ARGS__)
static const struct setting timeout_settings[] = {TIMEOUT_SETTINGS(TIMEOUT_RECORD)};

const struct setting_group timeouts_group = {
    .name = "timeouts",
    .settings = timeout_settings,
    .count = sizeof(timeout_settings) / sizeof(timeout_settings[0]),
    .size = sizeof(struct timeouts),
    .check = warn_of_harm,
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
