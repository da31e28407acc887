/* What an exchange does on a route, compiled once for each snapshot: its action, its stages, its
 * limits. Routes that do the same share a plan, so that ten thousand sites before the same upstream
 * have one that is always in the cache. Immutable; any thread. */
#pragma once

#include "conf/snapshot.h"
#include "exchange/action.h"
#include "exchange/site_plan.h"
#include "exchange/stage.h"
#include "net/timeouts.h"
#include "policy/client_address.h"
#include "policy/route.h"
#include "upstream/upstream.h"
#include "wire/h1.h"

struct hedge_settings;
struct mirror_plan;
struct split;

struct plan_stage {
    const struct stage *stage;
    const void *settings;
};

struct plan {
    /* The first cache line has what each exchange asks for. */
    _Alignas(CACHE_LINE) const struct action *action; /* NULL: the route has none, answers 404 */
    const struct upstream *upstream;                  /* of the action `proxy` */
    const struct timeouts *timeouts;                  /* of the route, towards its upstream */
    const struct limits *limits;
    const struct request_id_setting *request_id;
    struct log_sink *access_log;      /* NULL: off */
    const struct template *host_text; /* where `host_kind` is a text */
    uint16_t stage_count;
    uint8_t host_kind; /* enum upstream_host, of `upstream_host` */
    bool reveal_server;
    bool retries;  /* `retry` has more than one attempt, or there is a `hedge` */
    bool mirrors;  /* `mirror` is there */
    bool is_split; /* a variant of `split` is to be chosen yet */
    const struct queue_priority_setting *queue_priority; /* NULL: the normal one */
    const struct action_settings *settings; /* of `redirect`, `respond` and `split`; else NULL */
    const struct error_pages *error_pages;
    const struct access_setting *access;
    const struct retry_settings *retry; /* of the route, towards its upstream; where `retries` */
    const struct hedge_settings *hedge; /* NULL: no second server is asked as well */
    const struct mirror_plan *mirror;   /* where `mirrors` */
    struct split *split; /* of the action `split`, also in the plans of its variants */
    struct plan_stage stages[];
};

_Static_assert(sizeof(struct plan) == 2 * CACHE_LINE, "among thousands each line is a miss");

/* What holds on one listener. */
struct listener_plan {
    struct address address;
    bool is_private; /* only sites name it: others do not answer there */
    bool speaks_tls;
    bool offers_h2;                     /* to clients over TLS, */
    bool takes_h2c;                     /* and takes HTTP/2 of clients without */
    bool has_tls_sites;                 /* some site that answers there has `tls` */
    const struct tls_context *fallback; /* for clients that ask for none of those; may be NULL */
    struct position position;           /* where it is written */
    const struct timeouts *timeouts;
    const struct limits *limits;
    const struct proxy_protocol_setting *proxy_protocol;
    struct h1_limits h1_limits;
};

/* All of it for one snapshot. */
struct plans {
    struct arena arena;
    const struct route_table *routes;
    struct tls_entrance *tls;        /* what TLS connections begin with; outlives the snapshot */
    struct listener_plan *listeners; /* distinct addresses; at least one */
    uint32_t listener_count;
    /* For who came through a listener that is gone: plans_gone. */
    struct listener_plan gone[2][2];
    struct ip_ranges trusted_proxies;
    struct access_logs *access_logs;       /* those that the plans write to */
    const struct error_pages *error_pages; /* the same */
    struct log_sink *access_log;           /* of requests for which there is no plan; NULL: off */
    const struct access_setting *access;   /* the same */
    const struct request_id_setting *request_id;
    const struct served_certificate *served_certificates;   /* of all sites; NULL: none */
    const struct stapled_certificate *stapled_certificates; /* some more than once; NULL: none */
    struct tls_findings findings;                           /* of certificates of sites */
    struct route_counts *counts; /* of requests for which there is no plan; NULL: not counted */
};

/* The path of a route as it is written, the first of a list; empty where it has none. */
struct slice plan_route_name(const struct route *route);

/* What holds for who came through a listener that is gone: it was one of all sites or one of its
 * own, with TLS or without. */
const struct listener_plan *plans_gone(const struct plans *plans, bool is_private, bool speaks_tls);

/* Tells of every `proxy` and `split` that name an upstream which is not there. Asked before a
 * snapshot is built, also of a configuration with errors. */
void plan_check_names(const struct configuration *configuration, struct diagnostics *diagnostics);

/* Built after upstream_part and route_part, from a configuration whose names were checked. */
extern const struct snapshot_part plan_part;

/* `listen`, `trusted_proxies`. */
extern const struct setting_group listener_group, proxies_group;
