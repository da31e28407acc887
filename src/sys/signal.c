#include "sys/signal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

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

int sys_signals_open(void)
{
    sigset_t waited;
    fill_waited(&waited);
    int fd = signalfd(-1, &waited, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

enum sys_signal sys_signals_take(int fd)
{
    struct signalfd_siginfo taken;
    if (read(fd, &taken, sizeof(taken)) != sizeof(taken))
        return SYS_SIGNAL_NONE;
    switch (taken.ssi_signo) {
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
