#include "sys/signal.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static void fill_waited(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGUSR2);
}

void sys_signals_prepare(void)
{
    sigset_t waited;
    fill_waited(&waited);
    (void)pthread_sigmask(SIG_BLOCK, &waited, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

enum sys_signal sys_signals_wait(int timeout_ms)
{
    sigset_t waited;
    fill_waited(&waited);
    struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    int number =
        timeout_ms < 0 ? sigwaitinfo(&waited, NULL) : sigtimedwait(&waited, NULL, &timeout);
    switch (number) {
    case SIGTERM:
    case SIGINT:
        return SYS_SIGNAL_STOP;
    case SIGHUP:
        return SYS_SIGNAL_RELOAD;
    case SIGUSR1:
        return SYS_SIGNAL_REOPEN;
    case SIGUSR2:
        return SYS_SIGNAL_UPGRADE;
    default:
        return SYS_SIGNAL_NONE;
    }
}
