/* The command line. */
#include "main/check.h"
#include "main/command.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"run", run_command, "serve what a configuration says"},
    {"reload", reload_command, "let a running Weir load its configuration anew"},
    {"upgrade", upgrade_command, "put another version in the place of a running Weir"},
    {"stop", stop_command, "stop a running Weir when what it serves has ended"},
    {"status", status_command, "tell how a running Weir is"},
    {"upstream", upstream_command, "tell of the servers of a running Weir, and change them"},
    {"check", check_command, "tell everything that is wrong with a configuration"},
    {"explain", explain_command, "tell what becomes of a request, and why"},
    {"settings", settings_command, "tell what a configuration may say"},
    {"schema", schema_command, "print the JSON Schema of a configuration, for editors"},
    {"proxy", proxy_command, "proxy one address to servers, without a file"},
    {"demo", demo_command, "see it work, with three small servers built in"},
    {"version", version_command, "tell which Weir this is"},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static int print_usage(FILE *file)
{
    (void)fputs("usage: weir COMMAND [OPTION ...]\n\n", file);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(file, "  %-9s %s\n", commands[i].name, commands[i].summary);
    (void)fputs("\n`weir COMMAND --help` tells more about each.\n", file);
    return file == stdout ? 0 : 2;
}

int version_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)puts("weir " WEIR_VERSION);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return print_usage(stderr);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        static char name[32]; /* as getopt shall call it */
        (void)snprintf(name, sizeof(name), "weir %s", commands[i].name);
        argv[1] = name;
        return commands[i].run(argc - 1, argv + 1);
    }
    if (strcmp(argv[1], "--version") == 0)
        return version_command(argc, argv);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return print_usage(stdout);
    (void)fprintf(stderr, "weir: there is no command \"%s\"\n", argv[1]);
    return print_usage(stderr);
}
