/* Upstreams whose servers come and go while a snapshot is served. Another list of members is a
 * whole upstream again, an *edition*: settings copied, members its own, immutable. It stands in the
 * place of the snapshot's upstream until the next one does. The control loop makes editions and
 * swaps them; each loop counts its calls under each, and when on no loop any is left the edition
 * goes. An upstream without an edition is not counted, and costs nothing of all this.
 *
 * Within one event of its loop anybody may look at an edition that upstream_now has given; beyond
 * that only who holds it. */
#pragma once

#include "base/cold.h"
#include "upstream/upstream.h"

struct edition;
struct lending_circle;
struct upstreams;

/* Whether another list than that of its lines holds, or it is such a list itself. */
static inline bool upstream_is_swapped(const struct upstream *upstream)
{
    return atomic_load_explicit(&upstream->edition, memory_order_relaxed) != NULL;
}

/* The one whose members hold now; itself, where it was never swapped. Any thread. */
COLD const struct upstream *upstream_now(const struct upstream *upstream);

/* The same for a call of this loop, which is counted until edition_let_go. `upstream` is swapped.
 */
COLD const struct upstream *edition_hold(const struct upstream *upstream,
                                         struct upstreams *upstreams);
COLD void edition_let_go(const struct upstream *upstream, struct upstreams *upstreams);

/* ---- the control loop */

/* An edition of the upstream of that snapshot, with these members, none of which is a followed
 * line. NULL: no memory. */
struct edition *edition_new(const struct upstream *upstream, const struct snapshot *snapshot,
                            const struct server_setting *const *items, size_t count,
                            const struct lending_circle *circle);

/* Of one that was not swapped in. NULL is accepted. */
void edition_free(struct edition *edition);

/* The edition as the upstream that it is. */
const struct upstream *edition_upstream(const struct edition *edition);

/* It holds from now on; the loops are told, and close their idle connections to servers that have
 * left. False: no memory, and nothing has changed. `upstream` is one of the table. */
bool edition_swap(struct upstream_table *table, const struct upstream *upstream,
                  struct edition *edition, const struct lending_circle *circle);

/* The same before any loop knows the snapshot: there is nothing to tell. */
void edition_put(const struct upstream *upstream, struct edition *edition);

/* Frees editions that no loop has calls under any more. To be called now and then. */
void editions_tidy(struct upstream_table *table);

/* All of them go, with the snapshot: no loop has anything of it any more. */
void editions_fini(struct upstream_table *table);
