/* What becomes of a request, told before anybody asks: which listener, site and route take it and
 * why the others do not, what is set there and where that stands, and what a server would get. It
 * is rehearsed by the code that serves (exchange/rehearsal.h). One thread. */
#pragma once

#include "exchange/rehearsal.h"

struct explainer {
    struct loop *loop;
    struct loop_context context;
    struct snapshot *snapshot;
};

/* False: no memory or no descriptors. The registry is the one that the snapshot was built with. */
bool explainer_init(struct explainer *explainer, struct snapshot *snapshot,
                    struct server_registry *servers);
void explainer_fini(struct explainer *explainer);

struct explain_request {
    const char *method, *url;
    const char *const *fields; /* each `Name: value` */
    size_t field_count;
    const char *client; /* NULL: 127.0.0.1 */
};

/* A setting that holds for the request, and where it stands. */
struct explained_setting {
    const struct setting_group *group;
    const struct setting *setting;
    const struct node *node;
    bool of_upstream;
};

/* A site that has a name for the host as well. */
struct explained_site {
    const struct scope *scope;
    const struct node *name;
    bool elsewhere; /* it answers at other listeners only */
};

struct explanation {
    struct arena arena;
    const struct configuration *configuration;
    struct explain_request request;
    struct rehearsal rehearsal;
    const struct listener_plan *listener;
    uint16_t port;      /* that the URL asks for */
    bool is_other_port; /* nobody listens there; the first listener stands in */
    struct explained_setting *settings;
    size_t setting_count;
    struct explained_site *sites; /* that lose */
    size_t site_count;
};

/* False: `*ret_wrong` says what cannot be understood, or that there is no memory; nothing is left
 * behind. */
bool explanation_init(struct explanation *explanation, struct explainer *explainer,
                      const struct explain_request *request, const char **ret_wrong);
void explanation_fini(struct explanation *explanation);

/* ---- words for both ways of telling it */

/* `weir.yaml:12`. */
void explain_place(struct text *text, const struct explanation *explanation,
                   struct position position);

/* `path: /new, method: POST`: the conditions that the scope itself writes. */
void explain_scope(struct text *text, const struct scope *scope);

/* Why that route of the rehearsal's does not take the request. */
void explain_reason(struct text *text, const struct explanation *explanation,
                    const struct route_reason *reason);

/* The next line of a head, without its end, or a field; taken off `*rest`. It is told with
 * `$request_id` in the place of an id that was made for the rehearsal, and with `${env...}` in that
 * of a value of four bytes or more that the settings took from the environment: it may be secret.
 * Data is NULL: no memory. */
struct slice explain_next_line(struct explanation *explanation, struct slice *rest);

/* After how many milliseconds without an answer a second server is asked as well; 0: none is. */
int64_t explain_hedge_after(const struct explanation *explanation);

/* ---- the two ways */

void explain_print(struct text *text, struct explanation *explanation);
void explain_print_json(struct text *text, struct explanation *explanation);
