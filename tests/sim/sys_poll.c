/* src/sys/poll.h with the semantics of epoll: an edge puts a descriptor on the list of what may
 * have news; a wait asks each of them for its state and takes it from the list, unless it is a
 * listening one that still has somebody waiting. */
#include "sys/poll.h"

#include "base/assert.h"
#include "sim/sys_floor.h"

#include <errno.h>

struct sys_poller {
    struct list link; /* among all pollers */
    struct list ready;
    bool woken;
    bool asleep;    /* its last wait found no news */
    uint64_t until; /* and is over then */
};

enum { TURNS_MAX = 400 * 1000 };

static struct chance poll_chance;
static uint64_t turns;
static struct list pollers = {&pollers, &pollers};

void (*floor_on_turn)(void);

void poll_begin(void)
{
    poll_chance = chance_of(world_seed(), 1003);
    turns = 0;
}

struct sys_poller *sys_poller_new(void)
{
    struct sys_poller *poller = sim_calloc(sizeof(*poller));
    list_init(&poller->ready);
    list_push_back(&pollers, &poller->link);
    return poller;
}

void sys_poller_free(struct sys_poller *poller)
{
    if (!poller)
        return;
    CHECK(list_is_empty(&poller->ready), "a poller is freed while descriptors are in it");
    list_remove(&poller->link);
    sim_free(poller);
}

/* As tcp_poll of Linux. A poll that finds no room asks to be told of it. */
unsigned poll_socket(struct end *end)
{
    if (end->connecting)
        return 0;
    if (end->reset)
        return SYS_READABLE | SYS_WRITABLE | SYS_ENDED | SYS_BROKEN;
    unsigned what = 0;
    if (end->in.length > 0)
        what |= SYS_READABLE;
    if (end->in_ended)
        what |= SYS_READABLE | SYS_ENDED;
    if (end->in_ended && end->shut)
        what |= SYS_BROKEN;
    if (end->shut || end_is_writable(end))
        what |= SYS_WRITABLE;
    else
        end->wants_room = true;
    return what;
}

static unsigned poll(const struct descriptor *descriptor)
{
    if (descriptor->kind == DESCRIPTOR_LISTENER)
        return list_is_empty(&descriptor->listening->waiting) ? 0 : SYS_READABLE;
    return poll_socket(descriptor->end);
}

void poll_tell(int fd)
{
    struct descriptor *descriptor = descriptor_any(fd);
    if (descriptor->poller && list_is_empty(&descriptor->ready))
        list_push_back(&descriptor->poller->ready, &descriptor->ready);
}

int sys_poll_add(struct sys_poller *poller, int fd, void *owner, bool listening)
{
    floor_enter();
    ASSERT(owner);
    struct descriptor *descriptor =
        descriptor_get(fd, listening ? DESCRIPTOR_LISTENER : DESCRIPTOR_SOCKET);
    CHECK(!descriptor->poller, "descriptor %d is watched twice", fd);
    if (fault_strikes(fault_rates()->watch))
        return -ENOSPC;
    descriptor->poller = poller;
    descriptor->watcher = owner;
    if (poll(descriptor))
        poll_tell(fd);
    return 0;
}

int sys_poll_remove(struct sys_poller *poller, int fd)
{
    struct descriptor *descriptor = descriptor_any(fd);
    if (descriptor->poller != poller)
        return -ENOENT;
    list_remove(&descriptor->ready);
    descriptor->poller = NULL;
    return 0;
}

static size_t collect(struct sys_poller *poller, struct sys_ready *ret_ready, size_t max)
{
    size_t count = 0;
    struct list level;
    list_init(&level);
    if (poller->woken) {
        poller->woken = false;
        ret_ready[count++] = (struct sys_ready){NULL, SYS_READABLE};
    }
    while (count < max && !list_is_empty(&poller->ready)) {
        struct list *link = list_pop_front(&poller->ready);
        struct descriptor *descriptor = CONTAINER_OF(link, struct descriptor, ready);
        unsigned what = poll(descriptor);
        if (!what)
            continue;
        ret_ready[count++] = (struct sys_ready){descriptor->watcher, what};
        TRACE("the poller tells %x of %d", what, descriptor->number);
        if (descriptor->kind == DESCRIPTOR_LISTENER)
            list_push_back(&level, link);
    }
    list_move_all(&poller->ready, &level);
    return count;
}

static void begin_wait(void)
{
    CHECK(++turns < TURNS_MAX, "the loop turns for ever");
    if (floor_on_turn)
        floor_on_turn();
}

/* Does not let time pass, as there may be other loops: that is done by floor_wait. */
size_t sys_poll_wait(struct sys_poller *poller, struct sys_ready *ret_ready, size_t max,
                     int timeout_ms)
{
    begin_wait();
    world_pass(world_now() + chance_between(&poll_chance, 1, 20));
    world_catch_up();
    poller->asleep = false;
    if (fault_strikes(fault_rates()->early_wake))
        return 0;
    size_t count = collect(poller, ret_ready, max);
    if (count > 0)
        return count;
    poller->asleep = true;
    poller->until = timeout_ms < 0 ? UINT64_MAX : world_now() + (uint64_t)timeout_ms * US_PER_MS;
    return 0;
}

bool floor_may_turn(const struct sys_poller *poller)
{
    if (!poller->asleep || poller->woken || poller->until <= world_now())
        return true;
    LIST_EACH (link, &poller->ready) {
        if (poll(CONTAINER_OF(link, struct descriptor, ready)))
            return true;
    }
    return false;
}

static bool any_may_turn(uint64_t *ret_until)
{
    *ret_until = UINT64_MAX;
    LIST_EACH (link, &pollers) {
        const struct sys_poller *poller = CONTAINER_OF(link, struct sys_poller, link);
        if (floor_may_turn(poller))
            return true;
        if (poller->until < *ret_until)
            *ret_until = poller->until;
    }
    return false;
}

void floor_wait(void)
{
    uint64_t until;
    while (!any_may_turn(&until)) {
        CHECK(until < UINT64_MAX || world_next() < UINT64_MAX,
              "the loops wait for what will never happen");
        if (world_next() <= until)
            world_step();
        else
            world_pass(until);
    }
    /* Now and then several things have happened before anybody looks. */
    if (chance_one_in(&poll_chance, 4)) {
        uint64_t late = world_now() + chance_below(&poll_chance, 2000);
        while (world_next() <= late && world_next() < until)
            world_step();
    }
}

void sys_poll_wake(struct sys_poller *poller)
{
    poller->woken = true;
}
