/* What the two halves of a probe share: probe.c, which connects and asks over HTTP/1.1, and
 * probe_h2.c. Nobody else uses it. */
#pragma once

#include "base/arena.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/h1_reader.h"
#include "net/output.h"
#include "upstream/probe.h"
#include "wire/h2.h"

enum probe_state {
    PROBE_CONNECT,
    PROBE_CONNECTING,
    PROBE_BEGIN_TLS,
    PROBE_SHAKE_HANDS,
    PROBE_ASK,
    PROBE_HEAD,
    PROBE_READ_BODY
};

struct probe {
    struct probe_order order;
    struct loop *loop;
    enum probe_state state;
    struct transport transport; /* from PROBE_CONNECTING on */
    struct timer timer;         /* how long it may take in all */
    struct task task;           /* over HTTP/2: more of the answer is there, after others' turn */
    struct grave grave;
    uint64_t began;
    bool is_late;
    struct address addresses[SERVER_ADDRESSES_MAX];
    uint32_t address_next, address_count;
    struct probe_failure failure;
    unsigned interim;
    struct arena arena;
    struct h1_reader reader;
    struct h2 *codec; /* NULL: it asks in HTTP/1.1, or not yet */
    struct h2_stream *stream;
    bool has_ended;       /* over HTTP/2: nothing more comes */
    unsigned grpc_status; /* of the answer, so far: GRPC_NO_CODE */
    struct output output;
    struct span head; /* of the answer, for its slices */
    char *body;       /* what was read of it; where somebody wants to know */
    size_t body_length;
};

/* Of answers, whatever the listeners say of requests. */
extern const struct h1_limits probe_limits;

enum probe_verdict probe_fail(struct probe *probe, enum probe_problem problem);

/* The fields of the question, Host among them. False: no memory. */
bool probe_add_fields(struct probe *probe, struct fields *fields);

/* What is said of the head of an HTTP answer, and of what came of its body. */
enum probe_verdict probe_judge_head(struct probe *probe, const struct response_head *head);
enum probe_verdict probe_judge_body(struct probe *probe);

/* One more interim answer than is waited through has failed. */
enum probe_verdict probe_count_interim(struct probe *probe);

/* The body is wanted. */
enum probe_verdict probe_begin_body(struct probe *probe);

/* Takes the piece over; whether there is as much as is looked at. */
bool probe_keep_piece(struct probe *probe, struct span *piece);
