/* Timers, made for deadlines that are nearly always moved before they pass. Setting a deadline
 * later than the wheel expects writes one number; the wheel looks at it when it gets there. A timer
 * fires at most TIMER_TICK_MS late (and never early). Belongs to one loop. */
#pragma once

#include "base/list.h"
#include "loop/loop.h"

enum { TIMER_TICK_MS = 16 };

struct timer {
    struct list link;  /* in a slot of the wheel */
    uint64_t deadline; /* milliseconds; 0: not set */
    uint64_t expected; /* when the wheel will look */
    void (*fire)(struct timer *timer);
};

void timer_init(struct timer *timer, void (*fire)(struct timer *timer));

/* Fires once, `after_ms` from the beginning of this turn. 0 unsets it. */
void timer_set(struct loop *loop, struct timer *timer, uint64_t after_ms);

/* It will not fire, but stays in the wheel: cheap, for what will be set again. */
void timer_unset(struct timer *timer);

/* Takes it out of the wheel: before its memory goes. */
void timer_fini(struct timer *timer);

static inline bool timer_is_set(const struct timer *timer)
{
    return timer->deadline != 0;
}

/* ---- the wheel, for the loop itself. */

enum { TIMER_SLOTS = 2048 }; /* one turn of the wheel: 32 s */

struct timer_wheel {
    struct list slots[TIMER_SLOTS];
    uint64_t used[TIMER_SLOTS / 64]; /* a bit per slot that may hold timers */
    uint64_t now_tick;
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms);

/* Fires what is due. */
void timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ms);

/* Milliseconds until the wheel must be looked at again, -1 for never. */
int timer_wheel_wait(const struct timer_wheel *wheel, uint64_t now_ms);

struct timer_wheel *loop_wheel(struct loop *loop);
