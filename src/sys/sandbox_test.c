#include "sys/sandbox.h"

#include "sys/rights.h"
#include "sys/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { WENT_WELL = 42 };

static atomic_int *forbidden;

/* Runs behind both walls in a process of its own; its wait status. */
static int behind_walls(int (*run)(void))
{
    int status;
    atomic_store(forbidden, -1);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sys_take_no_new_rights();
        if (sys_wall_off_files() != 0 || sys_wall_off_calls(forbidden) != 0)
            _exit(1);
        _exit(run());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void expect_well(int (*run)(void))
{
    int status = behind_walls(run);
    if (WIFSIGNALED(status))
        fail_msg("signal %d, system call %d", WTERMSIG(status), atomic_load(forbidden));
    assert_int_equal(WEXITSTATUS(status), WENT_WELL);
    assert_int_equal(atomic_load(forbidden), -1);
}

static void expect_forbidden(int (*run)(void), int call)
{
    int status = behind_walls(run);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
    assert_int_equal(atomic_load(forbidden), call);
}

/* ---- files */

static bool is_refused(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    return fd < 0 && error == EACCES;
}

static int open_files(void)
{
    int fd = open("/etc/hosts", O_RDONLY);
    bool good = fd >= 0 && is_refused("/proc/self/mem", O_RDONLY) &&
                is_refused("/dev/null", O_WRONLY) && is_refused("/tmp", O_RDONLY | O_DIRECTORY) &&
                is_refused("/tmp/weir-sandbox-test", O_WRONLY | O_CREAT) &&
                is_refused("/etc/weir-sandbox-test", O_WRONLY | O_CREAT) &&
                is_refused("/etc/hosts", O_WRONLY) && is_refused("/usr/bin/env", O_RDONLY);
    return good ? WENT_WELL : 1;
}

static void files_are_not_opened(void **state)
{
    (void)state;
    expect_well(open_files);
}

static int look_up(void)
{
    struct addrinfo *found = NULL;
    if (getaddrinfo("localhost", NULL, NULL, &found) != 0)
        return 1;
    freeaddrinfo(found);
    return WENT_WELL;
}

static void names_are_looked_up(void **state)
{
    (void)state;
    expect_well(look_up);
}

static struct sockaddr_un server;

static int connect_to_server(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return connect(fd, (const struct sockaddr *)&server, sizeof(server)) == 0 ? WENT_WELL : 1;
}

static void unix_sockets_are_connected_to(void **state)
{
    (void)state;
    char directory[] = "/tmp/sandbox-XXXXXX";
    assert_non_null(mkdtemp(directory));
    server.sun_family = AF_UNIX;
    (void)stpcpy(stpcpy(server.sun_path, directory), "/socket");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&server, sizeof(server)), 0);
    assert_int_equal(listen(fd, 1), 0);
    expect_well(connect_to_server);
    (void)close(fd);
    assert_int_equal(unlink(server.sun_path), 0);
    assert_int_equal(rmdir(directory), 0);
}

static int signal_parent(void)
{
    (void)kill(getppid(), SIGTERM);
    return 1;
}

/* ---- calls */

static void pass_by(void *argument)
{
    *(int *)argument = WENT_WELL;
}

static int start_a_thread(void)
{
    int seen = 1;
    struct sys_thread *thread = sys_thread_start("test", pass_by, &seen);
    if (!thread)
        return 2;
    sys_thread_join(thread);
    return seen;
}

static int type_on_the_terminal(void)
{
    return ioctl(0, TIOCSTI, "x") != 0 && errno == EPERM ? WENT_WELL : 1;
}

static int open_a_raw_socket(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM ? WENT_WELL : 1;
}

static int take_the_trap_away(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    return sigaction(SIGSYS, &ignore, NULL) != 0 && errno == EPERM ? WENT_WELL : 1;
}

static int make_a_process(void)
{
    return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0 && errno == EPERM ? WENT_WELL : 1;
}

static void what_libraries_may_try_fails(void **state)
{
    (void)state;
    expect_well(start_a_thread);
    expect_well(type_on_the_terminal);
    expect_well(open_a_raw_socket);
    expect_well(take_the_trap_away);
    expect_well(make_a_process);
}

static int execute(void)
{
    return execl("/bin/true", "true", NULL);
}

static int trace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 1 : 2;
}

static int listen_itself(void)
{
    return listen(0, 1) == 0 ? 1 : 2;
}

static void in_thread(void *argument)
{
    (void)argument;
    (void)trace();
}

/* All signals are blocked there. */
static int trace_in_a_thread(void)
{
    struct sys_thread *thread = sys_thread_start("test", in_thread, NULL);
    if (thread)
        sys_thread_join(thread);
    return 1;
}

static void what_nobody_needs_ends_the_process(void **state)
{
    (void)state;
    expect_forbidden(execute, SYS_execve);
    expect_forbidden(trace, SYS_ptrace);
    expect_forbidden(trace_in_a_thread, SYS_ptrace);
    expect_forbidden(listen_itself, SYS_listen);
    expect_forbidden(signal_parent, SYS_kill);
}

static int die_of_a_failed_assertion(void)
{
    abort();
}

static void a_failed_assertion_is_not_hidden(void **state)
{
    (void)state;
    int status = behind_walls(die_of_a_failed_assertion);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_int_equal(atomic_load(forbidden), -1);
}

static void calls_have_names(void **state)
{
    (void)state;
    char name[SYS_CALL_NAME_MAX];
    sys_call_name(SYS_ptrace, name);
    assert_string_equal(name, "ptrace");
    sys_call_name(INT32_MAX, name);
    assert_string_equal(name, "unknown");
}

/* A machine that has no walls, and a build that does not put them up, have nothing to be tested. */
static bool has_walls(void)
{
#ifdef WEIR_SANITIZED
    return false;
#else
    pid_t child = fork();
    int status = -1;
    if (child == 0) {
        sys_take_no_new_rights();
        _exit(sys_wall_off_files() == 0 && sys_wall_off_calls(forbidden) == 0 ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_not_opened),
        cmocka_unit_test(names_are_looked_up),
        cmocka_unit_test(unix_sockets_are_connected_to),
        cmocka_unit_test(what_libraries_may_try_fails),
        cmocka_unit_test(what_nobody_needs_ends_the_process),
        cmocka_unit_test(a_failed_assertion_is_not_hidden),
        cmocka_unit_test(calls_have_names),
    };
    forbidden = sys_shared_number();
    if (!forbidden)
        return 1;
    if (has_walls())
        return cmocka_run_group_tests(tests, NULL, NULL);
    (void)fputs("there are no walls here\n", stderr);
    return 77; /* skipped */
}
