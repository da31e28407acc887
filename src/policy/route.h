/* Which site and which route take a request. Pure: a table compiled from a configuration, asked
 * with the facts of a request. The cost of a question does not grow with the number of sites,
 * exact paths and prefixes; patterns are tried one by one behind their literal beginnings.
 * Immutable; any thread. */
#pragma once

#include "base/address.h"
#include "conf/snapshot.h"
#include "http/message.h"

enum { ROUTE_CAPTURES_MAX = 10 }; /* $0 (the whole match) to $9 */

struct route_table;

struct site {
    const struct scope *scope;
    struct slice name; /* its first host, or `*`: for logs and metrics */
    void *plan; /* what the exchange compiled for it; NULL: nothing. Set once while building */
};

/* A route as the exchange sees it. A site with an action of its own has one more, its last. */
struct route {
    const struct scope *scope;        /* its settings */
    const struct scope *action_scope; /* in which its action stands: its own or one around it */
    const struct site *site;
    unsigned captures; /* that every path of it gives: 0, or `$0` and its groups */
    /* What the exchange compiled for it (actions, stages), and what counts its requests, one for
     * each loop. Set once while building. */
    const void *plan;
    void *counts;
};

/* What a client has shown in its handshake, and what was accepted. */
struct client_certificate {
    struct slice subject;     /* RFC 4514 */
    struct slice fingerprint; /* SHA-256, in hexadecimal digits */
    bool is_cut;              /* the subject is longer than what is looked at */
};

/* What a question is asked with. All slices are borrowed for the call. */
struct route_question {
    struct slice host;  /* normalized (host_normalize); empty: none was sent */
    struct slice path;  /* normalized, and as it is compared (path_match_form, path_collapse);
                           `*` for an asterisk target */
    struct slice query; /* without the question mark */
    enum scheme scheme;
    const struct request_head *head; /* method and fields */
    const struct ip *client;
    /* NULL: it has shown none, or nobody asks (route_table_asks_certificates). */
    const struct client_certificate *certificate;
    /* Where the client connected; NULL where no site has a `listen` of its own. */
    const struct address *listener;
    bool listener_is_private; /* only sites name it, not the top: others do not answer there */
    struct arena *arena;      /* for what must be decoded before it is compared; rarely used */
};

enum route_verdict {
    ROUTE_FOUND,
    ROUTE_NO_SITE,
    ROUTE_NO_ROUTE,  /* `site` is set */
    ROUTE_UNDECIDED, /* a pattern reached its limit, or no memory: nobody may take the request */
};

struct route_answer {
    const struct site *site;
    const struct route *route;
    /* Captures of the path pattern that matched; empty slices where there are none. They point
     * into the question's path or its arena. */
    struct slice captures[ROUTE_CAPTURES_MAX];
    unsigned capture_count; /* with the whole match; 0: no pattern */
};

enum route_verdict route_find(const struct route_table *table,
                              const struct route_question *question,
                              struct route_answer *ret_answer);

/* Whether the answer to some question goes by the certificate of the client. */
bool route_table_asks_certificates(const struct route_table *table);

/* The site for a normalized host name (empty: none was sent) at a listener; both as in struct
 * route_question. NULL: there is none. */
const struct site *route_find_site(const struct route_table *table, struct slice host,
                                   const struct address *listener, bool listener_is_private);

/* Tells of a template that asks for a capture which the route's path does not give; `position` is
 * where it stands. NULL is no template. */
bool route_check_captures(const struct route *route, const struct template *template,
                          struct position position, struct diagnostics *diagnostics);

/* The part of a snapshot that holds the table (struct route_table). */
extern const struct snapshot_part route_part;

/* The settings that stand in sites and routes and decide who takes a request (route_settings.h). */
extern const struct setting_group site_group, route_group;

/* The table of a configuration. NULL: errors were told, or there is no memory. The configuration
 * must outlive it. */
struct route_table *route_table_new(const struct configuration *configuration,
                                    struct diagnostics *diagnostics);
void route_table_free(struct route_table *table);

/* Every route of the table once: to compile plans for them. Inner routes stand before the ones
 * around them. */
size_t route_table_count(const struct route_table *table);
struct route *route_table_get(struct route_table *table, size_t index);

/* Every site, in the file's order. */
size_t route_table_sites(const struct route_table *table);
struct site *route_table_site(struct route_table *table, size_t index);
