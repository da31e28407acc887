#include "tls/tls_key_reader.h"

#include "base/assert.h"
#include "base/text.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { PEM_MAX = 4096, KINDS = 3 };

struct sample {
    EVP_PKEY *key;
    char pem[PEM_MAX];
};

static void print_key(struct sample *sample, const EVP_CIPHER *cipher)
{
    BIO *bytes = BIO_new(BIO_s_mem());
    unsigned char password[] = "secret";
    assert_int_equal(PEM_write_bio_PrivateKey(bytes, sample->key, cipher, cipher ? password : NULL,
                                              cipher ? 6 : 0, NULL, NULL),
                     1);
    int length = BIO_read(bytes, sample->pem, PEM_MAX - 1);
    assert_true(length > 0);
    sample->pem[length] = '\0';
    BIO_free(bytes);
}

static void make(struct sample *sample, unsigned kind)
{
    sample->key = kind == 0   ? EVP_EC_gen("P-256")
                  : kind == 1 ? EVP_RSA_gen(2048)
                              : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(sample->key);
    print_key(sample, NULL);
}

static void expect(struct tls_key_reader *reader, const char *before, const struct sample *sample)
{
    char memory[2 * PEM_MAX];
    struct text text = text_over(memory, sizeof(memory));
    text_print(&text, "%s%s", before, sample->pem);
    EVP_PKEY *read = tls_key_reader_read(reader, text_slice(&text));
    assert_non_null(read);
    assert_int_equal(EVP_PKEY_eq(read, sample->key), 1);
    EVP_PKEY_free(read);
}

static void expect_none(struct tls_key_reader *reader, const char *bytes)
{
    assert_null(tls_key_reader_read(reader, slice_from_text(bytes)));
}

static void one_reader_reads_many_keys_of_all_kinds(void **state)
{
    (void)state;
    struct tls_key_reader *reader = tls_key_reader_new();
    struct sample samples[2 * KINDS];
    for (unsigned i = 0; i < 2 * KINDS; i++)
        make(&samples[i], i % KINDS);
    for (unsigned i = 0; i < 4 * KINDS; i++)
        expect(reader, "", &samples[i % (2 * KINDS)]);
    for (unsigned i = 0; i < 2 * KINDS; i++)
        EVP_PKEY_free(samples[i].key);
    tls_key_reader_free(reader);
}

static void what_stands_before_a_key_is_passed_over(void **state)
{
    (void)state;
    struct tls_key_reader *reader = tls_key_reader_new();
    struct sample sample;
    make(&sample, 0);
    expect(reader, "some words\n", &sample);
    expect(reader, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
           &sample);
    expect(reader, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &sample);
    EVP_PKEY_free(sample.key);
    tls_key_reader_free(reader);
}

static void what_is_no_key_spoils_nothing(void **state)
{
    (void)state;
    struct tls_key_reader *reader = tls_key_reader_new();
    struct sample sample, locked;
    make(&sample, 0);
    make(&locked, 1);
    print_key(&locked, EVP_aes_128_cbc());
    expect(reader, "", &sample);
    expect_none(reader, "");
    expect_none(reader, "-----BEGIN PRIVATE KEY-----");
    expect_none(reader, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    expect_none(reader, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    expect_none(reader, locked.pem);
    expect(reader, "", &sample);
    EVP_PKEY_free(sample.key);
    EVP_PKEY_free(locked.key);
    tls_key_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_reader_reads_many_keys_of_all_kinds),
        cmocka_unit_test(what_stands_before_a_key_is_passed_over),
        cmocka_unit_test(what_is_no_key_spoils_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
