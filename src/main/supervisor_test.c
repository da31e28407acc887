#include "main/supervisor.h"

#include "sys/asking_opener.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include <cmocka.h>

/* What the supervisor tells goes here. */
static char told[4096];

static void expect_told(const char *words)
{
    if (!strstr(told, words))
        fail_msg("\"%s\" is not among what was told:\n%s", words, told);
}

static void supervise_and_listen(const struct supervised *supervised, int expected)
{
    FILE *heard = tmpfile();
    int standard_error = dup(STDERR_FILENO);
    assert_non_null(heard);
    assert_int_equal(dup2(fileno(heard), STDERR_FILENO), STDERR_FILENO);
    int status = supervise(supervised, "");
    assert_int_equal(dup2(standard_error, STDERR_FILENO), STDERR_FILENO);
    (void)close(standard_error);
    rewind(heard);
    told[fread(told, 1, sizeof(told) - 1, heard)] = '\0';
    (void)fclose(heard);
    assert_int_equal(status, expected);
}

static int vouch(struct sys_opener *opener, const struct sys_rights *rights)
{
    const struct opener_terms terms = {.rights = *rights};
    return sys_opener_vouch(opener, &terms) ? 0 : 1;
}

static int check_for_all(struct sys_opener *opener, const char *path, bool tells)
{
    (void)path;
    (void)tells;
    return vouch(opener, &(struct sys_rights){.user = geteuid(), .sandbox = true});
}

static int check_for_another_user(struct sys_opener *opener, const char *path, bool tells)
{
    (void)path;
    (void)tells;
    return vouch(opener, &(struct sys_rights){.user = geteuid() + 1});
}

static int find_wrong(struct sys_opener *opener, const char *path, bool tells)
{
    (void)opener;
    (void)path;
    return tells ? 1 : 0;
}

static int die(struct sys_opener *opener, const char *path, bool tells)
{
    (void)opener;
    (void)path;
    (void)tells;
    _exit(kill(getpid(), SIGKILL));
}

static int serve(struct sys_opener *opener, const char *path)
{
    (void)path;
    if (opener->begin_load(opener) != 0)
        return 1;
    opener->keep_loaded(opener);
    return 0;
}

static int trace(struct sys_opener *opener, const char *path)
{
    (void)path;
    (void)opener;
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 5 : 6;
}

static int open_passwords(struct sys_opener *opener, const char *path)
{
    (void)opener;
    (void)path;
    return open("/proc/self/mem", O_RDONLY) < 0 ? 7 : 8;
}

static void a_worker_that_comes_to_its_end_is_the_end(void **state)
{
    (void)state;
    supervise_and_listen(&(struct supervised){.work = serve, .check = check_for_all}, 0);
    assert_string_equal(told, "");
}

static void what_the_checker_does_not_vouch_for_has_no_worker(void **state)
{
    (void)state;
    supervise_and_listen(&(struct supervised){.work = serve, .check = find_wrong}, 1);
    assert_string_equal(told, "");
    supervise_and_listen(&(struct supervised){.work = serve, .check = die}, 1);
    expect_told("the check of the configuration was ended by a signal signal=KILL");
}

static void who_is_not_root_stays_who_it_is(void **state)
{
    (void)state;
    supervise_and_listen(&(struct supervised){.work = serve, .check = check_for_another_user}, 0);
    expect_told("only root can become the user of the configuration");
}

static void a_worker_works_behind_walls(void **state)
{
    (void)state;
#ifdef WEIR_SANITIZED
    (void)trace;
    (void)open_passwords;
    skip();
#else
    supervise_and_listen(&(struct supervised){.work = trace, .check = check_for_all}, 1);
    expect_told("the worker was ended by a signal");
    expect_told("the worker made a system call that its sandbox does not allow call=ptrace");
    supervise_and_listen(&(struct supervised){.work = open_passwords, .check = check_for_all}, 7);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_that_comes_to_its_end_is_the_end),
        cmocka_unit_test(what_the_checker_does_not_vouch_for_has_no_worker),
        cmocka_unit_test(who_is_not_root_stays_who_it_is),
        cmocka_unit_test(a_worker_works_behind_walls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
