/* `weir upstream`: the servers of a Weir that runs, and what they are told. */
#include "base/text.h"
#include "http/query.h"
#include "main/admin_client.h"
#include "main/command.h"
#include "main/load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 30 * 1000, PATH_MAX_BYTES = 4096 };

static const char name[] = "weir upstream";

static const char usage[] =
    "usage: weir upstream [-c FILE] list [UPSTREAM]\n"
    "       weir upstream [-c FILE] show UPSTREAM SERVER\n"
    "       weir upstream [-c FILE] drain|disable|enable UPSTREAM SERVER\n"
    "       weir upstream [-c FILE] weight UPSTREAM SERVER NUMBER|off\n"
    "       weir upstream [-c FILE] add UPSTREAM SERVER [weight NUMBER] [priority NUMBER]\n"
    "                                                   [max_connections NUMBER]\n"
    "       weir upstream [-c FILE] remove UPSTREAM SERVER\n"
    "\n"
    "Tells of the servers of the Weir that runs with FILE, and changes them while it runs:\n"
    "\n"
    "  list      a line for each server: its state, weight and load, and why\n"
    "  show      all that is known of one server\n"
    "  drain     nobody new is sent there, but who has a cookie for it; what runs may end\n"
    "  disable   nobody at all is sent there, and it is not checked any more\n"
    "  enable    takes either back\n"
    "  weight    another weight than the configuration says; off takes it back\n"
    "  add       one more server, as if the configuration had it at the end of its list\n"
    "  remove    a server gets no more requests, as if the configuration had it no more; what\n"
    "            runs may end\n"
    "\n"
    "A change holds over reloads, until the configuration says something else of that server,\n"
    "or of the servers of that upstream where one was added or removed, and until another worker\n"
    "takes over. A proxy without a name has that of its first server.\n"
    "\n"
    "  -c, --config FILE   the configuration (otherwise ./weir.yaml, then\n"
    "                      /etc/weir/weir.yaml)\n"
    "      --help          this text\n"
    "\n"
    "Exit status: 0 done, 1 not done, 2 the command line is wrong.\n";

/* What can be said, and how it is asked. */
struct verb {
    const char *word;
    int words_min, words_max; /* behind it */
    const char *method, *path;
    const char *order; /* NULL: none */
    bool has_pairs;    /* behind upstream and server there are names with numbers */
};

static const struct verb verbs[] = {
    {"list", 0, 1, "GET", "/upstreams?", NULL, false},
    {"show", 2, 2, "GET", "/upstreams?", NULL, false},
    {"drain", 2, 2, "POST", "/upstreams/change?", "drain", false},
    {"disable", 2, 2, "POST", "/upstreams/change?", "disable", false},
    {"enable", 2, 2, "POST", "/upstreams/change?", "enable", false},
    {"weight", 3, 3, "POST", "/upstreams/change?", NULL, false},
    {"add", 2, 8, "POST", "/upstreams/change?", "add", true},
    {"remove", 2, 2, "POST", "/upstreams/change?", "remove", false},
};

static const struct verb *find_verb(const char *word)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].word, word) == 0)
            return &verbs[i];
    }
    return NULL;
}

static void add_parameter(struct text *text, const char *key, const char *value)
{
    text_print(text, "&%s=", key);
    query_add_encoded(text, slice_from_text(value));
}

static void print_path(struct text *text, const struct verb *verb, int count, char **words)
{
    static const char *const keys[] = {"upstream", "server", "weight"};
    int plain = verb->has_pairs ? 2 : count;
    text_print(text, "%s", verb->path);
    if (verb->order)
        add_parameter(text, "order", verb->order);
    for (int i = 0; i < plain; i++)
        add_parameter(text, keys[i], words[i]);
    for (int i = plain; i + 1 < count; i += 2)
        add_parameter(text, words[i], words[i + 1]);
}

/* What stands behind the server, where a new one is told of. */
static bool are_pairs(int count, char **words)
{
    static const char *const keys[] = {"weight", "priority", "max_connections"};
    bool good = count % 2 == 0;
    for (int i = 2; good && i < count; i += 2) {
        good = false;
        for (size_t j = 0; j < sizeof(keys) / sizeof(keys[0]); j++)
            good |= strcmp(words[i], keys[j]) == 0;
    }
    return good;
}

static int refuse(const char *words)
{
    (void)fprintf(stderr, "%s: %s\n%s", name, words, usage);
    return 2;
}

static int ask(const char *file, const struct verb *verb, int count, char **words)
{
    char memory[PATH_MAX_BYTES];
    struct text path = text_over(memory, sizeof(memory) - 1);
    print_path(&path, verb, count, words);
    if (text_is_cut(&path))
        return refuse("the names are too long");
    memory[path.length] = '\0';
    const struct admin_call call = {.command = name,
                                    .file = file,
                                    .method = verb->method,
                                    .path = memory,
                                    .timeout_ms = ANSWER_MS};
    char *body;
    size_t length;
    unsigned status = admin_call(&call, &body, &length);
    bool good = status >= 200 && status < 300;
    (void)fwrite(body ? body : "", 1, length, good ? stdout : stderr);
    free(body);
    return good ? 0 : 1;
}

int upstream_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *file = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option != 'c') {
            (void)fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
        file = optarg;
    }
    if (optind == argc)
        return refuse("say what shall be done: list, show, drain, disable, enable, weight, add or "
                      "remove");
    const struct verb *verb = find_verb(argv[optind]);
    int count = argc - optind - 1;
    if (!verb)
        return refuse("there are list, show, drain, disable, enable, weight, add and remove");
    if (count < verb->words_min || count > verb->words_max)
        return refuse("name the upstream and its server, and nothing more");
    if (verb->has_pairs && !are_pairs(count, argv + optind + 1))
        return refuse("behind the server there may be weight, priority and max_connections, each "
                      "with its number");
    if (!file)
        file = load_default_path(sys_opener_direct());
    if (file)
        return ask(file, verb, count, argv + optind + 1);
    (void)fprintf(stderr,
                  "%s: there is no ./weir.yaml and no /etc/weir/weir.yaml; name the configuration "
                  "with -c FILE\n",
                  name);
    return 1;
}
