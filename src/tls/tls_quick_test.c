#include "tls/tls_certificate_int.h"

#include "tls/test_certificate.h"
#include "tls/tls_maker.h"
#include "tls/tls_outline.h"
#include "tls/tls_pem.h"
#include "tls/tls_staple.h"
#include "tls/tls_staple_int.h"

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
    struct tls_maker *maker = is_quick ? tls_maker_new(true) : NULL;
    assert_int_equal(maker != NULL, is_quick);
    *ret_certificate = NULL;
    enum tls_certificate_state state =
        tls_certificate_new(slice_from_text(chain), slice_from_text(key),
                            &(struct tls_reading){.maker = maker}, ret_certificate);
    tls_maker_free(maker);
    return state;
}

static void assert_same_bytes(X509 *one, X509 *other)
{
    unsigned char *its = NULL, *others = NULL;
    int length = i2d_X509(one, &its);
    assert_true(length > 0);
    assert_int_equal(i2d_X509(other, &others), length);
    assert_memory_equal(its, others, (size_t)length);
    OPENSSL_free(its);
    OPENSSL_free(others);
}

static void assert_same_objects(const struct tls_certificate *one,
                                const struct tls_certificate *other)
{
    const struct tls_objects *its = &one->objects, *others = &other->objects;
    assert_same_bytes(its->leaf, others->leaf);
    assert_memory_equal(one->digest, other->digest, sizeof(one->digest));
    assert_int_equal(EVP_PKEY_eq(its->key, others->key), 1);
    assert_int_equal(X509_check_private_key(its->leaf, others->key), 1);
    assert_int_equal(sk_X509_num(its->chain), sk_X509_num(others->chain));
    for (int i = 0; i < sk_X509_num(its->chain); i++)
        assert_same_bytes(sk_X509_value(its->chain, i), sk_X509_value(others->chain, i));
}

/* Read in both ways, and found the same. Whether the maker was enough. */
static bool is_usual(const char *chain, const char *key)
{
    struct tls_certificate *quick, *thorough;
    enum tls_certificate_state state = read_both(chain, key, false, &thorough);
    assert_int_equal(read_both(chain, key, true, &quick), state);
    if (state != TLS_CERTIFICATE_GOOD)
        return false;
    /* It gives the certificate the very key that it was asked for. */
    bool usual = X509_get0_pubkey(quick->objects.leaf) == quick->objects.key;
    assert_int_equal(quick->key_kind, thorough->key_kind);
    assert_int_equal(quick->begins, thorough->begins);
    assert_int_equal(quick->ends, thorough->ends);
    assert_true(slice_equal(quick->names, thorough->names));
    assert_same_objects(quick, thorough);
    tls_certificate_unref(quick);
    tls_certificate_unref(thorough);
    return usual;
}

static void usual_keys_are_made_quickly(void **state)
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

static struct slice bytes_of(const char *pem, char *memory, size_t size)
{
    struct slice rest = slice_from_text(pem), label, bytes;
    struct text text = text_over(memory, size);
    assert_int_equal(tls_pem_next(&rest, &text, &label, &bytes), TLS_PEM_BLOCK);
    return bytes;
}

static void print_pem(char *to, size_t size, const char *label, struct slice bytes)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(
        PEM_write_bio(bio, label, "", (const unsigned char *)bytes.data, (long)bytes.length) > 0);
    test_certificate_print(bio, to, size);
}

/* A point that does not lie on its curve stands in the certificate and in the key. */
static void what_the_library_finds_fault_with_is_told(void **state)
{
    (void)state;
    struct test_certificate made;
    struct tls_certificate *certificate;
    char leaf_memory[4096], key_memory[2048];
    test_certificate_make(&made, names);
    struct slice leaf = bytes_of(made.chain, leaf_memory, sizeof(leaf_memory));
    struct slice key = bytes_of(made.key, key_memory, sizeof(key_memory));
    struct slice point = slice_from(key, key.length - 64);
    char *in_leaf = memmem(leaf.data, leaf.length, point.data, point.length);
    assert_non_null(in_leaf);
    in_leaf[63] ^= 1;
    ((char *)(uintptr_t)point.data)[63] ^= 1;
    print_pem(made.chain, sizeof(made.chain), "CERTIFICATE", leaf);
    print_pem(made.key, sizeof(made.key), "PRIVATE KEY", key);
    assert_int_not_equal(read_both(made.chain, made.key, true, &certificate), TLS_CERTIFICATE_GOOD);
    assert_int_not_equal(read_both(made.chain, made.key, false, &certificate),
                         TLS_CERTIFICATE_GOOD);
}

static void who_signed_many_is_made_once(void **state)
{
    (void)state;
    struct test_certificate made[2], above;
    struct tls_certificate *certificates[2];
    char both[8192];
    struct tls_maker *maker = tls_maker_new(true);
    test_certificate_make(&above, "DNS:above");
    for (size_t i = 0; i < 2; i++) {
        test_certificate_make(&made[i], names);
        const char *chain[] = {made[i].chain, above.chain};
        join(both, sizeof(both), chain, 2);
        assert_int_equal(tls_certificate_new(slice_from_text(both), slice_from_text(made[i].key),
                                             &(struct tls_reading){.maker = maker},
                                             &certificates[i]),
                         TLS_CERTIFICATE_GOOD);
    }
    tls_maker_free(maker);
    assert_ptr_equal(sk_X509_value(certificates[0]->objects.chain, 0),
                     sk_X509_value(certificates[1]->objects.chain, 0));
    for (size_t i = 0; i < 2; i++)
        tls_certificate_unref(certificates[i]);
}

static struct tls_certificate *made_by(struct tls_maker *maker, const struct test_certificate *made,
                                       enum tls_staple_source staple)
{
    struct tls_certificate *certificate;
    struct tls_reading reading = {.maker = maker, .staple = staple};
    assert_int_equal(tls_certificate_new(slice_from_text(made->chain), slice_from_text(made->key),
                                         &reading, &certificate),
                     TLS_CERTIFICATE_GOOD);
    return certificate;
}

static void what_was_made_is_given_again_while_somebody_holds_it(void **state)
{
    (void)state;
    struct test_certificate made[2];
    struct tls_maker *maker = tls_maker_new(true);
    test_certificate_make(&made[0], names);
    test_certificate_make(&made[1], names);
    struct tls_certificate *first = made_by(maker, &made[0], TLS_STAPLE_NONE);
    struct tls_certificate *other = made_by(maker, &made[1], TLS_STAPLE_NONE);
    struct tls_certificate *alone = made_by(maker, &made[0], TLS_STAPLE_FILE);
    assert_ptr_not_equal(first, other);
    assert_ptr_not_equal(first, alone);
    tls_maker_tidy(maker);
    struct tls_certificate *again = made_by(maker, &made[0], TLS_STAPLE_NONE);
    assert_ptr_equal(again, first);
    assert_int_equal(first->references, 3);
    tls_certificate_unref(again);
    tls_certificate_unref(first);
    tls_maker_tidy(maker);
    assert_int_equal(other->references, 2);
    tls_maker_free(maker);
    assert_int_equal(other->references, 1);
    tls_certificate_unref(other);
    tls_certificate_unref(alone);
}

static void what_is_said_of_a_certificate_goes_over_to_the_next_that_is_the_same(void **state)
{
    (void)state;
    struct test_certificate made;
    struct tls_maker *maker = tls_maker_new(true);
    test_certificate_make(&made, names);
    struct tls_certificate *first = made_by(maker, &made, TLS_STAPLE_FETCHED);
    struct tls_certificate *other = made_by(maker, &made, TLS_STAPLE_NONE);
    assert_ptr_not_equal(first, other);
    assert_null(tls_staple_of(other->objects.leaf));
    assert_true(tls_staple_set(tls_staple_of(first->objects.leaf), SLICE("answer"), 5, 10));
    size_t end = strlen(made.chain);
    memcpy(made.chain + end, "\n", 2); /* another file, and the same certificate */
    struct tls_certificate *again = made_by(maker, &made, TLS_STAPLE_FETCHED);
    assert_ptr_not_equal(first, again);
    assert_int_equal(tls_certificate_staple_ends(again), 10);
    tls_certificate_unref(first);
    tls_maker_tidy(maker);
    assert_int_equal(tls_certificate_staple_ends(again), 10);
    tls_certificate_unref(again);
    tls_maker_tidy(maker);
    again = made_by(maker, &made, TLS_STAPLE_FETCHED);
    assert_int_equal(tls_certificate_staple_ends(again), 0);
    tls_certificate_unref(again);
    tls_certificate_unref(other);
    tls_maker_free(maker);
}

/* No byte that is another one, and no end that is missing, is read beyond. */
static void a_changed_certificate_is_told_or_read_as_the_library_does(void **state)
{
    (void)state;
    struct test_certificate made;
    char memory[4096];
    test_certificate_make(&made, names);
    struct slice leaf = bytes_of(made.chain, memory, sizeof(memory));
    for (size_t i = 0; i < leaf.length; i++) {
        struct tls_outline outline;
        char *copy = malloc(leaf.length);
        memcpy(copy, leaf.data, leaf.length);
        copy[i] ^= (char)(1 << i % 8);
        (void)tls_outline_read(slice_of(copy, leaf.length), &outline);
        assert_false(tls_outline_read(slice_of(copy, i), &outline));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_keys_are_made_quickly),
        cmocka_unit_test(times_are_those_of_the_library),
        cmocka_unit_test(keys_may_be_written_as_they_were_of_old),
        cmocka_unit_test(a_file_may_hold_all_in_any_order),
        cmocka_unit_test(what_is_not_usual_is_left_to_the_library),
        cmocka_unit_test(what_the_library_finds_fault_with_is_told),
        cmocka_unit_test(who_signed_many_is_made_once),
        cmocka_unit_test(what_was_made_is_given_again_while_somebody_holds_it),
        cmocka_unit_test(what_is_said_of_a_certificate_goes_over_to_the_next_that_is_the_same),
        cmocka_unit_test(a_changed_certificate_is_told_or_read_as_the_library_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
