#include "tls/tls_certificate_int.h"

#include "tls/test_certificate.h"
#include "tls/tls_outline.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const char names[] = "DNS:a.example.com,DNS:*.b.example.com,IP:192.0.2.1";

static enum tls_certificate_state read_both(const char *chain, const char *key, bool is_quick,
                                            struct tls_certificate **ret_certificate)
{
    *ret_certificate = NULL;
    return tls_certificate_new(slice_from_text(chain), slice_from_text(key),
                               &(struct tls_reading){.is_quick = is_quick}, ret_certificate);
}

static void assert_same_leaf(const struct tls_certificate *one, const struct tls_certificate *other)
{
    struct tls_objects its, others;
    assert_true(tls_certificate_open(one, &its));
    assert_true(tls_certificate_open(other, &others));
    assert_int_equal(X509_cmp(its.leaf, others.leaf), 0);
    assert_int_equal(EVP_PKEY_eq(its.key, others.key), 1);
    assert_int_equal(sk_X509_num(its.chain), sk_X509_num(others.chain));
    for (int i = 0; i < sk_X509_num(its.chain); i++)
        assert_int_equal(X509_cmp(sk_X509_value(its.chain, i), sk_X509_value(others.chain, i)), 0);
    tls_objects_fini(&its);
    tls_objects_fini(&others);
}

/* Read in both ways, and found the same. Whether the library was done without. */
static bool is_usual(const char *chain, const char *key)
{
    struct tls_certificate *quick, *thorough;
    enum tls_certificate_state state = read_both(chain, key, false, &thorough);
    assert_int_equal(read_both(chain, key, true, &quick), state);
    if (state != TLS_CERTIFICATE_GOOD)
        return false;
    bool usual = quick->objects.leaf == NULL;
    assert_int_equal(quick->key_kind, thorough->key_kind);
    assert_int_equal(quick->begins, thorough->begins);
    assert_int_equal(quick->ends, thorough->ends);
    assert_true(slice_equal(quick->names, thorough->names));
    assert_same_leaf(quick, thorough);
    tls_certificate_unref(quick);
    tls_certificate_unref(thorough);
    return usual;
}

static void usual_keys_are_read_without_the_library(void **state)
{
    (void)state;
    static const char *const curves[] = {"P-256", "P-384", "P-521"};
    struct test_certificate made;
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        test_certificate_make_with(&made, EVP_EC_gen(curves[i]), EVP_sha256(), names, 0, 3600);
        assert_true(is_usual(made.chain, made.key));
    }
    test_certificate_make_with(&made, EVP_RSA_gen(2048), EVP_sha384(), names, 0, 3600);
    assert_true(is_usual(made.chain, made.key));
}

static void times_are_those_of_the_library(void **state)
{
    (void)state;
    static const long long years[] = {-70, -50, -30, -27, 0, 1, 2, 3, 4, 20, 25, 74, 75, 400};
    struct test_certificate made;
    for (size_t i = 0; i < sizeof(years) / sizeof(years[0]); i++) {
        long begins = (long)(years[i] * 365 * 24 * 3600) - 12345;
        test_certificate_make_with(&made, EVP_EC_gen("P-256"), EVP_sha256(), names, begins,
                                   begins + 60L * 24 * 3600);
        (void)is_usual(made.chain, made.key);
    }
}

static void keys_may_be_written_as_they_were_of_old(void **state)
{
    (void)state;
    struct test_certificate made;
    char old[2048];
    EVP_PKEY *keys[] = {EVP_EC_gen("P-256"), EVP_RSA_gen(2048)};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        BIO *bytes = BIO_new(BIO_s_mem());
        assert_int_equal(
            PEM_write_bio_PrivateKey_traditional(bytes, keys[i], NULL, NULL, 0, NULL, NULL), 1);
        test_certificate_print(bytes, old, sizeof(old));
        test_certificate_make_with(&made, keys[i], EVP_sha256(), names, 0, 3600);
        assert_true(is_usual(made.chain, old));
    }
}

static void join(char *to, size_t size, const char *const *parts, size_t count)
{
    struct text text = text_over(to, size - 1);
    for (size_t i = 0; i < count; i++)
        text_add(&text, slice_from_text(parts[i]));
    assert_false(text_is_cut(&text));
    to[text.length] = '\0';
}

static void a_file_may_hold_all_in_any_order(void **state)
{
    (void)state;
    static const char parameters[] = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                                     "-----END EC PARAMETERS-----\n";
    struct test_certificate made, above, top;
    char all[16384];
    test_certificate_make(&made, names);
    test_certificate_make(&above, "DNS:above");
    test_certificate_make(&top, "DNS:top");
    const char *key_first[] = {parameters, made.key, made.chain, above.chain, top.chain};
    const char *key_between[] = {"words\n", made.chain, above.chain, made.key, top.chain};
    join(all, sizeof(all), key_first, 5);
    assert_true(is_usual(all, all));
    join(all, sizeof(all), key_between, 5);
    assert_true(is_usual(all, all));
}

static void what_is_not_usual_is_left_to_the_library(void **state)
{
    (void)state;
    struct test_certificate made, weak;
    char both[8192];
    test_certificate_make_with(&made, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, names, 0,
                               3600);
    assert_false(is_usual(made.chain, made.key));
    test_certificate_make_with(&weak, EVP_RSA_gen(1024), EVP_sha256(), names, 0, 3600);
    assert_false(is_usual(weak.chain, weak.key));
    test_certificate_make_with(&made, EVP_EC_gen("P-256"), EVP_sha1(), names, 0, 3600);
    assert_false(is_usual(made.chain, made.key));
    test_certificate_make_with(&made, EVP_EC_gen("P-224"), EVP_sha256(), names, 0, 3600);
    assert_false(is_usual(made.chain, made.key));
    test_certificate_make(&made, names);
    const char *chain[] = {made.chain, weak.chain};
    join(both, sizeof(both), chain, 2);
    assert_false(is_usual(both, made.key));
}

/* The library takes the body of a certificate as it comes, so that another byte in the middle of a
 * key is for the handshake to find. */
static void what_only_the_library_would_find_is_found_when_it_is_used(void **state)
{
    (void)state;
    struct test_certificate made;
    struct tls_certificate *certificate;
    struct tls_objects objects;
    test_certificate_make(&made, names);
    assert_int_equal(read_both(made.chain, made.key, true, &certificate), TLS_CERTIFICATE_GOOD);
    ((char *)(uintptr_t)certificate->leaf.data)[0] ^= 1;
    assert_false(tls_certificate_open(certificate, &objects));
    assert_null(objects.leaf);
    tls_certificate_unref(certificate);
}

/* No byte that is another one, and no end that is missing, is read beyond. */
static void a_changed_certificate_is_told_or_read_as_the_library_does(void **state)
{
    (void)state;
    struct test_certificate made;
    struct tls_certificate *certificate;
    test_certificate_make(&made, names);
    assert_int_equal(read_both(made.chain, made.key, true, &certificate), TLS_CERTIFICATE_GOOD);
    for (size_t i = 0; i < certificate->leaf.length; i++) {
        struct tls_outline outline;
        char *copy = malloc(certificate->leaf.length);
        memcpy(copy, certificate->leaf.data, certificate->leaf.length);
        copy[i] ^= (char)(1 << i % 8);
        (void)tls_outline_read(slice_of(copy, certificate->leaf.length), &outline);
        assert_false(tls_outline_read(slice_of(copy, i), &outline));
        free(copy);
    }
    tls_certificate_unref(certificate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_keys_are_read_without_the_library),
        cmocka_unit_test(times_are_those_of_the_library),
        cmocka_unit_test(keys_may_be_written_as_they_were_of_old),
        cmocka_unit_test(a_file_may_hold_all_in_any_order),
        cmocka_unit_test(what_is_not_usual_is_left_to_the_library),
        cmocka_unit_test(what_only_the_library_would_find_is_found_when_it_is_used),
        cmocka_unit_test(a_changed_certificate_is_told_or_read_as_the_library_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
