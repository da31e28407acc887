/* A process that this one makes and watches. One thread. */
#pragma once

#include "sys/signal.h"

#include <stdbool.h>
#include <stdint.h>

struct sys_child {
    int process;    /* its number; 0: there is none */
    int descriptor; /* readable when it has ended */
};

/* Makes a copy of this process, which must have one thread. 1 in this process, with the child; 0 in
 * the child, which is told SYS_SIGNAL_STOP when this process ends; -errno. */
int sys_child_start(struct sys_child *ret_child);

/* Passes a signal on (sys_signals_open with `passed_on`). */
void sys_child_signal(const struct sys_child *child, enum sys_signal signal);

/* Ends it at once; or has it end itself, with a dump of its memory where the system makes such. */
void sys_child_kill(const struct sys_child *child);
void sys_child_abort(const struct sys_child *child);

/* How a child ended. */
struct sys_end {
    bool was_killed; /* by a signal, `number`; else `number` is its exit status */
    int number;
};

/* False: it has not ended. Otherwise nothing is left of it. */
bool sys_child_take_end(struct sys_child *child, struct sys_end *ret_end);

/* `KILL`, `SEGV`; `unknown` where there is no such signal. */
const char *sys_signal_name(int number);

/* Waits until one of the descriptors (those below 0 are passed over) is readable or its other side
 * is gone, `timeout_ms` at most (-1: without end). */
void sys_await_readable(const int *descriptors, unsigned count, int timeout_ms);
