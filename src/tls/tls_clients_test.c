/* What black-box tests cannot see of certificates of clients: one that ends between two
 * connections, and a list of revocations that does. */
#include "loop/loop.h"
#include "tls/test_certificate.h"
#include "tls/tls_context_int.h"
#include "tls/tls_int.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    struct loop *loop;
    struct tls_entrance *entrance;
    struct tls_certificate *certificate;
    struct tls_context *context;
    SSL_CTX *client_context;
    SSL_SESSION *session; /* of the client's last connection */
};

static void on_news(struct socket *socket)
{
    (void)socket;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct world *world = SSL_get_app_data(ssl);
    SSL_SESSION_free(world->session);
    world->session = session;
    return 1;
}

static void give_certificate(SSL_CTX *context, const struct test_certificate *made)
{
    BIO *chain = BIO_new_mem_buf(made->chain, -1), *key = BIO_new_mem_buf(made->key, -1);
    X509 *leaf = PEM_read_bio_X509(chain, NULL, NULL, NULL);
    EVP_PKEY *private = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
    assert_int_equal(SSL_CTX_use_certificate(context, leaf), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, private), 1);
    X509_free(leaf);
    EVP_PKEY_free(private);
    BIO_free(chain);
    BIO_free(key);
}

/* An empty list of the authority, which holds until so many seconds from now. */
static void revoke_nothing(struct tls_authorities *authorities, const struct test_certificate *made,
                           long ends)
{
    enum { LIST_MAX = 4096 };
    char text[LIST_MAX];
    BIO *chain = BIO_new_mem_buf(made->chain, -1), *key = BIO_new_mem_buf(made->key, -1);
    BIO *written = BIO_new(BIO_s_mem());
    X509 *issuer = PEM_read_bio_X509(chain, NULL, NULL, NULL);
    EVP_PKEY *private = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *time = X509_gmtime_adj(NULL, ends - 7200);
    assert_int_equal(X509_CRL_set_version(list, X509_CRL_VERSION_2), 1);
    assert_int_equal(X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer)), 1);
    assert_int_equal(X509_CRL_set1_lastUpdate(list, time), 1);
    assert_int_equal(X509_CRL_set1_nextUpdate(list, X509_gmtime_adj(time, ends)), 1);
    assert_true(X509_CRL_sign(list, private, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509_CRL(written, list), 1);
    int length = BIO_read(written, text, sizeof(text));
    assert_true(length > 0);
    assert_int_equal(tls_authorities_revoke(authorities, slice_of(text, (size_t)length)),
                     TLS_CERTIFICATE_GOOD);
    ASN1_TIME_free(time);
    X509_CRL_free(list);
    EVP_PKEY_free(private);
    X509_free(issuer);
    BIO_free(written);
    BIO_free(key);
    BIO_free(chain);
}

/* The client's certificate ends so many seconds from now, and the list of revocations, where that
 * is not 0, so many; of neither the handshake takes notice. */
static void world_init(struct world *world, long ends, long list_ends)
{
    struct test_certificate own, clients;
    struct tls_authorities *authorities = NULL;
    *world = (struct world){.loop = loop_new(), .entrance = tls_entrance_new()};
    test_certificate_make(&own, "DNS:a.example.com");
    test_certificate_make_for(&clients, "DNS:alice", ends - 7200, ends);
    assert_int_equal(tls_certificate_new(slice_from_text(own.chain), slice_from_text(own.key),
                                         &(struct tls_reading){0}, &world->certificate),
                     TLS_CERTIFICATE_GOOD);
    assert_int_equal(tls_authorities_new(slice_from_text(clients.chain), &authorities),
                     TLS_CERTIFICATE_GOOD);
    if (list_ends)
        revoke_nothing(authorities, &clients, list_ends);
    const struct tls_certificate *certificates[] = {world->certificate};
    const struct tls_client_terms clients_terms = {.verify = TLS_CLIENT_REQUIRED,
                                                   .authorities = authorities};
    world->context =
        tls_context_new(NULL, &(struct tls_terms){.clients = &clients_terms}, certificates, 1);
    tls_authorities_free(authorities);
    assert_true(world->loop && world->entrance && world->context);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(world->context->ssl), X509_V_FLAG_NO_CHECK_TIME);
    world->client_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(world->client_context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(world->client_context, keep_session);
    give_certificate(world->client_context, &clients);
}

static void world_fini(struct world *world)
{
    SSL_SESSION_free(world->session);
    SSL_CTX_free(world->client_context);
    tls_context_free(world->context);
    tls_certificate_unref(world->certificate);
    tls_entrance_free(world->entrance);
    loop_free(world->loop);
}

static SSL *new_client(struct world *world, int peer)
{
    SSL *client = SSL_new(world->client_context);
    SSL_set_fd(client, peer);
    SSL_set_app_data(client, world);
    SSL_set_connect_state(client);
    if (world->session)
        assert_int_equal(SSL_set_session(client, world->session), 1);
    return client;
}

static void shake_hands(struct world *world, struct tls *tls, SSL *client)
{
    enum tls_failure failure;
    enum tls_step step = TLS_WAIT;
    for (int i = 0; i < 20 && step != TLS_DONE; i++) {
        (void)SSL_do_handshake(client);
        loop_turn(world->loop, 0);
        step = tls_handshake(tls, &failure);
        if (step == TLS_CHOOSE)
            tls_choose(tls, world->context);
        assert_int_not_equal(step, TLS_FAILED);
    }
    assert_int_equal(step, TLS_DONE);
}

/* One connection, which takes the session up where there is one; whether the server did so, too. */
static bool is_taken_up(struct world *world)
{
    int ends[2];
    char byte;
    size_t sent = 0;
    struct slice answer = SLICE("x");
    struct socket socket;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    socket_init(&socket, world->loop, ends[0], on_news);
    struct tls *tls = tls_new(world->entrance, &socket, (struct span){0});
    SSL *client = new_client(world, ends[1]);
    shake_hands(world, tls, client);
    char memory[64];
    struct text subject = text_over(memory, sizeof(memory));
    tls_print_client_subject(&subject, tls);
    assert_true(slice_equal(text_slice(&subject), SLICE("CN=test")));
    bool is_resumed = tls_is_resumed(tls);
    assert_int_equal(tls_send(tls, &answer, 1, &sent), IO_DONE);
    loop_turn(world->loop, 0);
    assert_int_equal(SSL_read(client, &byte, 1), 1); /* and the ticket before it */
    (void)SSL_shutdown(client);
    SSL_free(client);
    tls_free(tls);
    socket_close(&socket, false);
    (void)close(ends[1]);
    return is_resumed;
}

static void a_ticket_is_good_while_the_certificate_is(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3600, 0);
    assert_false(is_taken_up(&world));
    assert_true(is_taken_up(&world));
    world_fini(&world);
}

static void a_ticket_is_not_taken_when_the_certificate_has_ended(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, -60, 0);
    assert_false(is_taken_up(&world));
    assert_false(is_taken_up(&world));
    world_fini(&world);
}

static void a_ticket_is_good_while_the_list_of_revocations_is(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3600, 3600);
    assert_false(is_taken_up(&world));
    assert_true(is_taken_up(&world));
    world_fini(&world);
}

static void a_ticket_is_not_taken_when_the_list_of_revocations_has_ended(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3600, -60);
    assert_false(is_taken_up(&world));
    assert_false(is_taken_up(&world));
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_good_while_the_certificate_is),
        cmocka_unit_test(a_ticket_is_not_taken_when_the_certificate_has_ended),
        cmocka_unit_test(a_ticket_is_good_while_the_list_of_revocations_is),
        cmocka_unit_test(a_ticket_is_not_taken_when_the_list_of_revocations_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
