#include "exchange/log_settings.h"

#include "conf/configuration.h"
#include "policy/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct setting_group *const groups[] = {&site_group, &route_group, &log_group};
static const struct variable_table no_variables = {NULL, 0};
static const struct vocabulary vocabulary = {groups, 3, &no_variables};

static struct configuration *configuration;
static struct diagnostics *diagnostics;

static const char *environment(void *context, const char *name)
{
    (void)context, (void)name;
    return NULL;
}

static void load(const char *text)
{
    static const struct configuration_reader reader = {.environment = environment};
    diagnostics = diagnostics_new(10);
    configuration = configuration_load(SLICE("weir.yaml"), slice_from_text(text), &vocabulary,
                                       &reader, diagnostics);
    assert_non_null(configuration);
}

static int tear_down(void **state)
{
    (void)state;
    configuration_free(configuration);
    diagnostics_free(diagnostics);
    configuration = NULL;
    diagnostics = NULL;
    return 0;
}

static const struct log_settings *settings_of(const struct scope *scope)
{
    return scope_group(configuration, scope, &log_group);
}

static const struct scope *site(uint32_t index)
{
    assert_int_equal(diagnostics_errors(diagnostics), 0);
    assert_true(index < configuration->top->child_count);
    return configuration->top->children[index];
}

static void expect_access(const struct scope *scope, const char *to)
{
    const struct access_setting *access = &settings_of(scope)->access;
    assert_int_equal(access->format.kind, to ? ACCESS_COMBINED : ACCESS_OFF);
    assert_true(slice_equal(access->to, slice_from_text(to)));
}

static void expect_error(const char *text, uint32_t line, uint32_t column, const char *what,
                         const char *cure)
{
    load(text);
    assert_int_equal(diagnostics_count(diagnostics), 1);
    const struct diagnostic *told = diagnostics_get(diagnostics, 0);
    assert_int_equal(told->position.line, line);
    assert_int_equal(told->position.column, column);
    if (!slice_equal(told->what, slice_from_text(what)))
        fail_msg("%.*s", (int)told->what.length, told->what.data);
    if (!slice_equal(told->cure, slice_from_text(cure)))
        fail_msg("%.*s", (int)told->cure.length, told->cure.data);
    (void)tear_down(NULL);
}

static void without_a_word_errors_go_to_stderr_and_access_is_off(void **state)
{
    (void)state;
    load("sites: [{host: a}]\n");
    expect_access(site(0), NULL);
    const struct error_setting *error = &settings_of(configuration->top)->error;
    assert_true(slice_equal(error_setting_to(error), SLICE("stderr")));
    assert_int_equal(error_setting_level(error), LOG_NOTICE);
}

static void the_error_log_has_a_place_and_a_level(void **state)
{
    (void)state;
    load("log: {error: {to: /tmp/error.log, level: error}}\nsites: [{host: a}]\n");
    const struct error_setting *error = &settings_of(configuration->top)->error;
    assert_true(slice_equal(error_setting_to(error), SLICE("/tmp/error.log")));
    assert_int_equal(error_setting_level(error), LOG_ERROR);
    assert_int_equal(error->position.line, 1);
    assert_int_equal(error->position.column, 19);
}

static void each_of_them_has_its_default(void **state)
{
    (void)state;
    load("log: {error: {level: debug}}\nsites: [{host: a}]\n");
    const struct error_setting *error = &settings_of(configuration->top)->error;
    assert_true(slice_equal(error_setting_to(error), SLICE("stderr")));
    assert_int_equal(error_setting_level(error), LOG_DEBUG);
}

static void access_is_inherited_inwards(void **state)
{
    (void)state;
    load("log: {access: {format: combined, to: top.log}}\n"
         "defaults: {log: {access: {to: defaults.log}}}\n"
         "sites:\n"
         "  - host: a\n"
         "    log: {access: {to: site.log}}\n"
         "    routes:\n"
         "      - path: /x\n"
         "      - path: /y\n"
         "        log: {access: off}\n"
         "        routes:\n"
         "          - path: /y\n"
         "            log: {access: {to: stdout}}\n"
         "      - path: /z\n"
         "        log: {access: {format: combined}}\n"
         "  - host: b\n");
    expect_access(configuration->top, "top.log");
    expect_access(configuration->defaults, "defaults.log");
    expect_access(site(0), "site.log");
    expect_access(site(0)->children[0], "site.log");
    expect_access(site(0)->children[1], NULL);
    expect_access(site(0)->children[1]->children[0], "stdout");
    expect_access(site(0)->children[2], "site.log");
    expect_access(site(1), "defaults.log");
}

static void mistakes_are_told_with_their_place_and_cure(void **state)
{
    (void)state;
    const char *cure = "for example \"access: {format: combined, to: /var/log/weir/access.log}\"";
    expect_error("log: {access: on}\n", 1, 15, "\"access\" is off or a mapping, but here is a text",
                 cure);
    expect_error("log:\n  access:\n", 2, 10, "\"access\" has no value", cure);
    expect_error("log: {access: {format: combined}}\n", 1, 15,
                 "the access log does not say where to",
                 "write to: and a file, stdout, stderr or syslog");
    expect_error("log: {access: {to: \"\"}}\n", 1, 20, "the access log does not say where to",
                 "write to: and a file, stdout, stderr or syslog");
    expect_error("log: {access: {to: \"a\\0b\"}}\n", 1, 20, "the access log does not say where to",
                 "write to: and a file, stdout, stderr or syslog");
    expect_error(
        "log: {error: {to: \"syslog:localhost:514\"}}\n", 1, 19,
        "\"syslog:localhost:514\" is no address of a syslog",
        "write syslog, \"syslog:unix:/path\" or \"syslog:127.0.0.1:514\" with an address and "
        "a port");
    expect_error("log: {access: {format: combind, to: a}}\n", 1, 24,
                 "\"format\" is common, combined, json or a text with variables, not "
                 "\"combind\"",
                 "did you mean \"combined\"?");
    expect_error("log: {access: {too: a}}\n", 1, 16, "unknown key \"too\"", "did you mean \"to\"?");
    expect_error("log: {error: {to: a, level: warn}}\n", 1, 29,
                 "\"level\" is error, warning, notice or debug, not \"warn\"",
                 "write error, warning, notice or debug");
    expect_error("log: {error: stderr}\n", 1, 14, "\"error\" is a mapping, but here is a text",
                 "for example \"error: {to: stderr, level: warning}\"");
}

static void the_error_log_stands_at_the_top_alone(void **state)
{
    (void)state;
    load("sites: [{host: a, log: {error: {level: debug}}}]\n");
    assert_int_equal(diagnostics_errors(diagnostics), 1);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_word_errors_go_to_stderr_and_access_is_off),
        TEST(the_error_log_has_a_place_and_a_level),
        TEST(each_of_them_has_its_default),
        TEST(access_is_inherited_inwards),
        TEST(mistakes_are_told_with_their_place_and_cure),
        TEST(the_error_log_stands_at_the_top_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
