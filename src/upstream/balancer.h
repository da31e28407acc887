/* What one loop knows of one upstream in order to choose its next server: who may be asked, and
 * whose turn it is. The loads by which it chooses are the servers' own, shared by all loops. */
#pragma once

#include "upstream/upstream.h"

struct balancer;

enum { BALANCER_NONE = -1 };

/* What is known of the call for which a server is chosen. */
struct balancer_question {
    const uint16_t *tried; /* members that were asked for it already */
    unsigned tried_count;
    uint64_t key;  /* where the upstream has a hash: that of what its template gave */
    bool has_key;  /* it gave something */
    bool has_wish; /* a member goes before all others, where it can be asked: */
    uint16_t wished;
    uint64_t now;    /* milliseconds of the loop */
    uint64_t chance; /* random */
};

/* For an upstream of more than one server. NULL: no memory. `phase`: where the turns begin; 0 for
 * the beginning. */
struct balancer *balancer_new(const struct upstream *upstream, uint64_t phase);

/* What the one before it remembers of servers that both know, whose turns go on. */
void balancer_take_over(struct balancer *balancer, const struct balancer *before);
void balancer_free(struct balancer *balancer);

/* Whether it was made for that upstream, and not for one of an earlier snapshot. */
bool balancer_is_for(const struct balancer *balancer, const struct upstream *upstream);

/* The member to ask. Those of the next priority, of which backups have the last, are asked where no
 * other can be (all rest, are full or were tried), and together with those before where too few of
 * these are up.
 * Those that rest are asked where all others were, and together where all rest. Those that are
 * drained (but where they are wished) or disabled are not asked, nor are those that are down,
 * unless too few are up. BALANCER_NONE: every one was tried, is full or may not be asked. */
int balancer_choose(struct balancer *balancer, const struct upstream *upstream,
                    const struct server_registry *servers,
                    const struct balancer_question *question);

/* Whether the one server of an upstream has as much to do as it may. */
bool balancer_is_full(const struct upstream *upstream);

/* Whether any server of it that was not tried has, so that it makes sense to wait. */
COLD bool balancer_has_full(const struct upstream *upstream, const uint16_t *tried,
                            unsigned tried_count);

/* Whether the one server of an upstream may be asked, as far as it is set aside somewhere. */
COLD bool balancer_serves(const struct upstream *upstream,
                          const struct balancer_question *question);

/* What is compared where servers are chosen by how soon they answer (BALANCE_LEAST_TIME): the
 * expected time times the calls in progress, with this one. Any thread. */
uint64_t balancer_time_load(const struct server *server, uint64_t now);
