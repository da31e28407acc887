#include "sys/signal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const struct {
    int number;
    enum sys_signal signal;
} plain[] = {
    {SIGTERM, SYS_SIGNAL_STOP},   {SIGINT, SYS_SIGNAL_STOP},     {SIGHUP, SYS_SIGNAL_RELOAD},
    {SIGUSR1, SYS_SIGNAL_REOPEN}, {SIGUSR2, SYS_SIGNAL_UPGRADE},
};

enum { PLAIN_COUNT = sizeof(plain) / sizeof(plain[0]) };

/* Real-time signals, each of which arrives: a plain one is lost while another of its number waits.
 */
static int passed_number(enum sys_signal signal)
{
    return SIGRTMIN + (int)signal;
}

static void add_plain(sigset_t *set)
{
    for (int i = 0; i < PLAIN_COUNT; i++)
        sigaddset(set, plain[i].number);
}

static void add_passed(sigset_t *set)
{
    for (int i = SYS_SIGNAL_STOP; i <= SYS_SIGNAL_UPGRADE; i++)
        sigaddset(set, passed_number((enum sys_signal)i));
}

void sys_signals_prepare(void)
{
    sigset_t waited;
    sigemptyset(&waited);
    add_plain(&waited);
    add_passed(&waited);
    (void)pthread_sigmask(SIG_BLOCK, &waited, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGXFSZ, &ignore, NULL); /* a log at its limit (RLIMIT_FSIZE) is a full disk */
}

int sys_signals_open(bool passed_on)
{
    sigset_t waited;
    sigemptyset(&waited);
    if (passed_on)
        add_passed(&waited);
    else
        add_plain(&waited);
    int fd = signalfd(-1, &waited, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

enum sys_signal sys_signals_take(int fd)
{
    struct signalfd_siginfo taken;
    if (read(fd, &taken, sizeof(taken)) != sizeof(taken))
        return SYS_SIGNAL_NONE;
    int number = (int)taken.ssi_signo;
    for (int i = 0; i < PLAIN_COUNT; i++) {
        if (plain[i].number == number)
            return plain[i].signal;
    }
    return (enum sys_signal)(number - SIGRTMIN);
}

bool sys_signals_stop_waits(bool passed_on)
{
    sigset_t waiting;
    sigemptyset(&waiting);
    (void)sigpending(&waiting);
    if (passed_on)
        return sigismember(&waiting, passed_number(SYS_SIGNAL_STOP)) == 1;
    return sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGINT) == 1;
}

void sys_signal_pass(int process, enum sys_signal signal)
{
    if (signal != SYS_SIGNAL_NONE)
        (void)kill(process, passed_number(signal));
}

void sys_signal_stop_with_parent(void)
{
    (void)prctl(PR_SET_PDEATHSIG, passed_number(SYS_SIGNAL_STOP));
}
