#include "tls/tls_certificate.h"

#include "tls/test_certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static enum tls_certificate_state read_both(const char *chain, const char *key,
                                            struct tls_certificate **ret_certificate)
{
    return tls_certificate_new(slice_from_text(chain), slice_from_text(key),
                               &(struct tls_reading){0}, ret_certificate);
}

static struct tls_certificate *good(const char *names)
{
    struct test_certificate made;
    struct tls_certificate *certificate = NULL;
    test_certificate_make(&made, names);
    assert_int_equal(read_both(made.chain, made.key, &certificate), TLS_CERTIFICATE_GOOD);
    return certificate;
}

static void every_beginning_of_a_file_is_told_for_what_it_is(void **state)
{
    (void)state;
    struct test_certificate made;
    test_certificate_make(&made, "DNS:a.example.com");
    size_t length = strlen(made.chain);
    for (size_t i = 0; i + 1 < length; i++) { /* the last line end may be missing */
        char part[sizeof(made.chain)];
        struct tls_certificate *certificate = NULL;
        memcpy(part, made.chain, i);
        part[i] = '\0';
        enum tls_certificate_state said = read_both(part, made.key, &certificate);
        assert_true(said == TLS_CERTIFICATE_NONE || said == TLS_CERTIFICATE_BROKEN);
        assert_null(certificate);
    }
}

static void a_key_that_is_not_its_own_is_told(void **state)
{
    (void)state;
    struct test_certificate one, other;
    struct tls_certificate *certificate = NULL;
    test_certificate_make(&one, "DNS:a.example.com");
    test_certificate_make(&other, "DNS:a.example.com");
    assert_int_equal(read_both(one.chain, other.key, &certificate), TLS_CERTIFICATE_MISFIT);
    assert_int_equal(read_both(one.chain, one.chain, &certificate), TLS_CERTIFICATE_NO_KEY);
    assert_int_equal(read_both(one.chain, "", &certificate), TLS_CERTIFICATE_NO_KEY);
    assert_int_equal(read_both("", one.key, &certificate), TLS_CERTIFICATE_NONE);
    assert_int_equal(read_both(one.key, one.chain, &certificate), TLS_CERTIFICATE_IS_KEY);
    for (int said = TLS_CERTIFICATE_NONE; said < TLS_CERTIFICATE_STATES; said++)
        assert_non_null(tls_certificate_problem((enum tls_certificate_state)said));
}

static void names_are_covered_as_clients_see_it(void **state)
{
    (void)state;
    struct tls_certificate *certificate =
        good("DNS:a.example.com,DNS:*.w.example.com,IP:192.0.2.1,IP:2001:db8::1");
    static const struct {
        const char *host;
        bool is_wildcard, is_covered;
    } cases[] = {
        {"a.example.com", false, true},
        {"A.Example.COM", false, true},
        {"b.example.com", false, false},
        {"a.example.com", true, false},
        {"x.w.example.com", false, true},
        {"x.y.w.example.com", false, false},
        {"w.example.com", true, true},
        {"w.example.com", false, false},
        {"192.0.2.1", false, true},
        {"192.0.2.2", false, false},
        {"2001:db8::1", false, true},
        {"2001:db8::2", false, false},
        {"", false, false},
        {"test", false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(tls_certificate_covers(certificate, slice_from_text(cases[i].host),
                                                cases[i].is_wildcard),
                         cases[i].is_covered);
    tls_certificate_unref(certificate);
}

static void its_names_are_printed_as_far_as_there_is_room(void **state)
{
    (void)state;
    char memory[32];
    struct tls_certificate *certificate = good("DNS:a.example.com,IP:192.0.2.1,DNS:b.example.com,"
                                               "DNS:much-too-long.example.com");
    struct text text = text_over(memory, sizeof(memory));
    tls_certificate_print_names(&text, certificate);
    assert_false(text_is_cut(&text));
    assert_true(slice_equal(text_slice(&text), SLICE("a.example.com, b.example.com")));
    assert_string_equal(tls_key_kind_name(tls_certificate_key_kind(certificate)), "ECDSA");
    assert_int_equal(tls_certificate_ends(certificate) - tls_certificate_begins(certificate), 3600);
    tls_certificate_unref(certificate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_beginning_of_a_file_is_told_for_what_it_is),
        cmocka_unit_test(a_key_that_is_not_its_own_is_told),
        cmocka_unit_test(names_are_covered_as_clients_see_it),
        cmocka_unit_test(its_names_are_printed_as_far_as_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
