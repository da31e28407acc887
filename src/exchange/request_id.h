/* The id of an exchange, by which its lines in logs are found again, here and in the servers: taken
 * from the X-Request-Id of a trusted proxy, else made (32 hex digits: 64 bits of chance for the
 * loop, and 64 that no two of it share), when somebody first asks for it. Servers are told of it,
 * unless `request_id: off`. */
#pragma once

#include "base/cold.h"
#include "conf/setting.h"

struct exchange;
struct loop_context;

enum {
    REQUEST_ID_MAX = 128, /* bytes of one that is taken over */
    REQUEST_ID_FIELDS = 1,
    REQUEST_ID_LINE_MAX =
        sizeof("X-Request-Id: \r\n") + 2 * sizeof(uint64_t[2]), /* of one of ours */
};

/* What the ids of one loop are made from. */
struct request_id_source {
    uint64_t digits[2]; /* with which all of them begin */
    uint64_t count;     /* from a beginning of chance */
};

struct request_id_setting {
    bool is_off;
    struct slice header; /* empty: X-Request-Id */
    bool answer;         /* the client is told of it, too */
};

extern const struct setting_group request_id_group;

/* Once for each loop. */
void request_id_seed(struct loop_context *context);

/* Lives as long as the exchange; empty where there is no memory. */
struct slice request_id(struct exchange *exchange);

/* Puts it into the request, whose fields have room for REQUEST_ID_FIELDS more; whatever else has
 * that name goes. At `line` there are REQUEST_ID_LINE_MAX bytes, which live as long as the
 * exchange. The plan is there. False: no memory. */
bool request_id_send(struct exchange *exchange, char *line);

/* Takes out of the trailers of the request what has its name. */
COLD void request_id_clean_trailers(struct exchange *exchange);

/* Puts it into the response, where that is asked for. */
void request_id_answer(struct exchange *exchange);
