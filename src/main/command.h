/* The commands of the program. Each takes its part of the command line, argv[0] being `weir NAME`,
 * and returns the exit status: 0 done, 1 failed, 2 the command line is wrong. */
#pragma once

int run_command(int argc, char **argv);
int proxy_command(int argc, char **argv);
int demo_command(int argc, char **argv);
int reload_command(int argc, char **argv);
int stop_command(int argc, char **argv);
int upgrade_command(int argc, char **argv);
int status_command(int argc, char **argv);
int upstream_command(int argc, char **argv);
int settings_command(int argc, char **argv);
int schema_command(int argc, char **argv);
int explain_command(int argc, char **argv);
int version_command(int argc, char **argv);
