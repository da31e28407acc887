/* Bytes of a client into TLS, in pieces: whatever they are, the handshake waits, fails or ends, and
 * no piece is lost or read twice. The first byte says how long the pieces are. */
#include "loop/loop.h"
#include "tls/test_certificate.h"
#include "tls/tls.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    struct loop *loop;
    struct tls_entrance *entrance;
    struct tls_context *context;
} world;

static void on_news(struct socket *socket)
{
    (void)socket;
}

static void make_world(void)
{
    struct test_certificate made;
    struct tls_certificate *certificate = NULL;
    test_certificate_make(&made, "DNS:a.example.com");
    enum tls_certificate_state state =
        tls_certificate_new(slice_from_text(made.chain), slice_from_text(made.key),
                            &(struct tls_reading){.weak_too = true}, &certificate);
    ASSERT(state == TLS_CERTIFICATE_GOOD);
    const struct tls_certificate *certificates[] = {certificate};
    world.loop = loop_new();
    world.entrance = tls_entrance_new();
    world.context = tls_context_new(NULL, &(struct tls_terms){.profile = TLS_OLD}, certificates, 1);
    tls_certificate_unref(certificate);
    ASSERT(world.loop && world.entrance && world.context);
}

/* Whether more may be done with it. */
static bool go_on(struct tls *tls, bool *is_open)
{
    enum tls_failure failure = TLS_FAILURE_NONE;
    struct span bytes = {0};
    if (*is_open) {
        enum io io = tls_receive(tls, 4096, &bytes);
        span_clear(&bytes);
        return io == IO_PENDING || io == IO_DONE;
    }
    enum tls_step step = tls_handshake(tls, &failure);
    if (step == TLS_CHOOSE) {
        ASSERT(tls_name(tls).length < TLS_NAME_MAX);
        tls_choose(tls, world.context);
        step = tls_handshake(tls, &failure);
    }
    ASSERT(step != TLS_CHOOSE && (step == TLS_FAILED) == (failure != TLS_FAILURE_NONE));
    *is_open = step == TLS_DONE;
    return step != TLS_FAILED;
}

/* Takes what we answer, so that there is always room. */
static void drop_answers(int peer)
{
    char memory[4096];
    while (read(peer, memory, sizeof(memory)) > 0)
        continue;
}

static void play(struct tls *tls, int peer, const uint8_t *data, size_t size, size_t piece)
{
    bool is_open = false, goes_on = go_on(tls, &is_open);
    while (goes_on && size > 0) {
        size_t count = size < piece ? size : piece;
        ssize_t written = write(peer, data, count);
        ASSERT(written == (ssize_t)count);
        data += count;
        size -= count;
        loop_turn(world.loop, 0);
        goes_on = go_on(tls, &is_open);
        drop_answers(peer);
    }
    if (!goes_on)
        return;
    (void)shutdown(peer, SHUT_WR);
    loop_turn(world.loop, 0);
    goes_on = go_on(tls, &is_open);
    ASSERT(!goes_on);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct socket socket;
    int ends[2];
    if (!world.loop)
        make_world();
    if (size < 2)
        return 0;
    int error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
    ASSERT(error == 0);
    socket_init(&socket, world.loop, ends[0], on_news);
    struct tls *tls = tls_new(world.entrance, &socket, (struct span){0});
    ASSERT(tls);
    play(tls, ends[1], data + 1, size - 1, data[0] ? (size_t)data[0] * 16 : 1);
    tls_say_goodbye(tls);
    tls_free(tls);
    socket_close(&socket, false);
    (void)close(ends[1]);
    return 0;
}
