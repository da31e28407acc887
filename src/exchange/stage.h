/* A stage: one thing that can happen to an exchange on its way. A stage has a group of settings; a
 * route runs those stages whose settings ask for something, in the one order of the table in main/.
 * No stage sees another, and none sees more of the exchange than what stands here. One loop. */
#pragma once

#include "base/arena.h"
#include "base/cold.h"
#include "base/error.h"
#include "http/message.h"

struct configuration;
struct diagnostics;
struct exchange;
struct route;
struct setting_group;
struct template;

enum stage_verdict {
    STAGE_GO_ON,
    STAGE_ANSWER, /* the stage called exchange_answer or exchange_refuse */
    STAGE_WAIT,   /* it has armed something that calls exchange_resume; it is then asked again */
};

/* What a stage's settings are compiled with, for one route of one snapshot. */
struct stage_compiler {
    const struct configuration *configuration;
    const struct route *route;
    struct arena *arena; /* of the snapshot */
    struct diagnostics *diagnostics;
};

struct stage {
    const char *name;
    const struct setting_group *group;
    /* Whether settings ask for anything; a route without does not run the stage at all. */
    bool (*is_wanted)(const void *settings);
    /* What the functions below are given in the place of the settings; NULL: the settings. Returns
     * NULL where the route cannot do what they ask, which was told, or there is no memory. */
    const void *(*compile)(const void *settings, const struct stage_compiler *compiler);
    /* On the way to the action; NULL: nothing to do. */
    enum stage_verdict (*on_request)(struct exchange *exchange, const void *settings);
    /* When the trailers of the request are there, before they go to a server. NULL: nothing to do.
     * May take some away. */
    void (*on_request_trailers)(struct fields *trailers, const void *settings);
    /* When the head of the final response is there, before it is sent: from a server or our own.
     * NULL: nothing to do. May change its fields. */
    void (*on_response)(struct exchange *exchange, const void *settings);
    /* When the trailers of a server's response are there, before they are sent. NULL: nothing to
     * do. May take some away. */
    void (*on_response_trailers)(struct fields *trailers, const void *settings);
};

/* ---- what a stage sees and may do */

/* The request. Its fields may be changed; what is put in lives in the arena. */
struct request_head *exchange_request_head(struct exchange *exchange);

/* The response, in on_response. */
struct response_head *exchange_response_head(struct exchange *exchange);

/* Whether the client asks over TLS: ours, or that of a trusted proxy before us. */
bool exchange_is_secure(const struct exchange *exchange);

/* Memory that lives as long as the exchange. */
struct arena *exchange_arena(struct exchange *exchange);

/* The path in its one form, as it goes to the server. */
struct slice exchange_path(const struct exchange *exchange);

/* The server will be asked for this path, in its one form, with the query as it came. False: no
 * memory. */
bool exchange_set_path(struct exchange *exchange, struct slice path);

/* Variables and captures of the route's pattern put in. Data is NULL where there was no memory. */
struct slice exchange_expand(struct exchange *exchange, const struct template *template);

/* Makes an answer of our own; fields may be added to the response head afterwards. The body lives
 * as long as the exchange. */
void exchange_answer(struct exchange *exchange, unsigned status, struct slice content_type,
                     struct slice body);

/* Answers an error with the page for its status. */
COLD void exchange_refuse(struct exchange *exchange, enum error_code error);

/* Asks for a run soon, from anywhere on the loop. */
void exchange_resume(struct exchange *exchange);
