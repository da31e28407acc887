/* `weir run`: the main job. */
#include "main/command.h"
#include "main/load.h"
#include "main/registries.h"
#include "main/reload.h"
#include "main/serve.h"

#include <getopt.h>
#include <stdio.h>

static const char usage[] =
    "usage: weir run [-c FILE]\n"
    "\n"
    "Serves what the configuration says, in the foreground, until TERM or INT. HUP loads the\n"
    "configuration anew, without losing a connection.\n"
    "\n"
    "  -c, --config FILE   the configuration (otherwise ./weir.yaml, then /etc/weir/weir.yaml)\n"
    "      --help          this text\n";

/* The exit status, or -1 to go on. */
static int read_options(int argc, char **argv, const char **ret_path)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            *ret_path = optarg;
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

int run_command(int argc, char **argv)
{
    const char *path = NULL;
    int status = read_options(argc, argv, &path);
    if (status >= 0)
        return status;
    struct sys_opener *opener = sys_opener_direct();
    if (!path)
        path = load_default_path(opener);
    if (!path) {
        (void)fprintf(stderr, "weir run: there is no ./weir.yaml and no /etc/weir/weir.yaml; name "
                              "the configuration with -c FILE\n");
        return 1;
    }
    struct registries registries;
    if (!registries_init(&registries, opener))
        return 1;
    const struct reload reload = {path, opener, &registries};
    struct snapshot *snapshot = load_file(path, opener, &registries.live, stderr, NULL);
    status = snapshot ? serve(snapshot, registries.live.servers, opener, &reload, NULL) : 1;
    registries_fini(&registries);
    return status;
}
