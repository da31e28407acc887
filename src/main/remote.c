/* `weir reload`, `weir stop`, `weir status`: what is asked of a Weir that runs. */
#include "main/admin_client.h"
#include "main/command.h"
#include "main/load.h"
#include "sys/thread.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 30 * 1000, STOP_MS = 24 * 3600 * 1000 };

struct remote {
    const char *name, *usage;
    const char *method, *path;
    int timeout_ms;
    bool await_end;
};

static const struct remote reload_remote = {
    .name = "weir reload",
    .usage = "usage: weir reload [-c FILE]\n"
             "\n"
             "Lets the Weir that runs with FILE load it anew, and waits for the outcome: what has\n"
             "changed, or everything that is wrong; then the one before stays.\n"
             "\n"
             "  -c, --config FILE   the configuration (otherwise ./weir.yaml, then\n"
             "                      /etc/weir/weir.yaml)\n"
             "      --help          this text\n"
             "\n"
             "Exit status: 0 loaded, 1 not loaded, 2 the command line is wrong.\n",
    .method = "POST",
    .path = "/reload",
    .timeout_ms = ANSWER_MS,
};

static const struct remote stop_remote = {
    .name = "weir stop",
    .usage = "usage: weir stop [-c FILE]\n"
             "\n"
             "Stops the Weir that runs with FILE: nobody new is served, what runs may come to its\n"
             "end within timeouts.drain. Waits until it has gone.\n"
             "\n"
             "  -c, --config FILE   the configuration (otherwise ./weir.yaml, then\n"
             "                      /etc/weir/weir.yaml)\n"
             "      --help          this text\n"
             "\n"
             "Exit status: 0 stopped, 1 nothing was there to stop, 2 the command line is wrong.\n",
    .method = "POST",
    .path = "/stop",
    .timeout_ms = STOP_MS,
    .await_end = true,
};

static const struct remote upgrade_remote = {
    .name = "weir upgrade",
    .usage =
        "usage: weir upgrade [-c FILE]\n"
        "\n"
        "Puts the version that now lies where the Weir that runs with FILE was started from in\n"
        "its place, as the same process, without losing a connection. Waits for the outcome;\n"
        "whatever goes wrong, the version before goes on.\n"
        "\n"
        "  -c, --config FILE   the configuration (otherwise ./weir.yaml, then\n"
        "                      /etc/weir/weir.yaml)\n"
        "      --help          this text\n"
        "\n"
        "Exit status: 0 upgraded, 1 not upgraded, 2 the command line is wrong.\n",
    .method = "POST",
    .path = "/upgrade",
    .timeout_ms = ANSWER_MS,
};

static const struct remote status_remote = {
    .name = "weir status",
    .usage = "usage: weir status [-c FILE]\n"
             "\n"
             "Tells how the Weir that runs with FILE is: in JSON.\n"
             "\n"
             "  -c, --config FILE   the configuration (otherwise ./weir.yaml, then\n"
             "                      /etc/weir/weir.yaml)\n"
             "      --help          this text\n"
             "\n"
             "Exit status: 0 it serves, 1 it does not run, 2 the command line is wrong.\n",
    .method = "GET",
    .path = "/status",
    .timeout_ms = ANSWER_MS,
};

/* The exit status, or -1 to go on. */
static int read_options(const struct remote *remote, int argc, char **argv, const char **ret_path)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option == 'c') {
            *ret_path = optarg;
            continue;
        }
        (void)fputs(remote->usage, option == 'h' ? stdout : stderr);
        return option == 'h' ? 0 : 2;
    }
    if (optind == argc)
        return -1;
    (void)fprintf(stderr, "%s: \"%s\" is one word too many\n%s", remote->name, argv[optind],
                  remote->usage);
    return 2;
}

/* The configuration by which the Weir is found; NULL: `*ret_exit_status`, and it was told why. */
static const char *find_file(const struct remote *remote, int argc, char **argv,
                             int *ret_exit_status)
{
    const char *path = NULL;
    *ret_exit_status = read_options(remote, argc, argv, &path);
    if (*ret_exit_status >= 0)
        return NULL;
    *ret_exit_status = 1;
    if (!path)
        path = load_default_path(sys_opener_direct());
    if (!path)
        (void)fprintf(stderr,
                      "%s: there is no ./weir.yaml and no /etc/weir/weir.yaml; name the "
                      "configuration with -c FILE\n",
                      remote->name);
    return path;
}

static bool is_good(unsigned status)
{
    return status >= 200 && status < 300;
}

/* Prints the answer, where it is not what `unprinted` says. The status; 0: none came, which was
 * told. */
static unsigned ask(const struct remote *remote, const char *path, unsigned unprinted)
{
    const struct admin_call call = {
        remote->name, path, remote->method, remote->path, remote->timeout_ms, remote->await_end};
    char *body;
    size_t length;
    unsigned status = admin_call(&call, &body, &length);
    if (status != unprinted)
        (void)fwrite(body ? body : "", 1, length, is_good(status) ? stdout : stderr);
    free(body);
    return status;
}

static int run(const struct remote *remote, int argc, char **argv)
{
    int exit_status;
    const char *path = find_file(remote, argc, argv, &exit_status);
    if (!path)
        return exit_status;
    return is_good(ask(remote, path, 0)) ? 0 : 1;
}

int reload_command(int argc, char **argv)
{
    return run(&reload_remote, argc, argv);
}

/* Asks again and again, for it may be another worker that knows. The supervisor sees to it that an
 * upgrade comes to its end. */
int upgrade_command(int argc, char **argv)
{
    enum { PAUSE_MS = 100, UNDER_WAY = 202 };
    struct remote outcome = upgrade_remote;
    int exit_status;
    const char *path = find_file(&upgrade_remote, argc, argv, &exit_status);
    if (!path)
        return exit_status;
    unsigned status = ask(&upgrade_remote, path, UNDER_WAY);
    outcome.method = "GET";
    outcome.path = "/upgrade/outcome";
    while (status == UNDER_WAY) {
        sys_pause(PAUSE_MS);
        status = ask(&outcome, path, UNDER_WAY);
    }
    return is_good(status) ? 0 : 1;
}

int stop_command(int argc, char **argv)
{
    return run(&stop_remote, argc, argv);
}

int status_command(int argc, char **argv)
{
    return run(&status_remote, argc, argv);
}
