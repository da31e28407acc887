/* Programs: our own file, another program in a process of its own, another program in the place of
 * this one. One thread. */
#pragma once

#include "sys/child.h"

#include <stddef.h>

/* The path by which this program was started, made absolute, as long as it still names the file
 * that runs; otherwise the path of that file. So whoever points a link to another version is
 * followed. False: it is longer than `size`, or the system does not tell. At start. */
bool sys_own_program(char *ret_path, size_t size);

struct sys_run {
    const char *path;
    const char *const *arguments; /* the first is its name; NULL behind the last */
    int output; /* where its standard output and error go; at most SYS_OUTPUT_MAX */
    int passed; /* a descriptor that it gets under the same number; -1: none */
};

enum { SYS_OUTPUT_MAX = 1024 * 1024 };

/* Runs a program, with no signal blocked and an empty standard input. What cannot be executed ends
 * with the status 127 and says so in its output. 0 or -errno. */
int sys_program_start(struct sys_child *ret_child, const struct sys_run *run);

/* Lets the program run in the place of this one, as the same process. Blocked signals stay blocked,
 * so that none is lost. Returns only where that is refused: -errno. */
int sys_program_become(const char *path, const char *const *arguments);

/* Whether programs that come after this one in the same process get the descriptor, too. False: it
 * is not open. */
bool sys_pass_descriptor(int fd, bool is_passed);

/* Where to read it from next: its beginning. */
void sys_rewind(int fd);
