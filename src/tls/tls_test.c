#include "tls/tls.h"

#include "loop/loop.h"
#include "tls/test_certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Our half over a socket of a loop, and OpenSSL's as the client over the bare descriptor of its
 * peer. */
struct fixture {
    struct loop *loop;
    struct socket socket;
    struct tls_entrance *entrance;
    struct tls_certificate *certificate;
    struct tls_context *context;
    struct tls *tls;
    SSL_CTX *client_context;
    SSL *client;
    int peer;
};

static void on_news(struct socket *socket)
{
    (void)socket;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct test_certificate made;
    int ends[2];
    assert_non_null(fixture);
    fixture->loop = loop_new();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    socket_init(&fixture->socket, fixture->loop, ends[0], on_news);
    fixture->peer = ends[1];
    test_certificate_make(&made, "DNS:a.example.com");
    assert_int_equal(tls_certificate_new(slice_from_text(made.chain), slice_from_text(made.key),
                                         &(struct tls_reading){0}, &fixture->certificate),
                     TLS_CERTIFICATE_GOOD);
    const struct tls_certificate *certificates[] = {fixture->certificate};
    fixture->context = tls_context_new(NULL, &(struct tls_terms){0}, certificates, 1);
    fixture->entrance = tls_entrance_new();
    assert_true(fixture->context && fixture->entrance);
    fixture->tls = tls_new(fixture->entrance, &fixture->socket, (struct span){0});
    assert_non_null(fixture->tls);
    fixture->client_context = SSL_CTX_new(TLS_client_method());
    fixture->client = SSL_new(fixture->client_context);
    SSL_set_fd(fixture->client, fixture->peer);
    SSL_set_connect_state(fixture->client);
    SSL_set_mode(fixture->client, SSL_MODE_ENABLE_PARTIAL_WRITE);
    *state = fixture;
    return 0;
}

/* loop_free holds that every buffer came back. */
static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->tls)
        tls_free(fixture->tls);
    socket_close(&fixture->socket, false);
    SSL_free(fixture->client);
    SSL_CTX_free(fixture->client_context);
    (void)close(fixture->peer);
    tls_context_free(fixture->context);
    tls_entrance_free(fixture->entrance);
    tls_certificate_unref(fixture->certificate);
    loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static enum tls_step step(struct fixture *fixture, enum tls_failure *failure)
{
    loop_turn(fixture->loop, 0);
    return tls_handshake(fixture->tls, failure);
}

static void shake_hands(struct fixture *fixture)
{
    enum tls_failure failure = TLS_FAILURE_NONE;
    enum tls_step ours = TLS_WAIT;
    char name[] = "a.example.com"; /* the library's macro takes no constant */
    SSL_set_tlsext_host_name(fixture->client, name);
    for (int i = 0; i < 20 && (ours != TLS_DONE || !SSL_is_init_finished(fixture->client)); i++) {
        (void)SSL_do_handshake(fixture->client);
        if (ours != TLS_DONE)
            ours = step(fixture, &failure);
        if (ours == TLS_CHOOSE)
            tls_choose(fixture->tls, fixture->context);
        assert_int_equal(failure, TLS_FAILURE_NONE);
    }
    assert_int_equal(ours, TLS_DONE);
    assert_true(SSL_is_init_finished(fixture->client));
}

/* Lets go what the handshake has left behind: the ticket. */
static void settle(struct fixture *fixture)
{
    struct span bytes = {0};
    assert_int_equal(tls_receive(fixture->tls, 100, &bytes), IO_PENDING);
    loop_turn(fixture->loop, 0);
}

/* What the client can read now. */
static size_t client_reads(struct fixture *fixture, char *memory, size_t size)
{
    size_t length = 0, count = 0;
    while (length < size && SSL_read_ex(fixture->client, memory + length, size - length, &count))
        length += count;
    return length;
}

static void hands_are_shaken_and_bytes_go_both_ways(void **state)
{
    struct fixture *fixture = *state;
    struct span bytes = {0};
    char memory[64];
    size_t sent = 0;
    shake_hands(fixture);
    assert_true(slice_equal(tls_name(fixture->tls), SLICE("a.example.com")));
    assert_string_equal(tls_version(fixture->tls), "TLSv1.3");
    assert_int_equal(strncmp(tls_cipher(fixture->tls), "TLS_", 4), 0);
    assert_false(tls_is_resumed(fixture->tls));
    assert_int_equal(tls_receive(fixture->tls, 100, &bytes), IO_PENDING);
    assert_int_equal(SSL_write(fixture->client, "question", 8), 8);
    loop_turn(fixture->loop, 0);
    assert_int_equal(tls_receive(fixture->tls, 100, &bytes), IO_DONE);
    assert_true(slice_equal(span_slice(&bytes), SLICE("question")));
    span_clear(&bytes);
    struct slice parts[] = {SLICE("an"), SLICE(""), SLICE("swer")};
    assert_int_equal(tls_send(fixture->tls, parts, 3, &sent), IO_DONE);
    assert_int_equal(sent, 6);
    loop_turn(fixture->loop, 0);
    assert_int_equal(client_reads(fixture, memory, sizeof(memory)), 6);
    assert_memory_equal(memory, "answer", 6);
}

/* What is offered again begins where the last one ended, whatever was encrypted meanwhile. */
static void what_has_no_room_is_offered_again(void **state)
{
    struct fixture *fixture = *state;
    enum { SIZE = 1000000, PART = 70001 };
    char *body = malloc(SIZE), *got = malloc(SIZE);
    size_t taken = 0, received = 0;
    assert_true(body && got);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (char)(i * 7 + i / 251);
    shake_hands(fixture);
    bool was_full = false;
    for (int turns = 0; received < SIZE && turns < 100000; turns++) {
        struct slice rest = slice_of(body + taken, SIZE - taken), parts[2];
        size_t first = rest.length < PART ? rest.length : PART, sent = 0;
        size_t second = rest.length - first < PART ? rest.length - first : PART;
        parts[0] = slice_until(rest, first);
        parts[1] = slice_of(rest.data + first, second);
        if (rest.length > 0) {
            enum io io = tls_send(fixture->tls, parts, second > 0 ? 2 : 1, &sent);
            assert_true(io == IO_DONE ? sent == first + second : io == IO_PENDING);
            was_full |= io == IO_PENDING;
        }
        taken += sent;
        received += client_reads(fixture, got + received, turns % 2 ? 5000 : SIZE - received);
        loop_turn(fixture->loop, 0);
    }
    assert_true(was_full);
    assert_int_equal(taken, SIZE);
    assert_memory_equal(got, body, SIZE);
    free(body);
    free(got);
}

static void the_end_of_the_client_is_an_end(void **state)
{
    struct fixture *fixture = *state;
    struct span bytes = {0};
    size_t sent = 0;
    char memory[16];
    shake_hands(fixture);
    assert_int_equal(SSL_write(fixture->client, "last", 4), 4);
    assert_int_equal(SSL_shutdown(fixture->client), 0);
    loop_turn(fixture->loop, 0);
    assert_int_equal(tls_receive(fixture->tls, 100, &bytes), IO_DONE);
    span_clear(&bytes);
    assert_true(tls_is_readable(fixture->tls));
    assert_int_equal(tls_receive(fixture->tls, 100, &bytes), IO_END);
    assert_int_equal(tls_receive(fixture->tls, 100, &bytes), IO_END);
    assert_false(tls_was_cut(fixture->tls));
    struct slice answer = SLICE("answer");
    assert_int_equal(tls_send(fixture->tls, &answer, 1, &sent), IO_DONE);
    tls_shutdown_send(fixture->tls);
    assert_int_equal(tls_send(fixture->tls, &answer, 1, &sent), IO_FAILED);
    loop_turn(fixture->loop, 0);
    assert_int_equal(client_reads(fixture, memory, sizeof(memory)), 6);
    assert_true(SSL_get_shutdown(fixture->client) & SSL_RECEIVED_SHUTDOWN);
}

static void an_end_without_a_word_is_a_cut(void **state)
{
    struct fixture *fixture = *state;
    struct span bytes = {0};
    char memory[16];
    size_t sent = 0;
    shake_hands(fixture);
    assert_int_equal(shutdown(fixture->peer, SHUT_WR), 0);
    loop_turn(fixture->loop, 0);
    assert_int_equal(tls_receive(fixture->tls, 100, &bytes), IO_FAILED);
    assert_true(tls_was_cut(fixture->tls));
    struct slice answer = SLICE("answer");
    assert_int_equal(tls_send(fixture->tls, &answer, 1, &sent), IO_DONE);
    loop_turn(fixture->loop, 0);
    assert_int_equal(client_reads(fixture, memory, sizeof(memory)), 6);
}

static void who_is_not_chosen_for_is_told(void **state)
{
    struct fixture *fixture = *state;
    enum tls_failure failure = TLS_FAILURE_NONE;
    (void)SSL_do_handshake(fixture->client);
    assert_int_equal(step(fixture, &failure), TLS_CHOOSE);
    assert_int_equal(tls_name(fixture->tls).length, 0);
    tls_choose(fixture->tls, NULL);
    assert_int_equal(step(fixture, &failure), TLS_FAILED);
    assert_int_equal(failure, TLS_FAILURE_NO_CERTIFICATE);
    assert_string_equal(tls_failure_name(failure), "NO_CERTIFICATE");
    assert_true(tls_is_readable(fixture->tls) && fixture->socket.broken);
    assert_int_equal(SSL_do_handshake(fixture->client), -1);
}

/* KeyUpdate that asks for one in return (RFC 8446 4.6.3). */
static void keys_may_change_in_the_middle(void **state)
{
    struct fixture *fixture = *state;
    struct span bytes = {0};
    char memory[16];
    size_t sent = 0;
    shake_hands(fixture);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(SSL_key_update(fixture->client, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(fixture->client, "question", 8), 8);
        loop_turn(fixture->loop, 0);
        assert_int_equal(tls_receive(fixture->tls, 100, &bytes), IO_DONE);
        span_clear(&bytes);
        assert_int_equal(tls_receive(fixture->tls, 100, &bytes), IO_PENDING);
        struct slice answer = SLICE("answer");
        assert_int_equal(tls_send(fixture->tls, &answer, 1, &sent), IO_DONE);
        loop_turn(fixture->loop, 0);
        assert_int_equal(client_reads(fixture, memory, sizeof(memory)), 6);
    }
}

/* Small before large before small, and then the end: in one turn, in which nothing has left. */
static void order_is_kept_whatever_is_sent(void **state)
{
    struct fixture *fixture = *state;
    enum { SMALL = 100, LARGE = 20000, ALL = SMALL + LARGE + SMALL };
    static char body[ALL], got[ALL + 1];
    const size_t lengths[] = {SMALL, LARGE, SMALL};
    size_t begin = 0;
    for (size_t i = 0; i < ALL; i++)
        body[i] = (char)(i * 7 + i / 251);
    shake_hands(fixture);
    settle(fixture);
    for (size_t i = 0; i < 3; i++) {
        struct slice part = slice_of(body + begin, lengths[i]);
        size_t sent = 0;
        assert_int_equal(tls_send(fixture->tls, &part, 1, &sent), IO_DONE);
        assert_int_equal(sent, lengths[i]);
        begin += sent;
    }
    tls_shutdown_send(fixture->tls);
    loop_turn(fixture->loop, 0);
    assert_int_equal(client_reads(fixture, got, sizeof(got)), ALL);
    assert_memory_equal(got, body, ALL);
    assert_true(SSL_get_shutdown(fixture->client) & SSL_RECEIVED_SHUTDOWN);
}

/* The answer of keys that change comes behind what was said before they did. */
static void keys_may_change_behind_what_waits(void **state)
{
    struct fixture *fixture = *state;
    struct span bytes = {0};
    char memory[32];
    size_t sent = 0;
    struct slice first = SLICE("first"), second = SLICE("second");
    shake_hands(fixture);
    settle(fixture);
    assert_int_equal(tls_send(fixture->tls, &first, 1, &sent), IO_DONE);
    assert_int_equal(client_reads(fixture, memory, sizeof(memory)), 0);
    assert_int_equal(SSL_key_update(fixture->client, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_write(fixture->client, "question", 8), 8);
    fixture->socket.readable = true; /* as the poller would tell, in the same turn */
    assert_int_equal(tls_receive(fixture->tls, 100, &bytes), IO_DONE);
    span_clear(&bytes);
    assert_int_equal(tls_send(fixture->tls, &second, 1, &sent), IO_DONE);
    loop_turn(fixture->loop, 0);
    assert_int_equal(client_reads(fixture, memory, sizeof(memory)), 11);
    assert_memory_equal(memory, "firstsecond", 11);
}

/* RFC 6066 4: what is one piece to us is several records, whether it is little or much. */
static void a_client_may_ask_for_small_records(void **state)
{
    struct fixture *fixture = *state;
    enum { LITTLE = 4000, MUCH = 30000 };
    static char body[MUCH], got[MUCH + 1];
    const size_t lengths[] = {LITTLE, MUCH};
    for (size_t i = 0; i < MUCH; i++)
        body[i] = (char)(i * 7 + i / 251);
    assert_int_equal(
        SSL_set_tlsext_max_fragment_length(fixture->client, TLSEXT_max_fragment_length_512), 1);
    shake_hands(fixture);
    for (size_t i = 0; i < 2; i++) {
        size_t sent = 0;
        struct slice part = slice_of(body, lengths[i]);
        settle(fixture);
        assert_int_equal(tls_send(fixture->tls, &part, 1, &sent), IO_DONE);
        assert_int_equal(sent, lengths[i]);
        loop_turn(fixture->loop, 0);
        assert_int_equal(client_reads(fixture, got, sizeof(got)), lengths[i]);
        assert_memory_equal(got, body, lengths[i]);
    }
}

/* What was said leaves, however soon the connection goes. */
static void what_waits_outlives_the_connection(void **state)
{
    struct fixture *fixture = *state;
    char memory[16];
    size_t sent = 0;
    struct slice last = SLICE("last");
    shake_hands(fixture);
    settle(fixture);
    assert_int_equal(tls_send(fixture->tls, &last, 1, &sent), IO_DONE);
    tls_free(fixture->tls);
    fixture->tls = NULL;
    assert_null(fixture->socket.sealer);
    loop_turn(fixture->loop, 0);
    assert_int_equal(client_reads(fixture, memory, sizeof(memory)), 4);
    assert_memory_equal(memory, "last", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hands_are_shaken_and_bytes_go_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_no_room_is_offered_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_of_the_client_is_an_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_end_without_a_word_is_a_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_not_chosen_for_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_may_change_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(order_is_kept_whatever_is_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_may_change_behind_what_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_may_ask_for_small_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_waits_outlives_the_connection, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
