/* Readiness of descriptors: epoll, edge-triggered. The simulation replaces this file. A poller
 * belongs to one thread; only sys_poll_wake may be called by others. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As the system numbers them, so that nothing has to be translated; others may be set as well. */
enum {
    SYS_READABLE = 0x1,
    SYS_WRITABLE = 0x4,
    SYS_ENDED = 0x2000, /* the peer ended its direction: reading will come to an end */
    SYS_BROKEN = 0x18,  /* any of its bits: both directions are over */
};

struct sys_ready {
    void *owner; /* as given to sys_poll_add; NULL for a wake-up */
    unsigned what;
};

struct sys_poller;

struct sys_poller *sys_poller_new(void);
void sys_poller_free(struct sys_poller *poller);

/* Watches a descriptor until it is closed: every change to readable, writable or ended is told
 * once. `listening`: tell it while there is somebody to accept (level-triggered), and wake one of
 * several pollers only. 0 or -errno. */
int sys_poll_add(struct sys_poller *poller, int fd, void *owner, bool listening);
int sys_poll_remove(struct sys_poller *poller, int fd);

/* Waits up to `timeout_ms` (-1: for ever) and fills at most `max` entries; returns how many, 0
 * also when a signal came. */
size_t sys_poll_wait(struct sys_poller *poller, struct sys_ready *ret_ready, size_t max,
                     int timeout_ms);

/* Makes a wait return soon, with an entry without owner. Any thread. */
void sys_poll_wake(struct sys_poller *poller);
