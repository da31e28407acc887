/* Opening by asking another process, over a channel (sys/channel.h): what a worker does under a
 * supervisor. Each question is one message and gets one answer (but for OPENER_ALIVE), with a
 * descriptor where something was opened. A worker may outlive the supervisor that started it, in an
 * upgrade: what is changed here changes ESTATE_FORMAT (main/estate.h), too. */
#pragma once

#include "sys/open.h"
#include "sys/rights.h"

enum { OPENER_PATH_MAX = 4096 };

enum opener_question {
    OPENER_LISTEN,
    OPENER_FORGET_LISTENER,
    OPENER_READ,
    OPENER_APPEND,
    OPENER_DATAGRAM,
    OPENER_EXPAND,    /* the answer is a file with the names, each with a NUL behind it */
    OPENER_REAL_PATH, /* the answer is a file with the path */
    OPENER_BEGIN_LOAD,
    OPENER_KEEP_LOADED,
    OPENER_DROP_LOADED,
    OPENER_VOUCH,
    OPENER_BEGIN_UPGRADE,
    OPENER_UPGRADE_OUTCOME,
    OPENER_LEFT,
    OPENER_STOPS,
    OPENER_READ_WATCHED,
    OPENER_EXPAND_WATCHED,
    OPENER_HAS_RENEWAL, /* the answer is an error where there is none */
    OPENER_BEGIN_RENEWAL,
    OPENER_KEEP_BEFORE,
    OPENER_ALIVE, /* the only one without an answer */
    OPENER_QUESTION_COUNT
};

/* What the supervisor takes over from a configuration. */
struct opener_terms {
    uint64_t drain_ms;        /* how long exchanges may take to end */
    uint64_t hang_ms;         /* how long a worker may give no sign of life */
    struct sys_rights rights; /* of the worker, as they are at the start */
};

struct opener_request {
    enum opener_question question;
    uint32_t share, is_private; /* of sys_listen_options */
    int32_t backlog;
    struct address address;
    struct opener_terms terms;
    char path[OPENER_PATH_MAX];
};

/* Whether it is well formed: for who gets it from a process that need not be in its right mind. */
bool opener_request_is_valid(const struct opener_request *request);

struct opener_answer {
    int32_t result; /* 0 or -errno */
};

/* The opener that asks over `channel`, which stays the caller's; `process` is the number of who
 * answers, and `user` as whom. NULL: no memory. */
struct sys_opener *sys_opener_asking(int channel, uint32_t process, uint32_t user);
void sys_opener_asking_free(struct sys_opener *opener);

/* Tells who answers that the configuration which was read is right, and all that it names was asked
 * for. False: that was not taken. */
bool sys_opener_vouch(struct sys_opener *opener, const struct opener_terms *terms);
