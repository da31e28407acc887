/* Every request of a scenario: what the client asks, what the server will answer, and what became
 * of it. Clients and servers look up here what they do, and hold what they see against it. */
#pragma once

#include "sim/message.h"

enum { REQUESTS_MAX = 300 };

/* What is wrong with a request or a response. */
enum flaw {
    FLAW_NONE,
    /* of requests: */
    FLAW_BARE_LF,
    FLAW_NUL,
    FLAW_SPACE_BEFORE_COLON,
    FLAW_LENGTH_AND_CHUNKS,
    FLAW_TWO_LENGTHS,
    FLAW_BAD_LENGTH,
    FLAW_NO_HOST,
    FLAW_TWO_HOSTS,
    FLAW_FOLDED,
    FLAW_VERSION,
    FLAW_LONG_TARGET,
    FLAW_LARGE_HEAD,
    FLAW_MANY_FIELDS,
    FLAW_CONNECT,
    FLAW_EXPECTATION,
    FLAW_CODING,
    FLAW_ENCODED_NUL,
    FLAW_BAD_CHUNK,
    FLAW_REQUEST_LAST = FLAW_BAD_CHUNK,
    /* of responses: */
    FLAW_STATUS_LINE,
    FLAW_RESPONSE_LENGTHS,
    FLAW_RESPONSE_BOTH,
    FLAW_RESPONSE_NUL,
    FLAW_RESPONSE_FOLDED,
    FLAW_RESPONSE_LARGE,
    FLAW_RESPONSE_CHUNK,
    FLAW_RESPONSE_VERSION,
    FLAW_UNASKED_UPGRADE,
    FLAW_ENDLESS_INTERIMS,
    FLAW_RESPONSE_LAST = FLAW_ENDLESS_INTERIMS,
};

/* How far a server goes with its answer. */
enum conduct {
    CONDUCT_WHOLE,
    CONDUCT_CLOSES, /* closes somewhere in the middle */
    CONDUCT_RESETS, /* resets somewhere in the middle */
    CONDUCT_STALLS, /* stops somewhere in the middle, and stays */
    CONDUCT_SILENT, /* reads, and never answers */
    CONDUCT_SNUBS,  /* closes without an answer */
};

/* Why something else than the right answer is right as well. */
enum excuse {
    EXCUSE_CLIENT = 1,  /* the client cut, stalled or sent what is malformed */
    EXCUSE_SERVER = 2,  /* a server did */
    EXCUSE_NETWORK = 4, /* the system refused something, or a connection broke */
    EXCUSE_RACE = 8,    /* the server may close a connection just when it is used again */
    EXCUSE_DRAIN = 16,  /* Weir was told to stop */
    EXCUSE_LIMIT = 32,  /* a limit of the configuration */
};

enum target { TARGET_SERVER, TARGET_FIXED, TARGET_AWAY, TARGET_NOBODY };

struct body_plan {
    enum framing framing;
    uint64_t length, seed;
    bool trailers;
};

struct tunnel_plan {
    uint64_t length, seed;
    bool waits; /* the sender ends only when the other side has */
    bool ended; /* the sender has ended its direction behind all of it */
};

struct request {
    unsigned id;
    /* the question */
    const char *method, *host;
    unsigned minor_version;
    enum target target;
    unsigned upstream;
    bool is_idempotent, is_head, expects, upgrades, closes, keeps;
    enum flaw flaw;
    struct body_plan body;
    /* the answer */
    unsigned status;
    struct body_plan answer;
    enum conduct conduct;
    enum flaw answer_flaw;
    bool early;         /* before the body was read */
    bool last;          /* and the server then closes */
    bool cuts_head;     /* where it is not whole, it breaks off in its head */
    bool babbles;       /* bytes follow behind the answer that nobody asked for */
    bool stops_reading; /* early, and the rest of the body is never read */
    unsigned interims;
    uint64_t delay_us, cut_at;
    struct tunnel_plan up, down;
    /* what became of it */
    unsigned excuses;
    uint64_t asked_at;
    uint64_t body_sent;  /* by the client */
    bool body_ended;     /* the client sent its end as well */
    unsigned deliveries; /* heads that arrived at servers */
    unsigned whole_deliveries;
    bool answered; /* a server sent its answer to the end */
    bool settled;  /* the client has its answer, or knows that there is none */
};

struct ledger {
    struct request requests[REQUESTS_MAX];
    unsigned count;
};

extern struct ledger ledger;

/* The request with that id; breaks a rule where there is none. `who` tells where it was seen. */
struct request *ledger_find(struct slice id, const char *who);

/* The bytes of the request's head, and of the server's answer's. */
void request_put_head(const struct request *request, struct queue *bytes);
void request_put_answer(const struct request *request, struct queue *bytes);
void request_put_interim(const struct request *request, struct queue *bytes);

/* The trailers of both directions. */
#define TRAILER_LINE "X-Sim-Trailer: at the end\r\n"
#define FIXED_BODY   "a fixed answer"

/* Whether an answer with that status has no body, whatever its head says. */
bool request_answer_is_bodiless(const struct request *request, unsigned status);
