/* The settings `health` of an upstream: how its servers are asked, beside the traffic, whether they
 * work. */
#pragma once

#include "conf/setting.h"
#include "http/message.h"

struct pattern;
struct scope;
struct upstream;

enum health_type { HEALTH_HTTP, HEALTH_GRPC, HEALTH_TCP, HEALTH_OFF };

enum { HEALTH_STATUS_MAX = 599 };

/* The statuses that say that a server works, a bit for each. */
struct health_statuses {
    uint64_t bits[HEALTH_STATUS_MAX / 64 + 1];
};

/* What the body must hold; both empty: anything. */
struct health_body {
    struct slice text;
    const struct pattern *pattern;
};

struct health_headers {
    const struct field *items;
    uint32_t count;
};

#define HEALTH_SETTINGS(S)                                                                         \
    S(path, TEXT, NULL, 0, 0, SCOPE_UPSTREAM,                                                      \
      "What is asked for, with the query, at each server; without it nothing is.", "/healthz")     \
    S(service, TEXT, NULL, 0, 0, SCOPE_UPSTREAM,                                                   \
      "With type: grpc, the service that is asked for; without it, the server as a whole.",        \
      "shop.Orders")                                                                               \
    S(host, TEXT, NULL, 0, 0, SCOPE_UPSTREAM,                                                      \
      "The Host that a server is asked for; otherwise its own address.", "app.internal")           \
    S(port, NUMBER, "off", 0, 65535, SCOPE_UPSTREAM,                                               \
      "The port at which a server is asked, where that is another one than requests go to.",       \
      "9000")                                                                                      \
    S(interval, DURATION, "5s", 100, DAY, SCOPE_UPSTREAM,                                          \
      "How often a server is asked, a tenth more or less.", "10s")                                 \
    S(fast_interval, DURATION, "1s", 100, DAY, SCOPE_UPSTREAM,                                     \
      "How often while the last answer was another than before; at most as long as interval.",     \
      "500ms")                                                                                     \
    S(timeout, DURATION, "2s", 10, HOUR, SCOPE_UPSTREAM,                                           \
      "How long an answer may take, from connecting to its end.", "1s")                            \
    S(rise, NUMBER, "2", 1, 1000, SCOPE_UPSTREAM,                                                  \
      "How many good answers in a row bring a server back.", "3")                                  \
    S(fall, NUMBER, "3", 1, 1000, SCOPE_UPSTREAM, "How many failures in a row take a server out.", \
      "2")

struct health_settings {
    HEALTH_SETTINGS(SETTING_FIELD)
    int type;   /* enum health_type */
    int method; /* index in health_methods */
    struct health_headers headers;
    struct health_statuses expect;
    struct health_body body;
    uint32_t panic; /* percent */
};

extern const char *const health_methods[];

extern const struct setting_group health_group;

static inline bool health_is_checked(const struct health_settings *settings)
{
    return settings->type == HEALTH_TCP || settings->type == HEALTH_GRPC ||
           (settings->type == HEALTH_HTTP && !slice_is_empty(settings->path));
}

static inline bool health_expects(const struct health_settings *settings, unsigned status)
{
    return status <= HEALTH_STATUS_MAX &&
           (settings->expect.bits[status / 64] >> (status % 64) & 1) != 0;
}

/* What can only be said of an upstream as a whole: settings without effect, a port of a Unix
 * socket. */
void health_check_upstream(const struct upstream *upstream, const struct scope *scope,
                           struct diagnostics *diagnostics);
