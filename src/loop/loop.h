/* One event loop per thread: readiness of sockets, timers, deferred work, a graveyard, and a
 * mailbox through which other threads speak to it. Everything here belongs to the loop's thread,
 * except where it says otherwise.
 *
 * A turn: wait for news; for each piece of news call its receiver; deliver the mail; fire the
 * timers that are due; run what was deferred; let go what sockets have to send (loop/outbox.h).
 * Behind each of these calls the graveyard is emptied. Memory of what died is therefore valid until
 * the receiver that saw it die has returned. */
#pragma once

#include "base/buffer.h"
#include "base/list.h"

struct loop;

/* NULL: no memory or no descriptors. */
struct loop *loop_new(void);

/* Everything that was registered must be gone. */
void loop_free(struct loop *loop);

/* Whether sockets that were closed still have something to send: see loop/last_words.h. */
bool loop_has_last_words(const struct loop *loop);

/* One turn. Waits at most `timeout_ms` (-1: until there is news). */
void loop_turn(struct loop *loop, int timeout_ms);

/* Microseconds that the last turn took, behind its wait. */
uint64_t loop_turn_time(const struct loop *loop);

/* Milliseconds of the monotonic clock, as of the beginning of this turn. */
uint64_t loop_now(const struct loop *loop);

/* Seconds since 1970 as of this turn. */
int64_t loop_wall(const struct loop *loop);

/* The loop's buffers. */
struct buffer_pools *loop_buffers(struct loop *loop);

/* A random number, seeded once per loop. */
uint64_t loop_chance(struct loop *loop);

/* ---- deferred work: runs soon, in this turn, but not under the caller. */

struct task {
    struct list link;
    void (*run)(struct task *task);
};

void task_init(struct task *task, void (*run)(struct task *task));

/* Deferring what is deferred already changes nothing. */
void loop_defer(struct loop *loop, struct task *task);

/* Harmless where it was not deferred. */
void task_cancel(struct task *task);

/* ---- the graveyard: memory that is given back when nobody up the stack can look at it. */

struct grave {
    struct list link;
    void (*bury)(struct grave *grave); /* gives the memory back */
};

void loop_bury(struct loop *loop, struct grave *grave, void (*bury)(struct grave *grave));

/* ---- the mailbox: the only way in from other threads. */

struct message {
    struct message *next;
    /* Called on the receiving loop, which owns the message from then on. */
    void (*deliver)(struct loop *loop, struct message *message);
};

/* Hands a message over. Messages of one sender arrive in their order. Any thread. */
void loop_send(struct loop *loop, struct message *message);

/* How many came at once when the mailbox was last emptied. */
size_t loop_mail_count(const struct loop *loop);

/* How many tasks are deferred; walks over them. */
size_t loop_task_count(const struct loop *loop);
