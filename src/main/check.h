/* `weir check`: everything that is wrong with a configuration, at once, and nothing started. */
#pragma once

/* As in command.h. The exit status: 0 good, 1 not,
 * 2 the command line is wrong. */
int check_command(int argc, char **argv);
