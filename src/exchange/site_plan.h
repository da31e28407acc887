/* What TLS means to a site: with which certificates it is served, and what becomes of those who ask
 * over another connection than they should. Compiled for a snapshot; immutable; any thread. */
#pragma once

#include "conf/snapshot.h"
#include "tls/tls.h"
#include "tls/tls_finding.h"

struct exchange;
struct listener_plan;
struct plans;
struct site_directory;

/* What becomes of a request without TLS for a site that has it. */
enum plain_http { PLAIN_HTTP_REDIRECT, PLAIN_HTTP_SERVE, PLAIN_HTTP_REFUSE };

struct plain_http_settings {
    int plain_http; /* enum plain_http */
};

extern const struct setting_group plain_http_group;

/* Of a site that has `tls`. */
struct site_plan {
    const struct tls_context *tls; /* NULL: no certificate of it can be used, which was told */
    const struct site_directory *directory; /* where more hosts have theirs; NULL: all have `tls` */
    enum plain_http plain_http;
    uint16_t port;    /* at which it answers over TLS */
    bool takes_early; /* data */
};

/* A certificate that is served, for those who watch when it ends. */
struct served_certificate {
    const struct served_certificate *next;
    struct slice key;  /* site and kind together: no two are told under one */
    struct slice site; /* its name, or one of the certificate's where the site takes any */
    const char *key_kind;
    const struct tls_certificate *certificate;
};

/* A certificate for which Weir fetches what its responder says. */
struct stapled_certificate {
    const struct stapled_certificate *next;
    const struct tls_certificate *certificate;
    struct slice responder; /* the URL */
};

/* Gives each site of the route table its plan, and each listener what it shows to who names no
 * site that has one; the listeners are there. What is wrong with certificates is told. False: no
 * memory. */
bool site_plans_build(struct plans *plans, const struct snapshot *snapshot,
                      struct diagnostics *diagnostics);

/* With what a client is served who comes through that listener and asks for a host of that name
 * (as it sent it; empty: none). NULL: with nothing. */
const struct tls_context *site_plan_choose(const struct plans *plans,
                                           const struct listener_plan *listener, struct slice name);

/* Whether the request does not belong on its connection and was answered: its host does not fit the
 * TLS connection (RFC 9110 7.4), or it came without TLS. The site is known. */
bool site_plan_answers(struct exchange *exchange);
