/* The worker: what serves. Loops in threads of their own, the listeners that they share, the
 * registries that outlive snapshots. Spoken to by one thread, that of the
 * control loop. */
#pragma once

#include "conf/snapshot.h"
#include "sys/open.h"
#include "upstream/server.h"

struct loop_counts;
struct loop_gauges;
struct follower;
struct metrics_registry;
struct roster;
struct worker;

/* `servers` and `opener` must outlive it. NULL: no memory. */
struct worker *worker_new(struct server_registry *servers, struct sys_opener *opener);

/* Who follows the names of its snapshots from now on (upstream/follower.h); it must outlive the
 * worker, or be taken back with NULL. */
void worker_set_follower(struct worker *worker, struct follower *follower);

/* Opens the listeners of the snapshot and serves it on `threads` loops. Takes over one reference to
 * the snapshot. False: nothing is served; worker_problem says why. Once. */
bool worker_start(struct worker *worker, struct snapshot *snapshot, unsigned threads);

/* Makes a snapshot the current one, without loss: what runs ends under its own, listeners that both
 * have stay open, clients of those that are gone leave. Takes over one reference. False: the one
 * before stays, nothing has changed, and worker_problem says why. Returns when all loops serve it.
 */
bool worker_publish(struct worker *worker, struct snapshot *snapshot);

/* The current one; it lives until the next is published. */
struct snapshot *worker_snapshot(const struct worker *worker);

/* How many are in memory: the current one, and those before it that are still used. */
uint64_t worker_snapshots(const struct worker *worker);

/* The servers that its snapshots were built with. */
struct server_registry *worker_servers(const struct worker *worker);

/* Who belongs to its upstreams. */
struct roster *worker_roster(const struct worker *worker);

/* One sentence about what went wrong. */
const char *worker_problem(const struct worker *worker);

enum { LISTENERS_TEXT_MAX = 1024 };

/* Where it listens: addresses with the ports that were bound, in `text`, with commas. */
void worker_print_listeners(const struct worker *worker, struct text *text);

/* How many loops it has, and how many connections clients have open on all of them. */
unsigned worker_threads(const struct worker *worker);
uint64_t worker_connections(const struct worker *worker);

/* Whether it stops: it accepts nobody any more. */
bool worker_is_draining(const struct worker *worker);

/* Asked every second: tells of a loop that has not turned for some. Whether all have turned since
 * it was asked before. */
bool worker_watch(struct worker *worker);

/* For the metrics: what is counted and measured of each loop, of routes, and of loops that hung. */
const struct loop_counts *worker_counts(const struct worker *worker, unsigned loop);
const struct loop_gauges *worker_gauges(const struct worker *worker, unsigned loop);
const struct metrics_registry *worker_metrics(const struct worker *worker);
uint64_t worker_hangs(const struct worker *worker);

/* How long a loop took, or takes by now, to come to a message. */
uint64_t worker_delay_microseconds(const struct worker *worker, unsigned loop);

struct accept_queue;

/* The connections that wait to be accepted at each TCP listener, `max` listeners at most; returns
 * how many those are. */
unsigned worker_accept_queues(const struct worker *worker, struct accept_queue *ret_queues,
                              unsigned max);

/* Asked every second: frees old snapshots, listeners and servers that nobody uses any more. */
void worker_tidy(struct worker *worker);

/* Asked now and then: after a burst of clients is over, their memory goes back to the system. */
void worker_rest(struct worker *worker);

/* Stops accepting; what runs may come to its end. */
void worker_drain(struct worker *worker);

/* The same, but who is connected may ask once more before he is sent away: another process serves
 * on the same sockets. */
void worker_leave(struct worker *worker);

/* Whether nobody is accepted any more, on no loop. */
bool worker_is_closed(const struct worker *worker);

/* Closes the sockets of all listeners then, also those that the supervisor keeps, unless another
 * worker serves on them. */
void worker_close_listeners(struct worker *worker);

/* Whether everything has come to its end. */
bool worker_is_done(const struct worker *worker);

/* Cuts what still runs. */
void worker_abort(struct worker *worker);

/* Waits for the loops, which are drained or aborted, and frees everything. NULL is accepted. */
void worker_free(struct worker *worker);
