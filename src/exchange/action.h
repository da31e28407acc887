/* Actions: what a site or route does with a request that it takes. `proxy` asks a server, `split`
 * one of several upstreams, `redirect` and `respond` answer by themselves. */
#pragma once

#include "conf/setting.h"
#include "exchange/split_settings.h"
#include "upstream/upstream.h"

struct exchange;
struct plan;

struct action {
    const char *name;
    /* Called once, when the request stages are through; leaves the state STAGES. */
    void (*start)(struct exchange *exchange, const struct plan *plan);
};

extern const struct action proxy_action, split_action, redirect_action, respond_action;

struct proxy_setting {
    struct slice upstream; /* its name; or else: */
    struct server_list servers;
    struct position position;
};

bool proxy_read(struct setting_reader *reader, const struct node *node, void *field);

struct redirect_setting {
    const struct template *to; /* NULL: not written */
    unsigned status;
    bool names_host; /* `to` is written as `//host…` */
};

struct respond_setting {
    unsigned status; /* 0: not written */
    const struct template *body;
    struct {
        struct slice name;
        const struct template *value;
    } * fields;
    uint32_t field_count;
};

enum upstream_host { UPSTREAM_HOST_CLIENT, UPSTREAM_HOST_SERVER, UPSTREAM_HOST_TEXT };

struct upstream_host_setting {
    enum upstream_host kind;
    const struct template *text;
};

/* A number, or what gives one. */
struct queue_priority_setting {
    unsigned priority;
    const struct template *text; /* NULL: `priority` */
};

struct action_settings {
    struct proxy_setting proxy;
    struct split_setting split;
    struct redirect_setting redirect;
    struct respond_setting respond;
    struct upstream_host_setting upstream_host;
    struct queue_priority_setting queue_priority;
};

extern const struct setting_group action_group;
