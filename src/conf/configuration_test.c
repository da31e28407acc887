#include "conf/configuration.h"

#include "conf/test_vocabulary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Files in memory: name and text by turns, ended by NULL. */
static bool read_file(void *context, struct slice path, struct arena *arena,
                      struct slice *ret_bytes, const char **ret_reason)
{
    (void)arena;
    for (const char *const *file = context; file && *file; file += 2) {
        if (slice_equal(path, slice_from_text(file[0]))) {
            *ret_bytes = slice_from_text(file[1]);
            return true;
        }
    }
    *ret_reason = "no such file";
    return false;
}

/* `*` alone: every file below that path; the files are in order. */
static bool expand_glob(void *context, struct slice pattern, struct arena *arena,
                        struct slice **ret_paths, size_t *ret_count)
{
    struct slice *paths = ARENA_ARRAY(arena, struct slice, 64);
    bool is_pattern = slice_ends_with(pattern, SLICE("*"));
    size_t count = 0;
    if (!is_pattern)
        paths[count++] = pattern;
    for (const char *const *file = context; is_pattern && file && *file; file += 2) {
        struct slice path = slice_from_text(file[0]);
        if (slice_starts_with(path, slice_until(pattern, pattern.length - 1)))
            paths[count++] = path;
    }
    *ret_paths = paths;
    *ret_count = count;
    return true;
}

struct loaded {
    struct diagnostics *diagnostics;
    struct configuration *configuration;
};

static struct loaded load_files(const char *name, const char *const *files)
{
    struct configuration_reader reader = {
        .read_file = read_file, .expand_glob = expand_glob, .context = (void *)(uintptr_t)files};
    struct loaded loaded = {.diagnostics = diagnostics_new(100)};
    loaded.configuration = configuration_load(slice_from_text(name), slice_from_text(files[1]),
                                              &test_vocabulary, &reader, loaded.diagnostics);
    assert_non_null(loaded.configuration);
    return loaded;
}

static struct loaded load(const char *text)
{
    const char *files[] = {"weir.yaml", text, NULL};
    return load_files("weir.yaml", files);
}

static void unload(struct loaded *loaded)
{
    configuration_free(loaded->configuration);
    diagnostics_free(loaded->diagnostics);
}

static struct loaded load_good(const char *text)
{
    struct loaded loaded = load(text);
    for (size_t i = 0; i < diagnostics_count(loaded.diagnostics); i++)
        fail_msg("%.*s", SHOWN(diagnostics_get(loaded.diagnostics, i)->what));
    return loaded;
}

/* One told thing: `file:line:column: what; cure`. */
static void assert_told(const struct loaded *loaded, size_t index, const char *expected)
{
    char memory[1024] = "";
    struct text text = text_over(memory, sizeof(memory) - 1);
    assert_true(index < diagnostics_count(loaded->diagnostics));
    const struct diagnostic *told = diagnostics_get(loaded->diagnostics, index);
    const struct source *source = &loaded->configuration->sources[told->position.source];
    text_add(&text, source->name);
    text_print(&text, ":%u:%u: ", told->position.line, told->position.column);
    text_add(&text, told->what);
    text_add(&text, told->cure.length ? SLICE("; ") : SLICE(""));
    text_add(&text, told->cure);
    assert_string_equal(memory, expected);
}

static void assert_all_told(const char *file, const char *const *expected)
{
    struct loaded loaded = load(file);
    size_t count = 0;
    for (; expected[count]; count++)
        assert_told(&loaded, count, expected[count]);
    assert_int_equal(diagnostics_count(loaded.diagnostics), count);
    unload(&loaded);
}

#define GROUP(loaded, scope, group)                                                                \
    scope_group((loaded).configuration, (scope), &test_##group##_group)

static int64_t connect_of(const struct loaded *loaded, const struct scope *scope)
{
    const struct test_timeouts *timeouts = GROUP(*loaded, scope, timeouts);
    return timeouts->connect;
}

static const struct scope *site(const struct loaded *loaded, uint32_t index)
{
    assert_true(index < loaded->configuration->top->child_count);
    return loaded->configuration->top->children[index];
}

static void scopes_stand_in_each_other(void **state)
{
    (void)state;
    struct loaded loaded = load_good("listen: [\":80\", {address: \":443\", tls: on}]\n"
                                     "upstreams: {shop: [a, b], blog: c, wiki: {servers: [d]}}\n"
                                     "sites:\n"
                                     "- host: [a.x, b.x]\n"
                                     "  routes:\n"
                                     "  - path: /a/*\n"
                                     "    routes: [{path: /a/b}]\n"
                                     "  - {path: /c}\n"
                                     "- proxy: shop\n");
    const struct configuration *configuration = loaded.configuration;
    assert_int_equal(configuration->listener_count, 2);
    const struct test_listener *listener = GROUP(loaded, configuration->listeners[0], listener);
    assert_true(slice_equal(listener->address, SLICE(":80")));
    listener = GROUP(loaded, configuration->listeners[1], listener);
    assert_true(listener->tls);
    assert_int_equal(configuration->upstream_count, 3);
    const struct test_upstream *upstream = GROUP(loaded, configuration->upstreams[1], upstream);
    assert_true(slice_equal(configuration->upstreams[1]->name, SLICE("blog")));
    assert_int_equal(upstream->servers.count, 1);
    assert_int_equal(configuration->top->child_count, 2);
    assert_int_equal(site(&loaded, 0)->child_count, 2);
    const struct scope *inner = site(&loaded, 0)->children[0]->children[0];
    assert_int_equal(inner->kind, SCOPE_ROUTE);
    assert_ptr_equal(inner->parent->parent, site(&loaded, 0));
    const struct test_route *route = GROUP(loaded, inner, route);
    assert_true(slice_equal(route->path, SLICE("/a/b")));
    unload(&loaded);
}

static void settings_come_from_the_nearest_scope_that_writes_them(void **state)
{
    (void)state;
    struct loaded loaded = load_good("timeouts: {connect: 1s, request: 9s}\n"
                                     "defaults:\n"
                                     "  timeouts: {connect: 2s}\n"
                                     "  upstream: {timeouts: {connect: 7s}, balance: hash}\n"
                                     "upstreams: {one: a, two: {servers: a, balance: off}}\n"
                                     "sites:\n"
                                     "- host: a\n"
                                     "- host: b\n"
                                     "  timeouts: {connect: 3s}\n"
                                     "  routes:\n"
                                     "  - path: /a\n"
                                     "  - path: /b\n"
                                     "    timeouts: {request: off}\n");
    const struct configuration *configuration = loaded.configuration;
    assert_int_equal(connect_of(&loaded, configuration->top), 1000);
    assert_int_equal(connect_of(&loaded, site(&loaded, 0)), 2000);
    assert_int_equal(connect_of(&loaded, site(&loaded, 1)), 3000);
    const struct scope *route = site(&loaded, 1)->children[1];
    const struct test_timeouts *timeouts = GROUP(loaded, route, timeouts);
    assert_int_equal(timeouts->connect, 3000);
    assert_int_equal(timeouts->request, 0);
    assert_int_equal(timeouts->drain, 30000);
    timeouts = GROUP(loaded, site(&loaded, 1)->children[0], timeouts);
    assert_int_equal(timeouts->request, 9000);
    assert_int_equal(connect_of(&loaded, configuration->upstreams[0]), 7000);
    const struct test_upstream *upstream = GROUP(loaded, configuration->upstreams[0], upstream);
    assert_int_equal(upstream->balance, 2);
    upstream = GROUP(loaded, configuration->upstreams[1], upstream);
    assert_int_equal(upstream->balance, 0);
    unload(&loaded);
}

static void what_is_written_tells_where(void **state)
{
    (void)state;
    struct loaded loaded = load_good("timeouts: {connect: 1s}\n"
                                     "sites:\n"
                                     "- host: a\n"
                                     "  proxy: p\n"
                                     "  timeouts: {request: 3s}\n"
                                     "  routes: [{path: /x}]\n");
    const struct configuration *configuration = loaded.configuration;
    const struct scope *route = site(&loaded, 0)->children[0];
    const struct setting_group *timeouts = &test_timeouts_group;
    assert_int_equal(scope_source(configuration, route, timeouts, "connect")->position.line, 1);
    assert_int_equal(scope_source(configuration, route, timeouts, "request")->position.line, 5);
    assert_null(scope_source(configuration, route, timeouts, "drain"));
    assert_int_equal(
        scope_source(configuration, site(&loaded, 0), &test_action_group, "proxy")->position.line,
        4);
    assert_null(scope_source(configuration, route, &test_action_group, "proxy"));
    unload(&loaded);
}

static void conditions_and_actions_are_not_inherited(void **state)
{
    (void)state;
    struct loaded loaded = load_good("sites:\n"
                                     "- host: a\n"
                                     "  proxy: p\n"
                                     "  redirect: to\n"
                                     "  compress: on\n"
                                     "  routes:\n"
                                     "  - path: /x\n"
                                     "    priority: 5\n"
                                     "    routes:\n"
                                     "    - compress: off\n"
                                     "    - path: /y\n"
                                     "      upstream_host: h\n");
    const struct scope *route = site(&loaded, 0)->children[0];
    const struct test_action *action = GROUP(loaded, route, action);
    assert_int_equal(action->proxy.length, 0);
    assert_null(action->redirect);
    const struct test_extras *extras = GROUP(loaded, route, extras);
    assert_true(extras->compress);
    extras = GROUP(loaded, route->children[0], extras);
    assert_false(extras->compress);
    const struct test_route *inner = GROUP(loaded, route->children[0], route);
    assert_int_equal(inner->path.length, 0);
    assert_int_equal(inner->priority, 0);
    inner = GROUP(loaded, route->children[1], route);
    assert_true(slice_equal(inner->path, SLICE("/y")));
    assert_int_equal(inner->priority, 0);
    unload(&loaded);
}

static void what_adds_up_gets_what_was_inherited(void **state)
{
    (void)state;
    struct loaded loaded = load_good("defaults: {headers: a}\n"
                                     "sites:\n"
                                     "- headers: [b, c]\n"
                                     "  routes: [{headers: d}, {headers: off}, {path: /x}]\n");
    static const size_t counts[] = {4, 0, 3};
    for (size_t i = 0; i < 3; i++) {
        const struct test_extras *extras = GROUP(loaded, site(&loaded, 0)->children[i], extras);
        assert_int_equal(extras->headers.count, counts[i]);
    }
    unload(&loaded);
}

static void scopes_that_write_nothing_share_their_settings(void **state)
{
    (void)state;
    struct loaded loaded = load_good("sites:\n"
                                     "- {host: a, proxy: p}\n"
                                     "- {host: b, proxy: p, timeouts: {connect: 2s}}\n");
    assert_ptr_equal(GROUP(loaded, site(&loaded, 0), timeouts),
                     GROUP(loaded, loaded.configuration->top, timeouts));
    assert_ptr_not_equal(GROUP(loaded, site(&loaded, 1), timeouts),
                         GROUP(loaded, loaded.configuration->top, timeouts));
    unload(&loaded);
}

static void ten_thousand_sites_stay_small(void **state)
{
    (void)state;
    enum { SITES = 10000 };
    char *text = malloc(SITES * 64 + 64);
    assert_non_null(text);
    int length = snprintf(text, 16, "sites:\n");
    for (int i = 0; i < SITES; i++)
        length += snprintf(text + length, 64, "- host: site%05d.example.com\n  proxy: shop\n", i);
    struct loaded loaded = load_good(text);
    assert_int_equal(loaded.configuration->top->child_count, SITES);
    size_t per_site = (loaded.configuration->arena.used - (size_t)length) / SITES;
    if (per_site > 900)
        fail_msg("%zu bytes per site", per_site);
    unload(&loaded);
    free(text);
}

static void a_groups_check_sees_each_scope_that_writes_it(void **state)
{
    (void)state;
    static const char *const told[] = {"weir.yaml:1:9: thirteen is unlucky", NULL};
    assert_all_told(
        "limits: {header_count: 13}\nlisten: [{address: \":1\", limits: {header_count: 14}}]\n",
        told);
}

static void all_errors_come_at_once(void **state)
{
    (void)state;
    static const char *const told[] = {
        "weir.yaml:1:1: unknown key \"upsteams\"; did you mean \"upstreams\"?",
        "weir.yaml:2:10: \"threads\" is a number, not \"many\"; for example \"threads: 4\"",
        "weir.yaml:3:1: \"host\" cannot stand at the top; it belongs in a site",
        "weir.yaml:4:1: \"connect\" cannot stand at the top; it belongs in \"timeouts\": "
        "\"timeouts: {connect: …}\"",
        "weir.yaml:5:12: unknown key \"conect\" in \"timeouts\"; did you mean \"connect\"?",
        "weir.yaml:6:9: \"limits\" must be a mapping, but here is a text; for example "
        "\"limits: {body_size: 10MiB}\"",
        "weir.yaml:8:3: \"threads\" cannot stand in a site; it belongs at the top",
        "weir.yaml:9:14: \"timeouts.drain\" cannot stand in a site; it belongs at the top",
        "weir.yaml:10:15: unknown variable \"hots\"; did you mean \"$host\"?",
        "weir.yaml:11:3: \"servers\" cannot stand in a site; it belongs in an upstream",
        "weir.yaml:12:11: \"routes\" must be a list, but here is a text; begin each route with a "
        "dash: \"- path: /api/*\"",
        "weir.yaml:13:3: a site must be a mapping, but here is a text; write \"host: b\", with a "
        "space",
        NULL};
    assert_all_told("upsteams: {}\n"
                    "threads: many\n"
                    "host: a\n"
                    "connect: 1s\n"
                    "timeouts: {conect: 1s}\n"
                    "limits: 10\n"
                    "sites:\n"
                    "- threads: 4\n"
                    "  timeouts: {drain: 1s}\n"
                    "  redirect: x/$hots\n"
                    "  servers: x\n"
                    "  routes: x\n"
                    "- host:b\n",
                    told);
}

static void the_structure_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *file, *told;
    } cases[] = {
        {"[a]", "weir.yaml:1:1: a configuration must be a mapping, but here is a list; begin with "
                "\"sites:\""},
        {"hello", "weir.yaml:1:1: a configuration must be a mapping, but here is a text; begin "
                  "with \"sites:\""},
        {"sites: {host: a}",
         "weir.yaml:1:8: \"sites\" must be a list, but here is a mapping; begin "
         "each site with a dash: \"- host: example.com\""},
        {"sites:", "weir.yaml:1:7: \"sites\" has nothing in it; begin each site with a dash: \"- "
                   "host: example.com\""},
        {"listen:", "weir.yaml:1:8: \"listen\" has nothing in it; for example \"listen: "
                    "[\":80\"]\""},
        {"listen: [[a]]",
         "weir.yaml:1:10: an entry of \"listen\" must be an address or a mapping, "
         "but here is a list; for example \":80\" or {address: \":8443\", tls: on}"},
        {"upstreams: [a]",
         "weir.yaml:1:12: \"upstreams\" must be a mapping of names, but here is a "
         "list; servers stand below a name of theirs: \"shop: [a]\""},
        {"upstreams: {\"a:1\": b}", "weir.yaml:1:13: \"a:1\" cannot be the name of an upstream; "
                                    "letters and digits, then also \"-\", \"_\" and \".\""},
        {"upstreams: {a: }", "weir.yaml:1:16: an upstream has nothing in it; for example \"shop: "
                             "[10.0.0.1:8080, 10.0.0.2:8080]\""},
        {"defaults: on", "weir.yaml:1:11: \"defaults\" must be a mapping, but here is a text"},
        {"defaults: {proxy: a}", "weir.yaml:1:12: \"proxy\" cannot stand in \"defaults\"; it "
                                 "belongs in a site or in a route"},
        {"defaults: {upstream: {servers: a}}", "weir.yaml:1:23: \"servers\" cannot stand in "
                                               "\"defaults.upstream\"; it belongs in an upstream"},
        {"defaults: {upstreem: {}}", "weir.yaml:1:12: unknown key \"upstreem\"; did you mean "
                                     "\"upstream\"?"},
        {"sites: [{routes: [a]}]", "weir.yaml:1:19: a route must be a mapping, but here is a text; "
                                   "for example \"- path: /api/*\""},
        {"threads:\n", "weir.yaml:1:9: \"threads\" has no value; for example \"threads: 4\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *const told[] = {cases[i].told, NULL};
        assert_all_told(cases[i].file, told);
    }
}

static void a_syntax_error_is_the_only_one(void **state)
{
    (void)state;
    static const char *const told[] = {
        "weir.yaml:2:7: a value that begins with \"*\" is an alias in "
        "YAML; put it in quotes: \"*.a\"",
        NULL};
    assert_all_told("nonsense: 1\nhost: *.a\n", told);
}

static void included_files_are_read_as_one(void **state)
{
    (void)state;
    static const char *const files[] = {
        "etc/weir.yaml",
        "include: [conf.d/*, more.yaml]\nlisten: \":1\"\nsites: [{host: a}]\n"
        "timeouts: {connect: 1s}\nupstreams: {one: a}\n",
        "etc/conf.d/b",
        "sites: [{host: b}, {host: c}]\nlisten: [\":2\", \":3\"]\n",
        "etc/conf.d/c",
        "upstreams: {two: b}\ntimeouts: {request: 2s}\nthreads: 2\n",
        "etc/more.yaml",
        "include: last.yaml\n",
        "etc/last.yaml",
        "sites: [{host: d}]\nupstreams: {three: c}\n",
        NULL};
    struct loaded loaded = load_files("etc/weir.yaml", files);
    assert_int_equal(diagnostics_count(loaded.diagnostics), 0);
    const struct configuration *configuration = loaded.configuration;
    assert_int_equal(configuration->source_count, 5);
    assert_int_equal(configuration->listener_count, 3);
    assert_int_equal(configuration->upstream_count, 3);
    assert_int_equal(configuration->top->child_count, 4);
    static const char *const hosts[] = {"a", "b", "c", "d"};
    for (uint32_t i = 0; i < 4; i++) {
        const struct test_site *settings = GROUP(loaded, site(&loaded, i), site);
        assert_true(slice_equal(settings->hosts.items[0], slice_from_text(hosts[i])));
    }
    const struct test_timeouts *timeouts = GROUP(loaded, configuration->top, timeouts);
    assert_int_equal(timeouts->connect, 1000);
    assert_int_equal(timeouts->request, 2000);
    unload(&loaded);
}

static void what_two_files_write_is_told_with_both_places(void **state)
{
    (void)state;
    static const char *const files[] = {
        "weir.yaml",
        "include: b.yaml\nthreads: 1\ndefaults: {timeouts: {connect: 1s}}\n"
        "upstreams: {one: a}\n",
        "b.yaml",
        "threads: 2\ndefaults:\n  timeouts: {request: 1s, connect: 2s}\n"
        "upstreams: {two: a, one: b}\nunknown: 1\n",
        NULL};
    struct loaded loaded = load_files("weir.yaml", files);
    assert_told(&loaded, 0,
                "b.yaml:1:1: \"threads\" is written twice: already in weir.yaml:2:1; "
                "keep one of the two");
    assert_told(&loaded, 1,
                "b.yaml:3:27: \"connect\" is written twice: already in "
                "weir.yaml:3:23; keep one of the two");
    assert_told(&loaded, 2,
                "b.yaml:4:21: \"one\" is written twice: already in weir.yaml:4:13; "
                "keep one of the two");
    assert_told(&loaded, 3,
                "b.yaml:5:1: unknown key \"unknown\"; \"weir settings\" lists what there is");
    assert_int_equal(diagnostics_count(loaded.diagnostics), 4);
    unload(&loaded);
}

static void includes_that_cannot_be_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *files[7];
        const char *told;
    } cases[] = {
        {{"a", "include: b\n", NULL},
         "a:1:10: cannot read b: no such file; name a file, or several by a pattern such as "
         "conf.d/*.yaml; the path begins where this file lies"},
        {{"a", "include: x/*\n", NULL}, "a:1:10: no file is called x/*"},
        {{"a", "include: [b]\n", "b", "include: a\n", NULL},
         "b:1:10: the file a is already a part of the configuration; include each file once"},
        {{"a", "include: [b, b]\n", "b", "", NULL},
         "a:1:14: the file b is already a part of the configuration; include each file once"},
        {{"a", "include: {b: c}\n", NULL},
         "a:1:10: an entry of \"include\" must be the name of a file, but here is a mapping"},
        {{"a", "include: b\n", "b", "x: [\n", NULL},
         "b:1:4: the bracket that opens here is not closed before line 2, column 1; close it where "
         "the list or mapping ends"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct loaded loaded = load_files("a", cases[i].files);
        assert_told(&loaded, 0, cases[i].told);
        assert_int_equal(diagnostics_count(loaded.diagnostics), 1);
        unload(&loaded);
    }
}

static void a_pattern_may_stand_for_its_own_file(void **state)
{
    (void)state;
    static const char *const files[] = {"a", "include: \"*\"\n", "b", "threads: 4\n", NULL};
    struct loaded loaded = load_files("a", files);
    assert_int_equal(diagnostics_count(loaded.diagnostics), 0);
    assert_int_equal(loaded.configuration->source_count, 2);
    unload(&loaded);
}

static void files_include_each_other_only_so_deep(void **state)
{
    (void)state;
    char names[12][16], texts[12][32];
    const char *files[25] = {NULL};
    for (int i = 0; i < 12; i++) {
        snprintf(names[i], sizeof(names[i]), "f%d", i);
        snprintf(texts[i], sizeof(texts[i]), "include: f%d\n", i + 1);
        files[2 * i] = names[i];
        files[2 * i + 1] = texts[i];
    }
    struct loaded loaded = load_files("f0", files);
    assert_told(&loaded, 0, "f8:1:10: f9 is included more than 8 files deep");
    unload(&loaded);
}

static void an_empty_file_is_a_configuration(void **state)
{
    (void)state;
    struct loaded loaded = load_good("");
    assert_int_equal(loaded.configuration->top->child_count, 0);
    assert_int_equal(loaded.configuration->listener_count, 0);
    assert_int_equal(connect_of(&loaded, loaded.configuration->upstream_defaults), 5000);
    unload(&loaded);
}

static void a_byte_order_mark_is_no_part_of_the_text(void **state)
{
    (void)state;
    struct loaded loaded = load("\xEF\xBB\xBFthreads: x\n");
    assert_told(&loaded, 0,
                "weir.yaml:1:10: \"threads\" is a number, not \"x\"; for example "
                "\"threads: 4\"");
    unload(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes_stand_in_each_other),
        cmocka_unit_test(settings_come_from_the_nearest_scope_that_writes_them),
        cmocka_unit_test(what_is_written_tells_where),
        cmocka_unit_test(conditions_and_actions_are_not_inherited),
        cmocka_unit_test(what_adds_up_gets_what_was_inherited),
        cmocka_unit_test(scopes_that_write_nothing_share_their_settings),
        cmocka_unit_test(ten_thousand_sites_stay_small),
        cmocka_unit_test(a_groups_check_sees_each_scope_that_writes_it),
        cmocka_unit_test(all_errors_come_at_once),
        cmocka_unit_test(the_structure_is_checked),
        cmocka_unit_test(a_syntax_error_is_the_only_one),
        cmocka_unit_test(included_files_are_read_as_one),
        cmocka_unit_test(what_two_files_write_is_told_with_both_places),
        cmocka_unit_test(includes_that_cannot_be_are_told),
        cmocka_unit_test(a_pattern_may_stand_for_its_own_file),
        cmocka_unit_test(files_include_each_other_only_so_deep),
        cmocka_unit_test(an_empty_file_is_a_configuration),
        cmocka_unit_test(a_byte_order_mark_is_no_part_of_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
