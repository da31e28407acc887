#include "loop/socket.h"

#include "loop/outbox.h"
#include "sys/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A socket on a loop, and the bare descriptor of its peer. */
struct pair {
    struct loop *loop;
    struct socket socket;
    int peer;
    unsigned news;
};

static void on_news(struct socket *socket)
{
    CONTAINER_OF(socket, struct pair, socket)->news++;
}

static int set_up(void **state)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    assert_non_null(pair);
    pair->loop = loop_new();
    assert_non_null(pair->loop);
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    socket_init(&pair->socket, pair->loop, ends[0], on_news);
    pair->peer = ends[1];
    *state = pair;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *pair = *state;
    socket_close(&pair->socket, false);
    if (pair->peer >= 0)
        assert_int_equal(close(pair->peer), 0);
    loop_free(pair->loop);
    free(pair);
    return 0;
}

static void write_to_peer(struct pair *pair, const char *text)
{
    assert_int_equal(write(pair->peer, text, strlen(text)), (ssize_t)strlen(text));
}

static void close_peer(struct pair *pair)
{
    assert_int_equal(close(pair->peer), 0);
    pair->peer = -1;
}

static void assert_received(struct pair *pair, size_t size, const char *expected)
{
    struct span bytes = {0};
    assert_int_equal(socket_receive(&pair->socket, size, &bytes), IO_DONE);
    assert_int_equal(bytes.length, strlen(expected));
    assert_memory_equal(span_slice(&bytes).data, expected, bytes.length);
    span_clear(&bytes);
}

static enum io receive(struct pair *pair)
{
    struct span bytes = {0};
    enum io io = socket_receive(&pair->socket, BUFFER_SMALL, &bytes);
    assert_null(bytes.buffer);
    return io;
}

/* Turns until there was news. */
static void await_news(struct pair *pair)
{
    unsigned before = pair->news;
    while (pair->news == before)
        loop_turn(pair->loop, -1);
}

static void what_is_there_is_received_at_once(void **state)
{
    write_to_peer(*state, "hello");
    assert_received(*state, BUFFER_SMALL, "hello");
}

static void what_is_not_there_yet_comes_as_news(void **state)
{
    struct pair *pair = *state;
    assert_int_equal(receive(pair), IO_PENDING);
    assert_int_equal(receive(pair), IO_PENDING);
    write_to_peer(pair, "late");
    assert_int_equal(pair->news, 0);
    await_news(pair);
    assert_true(socket_is_readable(&pair->socket));
    assert_received(pair, BUFFER_SMALL, "late");
}

static void bytes_between_the_first_look_and_the_watch_are_not_missed(void **state)
{
    struct pair *pair = *state;
    write_to_peer(pair, "one");
    assert_received(pair, BUFFER_SMALL, "one");
    write_to_peer(pair, "two");
    assert_int_equal(receive(pair), IO_PENDING); /* it was emptied, as far as it knows */
    await_news(pair);
    assert_received(pair, BUFFER_SMALL, "two");
}

static void the_end_behind_bytes_is_told_after_them(void **state)
{
    struct pair *pair = *state;
    assert_int_equal(receive(pair), IO_PENDING);
    write_to_peer(pair, "bye");
    close_peer(pair);
    await_news(pair);
    assert_received(pair, BUFFER_SMALL, "bye");
    assert_int_equal(receive(pair), IO_END);
}

static void an_end_that_comes_later_is_news(void **state)
{
    struct pair *pair = *state;
    write_to_peer(pair, "bye");
    assert_received(pair, BUFFER_SMALL, "bye");
    assert_int_equal(receive(pair), IO_PENDING);
    assert_int_equal(shutdown(pair->peer, SHUT_WR), 0);
    await_news(pair);
    assert_int_equal(receive(pair), IO_END);
    assert_false(pair->socket.broken);
}

/* Sends until there is no room; returns how much went. */
static size_t fill(struct pair *pair)
{
    static char block[64 * 1024];
    struct slice parts[2] = {slice_of(block, sizeof(block)), slice_of(block, 100)};
    size_t total = 0;
    for (;;) {
        size_t sent = 0;
        enum io io = socket_send(&pair->socket, parts, 2, &sent);
        total += sent;
        if (io == IO_PENDING)
            return total;
        assert_int_equal(io, IO_DONE);
        assert_int_equal(sent, sizeof(block) + 100);
    }
}

static size_t drain_peer(struct pair *pair, size_t most)
{
    char block[16 * 1024];
    size_t total = 0;
    while (total < most) {
        ssize_t got = read(pair->peer, block, sizeof(block));
        if (got <= 0)
            break;
        total += (size_t)got;
    }
    return total;
}

static void a_full_socket_waits_and_room_is_news(void **state)
{
    struct pair *pair = *state;
    size_t sent = fill(pair);
    assert_true(sent > 0);
    size_t none = 0;
    struct slice part = SLICE("x");
    assert_int_equal(socket_send(&pair->socket, &part, 1, &none), IO_PENDING);
    loop_turn(pair->loop, 0); /* the news of its first watch */
    unsigned before = pair->news;
    loop_turn(pair->loop, 0);
    assert_int_equal(pair->news, before);
    assert_int_equal(drain_peer(pair, sent), sent);
    await_news(pair);
    assert_int_equal(socket_send(&pair->socket, &part, 1, &none), IO_DONE);
    assert_int_equal(none, 1);
}

static void sending_to_who_is_gone_fails_without_a_signal(void **state)
{
    struct pair *pair = *state;
    close_peer(pair);
    static char block[64 * 1024];
    struct slice part = slice_of(block, sizeof(block));
    size_t sent = 0;
    assert_int_equal(socket_send(&pair->socket, &part, 1, &sent), IO_FAILED);
    assert_int_equal(pair->socket.error, EPIPE);
    assert_true(pair->socket.broken);
}

static void say(struct pair *pair, struct slice part)
{
    size_t sent = 0;
    assert_int_equal(socket_send(&pair->socket, &part, 1, &sent), IO_DONE);
    assert_int_equal(sent, part.length);
}

static void assert_peer_reads(struct pair *pair, const char *expected)
{
    char memory[64];
    assert_int_equal(read(pair->peer, memory, strlen(expected)), (ssize_t)strlen(expected));
    assert_memory_equal(memory, expected, strlen(expected));
}

static void a_little_leaves_at_the_end_of_the_turn(void **state)
{
    struct pair *pair = *state;
    say(pair, SLICE("little"));
    char byte;
    assert_int_equal(read(pair->peer, &byte, 1), -1);
    loop_turn(pair->loop, 0);
    assert_peer_reads(pair, "little");
}

static void order_is_kept_whatever_is_sent(void **state)
{
    struct pair *pair = *state;
    static char block[OUTBOX_ITEM_MAX + 1];
    say(pair, SLICE("first"));
    say(pair, SLICE("second"));
    assert_peer_reads(pair, "first"); /* the second took its place */
    say(pair, slice_of(block, sizeof(block)));
    assert_peer_reads(pair, "second");
    assert_int_equal(drain_peer(pair, sizeof(block)), sizeof(block));
}

static void a_failure_at_the_end_of_the_turn_is_news(void **state)
{
    struct pair *pair = *state;
    say(pair, SLICE("anybody?"));
    close_peer(pair);
    loop_turn(pair->loop, 0);
    assert_int_equal(pair->news, 1);
    assert_true(socket_is_readable(&pair->socket));
    assert_int_equal(pair->socket.error, EPIPE);
    struct slice part = SLICE("anybody?");
    size_t sent = 0;
    assert_int_equal(socket_send(&pair->socket, &part, 1, &sent), IO_FAILED);
    assert_true(pair->socket.torn); /* an end in order would make it look whole */
}

/* Puts each in brackets, or fails. */
struct brackets {
    struct socket_sealer sealer;
    unsigned count;
    bool fails;
};

static size_t put_in_brackets(struct socket_sealer *sealer, struct slice bytes, char *memory,
                              size_t room)
{
    struct brackets *brackets = CONTAINER_OF(sealer, struct brackets, sealer);
    struct text text = text_over(memory, room);
    brackets->count++;
    text_add(&text, SLICE("<"));
    text_add(&text, bytes);
    text_add(&text, SLICE(">"));
    assert_false(text_is_cut(&text));
    return brackets->fails ? 0 : text.length;
}

static void say_sealed(struct pair *pair, struct brackets *brackets, struct slice part)
{
    brackets->sealer.seal = put_in_brackets;
    pair->socket.sealer = &brackets->sealer;
    assert_true(socket_send_sealed(&pair->socket, &part, 1, part.length, part.length + 2));
}

static void what_is_to_be_sealed_is_when_it_leaves(void **state)
{
    struct pair *pair = *state;
    struct brackets brackets = {.count = 0};
    say_sealed(pair, &brackets, SLICE("one"));
    assert_int_equal(brackets.count, 0);
    loop_turn(pair->loop, 0);
    assert_peer_reads(pair, "<one>");
    say_sealed(pair, &brackets, SLICE("two"));
    socket_seal(&pair->socket);
    socket_seal(&pair->socket); /* once is enough */
    assert_int_equal(brackets.count, 2);
    say_sealed(pair, &brackets, SLICE("three"));
    say(pair, SLICE("four"));
    loop_turn(pair->loop, 0);
    assert_peer_reads(pair, "<two><three>four");
    say_sealed(pair, &brackets, SLICE("five"));
    socket_close(&pair->socket, false);
    assert_peer_reads(pair, "<five>");
    assert_int_equal(brackets.count, 4);
}

static void what_is_not_sealed_takes_the_connection_with_it(void **state)
{
    struct pair *pair = *state;
    struct brackets brackets = {.fails = true};
    say_sealed(pair, &brackets, SLICE("lost"));
    loop_turn(pair->loop, 0);
    assert_int_equal(pair->news, 1);
    assert_true(pair->socket.torn && socket_is_readable(&pair->socket));
    char byte;
    assert_int_equal(read(pair->peer, &byte, 1), -1);
}

static void what_waits_leaves_before_the_socket_closes(void **state)
{
    struct pair *pair = *state;
    say(pair, SLICE("bye"));
    socket_close(&pair->socket, false);
    assert_peer_reads(pair, "bye");
    loop_turn(pair->loop, 0);
}

/* Little by little, each at the end of its turn, until the system takes no more. */
static size_t fill_by_turns(struct pair *pair)
{
    static char block[OUTBOX_ITEM_MAX - 7];
    struct slice part = slice_of(block, sizeof(block));
    size_t total = 0;
    for (size_t sent = 0; socket_send(&pair->socket, &part, 1, &sent) == IO_DONE; sent = 0) {
        total += sent;
        loop_turn(pair->loop, 0);
    }
    return total;
}

static void what_the_system_would_not_take_follows_when_it_does(void **state)
{
    struct pair *pair = *state;
    size_t taken = fill_by_turns(pair);
    assert_non_null(pair->socket.rest);
    assert_int_equal(socket_detach(&pair->socket), -1);
    socket_shutdown_send(&pair->socket);
    size_t got = 0;
    for (int turns = 0; got < taken && turns < 1000; turns++) {
        got += drain_peer(pair, taken);
        loop_turn(pair->loop, 0);
    }
    assert_int_equal(got, taken);
    assert_null(pair->socket.rest);
    char byte;
    assert_int_equal(read(pair->peer, &byte, 1), 0); /* then the end that was asked for */
}

static void what_the_system_would_not_take_outlives_the_socket(void **state)
{
    struct pair *pair = *state;
    size_t taken = fill_by_turns(pair);
    assert_non_null(pair->socket.rest);
    socket_close(&pair->socket, false);
    assert_true(loop_has_last_words(pair->loop));
    size_t got = 0;
    for (int turns = 0; got < taken && turns < 1000; turns++) {
        got += drain_peer(pair, taken);
        loop_turn(pair->loop, 0);
    }
    assert_int_equal(got, taken);
    assert_false(loop_has_last_words(pair->loop));
    char byte;
    assert_int_equal(read(pair->peer, &byte, 1), 0);
}

static void a_reset_takes_with_it_what_the_system_would_not_take(void **state)
{
    struct pair *pair = *state;
    (void)fill_by_turns(pair);
    assert_non_null(pair->socket.rest);
    socket_close(&pair->socket, true);
    assert_false(loop_has_last_words(pair->loop));
}

static void last_words_end_with_their_peer(void **state)
{
    struct pair *pair = *state;
    (void)fill_by_turns(pair);
    socket_close(&pair->socket, false);
    assert_true(loop_has_last_words(pair->loop));
    close_peer(pair);
    loop_turn(pair->loop, 0);
    assert_false(loop_has_last_words(pair->loop));
}

static void our_end_is_read_by_the_peer(void **state)
{
    struct pair *pair = *state;
    struct slice part = SLICE("done");
    size_t sent = 0;
    assert_int_equal(socket_send(&pair->socket, &part, 1, &sent), IO_DONE);
    socket_shutdown_send(&pair->socket);
    char memory[16];
    assert_int_equal(read(pair->peer, memory, sizeof(memory)), 4);
    assert_int_equal(read(pair->peer, memory, sizeof(memory)), 0);
    write_to_peer(pair, "answer");
    assert_received(pair, BUFFER_SMALL, "answer");
}

/* Two sockets with news in one turn, of which the first closes the second. */
struct jealous {
    struct pair pair;
    struct socket *rival;
};

static void close_rival(struct socket *socket)
{
    struct jealous *jealous = CONTAINER_OF(socket, struct jealous, pair.socket);
    jealous->pair.news++;
    if (socket_is_open(jealous->rival))
        socket_close(jealous->rival, false);
}

static void a_closed_socket_gets_no_news_not_even_of_this_turn(void **state)
{
    struct pair *pair = *state;
    struct jealous both[2];
    for (int i = 0; i < 2; i++) {
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        socket_init(&both[i].pair.socket, pair->loop, ends[0], close_rival);
        both[i].pair.peer = ends[1];
        both[i].pair.news = 0;
        both[i].rival = &both[1 - i].pair.socket;
        write_to_peer(&both[i].pair, "news");
        assert_true(socket_watch(&both[i].pair.socket));
    }
    loop_turn(pair->loop, -1);
    loop_turn(pair->loop, 0);
    assert_int_equal(both[0].pair.news + both[1].pair.news, 1);
    for (int i = 0; i < 2; i++) {
        socket_close(&both[i].pair.socket, false);
        close_peer(&both[i].pair);
    }
}

static void a_detached_descriptor_serves_elsewhere(void **state)
{
    struct pair *pair = *state;
    assert_int_equal(receive(pair), IO_PENDING);
    write_to_peer(pair, "moved");
    int fd = socket_detach(&pair->socket);
    assert_false(socket_is_open(&pair->socket));
    loop_turn(pair->loop, 0);
    assert_int_equal(pair->news, 0);
    socket_init(&pair->socket, pair->loop, fd, on_news);
    assert_received(pair, BUFFER_SMALL, "moved");
    assert_int_equal(receive(pair), IO_PENDING);
    write_to_peer(pair, "again");
    await_news(pair);
    assert_received(pair, BUFFER_SMALL, "again");
}

/* ---- splicing */

static void bytes_go_through_a_pipe_and_come_out_the_same(void **state)
{
    struct pair *pair = *state;
    int ends[2];
    assert_int_equal(sys_pipe(ends, 64 * 1024), 0);
    size_t moved = 0;
    write_to_peer(pair, "through the pipe");
    assert_int_equal(socket_splice_in(&pair->socket, ends[1], 100, &moved), IO_DONE);
    assert_int_equal(moved, 16);
    assert_int_equal(socket_splice_in(&pair->socket, ends[1], 100, &moved), IO_PENDING);
    assert_int_equal(socket_splice_out(&pair->socket, ends[0], 16, false, &moved), IO_DONE);
    assert_int_equal(moved, 16);
    char memory[32];
    assert_int_equal(read(pair->peer, memory, sizeof(memory)), 16);
    assert_memory_equal(memory, "through the pipe", 16);
    close_peer(pair);
    await_news(pair);
    assert_int_equal(socket_splice_in(&pair->socket, ends[1], 100, &moved), IO_END);
    sys_close(ends[0]);
    sys_close(ends[1]);
}

/* ---- connecting and accepting */

struct door {
    struct acceptor acceptor;
    int listening;
    int accepted; /* -1: nobody came yet */
};

static void let_in(struct acceptor *acceptor)
{
    struct door *door = CONTAINER_OF(acceptor, struct door, acceptor);
    struct ip peer;
    uint16_t port;
    if (door->accepted < 0)
        door->accepted = sys_accept(door->listening, &peer, &port);
}

static struct address loopback(uint16_t port)
{
    return (struct address){.ip = {.kind = ADDRESS_IPV4, .bytes = {127, 0, 0, 1}}, .port = port};
}

static void a_connection_is_made_and_accepted(void **state)
{
    struct pair *pair = *state;
    struct address address = loopback(0);
    struct sys_listen_options options = {.backlog = 8};
    struct door door = {.listening = sys_listen(&address, &options), .accepted = -1};
    assert_true(door.listening >= 0);
    assert_true(acceptor_init(&door.acceptor, pair->loop, door.listening, let_in));
    address.port = sys_local_port(door.listening);

    struct pair client = {.loop = pair->loop, .peer = -1};
    enum io io = socket_connect(&client.socket, pair->loop, &address, on_news);
    while (io == IO_PENDING || door.accepted < 0) {
        loop_turn(pair->loop, -1);
        io = socket_connected(&client.socket);
    }
    assert_int_equal(io, IO_DONE);
    client.peer = door.accepted;
    write_to_peer(&client, "welcome");
    await_news(&client);
    assert_received(&client, BUFFER_SMALL, "welcome");

    acceptor_fini(&door.acceptor);
    socket_close(&client.socket, true);
    char memory[8];
    assert_int_equal(fcntl(client.peer, F_SETFL, 0), 0);
    assert_int_equal(read(client.peer, memory, sizeof(memory)), -1);
    assert_int_equal(errno, ECONNRESET);
    close_peer(&client);
    sys_close(door.listening);
}

static void assert_not_paced(int fd)
{
    char control[16] = {0};
    socklen_t length = sizeof(control) - 1;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, control, &length), 0);
    assert_string_equal(control, "reno");
}

static void what_stays_on_the_machine_is_not_paced(void **state)
{
    (void)state;
    struct address address = loopback(0);
    struct sys_listen_options options = {.backlog = 8};
    int listening = sys_listen(&address, &options);
    assert_true(listening >= 0);
    address.port = sys_local_port(listening);
    bool pending;
    int client = sys_connect(&address, &pending);
    assert_true(client >= 0);
    struct pollfd asks = {.fd = listening, .events = POLLIN};
    assert_int_equal(poll(&asks, 1, -1), 1);
    struct ip peer;
    uint16_t port;
    int accepted = sys_accept(listening, &peer, &port);
    assert_true(accepted >= 0);
    assert_not_paced(client);
    assert_not_paced(accepted);
    sys_close(accepted);
    sys_close(client);
    sys_close(listening);
}

static void a_refused_connection_says_so(void **state)
{
    struct pair *pair = *state;
    struct address address = loopback(0);
    struct sys_listen_options options = {.backlog = 8};
    int listening = sys_listen(&address, &options);
    assert_true(listening >= 0);
    address.port = sys_local_port(listening);
    sys_close(listening);

    struct pair client = {.loop = pair->loop, .peer = -1};
    enum io io = socket_connect(&client.socket, pair->loop, &address, on_news);
    while (io == IO_PENDING) {
        loop_turn(pair->loop, -1);
        io = socket_connected(&client.socket);
    }
    assert_int_equal(io, IO_FAILED);
    assert_int_equal(client.socket.error, ECONNREFUSED);
    socket_close(&client.socket, false);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_there_is_received_at_once),
        TEST(what_is_not_there_yet_comes_as_news),
        TEST(bytes_between_the_first_look_and_the_watch_are_not_missed),
        TEST(the_end_behind_bytes_is_told_after_them),
        TEST(an_end_that_comes_later_is_news),
        TEST(a_full_socket_waits_and_room_is_news),
        TEST(sending_to_who_is_gone_fails_without_a_signal),
        TEST(a_little_leaves_at_the_end_of_the_turn),
        TEST(order_is_kept_whatever_is_sent),
        TEST(a_failure_at_the_end_of_the_turn_is_news),
        TEST(what_is_to_be_sealed_is_when_it_leaves),
        TEST(what_is_not_sealed_takes_the_connection_with_it),
        TEST(what_waits_leaves_before_the_socket_closes),
        TEST(what_the_system_would_not_take_follows_when_it_does),
        TEST(what_the_system_would_not_take_outlives_the_socket),
        TEST(a_reset_takes_with_it_what_the_system_would_not_take),
        TEST(last_words_end_with_their_peer),
        TEST(our_end_is_read_by_the_peer),
        TEST(a_closed_socket_gets_no_news_not_even_of_this_turn),
        TEST(a_detached_descriptor_serves_elsewhere),
        TEST(bytes_go_through_a_pipe_and_come_out_the_same),
        TEST(a_connection_is_made_and_accepted),
        TEST(what_stays_on_the_machine_is_not_paced),
        TEST(a_refused_connection_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
