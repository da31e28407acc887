#include "sys/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char RUNNING[] = "/proc/self/exe";

/* False: it does not fit. */
static bool copy(char *ret_path, size_t size, const char *first, const char *second)
{
    int length = snprintf(ret_path, size, "%s%s", first, second);
    return length > 0 && (size_t)length < size;
}

static bool is_running_file(const char *path)
{
    struct stat named, running;
    return stat(path, &named) == 0 && stat(RUNNING, &running) == 0 &&
           named.st_dev == running.st_dev && named.st_ino == running.st_ino;
}

/* As whoever started us named it. */
static bool started_path(char *ret_path, size_t size)
{
    const char *name = (const char *)getauxval(AT_EXECFN);
    char directory[PATH_MAX];
    if (!name)
        return false;
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    if (name[0] == '/')
        return copy(ret_path, size, name, "");
    return getcwd(directory, sizeof(directory) - 1) && copy(ret_path, size, directory, "/") &&
           copy(ret_path + strlen(ret_path), size - strlen(ret_path), name, "");
}

bool sys_own_program(char *ret_path, size_t size)
{
    if (started_path(ret_path, size) && is_running_file(ret_path))
        return true;
    ssize_t length = readlink(RUNNING, ret_path, size);
    if (length <= 0 || (size_t)length >= size)
        return false;
    ret_path[length] = '\0';
    return true;
}

/* ---- in the new process */

static void forget_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGPIPE, &by_default, NULL);
}

/* The output is kept in memory. */
static void limit_output(void)
{
    struct rlimit limit = {.rlim_cur = SYS_OUTPUT_MAX, .rlim_max = SYS_OUTPUT_MAX};
    (void)setrlimit(RLIMIT_FSIZE, &limit);
}

static _Noreturn void run_program(const struct sys_run *run)
{
    enum { CANNOT_RUN = 127 };
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    bool good = nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
                dup2(run->output, STDOUT_FILENO) >= 0 && dup2(run->output, STDERR_FILENO) >= 0 &&
                (run->passed < 0 || sys_pass_descriptor(run->passed, true));
    limit_output();
    forget_signals();
    if (good)
        (void)execv(run->path, (char *const *)(uintptr_t)run->arguments);
    (void)dprintf(STDERR_FILENO, "%s cannot be executed: %s\n", run->path, strerrordesc_np(errno));
    _exit(CANNOT_RUN);
}

/* ---- from outside */

int sys_program_start(struct sys_child *ret_child, const struct sys_run *run)
{
    int forked = sys_child_start(ret_child);
    if (forked == 0)
        run_program(run);
    return forked < 0 ? forked : 0;
}

int sys_program_become(const char *path, const char *const *arguments)
{
    (void)execv(path, (char *const *)(uintptr_t)arguments);
    return -errno;
}

bool sys_pass_descriptor(int fd, bool is_passed)
{
    return fcntl(fd, F_SETFD, is_passed ? 0 : FD_CLOEXEC) == 0;
}

void sys_rewind(int fd)
{
    (void)lseek(fd, 0, SEEK_SET);
}
