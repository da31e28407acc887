/* A probe: one question to a server, beside the traffic, whether it works. Over a connection of its
 * own, which is then closed; what the server answers is read by the codec of all other answers.
 * Pulled, as a call is: nothing is called back but `on_news`. Belongs to one loop. */
#pragma once

#include "base/error.h"
#include "upstream/health_settings.h"
#include "upstream/server.h"

struct loop;
struct probe;
struct tls_server_context;

enum probe_verdict {
    PROBE_WAIT, /* news will come */
    PROBE_PASSED,
    PROBE_FAILED,
    PROBE_UNKNOWN, /* we could not ask: too little memory, too few descriptors */
};

/* What a probe failed of. */
enum probe_problem {
    PROBE_GOOD,
    PROBE_UNRESOLVED,
    PROBE_REFUSED,
    PROBE_UNREACHABLE,
    PROBE_TLS,
    PROBE_LATE,
    PROBE_CLOSED,
    PROBE_MALFORMED,
    PROBE_STATUS,
    PROBE_BODY,
    PROBE_NOT_H2,
    PROBE_NOT_GRPC,
    PROBE_GRPC_STATUS,
    PROBE_NOT_SERVING,
    PROBE_PROBLEMS
};

/* `it refuses connections`; a static text. */
const char *probe_words(enum probe_problem problem);

struct probe_order {
    struct server_registry *servers;
    const struct server *server;
    const struct health_settings *settings; /* outlive the probe */
    unsigned proxy_protocol;                /* version of the header that begins it; 0: none */
    struct tls_server_context *tls;         /* for a server that is spoken to over TLS */
    void (*on_news)(void *owner);           /* run it again */
    void *owner;
};

/* Not yet asked. NULL: no memory. */
struct probe *probe_new(struct loop *loop, const struct probe_order *order);

/* Asks, or goes on; after anything but PROBE_WAIT it is only to be freed. */
enum probe_verdict probe_run(struct probe *probe);

/* What a probe failed of. `status`: that was answered, or the one of gRPC; 0: none. `tls`:
 * PROBE_TLS, in the words of base/error.h. */
struct probe_failure {
    enum probe_problem problem;
    unsigned status;
    enum error_code tls;
};

/* After PROBE_FAILED. */
struct probe_failure probe_failure(const struct probe *probe);

/* Milliseconds since it began. */
uint64_t probe_took(const struct probe *probe);

/* Closes its connection. It may be in the middle; no news comes any more. */
void probe_free(struct probe *probe);
