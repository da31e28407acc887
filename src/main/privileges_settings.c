#include "main/privileges.h"

#include <string.h>

static const char user_example[] = "www-data or www-data:adm";

/* The part of the text before or behind the colon, as a string. False: it is too long. */
static bool copy_name(struct slice text, char ret_name[SYS_USER_NAME_MAX])
{
    if (text.length >= SYS_USER_NAME_MAX || slice_find(text, '\0') < text.length)
        return false;
    memcpy(ret_name, text.data, text.length);
    ret_name[text.length] = '\0';
    return true;
}

static bool read_user(struct setting_reader *reader, const struct node *node, void *field)
{
    struct user_setting *setting = field;
    char user[SYS_USER_NAME_MAX], group[SYS_USER_NAME_MAX];
    *setting = (struct user_setting){.is_named = true};
    struct slice rest = node->kind == NODE_SCALAR ? node->text : (struct slice){0};
    bool has_group = slice_find(rest, ':') < rest.length;
    struct slice name = slice_cut(&rest, ':');
    if (slice_is_empty(name) || has_group == slice_is_empty(rest) || !copy_name(name, user) ||
        !copy_name(rest, group))
        return setting_refuse(reader, "user", "a user, or a user and a group", user_example, node);
    const char *problem = NULL;
    if (sys_find_user(user, group, &setting->user, &setting->group, &problem))
        return true;
    /* Also where nobody will become anybody: whoever loads it, checker or worker, finds the same.
     */
    diagnostics_error(reader->diagnostics, node->position,
                      diagnostics_text(reader->diagnostics,
                                       "name one that stands in /etc/passwd (/etc/group), or make "
                                       "it: useradd --system %.*s; numbers need not stand there: "
                                       "\"1000:1000\"",
                                       SHOWN(name)),
                      "nobody can become \"%.*s\": %s", SHOWN(node->text), problem);
    return false;
}

/* What takes a wall down is never silent. */
static void warn_of_rights(const void *group, const struct node *node,
                           struct diagnostics *diagnostics)
{
    const struct privileges_settings *settings = group;
    const struct node *user = node_find(node, SLICE("user"));
    const struct node *sandbox = node_find(node, SLICE("sandbox"));
    if (user && settings->user.is_named && settings->user.user == 0)
        diagnostics_warning(diagnostics, user->position,
                            "leave it out, which means nobody, or name a user of its own",
                            "the process that faces clients keeps all rights of root");
    if (sandbox && !settings->sandbox)
        diagnostics_warning(diagnostics, sandbox->position,
                            "leave it out as soon as you have found what you look for",
                            "the process that faces clients may open files and make any system "
                            "call");
}

#define SWITCHES(S)                                                                                \
    S(sandbox, SWITCH, "on", 0, 0, SCOPE_TOP,                                                      \
      "Whether the worker is kept, by the system, from opening files and from system calls that "  \
      "serving does not take.",                                                                    \
      "off")                                                                                       \
    S(core_dumps, SWITCH, "off", 0, 0, SCOPE_TOP,                                                  \
      "Whether a process that dies may leave its memory behind, with all keys that are in it.",    \
      "on")

#define SWITCH_RECORD(...) SETTING_ROW(struct privileges_settings, __VA_ARGS__)

static const struct setting rows[] = {
    {.name = "user",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct privileges_settings, user),
     .size = sizeof(struct user_setting),
     .read = read_user,
     .form = "TEXT",
     .scopes = SCOPE_TOP,
     .summary = "As whom the worker runs where root starts Weir: a user, or a user and a group, by "
                "name or number; otherwise nobody.",
     .example = "www-data:adm"},
    SWITCHES(SWITCH_RECORD)};

const struct setting_group privileges_group = {
    .name = "",
    .settings = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .size = sizeof(struct privileges_settings),
    .summary = "The rights of the process that faces clients.",
    .check = warn_of_rights,
};
