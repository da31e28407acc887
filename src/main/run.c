/* `weir run`: the main job. */
#include "main/checker.h"
#include "main/command.h"
#include "main/estate.h"
#include "main/load.h"
#include "main/privileges.h"
#include "main/registries.h"
#include "main/reload.h"
#include "main/serve.h"
#include "main/supervisor.h"
#include "main/upgrade.h"

#include <getopt.h>
#include <stdio.h>

static const char usage[] =
    "usage: weir run [-c FILE] [--one-process]\n"
    "\n"
    "Serves what the configuration says, in the foreground, until TERM or INT. HUP loads the\n"
    "configuration anew, without losing a connection. A worker process serves; where it dies, a\n"
    "supervisor starts another one, with what was served before.\n"
    "\n"
    "  -c, --config FILE   the configuration (otherwise ./weir.yaml, then /etc/weir/weir.yaml)\n"
    "      --one-process   no supervisor: what dies stays dead, and keeps the rights that it was\n"
    "                      started with\n"
    "      --help          this text\n";

struct run_options {
    const char *path; /* NULL: none was named */
    bool one_process;
    struct slice estate; /* a descriptor as a number; empty: this is no try */
};

/* The exit status, or -1 to go on. */
static int read_options(int argc, char **argv, struct run_options *ret_options)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"one-process", no_argument, NULL, 'o'},
        {UPGRADE_TRY_OPTION, required_argument, NULL, 'e'}, /* for supervisors alone: no help */
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            ret_options->path = optarg;
            break;
        case 'o':
            ret_options->one_process = true;
            break;
        case 'e':
            ret_options->estate = slice_from_text(optarg);
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
    }
    if (optind == argc)
        return -1;
    (void)fprintf(stderr, "weir run: \"%s\" is one word too many\n%s", argv[optind], usage);
    return 2;
}

/* What the worker does; as one process, all of it. */
static int work(struct sys_opener *opener, const char *path)
{
    if (opener->process == 0)
        privileges_keep();
    struct registries registries;
    if (!registries_init(&registries, opener))
        return 1;
    const struct reload reload = {path, opener, &registries};
    struct snapshot *snapshot = load_file(path, opener, &registries.live, stderr, NULL);
    int status = snapshot ? serve(snapshot, registries.live.servers, opener, &reload, NULL) : 1;
    registries_fini(&registries);
    return status;
}

int run_command(int argc, char **argv)
{
    struct run_options options = {0};
    int status = read_options(argc, argv, &options);
    if (status >= 0)
        return status;
    int estate;
    if (!slice_is_empty(options.estate))
        return estate_take_int(&options.estate, &estate) ? supervisor_try_estate(estate) : 2;
    const char *path = options.path ? options.path : load_default_path(sys_opener_direct());
    if (!path) {
        (void)fprintf(stderr, "weir run: there is no ./weir.yaml and no /etc/weir/weir.yaml; name "
                              "the configuration with -c FILE\n");
        return 1;
    }
    const struct supervised supervised = {.work = work, .check = check_for_supervisor};
    return options.one_process ? work(sys_opener_direct(), path) : supervise(&supervised, path);
}
