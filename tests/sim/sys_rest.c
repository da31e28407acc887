/* The rest of src/sys/: virtual clocks, no threads, no files, no names. */
#include "base/assert.h"
#include "sim/sys_floor.h"
#include "sys/clock.h"
#include "sys/open.h"
#include "sys/resolve.h"
#include "sys/rights.h"
#include "sys/signal.h"
#include "sys/thread.h"

#include <errno.h>
#include <unistd.h>

/* ---- clock */

uint64_t sys_monotonic_ms(void)
{
    return world_now() / US_PER_MS;
}

uint64_t sys_monotonic_ns(void)
{
    return world_now() * 1000;
}

int64_t sys_wall_seconds(void)
{
    return 1700000000 + (int64_t)(world_now() / US_PER_S);
}

int64_t sys_wall_ms(void)
{
    return sys_wall_seconds() * 1000 + (int64_t)(world_now() / US_PER_MS % 1000);
}

void sys_random(void *memory, uint64_t size)
{
    struct chance chance = chance_of(world_seed(), 1004);
    for (uint64_t i = 0; i < size; i++)
        ((unsigned char *)memory)[i] = (unsigned char)chance_next(&chance);
}

/* ---- threads: there is one, and nobody to lock out */

struct sys_lock {
    bool taken;
};

struct sys_thread *sys_thread_start(const char *name, void (*run)(void *argument), void *argument)
{
    (void)name;
    (void)run;
    (void)argument;
    return NULL;
}

void sys_thread_join(struct sys_thread *thread)
{
    ASSERT(!thread);
}

void sys_thread_leave(struct sys_thread *thread)
{
    ASSERT(!thread);
}

unsigned sys_cpu_count(void)
{
    return 1;
}

struct sys_lock *sys_lock_new(void)
{
    return sim_calloc(sizeof(struct sys_lock));
}

void sys_lock_free(struct sys_lock *lock)
{
    CHECK(!lock || !lock->taken, "a lock is freed that is still taken");
    sim_free(lock);
}

void sys_lock_take(struct sys_lock *lock)
{
    CHECK(!lock->taken, "a lock is taken twice");
    lock->taken = true;
}

void sys_lock_release(struct sys_lock *lock)
{
    CHECK(lock->taken, "a lock is released that is not taken");
    lock->taken = false;
}

bool sys_lock_wait(struct sys_lock *lock, int timeout_ms)
{
    (void)lock;
    (void)timeout_ms;
    return false;
}

void sys_lock_wake_all(struct sys_lock *lock)
{
    (void)lock;
}

/* ---- names, signals */

struct sys_resolved sys_resolve(const struct dns_settings *settings, const char *name,
                                uint16_t port, struct address *ret_addresses, uint32_t max)
{
    (void)settings;
    (void)name;
    (void)port;
    (void)ret_addresses;
    (void)max;
    return (struct sys_resolved){.reason = "there are no names here"};
}

void sys_signals_prepare(void)
{
}

int sys_signals_open(bool passed_on)
{
    (void)passed_on;
    return -ENOSYS;
}

enum sys_signal sys_signals_take(int fd)
{
    (void)fd;
    return SYS_SIGNAL_NONE;
}

/* ---- who we are */

bool sys_find_user(const char *user, const char *group, uint32_t *ret_user, uint32_t *ret_group,
                   const char **ret_problem)
{
    (void)user;
    (void)group;
    *ret_user = *ret_group = 1;
    *ret_problem = NULL;
    return true;
}

/* Only a failed assertion writes, on the real standard error. */
int sys_write(int fd, struct slice *rest, unsigned patience_ms)
{
    (void)patience_ms;
    ssize_t count = write(fd, rest->data, rest->length);
    *rest = slice_from(*rest, count > 0 ? (size_t)count : 0);
    return 0;
}

/* ---- opening by name */

static int open_listening(struct sys_opener *opener, const struct address *address,
                          const struct sys_listen_options *options)
{
    (void)opener;
    return sys_listen(address, options);
}

struct sys_opener *sys_opener_direct(void)
{
    static struct sys_opener opener = {.listen = open_listening};
    return &opener;
}
