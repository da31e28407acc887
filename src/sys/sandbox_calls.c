#include "sys/sandbox.h"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the worker does, and what the C library does under it: also where this one does not, since
 * another one may. Whatever makes a process, runs a program, or reaches into another process, into
 * the system or its devices is not here. */
static const int allowed[] = {
    /* connections */
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(getpeername),
    SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(recv),
    SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(send), SCMP_SYS(sendto),
    SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(shutdown), SCMP_SYS(sendfile),
    SCMP_SYS(sendfile64), SCMP_SYS(splice), SCMP_SYS(tee), SCMP_SYS(pipe), SCMP_SYS(pipe2),
    /* descriptors */
    SCMP_SYS(close), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(fcntl),
    SCMP_SYS(fcntl64), SCMP_SYS(lseek), SCMP_SYS(_llseek), SCMP_SYS(read), SCMP_SYS(readv),
    SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate),
    /* waiting */
    SCMP_SYS(epoll_create), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(ppoll_time64), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(eventfd2),
    SCMP_SYS(signalfd4), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime), SCMP_SYS(futex), SCMP_SYS(futex_time64), SCMP_SYS(futex_waitv),
    SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_nanosleep_time64),
    SCMP_SYS(restart_syscall),
    /* time */
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64), SCMP_SYS(clock_getres), SCMP_SYS(time),
    SCMP_SYS(gettimeofday), SCMP_SYS(times),
    /* memory */
    SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(munmap), SCMP_SYS(mprotect),
    SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(munlock),
    SCMP_SYS(membarrier), SCMP_SYS(getrandom),
    /* threads and signals of its own */
    SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(set_tid_address), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu), SCMP_SYS(exit), SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_sigpending),
    /* who it is and where */
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
    SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getresuid), SCMP_SYS(getresgid),
    SCMP_SYS(getgroups), SCMP_SYS(getpgid), SCMP_SYS(getpgrp), SCMP_SYS(getsid), SCMP_SYS(capget),
    SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrusage), SCMP_SYS(getrlimit),
    SCMP_SYS(ugetrlimit), SCMP_SYS(setrlimit), SCMP_SYS(getcwd),
    /* files, as far as sys_wall_off_files and the user let it */
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(stat64), SCMP_SYS(lstat),
    SCMP_SYS(lstat64), SCMP_SYS(fstat), SCMP_SYS(fstat64), SCMP_SYS(newfstatat),
    SCMP_SYS(fstatat64), SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64), SCMP_SYS(fadvise64)};

/* Calls that are allowed with one value of one argument, or some. */
static const struct {
    int call;
    unsigned argument;
    enum scmp_compare compare;
    scmp_datum_t mask, value; /* the value alone in `mask` where the comparison has one */
} allowed_with[] = {
    /* Of what a connection can be. Netlink tells the C library which addresses this machine has. */
    {SCMP_SYS(socket), 0, SCMP_CMP_EQ, AF_UNIX, 0},
    {SCMP_SYS(socket), 0, SCMP_CMP_EQ, AF_INET, 0},
    {SCMP_SYS(socket), 0, SCMP_CMP_EQ, AF_INET6, 0},
    {SCMP_SYS(socket), 0, SCMP_CMP_EQ, AF_NETLINK, 0},
    {SCMP_SYS(socketpair), 0, SCMP_CMP_EQ, AF_UNIX, 0},
    /* Not what types on the terminal that we were started from (TIOCSTI). */
    {SCMP_SYS(ioctl), 1, SCMP_CMP_EQ, TCGETS, 0},
    {SCMP_SYS(ioctl), 1, SCMP_CMP_EQ, 0x802c542a, 0}, /* TCGETS2 */
    {SCMP_SYS(ioctl), 1, SCMP_CMP_EQ, FIONREAD, 0},
    {SCMP_SYS(ioctl), 1, SCMP_CMP_EQ, FIONBIO, 0},
    {SCMP_SYS(ioctl), 1, SCMP_CMP_EQ, TIOCOUTQ, 0}, /* of a socket: SIOCOUTQ */
    {SCMP_SYS(ioctl), 1, SCMP_CMP_EQ, 0x8933, 0},   /* SIOCGIFINDEX, of fe80::1%eth0 */
    {SCMP_SYS(ioctl), 1, SCMP_CMP_EQ, 0x8910, 0},   /* SIOCGIFNAME */
    /* Threads, and no processes. */
    {SCMP_SYS(clone), 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD},
    {SCMP_SYS(prctl), 0, SCMP_CMP_EQ, PR_SET_NAME, 0},
    {SCMP_SYS(prctl), 0, SCMP_CMP_EQ, 0x53564d41, 0}, /* PR_SET_VMA: names for memory */
    {SCMP_SYS(rt_sigaction), 0, SCMP_CMP_NE, SIGSYS, 0},
    {SCMP_SYS(prlimit64), 0, SCMP_CMP_EQ, 0, 0},
};

/* Calls that fail as if this system did not have them: clone3 hides its flags from filters, and
 * without it the C library uses clone. */
static const int missing[] = {SCMP_SYS(clone3), SCMP_SYS(io_uring_setup)};

static atomic_int *forbidden_call;

/* Forced upon the thread that made the call, which has not been made. */
static void on_forbidden(int number, siginfo_t *info, void *context)
{
    (void)context;
    int none = -1;
    if (info->si_code > 0)
        (void)atomic_compare_exchange_strong(forbidden_call, &none, info->si_syscall);
    (void)syscall(SYS_tgkill, getpid(), gettid(), number); /* now by its default */
}

static int catch_forbidden(atomic_int *forbidden)
{
    const struct sigaction action = {.sa_sigaction = on_forbidden,
                                     .sa_flags = SA_SIGINFO | (int)SA_RESETHAND};
    forbidden_call = forbidden;
    return sigaction(SIGSYS, &action, NULL) == 0 ? 0 : -errno;
}

static int add_plain(scmp_filter_ctx filter, const int *calls, size_t count, uint32_t action)
{
    int error = 0;
    for (size_t i = 0; !error && i < count; i++)
        error = seccomp_rule_add(filter, action, calls[i], 0);
    return error;
}

/* With `any`, whatever their arguments are. */
static int add_with_arguments(scmp_filter_ctx filter, bool any)
{
    int error = 0;
    for (size_t i = 0; !error && i < sizeof(allowed_with) / sizeof(allowed_with[0]); i++) {
        struct scmp_arg_cmp compare = {allowed_with[i].argument, allowed_with[i].compare,
                                       allowed_with[i].mask, allowed_with[i].value};
        error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed_with[i].call, any ? 0 : 1,
                                       &compare);
    }
    /* Signals to itself, for a failed assertion. */
    struct scmp_arg_cmp own = {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};
    return error ? error
                 : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), any ? 0 : 1,
                                          &own);
}

/* One of two filters. The system obeys the stricter: a call that neither knows is trapped by the
 * one; a call that is known, with arguments that are not, fails by the other, since libraries try
 * such things and can do without. */
static int load_filter(bool traps)
{
    scmp_filter_ctx filter = seccomp_init(traps ? SCMP_ACT_TRAP : SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return -ENOMEM;
    uint32_t as_missing = traps ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS);
    int error = add_plain(filter, allowed, sizeof(allowed) / sizeof(allowed[0]), SCMP_ACT_ALLOW);
    if (!error)
        error = add_plain(filter, missing, sizeof(missing) / sizeof(missing[0]), as_missing);
    if (!error)
        error = add_with_arguments(filter, traps);
    if (!error && traps) /* the other one comes after it */
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(seccomp), 0);
    /* Systems before Linux 5.16 would else slow every branch of the process down. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (!error)
        error = seccomp_load(filter);
    seccomp_release(filter);
    return error;
}

int sys_wall_off_calls(atomic_int *forbidden)
{
    int error = catch_forbidden(forbidden);
    if (!error)
        error = load_filter(true);
    return error ? error : load_filter(false);
}

void sys_call_name(int number, char ret_name[SYS_CALL_NAME_MAX])
{
    char *found = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    memset(ret_name, 0, SYS_CALL_NAME_MAX);
    strncpy(ret_name, found ? found : "unknown", SYS_CALL_NAME_MAX - 1);
    free(found);
}

atomic_int *sys_shared_number(void)
{
    void *memory =
        mmap(NULL, sizeof(atomic_int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}
