/* One wheel of 2048 slots of 16 ms. What lies beyond a turn of the wheel waits in its last slot and
 * is put in again; with deadlines of seconds that is rare, and cheaper than a hierarchy. */
#include "loop/timer.h"

#include "base/assert.h"

static uint64_t tick_of(uint64_t ms)
{
    return ms / TIMER_TICK_MS;
}

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms)
{
    for (int i = 0; i < TIMER_SLOTS; i++)
        list_init(&wheel->slots[i]);
    for (int i = 0; i < TIMER_SLOTS / 64; i++)
        wheel->used[i] = 0;
    wheel->now_tick = tick_of(now_ms);
}

static void insert(struct timer_wheel *wheel, struct timer *timer)
{
    ASSERT(timer->deadline > 0 && list_is_empty(&timer->link));
    uint64_t tick = tick_of(timer->deadline + TIMER_TICK_MS - 1);
    if (tick <= wheel->now_tick)
        tick = wheel->now_tick + 1;
    if (tick > wheel->now_tick + TIMER_SLOTS - 1)
        tick = wheel->now_tick + TIMER_SLOTS - 1;
    uint64_t slot = tick % TIMER_SLOTS;
    ASSERT(tick > wheel->now_tick);
    timer->expected = tick * TIMER_TICK_MS;
    list_push_back(&wheel->slots[slot], &timer->link);
    wheel->used[slot / 64] |= (uint64_t)1 << (slot % 64);
}

static void look_at(struct timer_wheel *wheel, struct timer *timer, uint64_t now_ms)
{
    if (timer->deadline == 0)
        return;
    if (timer->deadline > now_ms) {
        insert(wheel, timer);
        return;
    }
    timer->deadline = 0;
    timer->fire(timer);
}

static void fire_slot(struct timer_wheel *wheel, uint64_t slot, uint64_t now_ms)
{
    ASSERT(slot < TIMER_SLOTS && slot == wheel->now_tick % TIMER_SLOTS);
    wheel->used[slot / 64] &= ~((uint64_t)1 << (slot % 64));
    struct list due;
    list_init(&due);
    list_move_all(&due, &wheel->slots[slot]);
    struct list *link;
    while ((link = list_pop_front(&due)))
        look_at(wheel, CONTAINER_OF(link, struct timer, link), now_ms);
}

void timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ms)
{
    uint64_t target = tick_of(now_ms);
    /* After a long sleep every slot is looked at once, not once per turn that was missed. */
    if (target > wheel->now_tick + TIMER_SLOTS)
        wheel->now_tick = target - TIMER_SLOTS;
    while (wheel->now_tick < target) {
        wheel->now_tick++;
        uint64_t slot = wheel->now_tick % TIMER_SLOTS;
        if (wheel->used[slot / 64] >> (slot % 64) & 1)
            fire_slot(wheel, slot, now_ms);
    }
}

/* Ticks from `now_tick` to the next slot in use, 0 for none. */
static uint64_t next_used(const struct timer_wheel *wheel)
{
    for (uint64_t ahead = 1; ahead < TIMER_SLOTS;) {
        uint64_t slot = (wheel->now_tick + ahead) % TIMER_SLOTS;
        uint64_t rest = wheel->used[slot / 64] >> (slot % 64);
        if (rest)
            return ahead + (uint64_t)__builtin_ctzll(rest);
        ahead += 64 - slot % 64;
    }
    return 0;
}

int timer_wheel_wait(const struct timer_wheel *wheel, uint64_t now_ms)
{
    uint64_t ahead = next_used(wheel);
    if (ahead == 0)
        return -1;
    uint64_t due = (wheel->now_tick + ahead) * TIMER_TICK_MS;
    return due > now_ms ? (int)(due - now_ms) : 0;
}

void timer_init(struct timer *timer, void (*fire)(struct timer *timer))
{
    ASSERT(fire);
    *timer = (struct timer){.fire = fire};
    list_init(&timer->link);
}

void timer_set(struct loop *loop, struct timer *timer, uint64_t after_ms)
{
    ASSERT(timer->fire);
    if (after_ms == 0) {
        timer->deadline = 0;
        return;
    }
    timer->deadline = loop_now(loop) + after_ms;
    bool waiting = !list_is_empty(&timer->link);
    if (waiting && timer->expected <= timer->deadline + TIMER_TICK_MS)
        return;
    list_remove(&timer->link);
    insert(loop_wheel(loop), timer);
}

void timer_unset(struct timer *timer)
{
    timer->deadline = 0;
}

void timer_fini(struct timer *timer)
{
    timer->deadline = 0;
    list_remove(&timer->link);
}
