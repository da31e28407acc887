#include "conf/setting.h"

#include "base/arena.h"
#include "conf/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct sample {
    bool on;
    int64_t number, duration, size;
    struct slice text;
    int choice;
    const struct template *template;
};

static const char *const choices[] = {"round_robin", "least_time", NULL};

#define SAMPLE(name_, type_, ...)                                                                  \
    {                                                                                              \
        .name = #name_, .type = SETTING_##type_, .offset = offsetof(struct sample, name_),         \
        .size = sizeof(((struct sample *)0)->name_), .summary = "A sample.", __VA_ARGS__           \
    }

static void check_sample(const void *group, const struct node *node,
                         struct diagnostics *diagnostics)
{
    const struct sample *sample = group;
    if (sample->number == 4)
        diagnostics_error(diagnostics, node->position, NULL, "four is refused");
}

// clang-format off
static const struct setting rows[] = {
    SAMPLE(on, SWITCH, .standard = "on", .example = "off"),
    SAMPLE(number, NUMBER, .standard = "3", .min = 1, .max = 1000, .example = "5"),
    SAMPLE(duration, DURATION, .standard = "5s", .min = 1, .max = HOUR, .example = "2s"),
    SAMPLE(size, SIZE, .standard = "64KiB", .max = INT64_MAX, .example = "1MiB"),
    SAMPLE(text, TEXT, .standard = "standard", .example = "a text"),
    SAMPLE(choice, CHOICE, .choices = choices, .standard = "round_robin", .example = "least_time"),
    SAMPLE(template, TEMPLATE, .example = "$host"),
};
// clang-format on

static const struct setting_group group = {.name = "sample",
                                           .settings = rows,
                                           .count = sizeof(rows) / sizeof(*rows),
                                           .size = sizeof(struct sample),
                                           .check = check_sample};

struct bench {
    struct arena arena;
    struct diagnostics *diagnostics;
    struct setting_reader reader;
};

static int set_up(void **state)
{
    static struct bench bench;
    static const struct variable_table no_variables = {NULL, 0};
    arena_init(&bench.arena, NULL, 1 << 20);
    bench.diagnostics = diagnostics_new(10);
    bench.reader = (struct setting_reader){
        .arena = &bench.arena, .diagnostics = bench.diagnostics, .variables = &no_variables};
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    diagnostics_free(bench->diagnostics);
    arena_fini(&bench->arena);
    return 0;
}

static struct node scalar(const char *text)
{
    return (struct node){.kind = NODE_SCALAR, .position = {0, 1, 1}, .text = slice_from_text(text)};
}

static const struct setting *row(const char *name)
{
    for (size_t i = 0; i < group.count; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    fail();
    return NULL;
}

static void assert_number(struct bench *bench, const char *name, const char *text, int64_t expected)
{
    struct node node = scalar(text);
    int64_t value = -1;
    assert_true(setting_read(&bench->reader, row(name), &node, &value));
    assert_int_equal(value, expected);
}

/* Refused, and told with these words. */
static void assert_refused(struct bench *bench, const char *name, const struct node *node,
                           const char *what, const char *cure)
{
    struct sample untouched = {.number = 77};
    bench->reader.diagnostics = diagnostics_new(1);
    assert_false(setting_read(&bench->reader, row(name), node, &untouched.number));
    assert_int_equal(untouched.number, 77);
    const struct diagnostic *told = diagnostics_get(bench->reader.diagnostics, 0);
    if (!memmem(told->what.data, told->what.length, what, strlen(what)) ||
        !memmem(told->cure.data, told->cure.length, cure, strlen(cure)))
        fail_msg("%.*s; %.*s", SHOWN(told->what), SHOWN(told->cure));
    diagnostics_free(bench->reader.diagnostics);
    bench->reader.diagnostics = bench->diagnostics;
}

static void assert_text_refused(struct bench *bench, const char *name, const char *text,
                                const char *what, const char *cure)
{
    struct node node = scalar(text);
    assert_refused(bench, name, &node, what, cure);
}

static void durations_have_units(void **state)
{
    assert_number(*state, "duration", "250ms", 250);
    assert_number(*state, "duration", "30s", 30000);
    assert_number(*state, "duration", "5m", 300000);
    assert_number(*state, "duration", "1h", 3600000);
    assert_text_refused(*state, "duration", "30", "\"30\" has no unit", "write the unit: 30s");
    assert_text_refused(*state, "duration", "30sec", "not \"30sec\"", "write 30s");
    assert_text_refused(*state, "duration", "30 s", "is a duration (ms, s, m, h, d)", "write 30s");
    assert_text_refused(*state, "duration", "1h30m", "not \"1h30m\"", "in one number: 90m");
    assert_text_refused(*state, "duration", "1m30", "not \"1m30\"", "duration: 2s");
    assert_text_refused(*state, "duration", "1h3x", "not \"1h3x\"", "write 1h");
    assert_text_refused(*state, "duration", "-1s", "is a duration", "duration: 2s");
    assert_text_refused(*state, "duration", "soon", "not \"soon\"", "duration: 2s");
    assert_text_refused(*state, "duration", "2h", "too large", "at most 1h");
    assert_text_refused(*state, "duration", "off", "cannot be off", "duration: 2s");
    assert_text_refused(*state, "duration", "0s", "too small", "at least 1ms");
    assert_text_refused(*state, "duration", "99999999999999999999s", "too large", "at most 1h");
}

static void sizes_have_units_of_1024(void **state)
{
    assert_number(*state, "size", "512", 512);
    assert_number(*state, "size", "16KiB", 16384);
    assert_number(*state, "size", "3MiB", 3145728);
    assert_number(*state, "size", "2GiB", INT64_C(2147483648));
    assert_number(*state, "size", "off", 0);
    assert_text_refused(*state, "size", "16K", "is a size (bytes, KiB, MiB, GiB)", "write 16KiB");
    assert_text_refused(*state, "size", "16mb", "not \"16mb\"", "write 16MiB");
    assert_text_refused(*state, "size", "99999999999GiB", "too large", "at most");
}

static void numbers_have_limits(void **state)
{
    assert_number(*state, "number", "7", 7);
    assert_number(*state, "number", "1000", 1000);
    assert_text_refused(*state, "number", "1001", "too large", "at most 1000");
    assert_text_refused(*state, "number", "0", "too small", "at least 1");
    assert_text_refused(*state, "number", "seven", "is a number, not \"seven\"", "number: 5");
    assert_text_refused(*state, "number", "1.5", "is a number", "");
    assert_text_refused(*state, "number", "", "has no value", "number: 5");
}

static void switches_are_on_or_off_and_nothing_else(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *text;
        bool on;
    } good[] = {{"on", true}, {"off", false}, {"true", true}, {"false", false}};
    for (size_t i = 0; i < 4; i++) {
        struct node node = scalar(good[i].text);
        bool on = !good[i].on;
        assert_true(setting_read(&bench->reader, row("on"), &node, &on));
        assert_int_equal(on, good[i].on);
    }
    assert_text_refused(bench, "on", "yes", "is on or off, not \"yes\"",
                        "\"on: on\" or \"on: off\"");
    assert_text_refused(bench, "on", "On", "not \"On\"", "");
}

static void choices_are_suggested(void **state)
{
    struct bench *bench = *state;
    struct node node = scalar("least_time");
    int choice = 0;
    assert_true(setting_read(&bench->reader, row("choice"), &node, &choice));
    assert_int_equal(choice, 1);
    assert_text_refused(bench, "choice", "least_tiem", "is round_robin or least_time",
                        "did you mean \"least_time\"?");
    assert_text_refused(bench, "choice", "x", "not \"x\"", "write round_robin or least_time");
}

static void off_takes_texts_and_choices_back(void **state)
{
    struct bench *bench = *state;
    struct node off = scalar("off"), quoted = off;
    quoted.quoted = true;
    struct slice text = SLICE("inherited");
    assert_true(setting_read(&bench->reader, row("text"), &off, &text));
    assert_true(slice_equal(text, SLICE("standard")));
    assert_true(setting_read(&bench->reader, row("text"), &quoted, &text));
    assert_true(slice_equal(text, SLICE("off")));
    int choice = 1;
    assert_true(setting_read(&bench->reader, row("choice"), &off, &choice));
    assert_int_equal(choice, 0);
}

static void what_is_no_text_is_called_by_its_name(void **state)
{
    struct node item = scalar("1s"), *items[] = {&item};
    struct node list = {.kind = NODE_SEQUENCE, .position = {0, 1, 1}, .count = 1, .items = items};
    struct node mapping = {.kind = NODE_MAPPING, .position = {0, 1, 1}};
    assert_refused(*state, "duration", &list, "\"duration\" is a duration, but here is a list",
                   "2s");
    assert_refused(*state, "text", &mapping, "\"text\" is a text, but here is a mapping", "a text");
    struct node commented = scalar("");
    commented.commented = true;
    assert_refused(*state, "text", &commented, "\"text\" has no value", "# is a comment");
}

static void a_mapping_is_read_by_its_records(void **state)
{
    struct bench *bench = *state;
    struct node size = scalar("1MiB"), four = scalar("4");
    struct node_pair pairs[] = {{SLICE("size"), {0, 2, 1}, &size},
                                {SLICE("number"), {0, 3, 1}, &four}};
    struct node mapping = {.kind = NODE_MAPPING, .position = {0, 1, 1}, .count = 1, .pairs = pairs};
    struct sample sample;
    assert_true(setting_read_mapping(&bench->reader, &group, &mapping, &sample));
    assert_int_equal(sample.size, 1 << 20);
    assert_int_equal(sample.duration, 5000);
    assert_true(sample.on);
    assert_true(slice_equal(sample.text, SLICE("standard")));

    mapping.count = 2;
    assert_false(setting_read_mapping(&bench->reader, &group, &mapping, &sample));
    assert_true(
        slice_equal(diagnostics_get(bench->diagnostics, 0)->what, SLICE("four is refused")));

    pairs[1].key = SLICE("nubmer");
    assert_false(setting_read_mapping(&bench->reader, &group, &mapping, &sample));
    const struct diagnostic *told = diagnostics_get(bench->diagnostics, 1);
    assert_true(slice_equal(told->what, SLICE("unknown key \"nubmer\"")));
    assert_true(slice_equal(told->cure, SLICE("did you mean \"number\"?")));

    pairs[1].key = SLICE("colour");
    assert_false(setting_read_mapping(&bench->reader, &group, &mapping, &sample));
    const char *cure = diagnostics_get(bench->diagnostics, 2)->cure.data;
    assert_non_null(strstr(cure, "\"sample\" has: "));
    assert_non_null(strstr(cure, "number"));
}

static void a_text_is_a_list_of_one(void **state)
{
    struct bench *bench = *state;
    struct node a = scalar("a"), b = scalar("b"), *items[] = {&a, &b};
    struct node list = {.kind = NODE_SEQUENCE, .position = {0, 1, 1}, .count = 2, .items = items};
    struct slice *texts;
    size_t count;
    assert_true(setting_read_texts(&bench->reader, "host", "a", &a, &texts, &count));
    assert_int_equal(count, 1);
    assert_true(setting_read_texts(&bench->reader, "host", "a", &list, &texts, &count));
    assert_int_equal(count, 2);
    assert_true(slice_equal(texts[1], SLICE("b")));
    list.count = 0;
    assert_false(setting_read_texts(&bench->reader, "host", "a", &list, &texts, &count));
    assert_true(
        slice_equal(diagnostics_get(bench->diagnostics, 0)->what,
                    SLICE("\"host\" is a text or a list of texts, but here is an empty list")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(durations_have_units),
        TEST(sizes_have_units_of_1024),
        TEST(numbers_have_limits),
        TEST(switches_are_on_or_off_and_nothing_else),
        TEST(choices_are_suggested),
        TEST(off_takes_texts_and_choices_back),
        TEST(what_is_no_text_is_called_by_its_name),
        TEST(a_mapping_is_read_by_its_records),
        TEST(a_text_is_a_list_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
