#include "sys/thread.h"

#include "base/assert.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { INTERRUPT = SIGURG }; /* one that is ignored where nobody wants it, and nobody else uses */

struct sys_thread {
    pthread_t thread;
    void (*run)(void *argument);
    void *argument;
    char name[16];
};

static void *begin(void *argument)
{
    struct sys_thread *thread = argument;
    (void)pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->argument);
    return NULL;
}

struct sys_thread *sys_thread_start(const char *name, void (*run)(void *argument), void *argument)
{
    struct sys_thread *thread = calloc(1, sizeof(*thread));
    if (!thread)
        return NULL;
    thread->run = run;
    thread->argument = argument;
    strncpy(thread->name, name, sizeof(thread->name) - 1);
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGSYS); /* sys/sandbox_calls.c wants to tell of it */
    sigdelset(&all, INTERRUPT);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int refused = pthread_create(&thread->thread, NULL, begin, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (refused) {
        free(thread);
        return NULL;
    }
    return thread;
}

void sys_thread_join(struct sys_thread *thread)
{
    int failed = pthread_join(thread->thread, NULL);
    ASSERT(!failed);
    free(thread);
}

void sys_thread_leave(struct sys_thread *thread)
{
    int failed = pthread_detach(thread->thread);
    ASSERT(!failed);
    free(thread);
}

static void (*interrupt_answer)(void);

static void on_interrupt(int number)
{
    int before = errno;
    (void)number;
    interrupt_answer();
    errno = before;
}

void sys_thread_on_interrupt(void (*answer)(void))
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    interrupt_answer = answer;
    (void)sigaction(INTERRUPT, &action, NULL);
}

void sys_thread_interrupt(struct sys_thread *thread)
{
    (void)pthread_kill(thread->thread, INTERRUPT);
}

void sys_pause(unsigned ms)
{
    struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

void sys_trim_memory(void)
{
    (void)malloc_trim(0);
}

unsigned sys_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? (unsigned)count : 1;
}

struct sys_lock {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
};

struct sys_lock *sys_lock_new(void)
{
    struct sys_lock *lock = calloc(1, sizeof(*lock));
    if (!lock)
        return NULL;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&lock->mutex, NULL);
    (void)pthread_cond_init(&lock->condition, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return lock;
}

void sys_lock_free(struct sys_lock *lock)
{
    if (!lock)
        return;
    (void)pthread_cond_destroy(&lock->condition);
    (void)pthread_mutex_destroy(&lock->mutex);
    free(lock);
}

void sys_lock_take(struct sys_lock *lock)
{
    int failed = pthread_mutex_lock(&lock->mutex);
    ASSERT(!failed);
}

void sys_lock_release(struct sys_lock *lock)
{
    int failed = pthread_mutex_unlock(&lock->mutex);
    ASSERT(!failed);
}

bool sys_lock_wait(struct sys_lock *lock, int timeout_ms)
{
    if (timeout_ms < 0)
        return pthread_cond_wait(&lock->condition, &lock->mutex) == 0;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return pthread_cond_timedwait(&lock->condition, &lock->mutex, &until) == 0;
}

void sys_lock_wake_all(struct sys_lock *lock)
{
    (void)pthread_cond_broadcast(&lock->condition);
}
