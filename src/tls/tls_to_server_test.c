#include "tls/tls_to_server.h"

#include "loop/loop.h"
#include "tls/test_certificate.h"
#include "tls/tls_int.h"
#include "tls/tls_server_context_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

/* A server of our own, to which we connect: both halves are those that serve. */
struct fixture {
    struct loop *loop;
    struct tls_entrance *entrance;
    struct tls_certificate *certificate;
    struct tls_context *context;
    struct tls_authorities *authorities;
    struct tls_session session;
    struct socket server_socket, our_socket;
    struct tls *server, *ours;
};

static void on_news(struct socket *socket)
{
    (void)socket;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct test_certificate made;
    assert_non_null(fixture);
    fixture->loop = loop_new();
    fixture->entrance = tls_entrance_new();
    test_certificate_make(&made, "DNS:a.example.com,IP:192.0.2.1");
    assert_int_equal(tls_certificate_new(slice_from_text(made.chain), slice_from_text(made.key),
                                         &(struct tls_reading){0}, &fixture->certificate),
                     TLS_CERTIFICATE_GOOD);
    assert_int_equal(tls_authorities_new(slice_from_text(made.chain), &fixture->authorities),
                     TLS_CERTIFICATE_GOOD);
    const struct tls_certificate *certificates[] = {fixture->certificate};
    fixture->context = tls_context_new(NULL, &(struct tls_terms){0}, certificates, 1);
    assert_true(fixture->entrance && fixture->context);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tls_session_fini(&fixture->session);
    tls_context_free(fixture->context);
    tls_entrance_free(fixture->entrance);
    tls_authorities_free(fixture->authorities);
    tls_certificate_unref(fixture->certificate);
    loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static void connect_both(struct fixture *fixture, struct tls_server_context *context,
                         const char *name)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    socket_init(&fixture->server_socket, fixture->loop, ends[0], on_news);
    socket_init(&fixture->our_socket, fixture->loop, ends[1], on_news);
    fixture->server = tls_new(fixture->entrance, &fixture->server_socket, (struct span){0});
    fixture->ours =
        tls_new_to_server(context, &fixture->our_socket, slice_from_text(name), &fixture->session);
    assert_true(fixture->server && fixture->ours);
}

static void serve(struct fixture *fixture, enum tls_step *step)
{
    enum tls_failure failure;
    if (*step != TLS_WAIT)
        return;
    *step = tls_handshake(fixture->server, &failure);
    if (*step != TLS_CHOOSE)
        return;
    tls_choose(fixture->server, fixture->context);
    *step = tls_handshake(fixture->server, &failure);
}

/* ERROR_NONE: both came to the end. */
static enum error_code shake_hands(struct fixture *fixture, const char **ret_problem)
{
    enum error_code error = ERROR_NONE;
    enum tls_step ours = TLS_WAIT, theirs = TLS_WAIT;
    for (int i = 0; i < 20 && ours != TLS_FAILED && (ours != TLS_DONE || theirs != TLS_DONE); i++) {
        if (ours == TLS_WAIT)
            ours = tls_shake_hands_with_server(fixture->ours, &error, ret_problem);
        if (ours == TLS_DONE) { /* what is left of our last flight */
            size_t sent = 0;
            struct slice byte = SLICE("x");
            assert_int_equal(tls_send(fixture->ours, &byte, theirs != TLS_DONE, &sent), IO_DONE);
        }
        serve(fixture, &theirs);
        loop_turn(fixture->loop, 0);
    }
    assert_int_equal(ours, error ? TLS_FAILED : TLS_DONE);
    return error;
}

/* The server answers, so that its ticket comes with it. */
static void hear(struct fixture *fixture)
{
    struct slice byte = SLICE("y");
    struct span bytes = {0};
    size_t sent = 0;
    assert_int_equal(tls_send(fixture->server, &byte, 1, &sent), IO_DONE);
    loop_turn(fixture->loop, 0);
    assert_int_equal(tls_receive(fixture->ours, BUFFER_SMALL, &bytes), IO_DONE);
    assert_int_equal(bytes.length, 1);
    span_clear(&bytes);
}

static void close_both(struct fixture *fixture)
{
    tls_free(fixture->server);
    tls_free(fixture->ours);
    socket_close(&fixture->server_socket, false);
    socket_close(&fixture->our_socket, false);
}

/* What becomes of one connection under those terms; it is over afterwards. */
static enum error_code try(struct fixture *fixture, const struct tls_server_terms *terms,
                           const char *name, bool *ret_resumed)
{
    const char *problem = NULL;
    struct tls_server_context *context = tls_server_context_new(terms);
    assert_non_null(context);
    connect_both(fixture, context, name);
    tls_server_context_unref(context); /* the connection has its own */
    enum error_code error = shake_hands(fixture, &problem);
    assert_true(error == ERROR_NONE || problem);
    if (!error) {
        *ret_resumed = tls_is_resumed(fixture->ours);
        hear(fixture);
    }
    close_both(fixture);
    return error;
}

static void a_server_is_known_by_its_name_and_address(void **state)
{
    struct fixture *fixture = *state;
    const struct tls_server_terms terms = {.authorities = fixture->authorities};
    const struct tls_server_terms named = {.authorities = fixture->authorities,
                                           .name = SLICE("a.example.com")};
    bool resumed;
    assert_int_equal(try(fixture, &terms, "a.example.com", &resumed), ERROR_NONE);
    assert_int_equal(try(fixture, &terms, "192.0.2.1", &resumed), ERROR_NONE);
    assert_int_equal(try(fixture, &named, "elsewhere", &resumed), ERROR_NONE);
}

static void another_name_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct tls_server_terms terms = {.authorities = fixture->authorities};
    bool resumed;
    assert_int_equal(try(fixture, &terms, "b.example.com", &resumed),
                     ERROR_SERVER_CERTIFICATE_NAME);
    assert_int_equal(try(fixture, &terms, "192.0.2.2", &resumed), ERROR_SERVER_CERTIFICATE_NAME);
    assert_int_equal(try(fixture, &terms, "test", &resumed), ERROR_SERVER_CERTIFICATE_NAME);
}

static void another_authority_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct test_certificate made;
    struct tls_server_terms terms = {0};
    struct tls_authorities *others = NULL;
    bool resumed;
    test_certificate_make(&made, "DNS:a.example.com");
    assert_int_equal(tls_authorities_new(slice_from_text(made.chain), &others),
                     TLS_CERTIFICATE_GOOD);
    assert_int_equal(try(fixture, &terms, "a.example.com", &resumed), ERROR_NONE);
    terms.authorities = others;
    assert_int_equal(try(fixture, &terms, "a.example.com", &resumed),
                     ERROR_SERVER_CERTIFICATE_UNKNOWN);
    tls_authorities_free(others);
}

static void a_session_is_taken_up_under_the_same_terms_alone(void **state)
{
    struct fixture *fixture = *state;
    const struct tls_server_terms terms = {.authorities = fixture->authorities};
    const struct tls_server_terms other = {.authorities = fixture->authorities,
                                           .name = SLICE("a.example.com")};
    bool resumed = true;
    assert_int_equal(try(fixture, &terms, "a.example.com", &resumed), ERROR_NONE);
    assert_false(resumed);
    assert_int_equal(try(fixture, &terms, "a.example.com", &resumed), ERROR_NONE);
    assert_true(resumed);
    assert_int_equal(try(fixture, &other, "a.example.com", &resumed), ERROR_NONE);
    assert_false(resumed);
}

static void what_was_proved_counts_for_an_hour_however_often_it_is_taken_up(void **state)
{
    struct fixture *fixture = *state;
    const struct tls_server_terms terms = {.authorities = fixture->authorities};
    bool resumed = false;
    assert_int_equal(try(fixture, &terms, "a.example.com", &resumed), ERROR_NONE);
    fixture->session.proved -= TLS_SESSION_PROVED_MAX - 60;
    int64_t proved = fixture->session.proved;
    assert_int_equal(try(fixture, &terms, "a.example.com", &resumed), ERROR_NONE);
    assert_true(resumed);
    assert_int_equal(fixture->session.proved, proved);
    fixture->session.proved -= 120;
    assert_int_equal(try(fixture, &terms, "a.example.com", &resumed), ERROR_NONE);
    assert_false(resumed);
}

/* Many connections with a server share one place for its tickets. */
static void what_another_connection_has_proved_meanwhile_is_not_ones_own(void **state)
{
    struct fixture *fixture = *state;
    const struct tls_server_terms terms = {.authorities = fixture->authorities};
    const char *problem = NULL;
    bool resumed = false;
    assert_int_equal(try(fixture, &terms, "a.example.com", &resumed), ERROR_NONE);
    fixture->session.proved -= 1000;
    int64_t proved = fixture->session.proved;
    struct tls_server_context *context = tls_server_context_new(&terms);
    connect_both(fixture, context, "a.example.com");
    tls_server_context_unref(context);
    fixture->session.proved += 500; /* the other one's */
    assert_int_equal(shake_hands(fixture, &problem), ERROR_NONE);
    assert_true(tls_is_resumed(fixture->ours));
    SSL *ssl = fixture->ours->ssl;
    assert_int_equal(tls_keep_ticket(ssl, SSL_get1_session(ssl)), 1); /* a server may send one */
    assert_int_equal(fixture->session.proved, proved);
    close_both(fixture);
}

static void terms_have_one_identity(void **state)
{
    struct fixture *fixture = *state;
    const struct tls_server_terms terms[] = {
        {0},
        {.authorities = fixture->authorities},
        {.certificate = fixture->certificate},
        {.authorities = fixture->authorities, .certificate = fixture->certificate},
        {.authorities = fixture->authorities, .name = SLICE("a")},
        {.authorities = fixture->authorities, .offer = TLS_OFFER_H2_H1},
        {.authorities = fixture->authorities, .offer = TLS_OFFER_H1_H2},
        {.offer = TLS_OFFER_H2},
    };
    enum { COUNT = sizeof(terms) / sizeof(terms[0]) };
    uint64_t seen[COUNT];
    for (size_t i = 0; i < 2 * COUNT; i++) {
        struct tls_server_context *context = tls_server_context_new(&terms[i % COUNT]);
        assert_non_null(context);
        uint64_t identity = tls_server_context_identity(context);
        tls_server_context_unref(context);
        assert_true(identity != 0);
        for (size_t j = 0; i < COUNT && j < i; j++)
            assert_true(identity != seen[j]);
        if (i < COUNT)
            seen[i] = identity;
        else
            assert_true(identity == seen[i - COUNT]);
    }
}

/* Whether a server that prefers HTTP/2 chooses it. */
static bool chooses_h2(struct fixture *fixture, enum tls_offer offer, const enum tls_offer *instead)
{
    const struct tls_server_terms terms = {.offer = offer};
    const char *problem = NULL;
    struct tls_server_context *context = tls_server_context_new(&terms);
    assert_int_equal(tls_server_context_offer(context), offer);
    connect_both(fixture, context, "a.example.com");
    tls_server_context_unref(context);
    tls_offer_h2(fixture->server);
    if (instead)
        assert_true(tls_offer_instead(fixture->ours, *instead));
    assert_int_equal(shake_hands(fixture, &problem), ERROR_NONE);
    bool is_h2 = tls_speaks_h2(fixture->ours);
    close_both(fixture);
    return is_h2;
}

static void what_is_offered_is_chosen_from(void **state)
{
    struct fixture *fixture = *state;
    const enum tls_offer alone = TLS_OFFER_H1;
    assert_false(chooses_h2(fixture, TLS_OFFER_H1, NULL));
    assert_true(chooses_h2(fixture, TLS_OFFER_H2, NULL));
    assert_true(chooses_h2(fixture, TLS_OFFER_H2_H1, NULL));
    assert_true(chooses_h2(fixture, TLS_OFFER_H1_H2, NULL));
    assert_false(chooses_h2(fixture, TLS_OFFER_H2_H1, &alone));
}

static void authorities_must_be_there_and_whole(void **state)
{
    (void)state;
    struct tls_authorities *authorities = NULL;
    assert_int_equal(tls_authorities_new(SLICE(""), &authorities), TLS_CERTIFICATE_NONE);
    assert_int_equal(tls_authorities_new(SLICE("nothing\n"), &authorities), TLS_CERTIFICATE_NONE);
    assert_int_equal(tls_authorities_new(SLICE("-----BEGIN CERTIFICATE-----\nAAAA\n"
                                               "-----END CERTIFICATE-----\n"),
                                         &authorities),
                     TLS_CERTIFICATE_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_server_is_known_by_its_name_and_address, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(another_name_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_authority_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_session_is_taken_up_under_the_same_terms_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            what_was_proved_counts_for_an_hour_however_often_it_is_taken_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_another_connection_has_proved_meanwhile_is_not_ones_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(terms_have_one_identity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_offered_is_chosen_from, set_up, tear_down),
        cmocka_unit_test(authorities_must_be_there_and_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
