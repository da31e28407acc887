#include "main/check.h"

#include "conf/effective.h"
#include "exchange/plan.h"
#include "main/hidden.h"
#include "main/load.h"
#include "main/request_tests.h"
#include "main/vocabulary.h"
#include "upstream/server.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: weir check [-c FILE] [--strict] [--effective]\n"
    "Reads a configuration and tells everything that is wrong with it. Nothing is started.\n"
    "\n"
    "  -c, --config=FILE  the file; without it ./weir.yaml, else /etc/weir/weir.yaml\n"
    "      --strict       takes warnings for errors\n"
    "      --effective    prints a good one as one file with the defaults, and where each value\n"
    "                     came from; its tests are not tried\n"
    "      --help         this text\n"
    "\n"
    "Exit status: 0 good, 1 there are errors, 2 the command line is wrong.\n";

struct wishes {
    const char *path;
    bool is_strict, is_effective;
};

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct wishes *wishes)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"strict", no_argument, NULL, 's'},
                                            {"effective", no_argument, NULL, 'e'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    optind = 1;
    opterr = 0;
    for (;;) {
        switch (getopt_long(argc, argv, "c:", options, NULL)) {
        case 'c':
            wishes->path = optarg;
            continue;
        case 's':
            wishes->is_strict = true;
            continue;
        case 'e':
            wishes->is_effective = true;
            continue;
        case 'h':
            (void)fputs(help, stdout);
            return 0;
        case -1:
            if (optind == argc)
                return -1;
            (void)fprintf(stderr, "weir check: a file is named with -c: -c %s\n", argv[optind]);
            return 2;
        default:
            (void)fprintf(stderr,
                          "weir check: %s cannot be understood; try \"weir check --help\"\n",
                          argv[optind - 1]);
            return 2;
        }
    }
}

static size_t count_routes(const struct scope *scope)
{
    size_t count = 0;
    for (uint32_t i = 0; i < scope->child_count; i++)
        count += 1 + count_routes(scope->children[i]);
    return count;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void print_good(const char *path, const struct configuration *configuration,
                       const struct load_report *report, size_t tests)
{
    size_t sites = configuration->top->child_count, routes = 0;
    size_t upstreams = configuration->upstream_count;
    for (size_t i = 0; i < sites; i++)
        routes += count_routes(configuration->top->children[i]);
    (void)printf("%s: %zu site%s, %zu route%s, %zu upstream%s: good", path, sites, plural(sites),
                 routes, plural(routes), upstreams, plural(upstreams));
    if (report->warnings > 0)
        (void)printf(", with %zu warning%s", report->warnings, plural(report->warnings));
    if (tests > 0)
        (void)printf("%s %zu test%s", report->warnings > 0 ? " and" : ", with", tests,
                     plural(tests));
    (void)printf("\n");
}

enum { RESPONDERS_SHOWN = 5 };

static bool is_among(const struct slice *texts, size_t count, struct slice text)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(texts[i], text))
            return true;
    }
    return false;
}

/* Who will be asked beside the traffic, though no line of the file names them. */
static void print_responders(const char *path, const struct snapshot *snapshot)
{
    const struct plans *plans = snapshot_get(snapshot, &plan_part);
    struct slice shown[RESPONDERS_SHOWN];
    size_t count = 0;
    bool are_more = false;
    for (const struct stapled_certificate *one = plans->stapled_certificates; one;
         one = one->next) {
        if (is_among(shown, count, one->responder))
            continue;
        if (count < RESPONDERS_SHOWN)
            shown[count++] = one->responder;
        else
            are_more = true;
    }
    if (count == 0)
        return;
    (void)printf("%s: asks OCSP responders:", path);
    for (size_t i = 0; i < count; i++)
        (void)printf(" %.*s", (int)shown[i].length, shown[i].data);
    (void)printf("%s\n", are_more ? " …" : "");
}

static void print_wrong(const char *path, const struct load_report *report)
{
    if (report->errors + report->warnings == 0)
        return; /* it could not even be read, which was told */
    (void)fprintf(stderr, "%s: ", path);
    if (report->errors > 0)
        (void)fprintf(stderr, "%zu error%s%s", report->errors, plural(report->errors),
                      report->warnings > 0 ? ", " : "");
    if (report->warnings > 0)
        (void)fprintf(stderr, "%zu warning%s", report->warnings, plural(report->warnings));
    (void)fprintf(stderr, "\n");
}

/* The exit status. */
static int check_tests(const char *path, struct snapshot *snapshot, struct server_registry *servers,
                       const struct load_report *report)
{
    struct test_report tests;
    if (!request_tests_run(snapshot, servers, stderr, &tests))
        return 1;
    if (tests.failed == 0) {
        print_good(path, snapshot->configuration, report, tests.tests);
        print_responders(path, snapshot);
    } else {
        (void)fprintf(stderr, "%s: %zu error%s, %zu of %zu test%s failed\n", path, tests.errors,
                      plural(tests.errors), tests.failed, tests.tests, plural(tests.tests));
    }
    return tests.failed > 0;
}

enum { IMPLIED_MAX = 4 };

struct implied {
    char memory[IMPLIED_MAX][ADDRESS_TEXT_MAX];
    struct slice addresses[IMPLIED_MAX];
    size_t count;
};

/* The addresses at which it listens without a `listen`. */
static void find_implied(struct snapshot *snapshot, struct implied *implied)
{
    const struct plans *plans = snapshot_get(snapshot, &plan_part);
    bool is_said = snapshot->configuration->listener_count > 0;
    for (uint32_t i = 0; !is_said && i < plans->listener_count; i++) {
        if (plans->listeners[i].is_private || implied->count == IMPLIED_MAX)
            continue;
        struct text text = text_over(implied->memory[implied->count], ADDRESS_TEXT_MAX);
        address_print(&text, &plans->listeners[i].address);
        struct slice address = text_slice(&text);
        bool has_star = slice_starts_with(address, SLICE("*"));
        implied->addresses[implied->count++] = slice_from(address, has_star ? 1 : 0);
    }
}

/* With room that doubles until all of it fits. The exit status. */
static int print_effective(struct snapshot *snapshot)
{
    const struct configuration *configuration = snapshot->configuration;
    struct implied implied = {.count = 0};
    find_implied(snapshot, &implied);
    const size_t room_min = (size_t)1 << 20, room_max = (size_t)1 << 31;
    for (size_t room = room_min; room <= room_max; room *= 2) {
        char *memory = malloc(room);
        struct text text = text_over(memory, memory ? room : 0);
        effective_print(&text, configuration, implied.addresses, implied.count);
        bool good = !text_is_cut(&text);
        if (good)
            hidden_print(stdout, configuration, text_slice(&text));
        free(memory);
        if (good)
            return fflush(stdout) == 0 ? 0 : 1;
    }
    (void)fputs("weir check: the system refuses memory\n", stderr);
    return 1;
}

/* The exit status of one that can be served. */
static int check_good(const struct wishes *wishes, struct snapshot *snapshot,
                      struct server_registry *servers, const struct load_report *report)
{
    if (wishes->is_strict && report->warnings > 0) {
        print_wrong(wishes->path, report);
        return 1;
    }
    return wishes->is_effective ? print_effective(snapshot)
                                : check_tests(wishes->path, snapshot, servers, report);
}

static int check(const struct wishes *wishes, struct sys_opener *opener)
{
    struct load_report report = {0};
    struct live live = {
        .servers = server_registry_new(), .stages = stages, .stage_count = stage_count};
    struct snapshot *snapshot =
        live.servers ? load_file(wishes->path, opener, &live, stderr, &report) : NULL;
    int status = 1;
    if (snapshot) {
        status = check_good(wishes, snapshot, live.servers, &report);
        snapshot_unref(snapshot);
    } else {
        print_wrong(wishes->path, &report);
    }
    if (live.servers)
        server_registry_free(live.servers);
    return status;
}

int check_command(int argc, char **argv)
{
    struct sys_opener *opener = sys_opener_direct();
    struct wishes wishes = {0};
    int status = read_options(argc, argv, &wishes);
    if (status >= 0)
        return status;
    if (!wishes.path)
        wishes.path = load_default_path(opener);
    if (wishes.path)
        return check(&wishes, opener);
    (void)fputs("weir check: there is neither weir.yaml nor /etc/weir/weir.yaml; name a file with "
                "-c\n",
                stderr);
    return 1;
}
