/* What the halves of a stapler share: stapler.c, which knows for which certificates responders are
 * asked, and stapler_asking.c, which asks. */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "control/fetch.h"
#include "control/stapler.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "tls/tls_responder.h"
#include "tls/tls_staple.h"

struct stapler {
    struct loop *loop;
    struct server_registry *servers;
    struct map stapled;    /* by the digest of the certificate */
    struct map responders; /* by their URL */
    struct list all_stapled, all_responders;
    uint32_t under_way; /* fetches */
    uint64_t taken, refused, unanswered;
};

/* Whom certificates name. */
struct responder {
    struct list link;
    struct stapler *stapler;
    struct arena arena;
    struct slice url;
    struct fetch_place place;
    struct server *server;
    uint32_t certificates; /* for which it is asked */
    struct list waiting;   /* those whose turn it is */
    uint32_t under_way;    /* fetches */
    struct timer pace;     /* until it may be asked for the next one */
    bool rests;            /* that is because it has not answered */
    uint32_t failures;     /* times in a row */
};

/* A certificate for which it is asked. */
struct stapled {
    struct list link, waiting;
    struct stapler *stapler;
    struct responder *responder;
    const struct tls_certificate *certificate;
    char digest[32];
    bool is_wanted;      /* by the snapshot that is taken */
    struct timer timer;  /* until it is looked at again */
    int64_t due;         /* when it is asked for again: seconds since 1970; */
    int64_t pause;       /* which was so many seconds ahead */
    struct fetch *fetch; /* NULL: it is not being asked */
    uint32_t failures;   /* in a row: answers that could not be taken */
    const char *told;    /* what is wrong, as it was told last; NULL: nothing */
    bool is_revoked;
    bool must_staple;  /* clients refuse it without an answer */
    bool lack_is_told; /* that it is shown without an answer */
};

/* It is new: its turn comes as soon as its responder has room. */
void stapled_begin(struct stapled *stapled);

/* It is asked for no more. */
void stapled_end(struct stapled *stapled);

/* `pace` of a responder has passed. */
void stapler_on_pace(struct timer *timer);

/* `timer` of a certificate has. */
void stapler_on_turn(struct timer *timer);
