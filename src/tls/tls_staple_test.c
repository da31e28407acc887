#include "tls/tls_staple.h"

#include "tls/test_responder.h"
#include "tls/tls_responder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DAY = 24 * 3600, NOW = 1800000000 };

static const char url[] = "OCSP;URI:http://ocsp.example.com/site";

static struct test_responder responder;
static struct tls_certificate *certificate;
static char memory[TEST_ANSWER_MAX];

static int set_up(void **state)
{
    (void)state;
    test_responder_init(&responder, NID_info_access, url);
    certificate = test_responder_certificate(&responder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_certificate_unref(certificate);
    test_responder_fini(&responder);
    return 0;
}

static struct slice saying(int status, int64_t begins, int64_t ends)
{
    return test_responder_answer(&responder, status, begins, ends, memory);
}

static enum tls_staple_state take(struct slice answer)
{
    return tls_certificate_staple(certificate, answer, NOW);
}

static void a_good_answer_is_shown_to_its_end(void **state)
{
    (void)state;
    assert_int_equal(tls_certificate_staple_ends(certificate), 0);
    assert_int_equal(take(saying(V_OCSP_CERTSTATUS_GOOD, NOW - 1, NOW + DAY)), TLS_STAPLE_GOOD);
    assert_int_equal(tls_certificate_staple_ends(certificate), NOW + DAY);
}

static void a_newer_one_takes_its_place(void **state)
{
    (void)state;
    assert_int_equal(take(saying(V_OCSP_CERTSTATUS_GOOD, NOW - 9, NOW + DAY)), TLS_STAPLE_GOOD);
    assert_int_equal(take(saying(V_OCSP_CERTSTATUS_GOOD, NOW - 8, NOW + 2 * DAY)), TLS_STAPLE_GOOD);
    assert_int_equal(tls_certificate_staple_ends(certificate), NOW + 2 * DAY);
}

static void what_is_not_good_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        int status;
        int64_t begins, ends;
        enum tls_staple_state expected;
    } cases[] = {
        {V_OCSP_CERTSTATUS_UNKNOWN, NOW, NOW + DAY, TLS_STAPLE_UNKNOWN},
        {V_OCSP_CERTSTATUS_GOOD, NOW, 0, TLS_STAPLE_ENDLESS},
        {V_OCSP_CERTSTATUS_GOOD, NOW + 301, NOW + DAY, TLS_STAPLE_STALE},
        {V_OCSP_CERTSTATUS_GOOD, NOW - DAY, NOW, TLS_STAPLE_STALE},
        {V_OCSP_CERTSTATUS_GOOD, NOW - 11, NOW + 3 * DAY, TLS_STAPLE_OLDER},
    };
    assert_int_equal(take(saying(V_OCSP_CERTSTATUS_GOOD, NOW - 10, NOW + DAY)), TLS_STAPLE_GOOD);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(take(saying(cases[i].status, cases[i].begins, cases[i].ends)),
                         cases[i].expected);
        assert_int_equal(tls_certificate_staple_ends(certificate), NOW + DAY);
    }
    assert_int_equal(take(SLICE("")), TLS_STAPLE_BROKEN);
    assert_int_equal(take(SLICE("nothing")), TLS_STAPLE_BROKEN);
    assert_int_equal(tls_certificate_staple_ends(certificate), NOW + DAY);
}

static void that_it_was_revoked_is_not_taken_back_by_what_was_said_before(void **state)
{
    (void)state;
    char before[TEST_ANSWER_MAX];
    struct slice good =
        test_responder_answer(&responder, V_OCSP_CERTSTATUS_GOOD, NOW - 10, NOW + DAY, before);
    assert_int_equal(take(good), TLS_STAPLE_GOOD);
    assert_int_equal(take(saying(V_OCSP_CERTSTATUS_REVOKED, NOW - 5, NOW + DAY)),
                     TLS_STAPLE_REVOKED);
    assert_int_equal(tls_certificate_staple_ends(certificate), 0);
    assert_int_equal(take(good), TLS_STAPLE_OLDER);
    assert_int_equal(tls_certificate_staple_ends(certificate), 0);
}

static void another_authority_may_not_speak_for_this_one(void **state)
{
    (void)state;
    struct test_responder other;
    test_responder_init(&other, NID_info_access, url);
    X509 *own = other.authority; /* its name and key are another's */
    other.authority = responder.authority;
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), responder.leaf, responder.authority);
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    ASN1_TIME *from = ASN1_GENERALIZEDTIME_set(NULL, NOW - 1);
    ASN1_TIME *until = ASN1_GENERALIZEDTIME_set(NULL, NOW + DAY);
    assert_non_null(
        OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, from, until));
    assert_int_equal(OCSP_basic_sign(basic, own, other.key, EVP_sha256(), NULL, 0), 1);
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    unsigned char *at = (unsigned char *)memory;
    int length = i2d_OCSP_RESPONSE(response, &at);
    assert_int_equal(take(slice_of(memory, (size_t)length)), TLS_STAPLE_UNSIGNED);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    other.authority = own;
    test_responder_fini(&other);
}

static void a_changed_answer_shows_nothing_else(void **state)
{
    (void)state;
    struct slice answer = saying(V_OCSP_CERTSTATUS_GOOD, NOW - 1, NOW + DAY);
    for (size_t i = 0; i < answer.length; i += 7) {
        char *copy = malloc(answer.length);
        memcpy(copy, answer.data, answer.length);
        copy[i] ^= (char)(1 << i % 8);
        (void)take(slice_of(copy, answer.length));
        (void)take(slice_of(copy, i));
        free(copy);
        int64_t ends = tls_certificate_staple_ends(certificate);
        assert_true(ends == 0 || ends == NOW + DAY);
    }
}

/* ---- the question */

static void the_question_is_about_the_certificate(void **state)
{
    (void)state;
    char bytes[TLS_QUESTION_MAX];
    struct text question = text_over(bytes, sizeof(bytes));
    assert_true(tls_certificate_question(certificate, &question));
    assert_in_range(question.length, 60, 100);
    const unsigned char *at = (const unsigned char *)bytes;
    OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &at, (long)question.length);
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), responder.leaf, responder.authority);
    assert_int_equal(OCSP_request_onereq_count(request), 1);
    assert_int_equal(OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)), id), 0);
    assert_int_equal(OCSP_REQUEST_get_ext_count(request), 0);
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(request);
}

static void a_question_in_a_path_is_escaped(void **state)
{
    (void)state;
    char bytes[64];
    struct text text = text_over(bytes, sizeof(bytes));
    tls_question_print(&text, SLICE("\xfb\xef\xff\xff"));
    bytes[text.length] = '\0';
    assert_string_equal(bytes, "%2B%2B%2F%2F%2Fw%3D%3D");
}

static void the_first_responder_over_plain_http_is_asked(void **state)
{
    (void)state;
    static const struct {
        const char *access, *expected;
    } cases[] = {
        {"OCSP;URI:http://a.example.com", "http://a.example.com"},
        {"OCSP;URI:HTTP://a.example.com/x", "HTTP://a.example.com/x"},
        {"OCSP;URI:https://a.example.com,OCSP;URI:http://b.example.com", "http://b.example.com"},
        {"caIssuers;URI:http://a.example.com", ""},
        {"OCSP;URI:ldap://a.example.com", ""},
        {"OCSP;URI:http://a b", ""},
        {"OCSP;URI:http://", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_responder one;
        char bytes[TLS_RESPONDER_MAX + 1];
        struct text text = text_over(bytes, TLS_RESPONDER_MAX);
        test_responder_init(&one, NID_info_access, cases[i].access);
        struct tls_certificate *its = test_responder_certificate(&one);
        assert_int_equal(tls_certificate_responder(its, &text), *cases[i].expected != '\0');
        bytes[text.length] = '\0';
        assert_string_equal(bytes, cases[i].expected);
        assert_false(tls_certificate_must_staple(its));
        tls_certificate_unref(its);
        test_responder_fini(&one);
    }
}

static void who_must_be_shown_with_an_answer_says_so(void **state)
{
    (void)state;
    struct test_responder one;
    test_responder_init(&one, NID_tlsfeature, "status_request");
    struct tls_certificate *its = test_responder_certificate(&one);
    assert_true(tls_certificate_must_staple(its));
    tls_certificate_unref(its);
    test_responder_fini(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_answer_is_shown_to_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_one_takes_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_good_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            that_it_was_revoked_is_not_taken_back_by_what_was_said_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_authority_may_not_speak_for_this_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_changed_answer_shows_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_question_is_about_the_certificate, set_up, tear_down),
        cmocka_unit_test(a_question_in_a_path_is_escaped),
        cmocka_unit_test(the_first_responder_over_plain_http_is_asked),
        cmocka_unit_test(who_must_be_shown_with_an_answer_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
