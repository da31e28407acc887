/* `weir schema`: the JSON Schema of a configuration, for editors. */
#include "main/command.h"

#include "conf/schema.h"
#include "main/vocabulary.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { SCHEMA_SIZE_MAX = 4 << 20 };

static const char usage[] =
    "usage: weir schema\n"
    "\n"
    "Prints the JSON Schema (draft 2020-12) of a configuration, with which an editor completes "
    "and\n"
    "checks it. For yaml-language-server, write it to a file and name that in the first line:\n"
    "\n"
    "      # yaml-language-server: $schema=weir.schema.json\n"
    "\n"
    "      --help  this text\n";

/* The exit status, or -1 to go on. */
static int read_options(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int option = getopt_long(argc, argv, "", options, NULL);
    if (option == 'h') {
        (void)fputs(usage, stdout);
        return 0;
    }
    if (option == -1 && optind == argc)
        return -1;
    (void)fputs(usage, stderr);
    return 2;
}

int schema_command(int argc, char **argv)
{
    int status = read_options(argc, argv);
    if (status >= 0)
        return status;
    char *memory = malloc(SCHEMA_SIZE_MAX);
    struct text text = text_over(memory, memory ? SCHEMA_SIZE_MAX : 0);
    bool good = schema_print(&text, &vocabulary) && !text_is_cut(&text);
    if (good)
        good = fwrite(text.data, 1, text.length, stdout) == text.length && fflush(stdout) == 0;
    else
        (void)fputs("weir: the system refuses memory\n", stderr);
    free(memory);
    return good ? 0 : 1;
}
