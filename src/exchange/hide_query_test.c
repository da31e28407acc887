#include "exchange/hide_query.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, NULL, 1 << 16);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void expect(struct slice target, struct slice shown)
{
    struct slice value = hide_in_target(target, &hidden_names_standard, &arena);
    if (!slice_equal(value, shown))
        fail_msg("%.*s", (int)value.length, value.data);
}

static void what_has_no_secret_is_not_copied(void **state)
{
    (void)state;
    struct slice target = SLICE("/a;token=y?b=c&tokens=1&d#tokens=x");
    assert_ptr_equal(hide_in_target(target, &hidden_names_standard, &arena).data, target.data);
}

static void the_value_of_a_secret_is_hidden(void **state)
{
    (void)state;
    expect(SLICE("/a?token=abc&x=1"), SLICE("/a?token=[hidden]&x=1"));
    expect(SLICE("/a?x=1&password=&y"), SLICE("/a?x=1&password=[hidden]&y"));
    expect(SLICE("https://h/a?API_Key=k#end"), SLICE("https://h/a?API_Key=[hidden]#end"));
    expect(SLICE("/?token=a;token=b=c"), SLICE("/?token=[hidden];token=[hidden]"));
    expect(SLICE("/#token=a&x=1"), SLICE("/#token=[hidden]&x=1"));
    expect(SLICE("/a?b=c#state=1&id_token=x"), SLICE("/a?b=c#state=1&id_token=[hidden]"));
    expect(SLICE("/#/a?code=b#key=d"), SLICE("/#/a?code=[hidden]#key=[hidden]"));
}

static void an_escape_does_not_uncover_it(void **state)
{
    (void)state;
    expect(SLICE("/?t%6Fke%6e=a&%74oken%=b&%zz=c"), SLICE("/?t%6Fke%6e=[hidden]&%74oken%=b&%zz=c"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_has_no_secret_is_not_copied),
        TEST(the_value_of_a_secret_is_hidden),
        TEST(an_escape_does_not_uncover_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
