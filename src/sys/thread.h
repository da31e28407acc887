/* Threads, as few words as possible. The simulation replaces this file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sys_thread;

/* Starts `run(argument)`. `name` (at most 15 characters) shows in tools. NULL: the system refused.
 * All signals are blocked in the new thread, but the one of sys_thread_interrupt. */
struct sys_thread *sys_thread_start(const char *name, void (*run)(void *argument), void *argument);

/* Waits for its end and frees it. */
void sys_thread_join(struct sys_thread *thread);

/* Nobody waits for its end: frees what it is known by. It has begun to run. What it touches from
 * now on has to stay for it, also while the process ends. */
void sys_thread_leave(struct sys_thread *thread);

/* What interrupted threads do, in the whole process: they call `answer` in the middle of whatever
 * they are at, which therefore may do no more than a handler of signals may (signal-safety(7)). */
void sys_thread_on_interrupt(void (*answer)(void));

/* Without sys_thread_on_interrupt nothing comes of it. The thread goes on behind it. */
void sys_thread_interrupt(struct sys_thread *thread);

/* Lets the calling thread sleep. */
void sys_pause(unsigned ms);

/* Gives memory that was freed back to the system. Takes a few milliseconds after a burst. */
void sys_trim_memory(void);

/* How many CPUs this process may use, at least 1. */
unsigned sys_cpu_count(void);

/* A lock with a condition to wait for. */
struct sys_lock;
struct sys_lock *sys_lock_new(void);
void sys_lock_free(struct sys_lock *lock);
void sys_lock_take(struct sys_lock *lock);
void sys_lock_release(struct sys_lock *lock);
/* The caller holds the lock. False: `timeout_ms` passed (-1: none). */
bool sys_lock_wait(struct sys_lock *lock, int timeout_ms);
void sys_lock_wake_all(struct sys_lock *lock);
