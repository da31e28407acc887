#include "upstream/assignment.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CHOICES = 3 };

static const struct slice names[CHOICES] = {{"10.0.0.1:80", 11}, {"10.0.0.2:80", 11}, {"a:80", 4}};

struct bench {
    struct arena arena;
    struct assignment_settings settings;
    struct tls_mac random;
    struct fields request;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    arena_init(&bench->arena, NULL, SIZE_MAX / 2);
    bench->settings.cookie = SLICE("home");
    bench->settings.path = SLICE("/");
    bench->settings.http_only = true;
    bench->random.bytes[0] = 1;
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    arena_fini(&bench->arena);
    free(bench);
    return 0;
}

static struct assignment *make(struct bench *bench, const char *owner)
{
    struct assignment *assignment =
        assignment_new(&bench->arena, &bench->settings, &bench->random, SLICE("server"),
                       slice_from_text(owner), CHOICES);
    assert_non_null(assignment);
    for (unsigned i = 0; i < CHOICES; i++)
        assert_true(assignment_add(assignment, names[i]));
    return assignment;
}

/* `home=…` without its attributes. */
static struct slice pair_of(struct bench *bench, const struct assignment *assignment,
                            uint32_t choice)
{
    struct slice cookie = assignment_tell(assignment, choice, false, &bench->arena);
    assert_non_null(cookie.data);
    return slice_until(cookie, slice_find(cookie, ';'));
}

static void send(struct bench *bench, struct slice cookies)
{
    assert_true(fields_add(&bench->request, &bench->arena, FIELD_COOKIE, SLICE("Cookie"), cookies));
}

static int answer(struct bench *bench, const struct assignment *assignment, struct slice cookies)
{
    bench->request = (struct fields){0};
    send(bench, cookies);
    return assignment_find(assignment, &bench->request);
}

static void what_was_told_is_found(void **state)
{
    struct bench *bench = *state;
    struct assignment *assignment = make(bench, "shop");
    for (uint32_t i = 0; i < CHOICES; i++)
        assert_int_equal(answer(bench, assignment, pair_of(bench, assignment, i)), i);
}

static void the_order_of_choices_means_nothing(void **state)
{
    struct bench *bench = *state;
    struct assignment *assignment = make(bench, "shop");
    struct assignment *other = assignment_new(&bench->arena, &bench->settings, &bench->random,
                                              SLICE("server"), SLICE("shop"), 2);
    assert_true(assignment_add(other, names[2]) && assignment_add(other, names[0]));
    assert_int_equal(answer(bench, other, pair_of(bench, assignment, 0)), 1);
    assert_int_equal(answer(bench, other, pair_of(bench, assignment, 2)), 0);
    assert_int_equal(answer(bench, other, pair_of(bench, assignment, 1)), ASSIGNMENT_UNKNOWN);
}

static void no_cookie_is_absent(void **state)
{
    struct bench *bench = *state;
    struct assignment *assignment = make(bench, "shop");
    assert_int_equal(assignment_find(assignment, &bench->request), ASSIGNMENT_ABSENT);
    assert_int_equal(answer(bench, assignment, SLICE("homes=1; hom=2; HOME=3")), ASSIGNMENT_ABSENT);
}

static void another_owner_kind_or_key_is_unknown(void **state)
{
    struct bench *bench = *state;
    struct assignment *assignment = make(bench, "shop"), *other = make(bench, "shops");
    struct slice cookie = pair_of(bench, assignment, 0);
    assert_int_equal(answer(bench, other, cookie), ASSIGNMENT_UNKNOWN);
    struct assignment *of_kind = assignment_new(&bench->arena, &bench->settings, &bench->random,
                                                SLICE("variant"), SLICE("shop"), 1);
    assert_true(assignment_add(of_kind, names[0]));
    assert_int_equal(answer(bench, of_kind, cookie), ASSIGNMENT_UNKNOWN);
    bench->random.bytes[0]++;
    assert_int_equal(answer(bench, make(bench, "shop"), cookie), ASSIGNMENT_UNKNOWN);
}

static void every_changed_byte_is_unknown(void **state)
{
    struct bench *bench = *state;
    struct assignment *assignment = make(bench, "shop");
    struct slice cookie = pair_of(bench, assignment, 1);
    char changed[64];
    assert_true(cookie.length < sizeof(changed));
    for (size_t i = sizeof("home=") - 1; i < cookie.length; i++) {
        memcpy(changed, cookie.data, cookie.length);
        changed[i] ^= 1;
        assert_int_equal(answer(bench, assignment, slice_of(changed, cookie.length)),
                         ASSIGNMENT_UNKNOWN);
    }
    assert_int_equal(answer(bench, assignment, slice_until(cookie, cookie.length - 1)),
                     ASSIGNMENT_UNKNOWN);
    assert_int_equal(answer(bench, assignment, SLICE("home=")), ASSIGNMENT_UNKNOWN);
}

/* Who may set cookies for a domain above ours can put one of the same name before ours. */
static void a_planted_cookie_hides_nothing(void **state)
{
    struct bench *bench = *state;
    struct assignment *assignment = make(bench, "shop");
    struct slice parts[] = {SLICE("home=planted; home=AAAAAAAAAAAAAAAAAAAAAA; "),
                            pair_of(bench, assignment, 2)};
    assert_int_equal(answer(bench, assignment, arena_join(&bench->arena, parts, 2)), 2);
    bench->request = (struct fields){0};
    send(bench, SLICE("home=planted"));
    send(bench, pair_of(bench, assignment, 1));
    assert_int_equal(assignment_find(assignment, &bench->request), 1);
}

static void assert_attributes(struct bench *bench, bool is_secure, const char *expected)
{
    struct slice cookie = assignment_tell(make(bench, "shop"), 0, is_secure, &bench->arena);
    struct slice attributes = slice_from(cookie, slice_find(cookie, ';'));
    assert_int_equal(attributes.length, strlen(expected));
    assert_memory_equal(attributes.data, expected, attributes.length);
}

static void attributes_are_written_as_they_are_set(void **state)
{
    struct bench *bench = *state;
    assert_attributes(bench, false, "; Path=/; HttpOnly; SameSite=Lax");
    assert_attributes(bench, true, "; Path=/; HttpOnly; SameSite=Lax; Secure");
    bench->settings.path = SLICE("/shop/");
    bench->settings.domain = SLICE("example.com");
    bench->settings.lifetime = 1500;
    bench->settings.http_only = false;
    bench->settings.secure = ASSIGNMENT_SECURE_ON;
    bench->settings.same_site = ASSIGNMENT_SAME_SITE_NONE;
    assert_attributes(bench, false,
                      "; Path=/shop/; Domain=example.com; Max-Age=2; SameSite=None; Secure");
    bench->settings.secure = ASSIGNMENT_SECURE_OFF;
    bench->settings.same_site = ASSIGNMENT_SAME_SITE_OFF;
    assert_attributes(bench, true, "; Path=/shop/; Domain=example.com; Max-Age=2");
}

/* A token tells nothing of a name but that it is the same one. */
static void a_token_has_letters_of_urls_alone(void **state)
{
    struct bench *bench = *state;
    struct slice cookie = pair_of(bench, make(bench, "shop"), 0);
    assert_int_equal(cookie.length, sizeof("home=") - 1 + 22);
    for (size_t i = sizeof("home=") - 1; i < cookie.length; i++)
        assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                               cookie.data[i]));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_was_told_is_found),
        TEST(the_order_of_choices_means_nothing),
        TEST(no_cookie_is_absent),
        TEST(another_owner_kind_or_key_is_unknown),
        TEST(every_changed_byte_is_unknown),
        TEST(a_planted_cookie_hides_nothing),
        TEST(attributes_are_written_as_they_are_set),
        TEST(a_token_has_letters_of_urls_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
