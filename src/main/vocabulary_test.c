/* What every record of a setting must keep: it has its sentence and its example, the example can be
 * read wherever the setting may stand, and what lies outside its limits is refused. */
#include "main/vocabulary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct place {
    enum scope_kind kind;
    const char *before; /* the setting; its own indentation is that of the last line */
    const char *indentation;
};

static const struct place places[] = {
    {SCOPE_TOP, "", ""},
    {SCOPE_LISTENER, "listen:\n  - ", "    "},
    {SCOPE_SITE, "sites:\n  - ", "    "},
    {SCOPE_ROUTE, "sites:\n  - routes:\n      - ", "        "},
    {SCOPE_UPSTREAM, "upstreams:\n  some:\n    ", "    "},
};

enum { PLACES = sizeof(places) / sizeof(places[0]), FILE_MAX = 4096 };

/* A file with nothing but this setting, and the servers without which there is no upstream. */
static struct text write_file(char memory[FILE_MAX], const struct place *place,
                              const struct setting_group *group, const char *name,
                              const char *value)
{
    struct text file = text_over(memory, FILE_MAX);
    text_print(&file, "%s", place->before);
    if (*group->name)
        text_print(&file, "%s:\n%s  ", group->name, place->indentation);
    text_print(&file, "%s: %s\n", name, value);
    if (place->kind == SCOPE_UPSTREAM && strcmp(name, "servers") != 0)
        text_print(&file, "    servers: 10.0.0.1:80\n");
    assert_false(text_is_cut(&file));
    return file;
}

/* Every file that an example names is there and says little. */
static bool read_file(void *context, struct slice path, struct arena *arena,
                      struct slice *ret_bytes, const char **ret_reason)
{
    (void)context;
    assert_true(path.length > 0);
    *ret_bytes = arena_copy(arena, SLICE("{}"));
    *ret_reason = NULL;
    return true;
}

static size_t files_read;

static bool count_file(void *context, struct slice path, struct arena *arena,
                       struct slice *ret_bytes, const char **ret_reason)
{
    files_read++;
    return read_file(context, path, arena, ret_bytes, ret_reason);
}

/* How many errors such a file has; the first is in `ret_error`. */
static size_t count_errors(const struct text *file, char ret_error[FILE_MAX])
{
    static const struct configuration_reader reader = {.read_file = count_file};
    struct diagnostics *diagnostics = diagnostics_new(1);
    assert_non_null(diagnostics);
    struct configuration *configuration =
        configuration_load(SLICE("example"), text_slice(file), &vocabulary, &reader, diagnostics);
    assert_non_null(configuration);
    size_t errors = diagnostics_errors(diagnostics);
    if (errors > 0) {
        struct text error = text_over(ret_error, FILE_MAX - 1);
        diagnostic_print(&error, diagnostics_get(diagnostics, 0), configuration->sources,
                         configuration->source_count, false);
        ret_error[error.length] = '\0';
    }
    configuration_free(configuration);
    diagnostics_free(diagnostics);
    return errors;
}

static bool can_be_read(const struct place *place, const struct setting_group *group,
                        const char *name, const char *value, char ret_error[FILE_MAX])
{
    char memory[FILE_MAX];
    struct text file = write_file(memory, place, group, name, value);
    return count_errors(&file, ret_error) == 0;
}

/* Calls for each setting of each group in each place where it may stand. */
static void for_all(void (*check)(const struct place *place, const struct setting_group *group,
                                  const struct setting *setting))
{
    for (size_t i = 0; i < vocabulary.group_count; i++) {
        const struct setting_group *group = vocabulary.groups[i];
        for (size_t j = 0; j < group->count; j++) {
            for (size_t k = 0; k < PLACES; k++) {
                if (group->settings[j].scopes & (unsigned)places[k].kind)
                    check(&places[k], group, &group->settings[j]);
            }
        }
    }
}

static void check_words(const struct place *place, const struct setting_group *group,
                        const struct setting *setting)
{
    (void)place;
    if (!setting->summary || !*setting->summary || !setting->example || !*setting->example)
        fail_msg("%s.%s lacks its sentence or its example", group->name, setting->name);
    size_t length = strlen(setting->summary);
    if (setting->summary[length - 1] != '.' || setting->summary[0] < 'A' ||
        setting->summary[0] > 'Z')
        fail_msg("%s.%s: no sentence: %s", group->name, setting->name, setting->summary);
}

static void every_setting_has_a_sentence_and_an_example(void **state)
{
    (void)state;
    for_all(check_words);
}

/* The mapping that a form promises is there, and no form is where the type says all. */
static void check_form(const char *group, const struct setting *setting)
{
    bool is_custom = setting->type == SETTING_CUSTOM;
    if (is_custom != (setting->form != NULL))
        fail_msg("%s.%s: a setting with a reader of its own says how it is written: \"form\" of "
                 "conf/setting.h, in the notation of conf/schema_form.h",
                 group, setting->name);
    bool has_mapping = is_custom && strstr(setting->form, "MAPPING");
    if (has_mapping != (setting->mapping != NULL))
        fail_msg("%s.%s: MAPPING in its form, and \"mapping\" for its settings", group,
                 setting->name);
}

enum { INNER_DEPTH_MAX = 8 };

static void check_forms_of(const struct setting_group *group, unsigned depth)
{
    for (size_t i = 0; i < group->count && depth < INNER_DEPTH_MAX; i++) {
        const struct setting *setting = &group->settings[i];
        check_form(group->name, setting);
        if (setting->mapping && setting->mapping != group)
            check_forms_of(setting->mapping, depth + 1);
    }
}

static void every_setting_says_how_it_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < vocabulary.group_count; i++)
        check_forms_of(vocabulary.groups[i], 0);
}

static void check_example(const struct place *place, const struct setting_group *group,
                          const struct setting *setting)
{
    char error[FILE_MAX];
    if (!can_be_read(place, group, setting->name, setting->example, error))
        fail_msg("%s", error);
}

static void every_example_can_be_read_wherever_it_may_stand(void **state)
{
    (void)state;
    for_all(check_example);
}

/* The files that a setting reads are named as seen from the file that names them: whoever prints it
 * elsewhere has to know (conf/node_yaml.h). */
static void check_files(const struct place *place, const struct setting_group *group,
                        const struct setting *setting)
{
    char error[FILE_MAX];
    files_read = 0;
    (void)can_be_read(place, group, setting->name, setting->example, error);
    if ((files_read > 0) != setting->names_files)
        fail_msg("%s.%s: \"names_files\" says whether it reads files, and its example names one",
                 group->name, setting->name);
}

static void a_setting_that_reads_files_says_so(void **state)
{
    (void)state;
    for_all(check_files);
}

/* As `weir check --effective` writes it out. */
static void check_default(const struct place *place, const struct setting_group *group,
                          const struct setting *setting)
{
    char error[FILE_MAX];
    if (setting->standard && !can_be_read(place, group, setting->name, setting->standard, error))
        fail_msg("%s", error);
}

static void every_default_can_be_written(void **state)
{
    (void)state;
    for_all(check_default);
}

static void check_limits(const struct place *place, const struct setting_group *group,
                         const struct setting *setting)
{
    static const char *const units[] = {
        [SETTING_NUMBER] = "", [SETTING_DURATION] = "ms", [SETTING_SIZE] = ""};
    if (setting->type != SETTING_NUMBER && setting->type != SETTING_DURATION &&
        setting->type != SETTING_SIZE)
        return;
    char value[64], error[FILE_MAX];
    assert_true(setting->min <= setting->max);
    if (setting->max == INT64_MAX)
        return;
    const int64_t good[] = {setting->min, setting->max};
    const int64_t wrong[] = {setting->min - 1, setting->max + 1};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(value, sizeof(value), "%lld%s", (long long)good[i], units[setting->type]);
        if (!can_be_read(place, group, setting->name, value, error))
            fail_msg("%s", error);
        (void)snprintf(value, sizeof(value), "%lld%s", (long long)wrong[i], units[setting->type]);
        if (can_be_read(place, group, setting->name, value, error))
            fail_msg("%s.%s takes %s", group->name, setting->name, value);
    }
}

static void what_lies_outside_the_limits_is_refused(void **state)
{
    (void)state;
    for_all(check_limits);
}

static void check_wrong_kinds(const struct place *place, const struct setting_group *group,
                              const struct setting *setting)
{
    static const char *const values[] = {"", "{nonsense: {x: [{}]}}", "[[{}]]"};
    char error[FILE_MAX];
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (can_be_read(place, group, setting->name, values[i], error))
            fail_msg("%s.%s takes %s", group->name, setting->name, values[i]);
    }
}

static void what_is_of_another_kind_is_refused(void **state)
{
    (void)state;
    for_all(check_wrong_kinds);
}

static void check_unique(const struct place *place, const struct setting_group *group,
                         const struct setting *setting)
{
    const char *key = *group->name ? group->name : setting->name;
    for (size_t i = 0; i < vocabulary.group_count; i++) {
        const struct setting_group *other = vocabulary.groups[i];
        for (size_t j = 0; other != group && j < other->count; j++) {
            const char *other_key = *other->name ? other->name : other->settings[j].name;
            if ((other->settings[j].scopes & (unsigned)place->kind) && strcmp(key, other_key) == 0)
                fail_msg("two groups have the key %s", key);
        }
    }
}

static void no_key_has_two_meanings_in_one_place(void **state)
{
    (void)state;
    for_all(check_unique);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_has_a_sentence_and_an_example),
        cmocka_unit_test(every_setting_says_how_it_is_written),
        cmocka_unit_test(every_example_can_be_read_wherever_it_may_stand),
        cmocka_unit_test(a_setting_that_reads_files_says_so),
        cmocka_unit_test(every_default_can_be_written),
        cmocka_unit_test(what_lies_outside_the_limits_is_refused),
        cmocka_unit_test(what_is_of_another_kind_is_refused),
        cmocka_unit_test(no_key_has_two_meanings_in_one_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
