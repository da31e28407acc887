/* Messages of the health service of gRPC, grpc.health.v1.Health/Check
 * (https://github.com/grpc/grpc/blob/master/doc/health-checking.md), with the five bytes that gRPC
 * puts before each. Pure, any thread. */
#pragma once

#include "base/text.h"

#define GRPC_HEALTH_PATH "/grpc.health.v1.Health/Check"

enum { GRPC_HEALTH_SERVICE_MAX = 1024 };

enum grpc_health {
    GRPC_HEALTH_UNKNOWN,
    GRPC_HEALTH_SERVING,
    GRPC_HEALTH_NOT_SERVING,
    GRPC_HEALTH_SERVICE_UNKNOWN,
};

/* How much grpc_health_ask writes at most. */
static inline size_t grpc_health_room(struct slice service)
{
    return service.length + 16;
}

/* The question for that service; empty: for the server as a whole. Service: at most
 * GRPC_HEALTH_SERVICE_MAX bytes. */
void grpc_health_ask(struct text *text, struct slice service);

/* Whether the body is one whole answer; `*ret_status`: enum grpc_health, or a number that it does
 * not know. */
bool grpc_health_read(struct slice body, uint64_t *ret_status);
