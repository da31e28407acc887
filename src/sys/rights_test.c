#include "sys/rights.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void expect(const char *user, const char *group, uint32_t is_user, uint32_t is_group)
{
    const char *problem;
    uint32_t found_user, found_group;
    assert_true(sys_find_user(user, group, &found_user, &found_group, &problem));
    assert_int_equal(found_user, is_user);
    assert_int_equal(found_group, is_group);
}

static void refuse(const char *user, const char *group, const char *words)
{
    const char *problem = NULL;
    uint32_t found_user, found_group;
    assert_false(sys_find_user(user, group, &found_user, &found_group, &problem));
    assert_string_equal(problem, words);
}

static void users_are_found_by_name_and_number(void **state)
{
    (void)state;
    expect("root", "", 0, 0);
    expect("0", "", 0, 0);
    expect("root", "4343", 0, 4343);
    expect("4242", "root", 4242, 0);
    expect("4242", "4343", 4242, 4343);
    refuse("nosuchuser", "", "there is no such user");
    refuse("nosuchuser", "root", "there is no such user");
    refuse("root", "nosuchgroup", "there is no such group");
    refuse("4242424", "", "nobody knows the group of this user");
    /* The system calls take it for "as it is". */
    refuse("4294967295", "", "there is no such user");
    refuse("4294967296", "0", "there is no such user");
    refuse("0", "4294967295", "there is no such group");
    refuse("-1", "0", "there is no such user");
    refuse("", "", "there is no such user");
}

/* The exit status of a child in which `run` gives one. */
static int in_a_child(int (*run)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(run());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int become_another(void)
{
    const struct sys_rights rights = {.changes_user = true, .user = 4242, .group = 4343};
    const char *step = "";
    gid_t groups[8];
    if (sys_give_up_rights(&rights, &step) != 0)
        return 1;
    if (getuid() != 4242 || geteuid() != 4242 || getgid() != 4343 || getgroups(8, groups) != 0)
        return 2;
    if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setgroups(0, NULL) == 0)
        return 3;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 4;
}

static void there_is_no_way_back(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(in_a_child(become_another), 0);
}

static int become_without_right(void)
{
    const struct sys_rights rights = {.changes_user = true, .user = 4242, .group = 4343};
    const char *step = "";
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        return 1;
    if (sys_give_up_rights(&rights, &step) >= 0)
        return 2;
    return strcmp(step, "to leave all groups") == 0 ? 0 : 3;
}

static void what_cannot_be_done_is_told(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(become_without_right), 0);
}

static int leave_no_core(void)
{
    const struct sys_rights rights = {0};
    const char *step;
    struct rlimit limit;
    if (sys_give_up_rights(&rights, &step) != 0 || getrlimit(RLIMIT_CORE, &limit) != 0)
        return 1;
#ifndef WEIR_SANITIZED
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return 2;
#endif
    return limit.rlim_cur == 0 && limit.rlim_max == 0 ? 0 : 3;
}

static int leave_a_core(void)
{
    const struct sys_rights rights = {.core_dumps = true};
    const char *step;
    return sys_give_up_rights(&rights, &step) == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 0
                                                                                              : 1;
}

static void cores_are_left_where_they_are_asked_for(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(leave_no_core), 0);
    assert_int_equal(in_a_child(leave_a_core), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_found_by_name_and_number),
        cmocka_unit_test(there_is_no_way_back),
        cmocka_unit_test(what_cannot_be_done_is_told),
        cmocka_unit_test(cores_are_left_where_they_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
