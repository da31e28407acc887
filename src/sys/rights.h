/* What a process may do because of who it is, and how it gives that up. While it has one thread:
 * some of these are a thread's own, and threads that come later have them from the one that makes
 * them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What is left to a process that gives up the rest. */
struct sys_rights {
    bool changes_user; /* becomes the user and the group, without any further groups */
    uint32_t user, group;
    bool core_dumps; /* may leave its memory behind when it dies */
    bool sandbox;    /* is shut in (sys/sandbox.h) */
};

enum { SYS_USER_NAME_MAX = 64 };

/* The numbers of a user and of a group, each written as a name or a number. An empty group is the
 * user's own. Names are those of /etc/passwd and /etc/group: others that the C library can find
 * may take a network, and code that we know nothing of. False: `*ret_problem` says why, in static
 * words. */
bool sys_find_user(const char *user, const char *group, uint32_t *ret_user, uint32_t *ret_group,
                   const char **ret_problem);

/* Becomes who `rights` says, drops all capabilities (but not of root who stays root), takes new
 * ones from no program that it may execute, and leaves no core dump where that was not asked for;
 * of /proc its own files then belong to root. It is told no more when its parent ends
 * (sys_signal_stop_with_parent). 0, or -errno with what could not be done in `*ret_step`: then it
 * is neither what it was nor what it should be. */
int sys_give_up_rights(const struct sys_rights *rights, const char **ret_step);

/* The part of it that a process can do which stays who it is. */
void sys_take_no_new_rights(void);
void sys_leave_no_core(void);

/* The number of who made this process. */
uint32_t sys_parent_process(void);
