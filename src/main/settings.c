/* `weir settings`: the reference in the terminal. */
#include "main/command.h"

#include "conf/reference.h"
#include "main/vocabulary.h"

#include <getopt.h>
#include <stdio.h>

enum { NAME_MAX = 128, NAMES_MAX = 512, LIST_COLUMN = 30 };

static const char usage[] =
    "usage: weir settings [NAME]\n"
    "\n"
    "Tells what a configuration may say: without NAME all settings and variables in a line each,\n"
    "with NAME (timeouts.connect, connect, or a group such as timeouts) everything about it.\n"
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
    if (option == -1 && argc - optind <= 1)
        return -1;
    (void)fputs(usage, stderr);
    return 2;
}

static void print_text(const struct text *text)
{
    (void)fwrite(text->data, 1, text->length, stdout);
}

static struct slice name_of(char memory[NAME_MAX], const struct setting_group *group,
                            const struct setting *setting)
{
    struct text text = text_over(memory, NAME_MAX - 1);
    reference_print_name(&text, group, setting);
    memory[text.length] = '\0';
    return text_slice(&text);
}

/* ---- all of them */

static void list_settings(void)
{
    for (size_t i = 0; i < vocabulary.group_count; i++) {
        const struct setting_group *group = vocabulary.groups[i];
        for (size_t j = 0; j < group->count; j++) {
            char memory[NAME_MAX];
            (void)name_of(memory, group, &group->settings[j]);
            (void)printf("%-*s %s\n", LIST_COLUMN, memory, group->settings[j].summary);
        }
    }
}

static void list_variables(void)
{
    (void)puts("\nVariables, in texts that may have them:\n");
    for (size_t i = 0; i < vocabulary.variables->count; i++) {
        const struct variable *variable = &vocabulary.variables->items[i];
        char name[NAME_MAX];
        bool has_argument = slice_ends_with(slice_from_text(variable->name), SLICE("."));
        (void)snprintf(name, sizeof(name), "$%s%s", variable->name, has_argument ? "NAME" : "");
        (void)printf("%-*s %s\n", LIST_COLUMN, name, variable->summary);
    }
}

/* ---- one of them */

/* `timeouts.connect`, `connect`, or the group `timeouts`. */
static bool is_asked_for(struct slice wanted, const struct setting_group *group,
                         const struct setting *setting)
{
    char memory[NAME_MAX];
    return slice_equal(wanted, name_of(memory, group, setting)) ||
           slice_equal(wanted, slice_from_text(setting->name)) ||
           (*group->name && slice_equal(wanted, slice_from_text(group->name)));
}

static size_t describe(struct slice wanted)
{
    size_t count = 0;
    for (size_t i = 0; i < vocabulary.group_count; i++) {
        const struct setting_group *group = vocabulary.groups[i];
        for (size_t j = 0; j < group->count; j++) {
            if (!is_asked_for(wanted, group, &group->settings[j]))
                continue;
            char memory[REFERENCE_TEXT_MAX];
            struct text text = text_over(memory, sizeof(memory));
            reference_describe(&text, group, &group->settings[j]);
            if (count++ > 0)
                (void)puts("");
            print_text(&text);
        }
    }
    return count;
}

static int tell_unknown(const char *wanted)
{
    static char memory[NAMES_MAX][NAME_MAX];
    const char *names[2 * NAMES_MAX];
    size_t count = 0, name = 0;
    for (size_t i = 0; i < vocabulary.group_count; i++) {
        const struct setting_group *group = vocabulary.groups[i];
        for (size_t j = 0; j < group->count && name < NAMES_MAX; j++, name++) {
            (void)name_of(memory[name], group, &group->settings[j]);
            names[count++] = memory[name];
            names[count++] = group->settings[j].name;
        }
    }
    const char *near = did_you_mean(slice_from_text(wanted), names, count);
    (void)fprintf(stderr, "weir settings: there is no setting \"%s\"%s%s%s\n", wanted,
                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return 1;
}

int settings_command(int argc, char **argv)
{
    int status = read_options(argc, argv);
    if (status >= 0)
        return status;
    if (optind < argc)
        return describe(slice_from_text(argv[optind])) > 0 ? 0 : tell_unknown(argv[optind]);
    list_settings();
    list_variables();
    return 0;
}
