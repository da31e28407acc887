/* `weir explain`: what becomes of a request, and why. */
#include "main/admin_client.h"
#include "main/command.h"
#include "main/explain_live.h"
#include "main/load.h"
#include "main/vocabulary.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: weir explain METHOD URL [-H 'Name: value'] [--client IP] [-c FILE] [--json] [--live]\n"
    "\n"
    "Tells what becomes of a request: which listener, site and route take it and why the others\n"
    "do not, what is set there and in which line, and what a server would be sent. Nothing is\n"
    "started and nobody is asked, or with --live only the Weir that runs with FILE.\n"
    "\n"
    "  -H, --header FIELD  a field of the request; any number of them\n"
    "      --client IP     who asks (otherwise 127.0.0.1)\n"
    "  -c, --config FILE   the configuration (otherwise ./weir.yaml, then /etc/weir/weir.yaml)\n"
    "      --json          for programs\n"
    "      --live          what the running Weir would do, with its servers as they are now\n"
    "      --help          this text\n"
    "\n"
    "Exit status: 0 explained, 1 the configuration is wrong, 2 the command line is.\n";

struct explain_options {
    struct explain_request request;
    const char *fields[EXPLAIN_FIELDS_MAX];
    const char *path;
    bool json, live;
};

static int refuse(const char *words)
{
    (void)fprintf(stderr, "weir explain: %s\n%s", words, usage);
    return 2;
}

static int read_words(int argc, char **argv, struct explain_options *options)
{
    if (argc - optind < 2)
        return refuse("name a method and a URL: GET http://shop.example.com/");
    if (argc - optind > 2)
        return refuse("there is a word too many");
    options->request.method = argv[optind];
    options->request.url = argv[optind + 1];
    options->request.fields = options->fields;
    return -1;
}

/* The exit status, or -1 to go on. */
static int read_options(int argc, char **argv, struct explain_options *options)
{
    static const struct option known[] = {{"header", required_argument, NULL, 'H'},
                                          {"client", required_argument, NULL, 'i'},
                                          {"config", required_argument, NULL, 'c'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"live", no_argument, NULL, 'l'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int option;
    while ((option = getopt_long(argc, argv, "H:c:", known, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return 0;
        }
        if (option == 'H' && options->request.field_count == EXPLAIN_FIELDS_MAX)
            return refuse("there are more than 100 fields");
        if (option == 'H')
            options->fields[options->request.field_count++] = optarg;
        else if (option == 'i')
            options->request.client = optarg;
        else if (option == 'c')
            options->path = optarg;
        else if (option == 'j')
            options->json = true;
        else if (option == 'l')
            options->live = true;
        else
            return refuse("this cannot be understood");
    }
    return read_words(argc, argv, options);
}

static int tell(struct explanation *explanation, bool json)
{
    if (explain_write(stdout, explanation, json))
        return 0;
    (void)fputs("weir explain: the system refuses memory\n", stderr);
    return 1;
}

static int explain(struct snapshot *snapshot, struct server_registry *servers,
                   const struct explain_options *options)
{
    struct explainer explainer;
    struct explanation explanation;
    const char *wrong = "the system refuses memory or descriptors";
    if (!explainer_init(&explainer, snapshot, servers)) {
        (void)fprintf(stderr, "weir explain: %s\n", wrong);
        return 1;
    }
    int status = 2;
    if (explanation_init(&explanation, &explainer, &options->request, &wrong)) {
        status = tell(&explanation, options->json);
        explanation_fini(&explanation);
    } else {
        (void)fprintf(stderr, "weir explain: %s\n", wrong);
    }
    explainer_fini(&explainer);
    return status;
}

/* Of the Weir that runs with that file. */
static int explain_live(const char *path, const struct explain_options *options)
{
    enum { ANSWER_MS = 30 * 1000 };
    char memory[ADMIN_TARGET_MAX];
    struct text target = text_over(memory, sizeof(memory) - 1);
    if (!explain_live_path(&target, &options->request, options->json))
        return refuse("this is too much for one question");
    memory[target.length] = '\0';
    const struct admin_call call = {"weir explain", path, "GET", memory, ANSWER_MS, false};
    char *body;
    size_t length;
    unsigned status = admin_call(&call, &body, &length);
    (void)fwrite(body ? body : "", 1, length, status == 200 ? stdout : stderr);
    free(body);
    return status == 200 ? 0 : status == 400 ? 2 : 1;
}

int explain_command(int argc, char **argv)
{
    struct explain_options options = {.path = NULL};
    struct sys_opener *opener = sys_opener_direct();
    int status = read_options(argc, argv, &options);
    if (status >= 0)
        return status;
    const char *path = options.path ? options.path : load_default_path(opener);
    if (!path) {
        (void)fputs("weir explain: there is neither weir.yaml nor /etc/weir/weir.yaml; name a "
                    "file with -c\n",
                    stderr);
        return 1;
    }
    if (options.live)
        return explain_live(path, &options);
    struct live live = {
        .servers = server_registry_new(), .stages = stages, .stage_count = stage_count};
    struct snapshot *snapshot = live.servers ? load_file(path, opener, &live, stderr, NULL) : NULL;
    status = snapshot ? explain(snapshot, live.servers, &options) : 1;
    if (snapshot)
        snapshot_unref(snapshot);
    if (live.servers)
        server_registry_free(live.servers);
    return status;
}
