/* Walls around a process whose word cannot be trusted any more: which files it can open (Landlock)
 * and which system calls it can make (seccomp). Both hold for the calling thread and all that it
 * makes from then on, and for ever. Both take sys_take_no_new_rights. */
#pragma once

#include <stdatomic.h>

/* Lets no file be opened but those that looking up a name takes: /etc and the libraries, to be
 * read. What is open stays open, and connecting to a Unix socket is no opening. Signals reach only
 * processes inside. 0, or -errno: this system has no Landlock, or it is off. */
int sys_wall_off_files(void);

/* Lets no system call be made but those that serving takes. Another one ends the process by
 * SIGSYS; before that its number is left in `*forbidden`, which another process may share. 0, or
 * -errno: this system has no filter. */
int sys_wall_off_calls(atomic_int *forbidden);

enum { SYS_CALL_NAME_MAX = 64 };

/* The name of a system call, `unknown` where there is none. */
void sys_call_name(int number, char ret_name[SYS_CALL_NAME_MAX]);

/* A number that this process shares with those that it makes. NULL: no memory. */
atomic_int *sys_shared_number(void);
