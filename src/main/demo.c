/* `weir demo`: the proxy on :8080 in front of three small servers, to see it work. */
#include "main/command.h"
#include "main/demo_server.h"
#include "main/load.h"
#include "main/privileges.h"
#include "main/registries.h"
#include "main/serve.h"

#include <getopt.h>
#include <stdio.h>

enum { SERVERS = 3, CONFIGURATION_MAX = 2048 };

static const char *const names[SERVERS] = {"amber", "birch", "cedar"};

static const char usage[] =
    "usage: weir demo [--from ADDRESS]\n"
    "\n"
    "Serves ADDRESS (otherwise :8080) from three small servers that say their name and echo what\n"
    "they received.\n";

static const char *from = ":8080";

static int read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"from", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'f') {
            from = optarg;
            continue;
        }
        (void)fputs(usage, option == 'h' ? stdout : stderr);
        return option == 'h' ? 0 : 2;
    }
    if (optind == argc)
        return -1;
    (void)fprintf(stderr, "weir demo: \"%s\" is one word too many\n%s", argv[optind], usage);
    return 2;
}

static void write_configuration(struct text *text, struct demo_server *const *servers)
{
    text_print(text, "listen: [\"%s\"]\nupstreams:\n  demo:\n    servers:\n", from);
    for (int i = 0; i < SERVERS; i++)
        text_print(text, "      - {address: \"127.0.0.1:%u\", weight: %d}\n",
                   (unsigned)demo_server_port(servers[i]), i == 0 ? 2 : 1);
    text_add(text, SLICE("sites:\n"
                         "  - routes:\n"
                         "      - path: /moved\n"
                         "        redirect: /here\n"
                         "      - path: /hello\n"
                         "        respond: {body: \"hello, this is Weir itself\\n\"}\n"
                         "      - path: /api/*\n"
                         "        rewrite: {strip_prefix: /api}\n"
                         "        proxy: demo\n"
                         "    headers: {response: {set: {X-Proxy: weir}}}\n"
                         "    proxy: demo\n"));
}

static void tell_ready(struct slice listeners)
{
    size_t colon = slice_find_last(listeners, ':');
    struct slice port = slice_from(listeners, colon);
    const char *host = "http://localhost";
    (void)printf("\n"
                 "Weir is in front of three small servers: amber (twice as often), birch, cedar.\n"
                 "\n"
                 "  open  %s%.*s/\n"
                 "  try   curl -i %s%.*s/any/path     who answers, and what arrived there\n"
                 "        curl -i %s%.*s/api/users    a prefix that is taken off\n"
                 "        curl -i %s%.*s/hello        an answer of Weir's own\n"
                 "        curl -i %s%.*s/moved        a redirect\n"
                 "        curl -i -d text %s%.*s/     a body that comes back\n"
                 "\n"
                 "Ctrl-C ends it.\n",
                 host, (int)port.length, port.data, host, (int)port.length, port.data, host,
                 (int)port.length, port.data, host, (int)port.length, port.data, host,
                 (int)port.length, port.data, host, (int)port.length, port.data);
    (void)fflush(stdout);
}

static int serve_demo(struct demo_server *const *demo_servers)
{
    char memory[CONFIGURATION_MAX];
    struct text configuration = text_over(memory, sizeof(memory));
    write_configuration(&configuration, demo_servers);
    struct sys_opener *opener = sys_opener_direct();
    struct registries registries;
    if (!registries_init(&registries, opener))
        return 1;
    struct snapshot *snapshot = load_bytes(SLICE("the demo"), text_slice(&configuration), opener,
                                           &registries.live, stderr, NULL);
    int status = snapshot ? serve(snapshot, registries.live.servers, opener, NULL, tell_ready) : 1;
    registries_fini(&registries);
    return status;
}

int demo_command(int argc, char **argv)
{
    int status = read_options(argc, argv);
    if (status >= 0)
        return status;
    privileges_keep();
    struct demo_server *servers[SERVERS];
    for (int i = 0; i < SERVERS; i++) {
        servers[i] = demo_server_start(names[i]);
        if (!servers[i]) {
            (void)fputs("weir demo: the system refuses a socket or a thread\n", stderr);
            return 1;
        }
    }
    return serve_demo(servers);
}
