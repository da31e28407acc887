/* `weir proxy`: one application behind one address, without a file. What the command line says is
 * written as the configuration that it stands for, so that there is one way to understand it. */
#include "main/command.h"
#include "main/load.h"
#include "main/privileges.h"
#include "main/registries.h"
#include "main/serve.h"

#include <getopt.h>
#include <stdio.h>

enum { SERVERS_MAX = 256, CONFIGURATION_MAX = 64 * 1024 };

static const char usage[] =
    "usage: weir proxy --from ADDRESS --to SERVER [--to SERVER ...]\n"
    "\n"
    "Proxies everything that comes to ADDRESS to the servers, in turns.\n"
    "\n"
    "      --from ADDRESS  where clients connect: :8080, 127.0.0.1:8080, unix:/run/weir.sock\n"
    "      --to SERVER     who is asked: http://127.0.0.1:3000, app:3000, https://app.internal,\n"
    "                      unix:/run/app.sock\n"
    "      --help          this text\n";

struct proxy_options {
    const char *from;
    const char *to[SERVERS_MAX];
    size_t to_count;
};

/* What is wrong with a command line whose options are all known. The exit status, or -1. */
static int check_options(const struct proxy_options *options, const char *surplus)
{
    if (surplus)
        (void)fprintf(stderr, "weir proxy: \"%s\" is one word too many\n%s", surplus, usage);
    else if (!options->from)
        (void)fprintf(stderr, "weir proxy: say where clients connect: --from :8080\n%s", usage);
    else if (options->to_count == 0)
        (void)fprintf(stderr, "weir proxy: say who is asked: --to http://127.0.0.1:3000\n%s",
                      usage);
    else
        return -1;
    return 2;
}

/* The exit status, or -1 to go on. */
static int read_options(int argc, char **argv, struct proxy_options *ret_options)
{
    static const struct option options[] = {
        {"from", required_argument, NULL, 'f'},
        {"to", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'f') {
            ret_options->from = optarg;
        } else if (option == 't' && ret_options->to_count < SERVERS_MAX) {
            ret_options->to[ret_options->to_count++] = optarg;
        } else if (option == 'h') {
            (void)fputs(usage, stdout);
            return 0;
        } else {
            (void)fputs(usage, stderr);
            return 2;
        }
    }
    return check_options(ret_options, argv[optind]);
}

/* In double quotes, as YAML and JSON write it. */
static void add_quoted(struct text *text, const char *value)
{
    text_add_byte(text, '"');
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            text_add_byte(text, '\\');
        text_add_byte(text, *value);
    }
    text_add_byte(text, '"');
}

static void write_configuration(struct text *text, const struct proxy_options *options)
{
    text_add(text, SLICE("listen: ["));
    add_quoted(text, options->from);
    text_add(text, SLICE("]\nsites:\n  - proxy:\n"));
    for (size_t i = 0; i < options->to_count; i++) {
        text_add(text, SLICE("      - "));
        add_quoted(text, options->to[i]);
        text_add(text, SLICE("\n"));
    }
}

int proxy_command(int argc, char **argv)
{
    struct proxy_options options = {0};
    int status = read_options(argc, argv, &options);
    if (status >= 0)
        return status;
    privileges_keep();
    char memory[CONFIGURATION_MAX];
    struct text configuration = text_over(memory, sizeof(memory));
    write_configuration(&configuration, &options);
    if (text_is_cut(&configuration)) {
        (void)fputs("weir proxy: this is too much for a command line; write a file\n", stderr);
        return 2;
    }
    struct sys_opener *opener = sys_opener_direct();
    struct registries registries;
    if (!registries_init(&registries, opener))
        return 1;
    struct snapshot *snapshot = load_bytes(SLICE("the command line"), text_slice(&configuration),
                                           opener, &registries.live, stderr, NULL);
    status = snapshot ? serve(snapshot, registries.live.servers, opener, NULL, NULL) : 1;
    registries_fini(&registries);
    return status;
}
