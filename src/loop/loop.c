/* The loop itself. Sockets and timers have files of their own; here is the order of a turn. */
#include "loop/loop.h"

#include "base/assert.h"
#include "loop/last_words.h"
#include "loop/loop_int.h"
#include "loop/outbox.h"
#include "loop/timer.h"
#include "sys/clock.h"

#include <stdatomic.h>
#include <stdlib.h>

/* News of one turn. More receives in a row, and Linux would interrupt the processor that sent the
 * packets for it to free their memory: it does when half of net.core.skb_defer_max (64) wait, where
 * a send of that processor would have freed them in passing. */
enum { NEWS_MAX = 32 };

struct loop {
    struct sys_poller *poller;
    struct buffer_pools buffers;
    struct list deferred;
    struct list graves;
    uint64_t now;
    uint64_t turn_began_ns, turn_took_ns;
    int64_t wall;
    uint64_t chance;
    size_t news_count, news_next; /* of this turn; what lies before `news_next` was handed out */
    struct sys_ready news[NEWS_MAX];
    struct timer_wheel wheel;
    size_t mail_count;            /* of the last messages that came together */
    struct message *_Atomic mail; /* the newest first; the only field that other threads touch */
    struct last_words_list last_words;
    struct outbox outbox;
};

static void read_clock(struct loop *loop)
{
    loop->turn_began_ns = sys_monotonic_ns();
    loop->now = loop->turn_began_ns / 1000000;
    loop->wall = sys_wall_seconds();
}

struct loop *loop_new(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return NULL;
    loop->poller = sys_poller_new();
    if (!loop->poller || !buffer_pools_init(&loop->buffers)) {
        sys_poller_free(loop->poller);
        free(loop);
        return NULL;
    }
    list_init(&loop->deferred);
    list_init(&loop->graves);
    list_init(&loop->last_words.list);
    sys_random(&loop->chance, sizeof(loop->chance));
    loop->chance |= 1;
    read_clock(loop);
    timer_wheel_init(&loop->wheel, loop->now);
    return loop;
}

static void empty_graveyard(struct loop *loop)
{
    struct list *link;
    while ((link = list_pop_front(&loop->graves))) {
        struct grave *grave = CONTAINER_OF(link, struct grave, link);
        grave->bury(grave);
    }
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    ASSERT(outbox_is_empty(&loop->outbox));
    last_words_cut(loop);
    empty_graveyard(loop);
    ASSERT(list_is_empty(&loop->deferred) && list_is_empty(&loop->graves));
    sys_poller_free(loop->poller);
    buffer_pools_fini(&loop->buffers);
    free(loop);
}

/* Runs what was deferred before, and not what that work defers in turn: a task that always defers
 * itself again must not keep the loop from its sockets. */
static void run_deferred(struct loop *loop)
{
    struct list ready;
    list_init(&ready);
    list_move_all(&ready, &loop->deferred);
    struct list *link;
    while ((link = list_pop_front(&ready))) {
        struct task *task = CONTAINER_OF(link, struct task, link);
        task->run(task);
        empty_graveyard(loop);
    }
}

/* The mail in the order in which it was sent. */
static struct message *take_mail(struct loop *loop)
{
    struct message *newest = atomic_exchange_explicit(&loop->mail, NULL, memory_order_acquire);
    struct message *oldest = NULL;
    for (loop->mail_count = 0; newest; loop->mail_count++) {
        struct message *older = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}

static void deliver_mail(struct loop *loop)
{
    struct message *message = take_mail(loop);
    while (message) {
        struct message *next = message->next;
        message->deliver(loop, message);
        empty_graveyard(loop);
        message = next;
    }
}

static void hand_out_news(struct loop *loop)
{
    ASSERT(loop->news_count <= NEWS_MAX && loop->news_next == 0);
    while (loop->news_next < loop->news_count) {
        struct sys_ready ready = loop->news[loop->news_next++];
        struct watcher *watcher = ready.owner;
        if (!watcher)
            continue; /* a wake-up, or forgotten meanwhile */
        watcher->on_ready(watcher, ready.what);
        empty_graveyard(loop);
    }
}

static void let_go(struct loop *loop)
{
    outbox_let_go(&loop->outbox);
    empty_graveyard(loop);
}

static int shortest_wait(const struct loop *loop, int timeout_ms)
{
    if (!list_is_empty(&loop->deferred))
        return 0;
    int wheel = timer_wheel_wait(&loop->wheel, loop->now);
    if (wheel < 0 || (timeout_ms >= 0 && timeout_ms < wheel))
        return timeout_ms;
    return wheel;
}

void loop_turn(struct loop *loop, int timeout_ms)
{
    ASSERT(timeout_ms >= -1);
    let_go(loop); /* what was said between turns */
    int wait = shortest_wait(loop, timeout_ms);
    loop->news_next = 0;
    loop->news_count = sys_poll_wait(loop->poller, loop->news, NEWS_MAX, wait);
    read_clock(loop);
    hand_out_news(loop);
    deliver_mail(loop);
    timer_wheel_advance(&loop->wheel, loop->now);
    empty_graveyard(loop);
    run_deferred(loop);
    let_go(loop);
    loop->turn_took_ns = sys_monotonic_ns() - loop->turn_began_ns;
}

uint64_t loop_turn_time(const struct loop *loop)
{
    return loop->turn_took_ns / 1000;
}

uint64_t loop_now(const struct loop *loop)
{
    return loop->now;
}

int64_t loop_wall(const struct loop *loop)
{
    return loop->wall;
}

struct buffer_pools *loop_buffers(struct loop *loop)
{
    return &loop->buffers;
}

struct timer_wheel *loop_wheel(struct loop *loop)
{
    return &loop->wheel;
}

struct outbox *loop_outbox(struct loop *loop)
{
    return &loop->outbox;
}

struct last_words_list *loop_last_words(struct loop *loop)
{
    return &loop->last_words;
}

bool loop_has_last_words(const struct loop *loop)
{
    return loop->last_words.count > 0;
}

struct sys_poller *loop_poller(struct loop *loop)
{
    return loop->poller;
}

void loop_forget(struct loop *loop, const struct watcher *watcher)
{
    for (size_t i = loop->news_next; i < loop->news_count; i++) {
        if (loop->news[i].owner == watcher)
            loop->news[i].owner = NULL;
    }
}

/* xorshift64* (Vigna 2016). */
uint64_t loop_chance(struct loop *loop)
{
    uint64_t x = loop->chance;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    loop->chance = x;
    return x * 0x2545f4914f6cdd1du;
}

void task_init(struct task *task, void (*run)(struct task *task))
{
    ASSERT(run);
    list_init(&task->link);
    task->run = run;
}

void loop_defer(struct loop *loop, struct task *task)
{
    ASSERT(task->run);
    if (list_is_empty(&task->link))
        list_push_back(&loop->deferred, &task->link);
}

void task_cancel(struct task *task)
{
    list_remove(&task->link);
}

void loop_bury(struct loop *loop, struct grave *grave, void (*bury)(struct grave *grave))
{
    ASSERT(bury);
    grave->bury = bury;
    list_push_back(&loop->graves, &grave->link);
}

void loop_send(struct loop *loop, struct message *message)
{
    ASSERT(message->deliver);
    struct message *newest = atomic_load_explicit(&loop->mail, memory_order_relaxed);
    do {
        message->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&loop->mail, &newest, message,
                                                    memory_order_release, memory_order_relaxed));
    if (!newest)
        sys_poll_wake(loop->poller);
}

size_t loop_mail_count(const struct loop *loop)
{
    return loop->mail_count;
}

size_t loop_task_count(const struct loop *loop)
{
    size_t count = 0;
    LIST_EACH (link, &loop->deferred)
        count++;
    return count;
}
