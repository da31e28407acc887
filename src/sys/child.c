#include "sys/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AWAITED_MAX = 32 };

static void settle_child(pid_t parent)
{
    (void)setpgid(0, 0); /* what a terminal sends to our whole group is not for it */
    sys_signal_stop_with_parent();
    if (getppid() != parent)
        _exit(1); /* it ended before we could ask to be told */
}

int sys_child_start(struct sys_child *ret_child)
{
    pid_t parent = getpid();
    pid_t process = fork();
    if (process < 0)
        return -errno;
    if (process == 0) {
        settle_child(parent);
        return 0;
    }
    int descriptor = pidfd_open(process, 0);
    if (descriptor < 0) {
        int error = errno;
        (void)kill(process, SIGKILL);
        (void)waitpid(process, NULL, 0);
        return -error;
    }
    *ret_child = (struct sys_child){process, descriptor};
    return 1;
}

void sys_child_signal(const struct sys_child *child, enum sys_signal signal)
{
    sys_signal_pass(child->process, signal);
}

void sys_child_kill(const struct sys_child *child)
{
    (void)kill(child->process, SIGKILL);
}

void sys_child_abort(const struct sys_child *child)
{
    (void)kill(child->process, SIGABRT);
}

bool sys_child_take_end(struct sys_child *child, struct sys_end *ret_end)
{
    int status;
    if (waitpid(child->process, &status, WNOHANG) != child->process)
        return false;
    (void)close(child->descriptor);
    *child = (struct sys_child){0, -1};
    ret_end->was_killed = WIFSIGNALED(status);
    ret_end->number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

const char *sys_signal_name(int number)
{
    const char *name = sigabbrev_np(number);
    return name ? name : "unknown";
}

void sys_await_readable(const int *descriptors, unsigned count, int timeout_ms)
{
    struct pollfd awaited[AWAITED_MAX];
    for (unsigned i = 0; i < count && i < AWAITED_MAX; i++)
        awaited[i] = (struct pollfd){.fd = descriptors[i], .events = POLLIN};
    (void)poll(awaited, count < AWAITED_MAX ? count : AWAITED_MAX, timeout_ms);
}
