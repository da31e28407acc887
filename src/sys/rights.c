#include "sys/rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- names */

/* False: it is no number. The last one is nobody's: the system calls take it for "as it is". */
static bool read_number(const char *text, uint32_t *ret_number)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    bool good =
        text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number < UINT32_MAX;
    if (good)
        *ret_number = (uint32_t)number;
    return good;
}

/* NULL: there is none of that name or number. */
static const struct passwd *find_user(FILE *users, const char *name, bool is_number,
                                      uint32_t number)
{
    const struct passwd *user;
    while ((user = fgetpwent(users))) {
        if (is_number ? user->pw_uid == number : strcmp(user->pw_name, name) == 0)
            return user;
    }
    return NULL;
}

static bool find_group(const char *name, uint32_t *ret_group, const char **ret_problem)
{
    *ret_problem = "there is no such group";
    if (read_number(name, ret_group))
        return true;
    FILE *groups = fopen("/etc/group", "re");
    const struct group *group = groups ? fgetgrent(groups) : NULL;
    while (group && strcmp(group->gr_name, name) != 0)
        group = fgetgrent(groups);
    if (group)
        *ret_group = group->gr_gid;
    if (groups)
        (void)fclose(groups);
    return group != NULL;
}

static bool take_user(const char *name, FILE *users, uint32_t *ret_user, uint32_t *ret_group,
                      const char **ret_problem)
{
    bool is_number = read_number(name, ret_user);
    const struct passwd *user = users ? find_user(users, name, is_number, *ret_user) : NULL;
    *ret_problem = is_number ? "nobody knows the group of this user" : "there is no such user";
    if (!user)
        return false;
    *ret_user = user->pw_uid;
    *ret_group = user->pw_gid;
    return true;
}

bool sys_find_user(const char *user, const char *group, uint32_t *ret_user, uint32_t *ret_group,
                   const char **ret_problem)
{
    bool has_group = group[0] != '\0';
    if (!has_group || !read_number(user, ret_user)) {
        FILE *users = fopen("/etc/passwd", "re");
        bool found = take_user(user, users, ret_user, ret_group, ret_problem);
        if (users)
            (void)fclose(users);
        if (!found)
            return false;
    }
    return !has_group || find_group(group, ret_group, ret_problem);
}

/* ---- giving up */

static int become(uint32_t user, uint32_t group, const char **ret_step)
{
    *ret_step = "to leave all groups";
    if (setgroups(0, NULL) != 0)
        return -errno;
    *ret_step = "to change the group";
    if (setresgid(group, group, group) != 0)
        return -errno;
    *ret_step = "to change the user";
    if (setresuid(user, user, user) != 0)
        return -errno;
    *ret_step = "to lose the way back";
    return user != 0 && setresuid(0, 0, 0) == 0 ? -EPERM : 0;
}

/* Also those of a binary that was given the right to ports below 1024: the supervisor has that. */
static int drop_capabilities(const char **ret_step)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    *ret_step = "to drop the capabilities";
    return syscall(SYS_capset, &header, none) == 0 ? 0 : -errno;
}

void sys_take_no_new_rights(void)
{
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* The limit alone is not enough: it does not count where a program takes the dumps
 * (core(5), core_pattern). */
void sys_leave_no_core(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
#ifndef WEIR_SANITIZED /* the search for leaks traces the process */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* Who changes the user leaves no core until this is said. */
static void allow_core(void)
{
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

int sys_give_up_rights(const struct sys_rights *rights, const char **ret_step)
{
    int error = rights->changes_user ? become(rights->user, rights->group, ret_step) : 0;
    if (!error && geteuid() != 0)
        error = drop_capabilities(ret_step);
    if (error)
        return error;
    sys_take_no_new_rights();
    allow_core();
    if (!rights->core_dumps)
        sys_leave_no_core();
    return 0;
}

uint32_t sys_parent_process(void)
{
    return (uint32_t)getppid();
}
