/* `hedge`: a request that only reads, and whose answer does not begin for a while, is sent to a
 * second server as well. The first answer that is none of a failure is the client's; the other call
 * is given up. A hedge lives beside the call of its exchange until one of the two has a head, and
 * what it wins with is moved into the place of that call; nothing else of the exchange knows of it.
 * It takes a repetition of the upstream's budget (policy/retry.h). One loop. */
#pragma once

#include "base/cold.h"
#include "conf/setting.h"
#include "net/h1_reader.h"

enum { HEDGE_SCOPES = SCOPE_SITE | SCOPE_ROUTE };

#define HEDGE_SETTINGS(S)                                                                          \
    S(after, DURATION, "off", 0, MINUTE, HEDGE_SCOPES,                                             \
      "How long an answer to GET, HEAD or OPTIONS may take to begin before a second server is "    \
      "asked as well; off: none is.",                                                              \
      "50ms")

struct hedge_settings {
    HEDGE_SETTINGS(SETTING_FIELD)
};

extern const struct setting_group hedge_group;

/* What became of it. */
#define HEDGES(S)                                                                                  \
    S(NONE, "")           /* the answer was there in time, or nobody else could be asked */        \
    S(ASKS, "")           /* a second server was asked, and both may answer */                     \
    S(WON, "won")         /* the answer of the second one is the client's */                       \
    S(LOST, "lost")       /* that of the first one is, or neither has answered well */             \
    S(REFUSED, "refused") /* the budget did not permit it */

enum hedge_state {
#define HEDGE_ENUM(name, word) HEDGE_##name,
    HEDGES(HEDGE_ENUM)
#undef HEDGE_ENUM
};

struct exchange;
struct hedge;
struct upstream;

/* Whether requests to that upstream are ever hedged: nobody belongs to one of its servers. */
bool hedge_is_possible(const struct upstream *upstream);

/* When a call begins, where the plan has a `hedge`: one for the exchange, where its request only
 * reads. NULL: it does not, or there is no memory. */
COLD struct hedge *hedge_new(struct exchange *exchange);

/* The request has been sent: from now on the answer is waited for. */
COLD void hedge_wait(struct hedge *hedge);

/* In the place of call_receive_head, into the exchange's response. */
COLD enum read_event hedge_receive_head(struct hedge *hedge);

/* The exchange has failed, or the head of its answer is one of a failure (FLOW_UNWANTED). True: the
 * second call goes on in the place of the first, and nothing has failed. False: there is none, or
 * it would not help; it is over. */
COLD bool hedge_takes_over(struct hedge *hedge);

/* A word for logs; empty where no second server was asked for. */
const char *hedge_word(const struct hedge *hedge);

COLD void hedge_fini(struct hedge *hedge);
