/* `weir explain`: what becomes of a request, and why. */
#include "main/command.h"
#include "main/explainer.h"
#include "main/load.h"
#include "main/vocabulary.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIELDS_MAX = 100, TOLD_MAX = 64 * 1024 * 1024 };

static const char usage[] =
    "usage: weir explain METHOD URL [-H 'Name: value'] [--client IP] [-c FILE] [--json]\n"
    "\n"
    "Tells what becomes of a request: which listener, site and route take it and why the others\n"
    "do not, what is set there and in which line, and what a server would be sent. Nothing is\n"
    "started and nobody is asked.\n"
    "\n"
    "  -H, --header FIELD  a field of the request; any number of them\n"
    "      --client IP     who asks (otherwise 127.0.0.1)\n"
    "  -c, --config FILE   the configuration (otherwise ./weir.yaml, then /etc/weir/weir.yaml)\n"
    "      --json          for programs\n"
    "      --help          this text\n"
    "\n"
    "Exit status: 0 explained, 1 the configuration is wrong, 2 the command line is.\n";

struct explain_options {
    struct explain_request request;
    const char *fields[FIELDS_MAX];
    const char *path;
    bool json;
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
    static const struct option known[] = {
        {"header", required_argument, NULL, 'H'}, {"client", required_argument, NULL, 'i'},
        {"config", required_argument, NULL, 'c'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {0}};
    int option;
    while ((option = getopt_long(argc, argv, "H:c:", known, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return 0;
        }
        if (option == 'H' && options->request.field_count == FIELDS_MAX)
            return refuse("there are more than 100 fields");
        if (option == 'H')
            options->fields[options->request.field_count++] = optarg;
        else if (option == 'i')
            options->request.client = optarg;
        else if (option == 'c')
            options->path = optarg;
        else if (option == 'j')
            options->json = true;
        else
            return refuse("this cannot be understood");
    }
    return read_words(argc, argv, options);
}

static int tell(struct explanation *explanation, bool json)
{
    char *memory = malloc(TOLD_MAX);
    struct text text = text_over(memory, memory ? TOLD_MAX : 0);
    if (json)
        explain_print_json(&text, explanation);
    else
        explain_print(&text, explanation);
    bool good = !text_is_cut(&text);
    if (good)
        (void)fwrite(text.data, 1, text.length, stdout);
    else
        (void)fputs("weir explain: the system refuses memory\n", stderr);
    free(memory);
    return good ? 0 : 1;
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
