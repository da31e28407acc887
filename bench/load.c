/* The clients of the benchmark: a fixed number of requests over a fixed number of connections, so
 * that the work of a run is known exactly.
 *
 *     load [-c CONNECTIONS] [-n REQUESTS] [-t TARGET] [-b] [-k] [-u BYTES] [-w] [-s SITES] [-e
 * ERRORS]
 *          [-r RATE] [-T] [-R] PORT
 *
 *     -b  send the header fields of a browser, not the bare ones
 *     -k  a new connection for each request
 *     -u  upload a body of so many bytes with each request
 *     -w  ask for a WebSocket and hold it
 *     -s  spread the requests over so many sites, and as many routes of one more site
 *     -e  go on after so many errors, not only after 100
 *     -r  so many requests a second, each when it is due, whether or not others were answered;
 *         its latency counts from then, so that nothing hides behind a slow answer
 *     -T  over TLS 1.3; a certificate is not looked at
 *     -R  the same; connections behind the first take up its session
 *
 * It speaks with what started it: each connection asks once, for warming up; then it writes the
 * line "ready"; for each line that comes it makes its requests and writes one line of JSON; it
 * holds its connections until its standard input ends. So what is measured in between is the
 * requests alone, and with no line at all it is the holding of idle connections. */
#include "socket.h"
#include <fcntl.h>
#include <getopt.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <time.h>

enum {
    HEAD_SIZE = 2048,
    EVENTS_MAX = 256,
    RECORD_SIZE = 16 * 1024, /* bytes that a record of TLS holds at most */
    WAVE = 64,               /* connections that warm up at a time */
    SITES_MAX = 100000,
    RATE_MAX = 1000000,
    ERRORS_MAX = 1000000,
    NANOSECONDS = 1000000000,
};

enum phase {
    CLOSED,
    AWAIT_HEAD,
    AWAIT_BODY,
    AWAIT_END, /* the answer is whole; the proxy is to close */
    IDLE,
};

struct request {
    const char *host; /* that TLS asks for */
    char *bytes;
    size_t length;
};

struct connection {
    int fd;
    SSL *tls; /* NULL: without */
    enum phase phase;
    const struct request *request;
    size_t sent;
    uint64_t started_ns;
    uint64_t body_left;
    size_t head_length;
    char head[HEAD_SIZE + 1];
};

static struct {
    uint64_t connections, requests, upload, sites, errors_max, rate;
    const char *target;
    bool browser, close, websocket, tls, resume;
    uint16_t port;
} options = {.connections = 64, .target = "/128", .errors_max = 100};

static struct {
    int epoll;
    SSL_CTX *tls;
    SSL_SESSION *session; /* with -R, as soon as there is one */
    struct connection *connections;
    struct connection **idle; /* with a rate: a ring, the one idle longest first */
    uint64_t idle_first, idle_count;
    struct request *requests;
    uint64_t request_count;
    uint64_t random;
    bool warming;
    uint64_t started, finished, goal; /* requests of this part of the run */
    uint64_t answers;                 /* those whose latency is known */
    uint64_t errors, bytes;
    uint32_t *latency_us_x10; /* of each answer, in tenths of a microsecond */
} run;

static const char browser_fields[] =
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;"
    "q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://shop.example.com/products?page=3\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: same-origin\r\n";

static const char websocket_fields[] = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                       "Sec-WebSocket-Version: 13\r\n"
                                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

static const char websocket_accept[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; /* RFC 6455 1.3 */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

static void request_build(struct request *request, const char *host, const char *target)
{
    request->host = strdup(host);
    must(request->host ? 0 : -1, "strdup");
    char length[64] = "";
    if (options.upload) {
        snprintf(length, sizeof length, "Content-Length: %llu\r\n",
                 (unsigned long long)options.upload);
    }
    int head =
        asprintf(&request->bytes, "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s%s%s\r\n",
                 options.upload ? "POST" : "GET", target, host, length,
                 options.browser ? browser_fields : "", options.websocket ? websocket_fields : "",
                 options.close ? "Connection: close\r\n" : "");
    must(head, "asprintf");
    request->length = (size_t)head + options.upload;
    if (options.upload) {
        request->bytes = realloc(request->bytes, request->length);
        must(request->bytes ? 0 : -1, "realloc");
        memset(request->bytes + head, 'u', options.upload);
    }
}

/* One request, or with -s two for each site: the site itself, and a route of one more site. */
static void requests_build(void)
{
    run.request_count = options.sites ? 2 * options.sites : 1;
    run.requests = must_allocate(run.request_count, sizeof *run.requests);
    if (!options.sites) {
        request_build(run.requests, "bench.example.com", options.target);
    }
    for (uint64_t i = 0; i < options.sites; i++) {
        char host[64], target[64];
        snprintf(host, sizeof host, "site%llu.example.com", (unsigned long long)i);
        snprintf(target, sizeof target, "/route%llu/128", (unsigned long long)i);
        request_build(&run.requests[2 * i], host, options.target);
        request_build(&run.requests[2 * i + 1], "routes.example.com", target);
    }
}

/* The same order in every run. */
static const struct request *request_next(void)
{
    run.random ^= run.random << 13; /* xorshift, Marsaglia */
    run.random ^= run.random >> 7;
    run.random ^= run.random << 17;
    return &run.requests[run.random % run.request_count];
}

/* ---- bytes, in the clear or over TLS: as send and recv do */

static ssize_t tls_result(SSL *tls, int result)
{
    int problem = result > 0 ? SSL_ERROR_NONE : SSL_get_error(tls, result);
    if (problem == SSL_ERROR_NONE) {
        return result;
    }
    errno = problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return problem == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static ssize_t bytes_send(struct connection *connection, const char *bytes, size_t length)
{
    if (!connection->tls) {
        return send(connection->fd, bytes, length, MSG_NOSIGNAL);
    }
    int part = length < INT32_MAX ? (int)length : INT32_MAX;
    return tls_result(connection->tls, SSL_write(connection->tls, bytes, part));
}

/* Without a buffer they are thrown away, and in the clear not even copied. */
static ssize_t bytes_receive(struct connection *connection, char *buffer, size_t size)
{
    static char waste[RECORD_SIZE];
    if (!connection->tls) {
        return recv(connection->fd, buffer, size, buffer ? 0 : MSG_TRUNC);
    }
    size_t room = buffer || size < sizeof waste ? size : sizeof waste;
    return tls_result(connection->tls,
                      SSL_read(connection->tls, buffer ? buffer : waste, (int)room));
}

static void connection_block(struct connection *connection, bool blocks)
{
    int flags = must(fcntl(connection->fd, F_GETFL), "fcntl");
    flags = blocks ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    must(fcntl(connection->fd, F_SETFL, flags), "fcntl");
}

/* One handshake at a time: what it costs the other side is asked, not how long it takes. */
static void connection_shake_hands(struct connection *connection, const char *host)
{
    connection->tls = SSL_new(run.tls);
    must(connection->tls ? 0 : -1, "SSL_new");
    connection_block(connection, true);
    if (run.session) {
        SSL_SESSION *session = SSL_SESSION_dup(run.session); /* the library uses each but once */
        SSL_set_session(connection->tls, session);
        SSL_SESSION_free(session);
    }
    bool good = SSL_set_fd(connection->tls, connection->fd) == 1 &&
                SSL_set_tlsext_host_name(connection->tls, host) == 1 &&
                SSL_connect(connection->tls) == 1;
    if (!good || (run.session && !SSL_session_reused(connection->tls))) {
        fprintf(stderr, good ? "load: a session was not resumed\n" : "load: no handshake\n");
        exit(1);
    }
    connection_block(connection, false);
}

/* The first ticket serves for all: servers of the benchmark do not mind. */
static int session_keep(SSL *tls, SSL_SESSION *session)
{
    (void)tls;
    if (run.session) {
        return 0;
    }
    run.session = session;
    return 1;
}

static void tls_prepare(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    must(sigaction(SIGPIPE, &ignore, NULL), "sigaction"); /* the library has no MSG_NOSIGNAL */
    run.tls = SSL_CTX_new(TLS_client_method());
    must(run.tls ? 0 : -1, "SSL_CTX_new");
    SSL_CTX_set_min_proto_version(run.tls, TLS1_3_VERSION);
    SSL_CTX_set_mode(run.tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(run.tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_read_ahead(run.tls, 1);
    if (options.resume) {
        SSL_CTX_set_session_cache_mode(run.tls, SSL_SESS_CACHE_CLIENT);
        SSL_CTX_sess_set_new_cb(run.tls, session_keep);
    }
}

/* ---- requests */

static void request_send(struct connection *connection)
{
    const struct request *request = connection->request;
    while (connection->sent < request->length) {
        ssize_t sent = bytes_send(connection, request->bytes + connection->sent,
                                  request->length - connection->sent);
        if (sent < 0) {
            return; /* full, or lost: the next event tells which */
        }
        connection->sent += (size_t)sent;
    }
}

/* Starts the next request of the run on this connection, or leaves it idle. */
static void connection_next(struct connection *connection)
{
    if (run.started == run.goal) {
        return;
    }
    run.started++;
    connection->started_ns = now_ns();
    connection->request = request_next();
    if (connection->phase == CLOSED) {
        connection->fd = must(socket_connect(options.port), "connect");
        if (options.tls) {
            connection_shake_hands(connection, connection->request->host);
        }
        socket_watch(run.epoll, connection->fd, connection);
    }
    connection->sent = 0;
    connection->head_length = 0;
    connection->phase = AWAIT_HEAD;
    request_send(connection);
}

static void connection_close(struct connection *connection)
{
    if (connection->tls) {
        SSL_set_shutdown(connection->tls, SSL_SENT_SHUTDOWN); /* or its session is no good */
    }
    SSL_free(connection->tls);
    connection->tls = NULL;
    close(connection->fd);
    connection->phase = CLOSED;
}

/* One request is over. While warming up the next one goes over a connection of its own. */
static void request_finish(struct connection *connection)
{
    run.finished++;
    if (options.rate && !run.warming) {
        run.idle[(run.idle_first + run.idle_count++) % options.connections] = connection;
        return;
    }
    connection_next(run.warming && run.started < run.goal ? &run.connections[run.started]
                                                          : connection);
}

static void request_fail(struct connection *connection, const char *why)
{
    fprintf(stderr, "load: %s: %.*s\n", why, (int)strcspn(connection->head, "\r\n"),
            connection->head_length ? connection->head : "");
    if (++run.errors > options.errors_max) {
        fprintf(stderr, "load: too many errors\n");
        exit(1);
    }
    bool counts = connection->phase != IDLE;
    connection_close(connection);
    if (counts) {
        request_finish(connection);
    }
}

static void answer_finish(struct connection *connection)
{
    if (!run.warming) {
        uint64_t tenths = (now_ns() - connection->started_ns) / 100;
        run.latency_us_x10[run.answers++] = tenths < UINT32_MAX ? (uint32_t)tenths : UINT32_MAX;
    }
    connection->head_length = 0;
    connection->phase = options.close ? AWAIT_END : IDLE;
    if (!options.close) {
        request_finish(connection);
    }
}

/* Reads the answer's head, which ends at `length`. */
static void head_read(struct connection *connection, size_t length)
{
    size_t beyond = connection->head_length - length;
    connection->head[length] = '\0';
    const char *status = options.websocket ? "HTTP/1.1 101" : "HTTP/1.1 200";
    const char *counted = strcasestr(connection->head, "\r\nContent-Length:");
    if (strncmp(connection->head, status, strlen(status)) != 0) {
        request_fail(connection, "wrong status");
    } else if (options.websocket) {
        bool accepted = strstr(connection->head, websocket_accept);
        accepted ? answer_finish(connection) : request_fail(connection, "not accepted");
    } else if (!counted) {
        request_fail(connection, "no Content-Length");
    } else {
        connection->body_left = strtoull(counted + sizeof "\r\nContent-Length:" - 1, NULL, 10);
        run.bytes += connection->body_left;
        if (beyond > connection->body_left) {
            request_fail(connection, "more than Content-Length");
            return;
        }
        connection->body_left -= beyond;
        connection->phase = AWAIT_BODY;
        if (connection->body_left == 0) {
            answer_finish(connection);
        }
    }
}

static void head_receive(struct connection *connection, ssize_t length)
{
    connection->head_length += (size_t)length;
    connection->head[connection->head_length] = '\0';
    const char *end = strstr(connection->head, "\r\n\r\n");
    if (end) {
        head_read(connection, (size_t)(end - connection->head) + 4);
    } else if (connection->head_length == HEAD_SIZE) {
        request_fail(connection, "head too long");
    }
}

/* What one receive found: nothing; less than there was room for, so nothing more is there unless
 * it is the end; or as much as there was room for. */
enum received { NOTHING, SHORT, FULL };

static enum received body_receive(struct connection *connection)
{
    size_t left = (size_t)connection->body_left;
    ssize_t length = bytes_receive(connection, NULL, left);
    if (length < 0 && errno == EAGAIN) {
        return NOTHING;
    }
    if (length <= 0) {
        request_fail(connection, "connection lost in a body");
        return NOTHING;
    }
    connection->body_left -= (uint64_t)length;
    if (connection->body_left == 0) {
        answer_finish(connection);
    }
    return SHORT;
}

static enum received receive(struct connection *connection)
{
    if (connection->phase == AWAIT_BODY) {
        return body_receive(connection);
    }
    size_t room = HEAD_SIZE - connection->head_length;
    char *end = connection->head + connection->head_length;
    ssize_t length = bytes_receive(connection, end, room);
    if (length < 0 && errno == EAGAIN) {
        return NOTHING;
    }
    if (length == 0 && connection->phase == AWAIT_END) {
        connection_close(connection);
        request_finish(connection);
        return NOTHING;
    }
    if (length <= 0 || connection->phase != AWAIT_HEAD) {
        request_fail(connection, length <= 0 ? "connection lost" : "bytes that nobody asked for");
        return NOTHING;
    }
    head_receive(connection, length);
    return (size_t)length == room ? FULL : SHORT;
}

static void on_event(struct connection *connection, uint32_t events)
{
    if (connection->phase == CLOSED) {
        return;
    }
    if (connection->sent < connection->request->length) {
        request_send(connection);
    }
    if (events & ~(uint32_t)EPOLLOUT) {
        bool to_end = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
        enum received received;
        do {
            received = receive(connection);
        } while (received == FULL || (received == SHORT && (to_end || connection->tls)));
    }
}

static uint64_t due_ns(uint64_t began_ns)
{
    return began_ns + run.started * NANOSECONDS / options.rate;
}

/* Makes the requests that are due, as far as connections are idle. Returns until when to wait for
 * answers, in nanoseconds from now; UINT64_MAX: for as long as it takes. */
static uint64_t requests_due(uint64_t began_ns)
{
    while (run.idle_count && run.started < run.goal) {
        uint64_t due = due_ns(began_ns), now = now_ns();
        if (due > now) {
            return due - now;
        }
        struct connection *connection = run.idle[run.idle_first];
        run.idle_first = (run.idle_first + 1) % options.connections;
        run.idle_count--;
        connection_next(connection);
        connection->started_ns = due;
    }
    return UINT64_MAX;
}

static void answers_await(uint64_t wait_ns)
{
    struct epoll_event events[EVENTS_MAX];
    struct timespec wait = {(time_t)(wait_ns / NANOSECONDS), (long)(wait_ns % NANOSECONDS)};
    int ready =
        epoll_pwait2(run.epoll, events, EVENTS_MAX, wait_ns < UINT64_MAX ? &wait : NULL, NULL);
    for (int i = 0; i < ready; i++) {
        on_event(events[i].data.ptr, events[i].events);
    }
}

/* Makes `count` requests over all connections, or over each one for the first time. */
static void requests_make(uint64_t count, uint64_t at_a_time)
{
    bool paced = options.rate && !run.warming;
    run.started = run.finished = run.idle_count = 0;
    run.goal = count;
    for (uint64_t i = 0; i < at_a_time; i++) {
        if (paced) {
            run.idle[run.idle_count++] = &run.connections[i];
        } else if (i < count) {
            connection_next(&run.connections[i]);
        }
    }
    uint64_t began_ns = now_ns();
    while (run.finished < count) {
        answers_await(paced ? requests_due(began_ns) : UINT64_MAX);
    }
}

static int by_value(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double percentile_us(uint64_t per_mille)
{
    return run.answers ? run.latency_us_x10[(run.answers - 1) * per_mille / 1000] / 10.0 : 0;
}

static void report(uint64_t elapsed_ns)
{
    qsort(run.latency_us_x10, run.answers, sizeof *run.latency_us_x10, by_value);
    printf("{\"requests\": %llu, \"errors\": %llu, \"bytes\": %llu, \"seconds\": %.6f, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f}\n",
           (unsigned long long)options.requests, (unsigned long long)run.errors,
           (unsigned long long)run.bytes, (double)elapsed_ns / NANOSECONDS, percentile_us(500),
           percentile_us(990), percentile_us(999));
    fflush(stdout);
}

static void options_read(int argc, char **argv)
{
    for (int option; (option = getopt(argc, argv, "c:n:t:bku:ws:e:r:TR")) != -1;) {
        switch (option) {
        case 'c':
            options.connections = must_number(optarg, UINT16_MAX);
            break;
        case 'n':
            options.requests = must_number(optarg, UINT32_MAX);
            break;
        case 't':
            options.target = optarg;
            break;
        case 'b':
            options.browser = true;
            break;
        case 'k':
            options.close = true;
            break;
        case 'e':
            options.errors_max = must_number(optarg, ERRORS_MAX);
            break;
        case 'R':
            options.resume = true;
            options.tls = true;
            break;
        case 'T':
            options.tls = true;
            break;
        case 'u':
            options.upload = must_number(optarg, UINT32_MAX);
            break;
        case 'w':
            options.websocket = true;
            break;
        case 'r':
            options.rate = must_number(optarg, RATE_MAX);
            break;
        case 's':
            options.sites = must_number(optarg, SITES_MAX);
            break;
        default:
            exit(2);
        }
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "load: one PORT, please\n");
        exit(2);
    }
    options.port = (uint16_t)must_number(argv[optind], UINT16_MAX);
}

/* Waits for a line of standard input. False when it ended. */
static bool line_wait(void)
{
    int byte;
    do {
        byte = getchar();
    } while (byte != '\n' && byte != EOF);
    return byte == '\n';
}

int main(int argc, char **argv)
{
    options_read(argc, argv);
    requests_build();
    if (options.tls) {
        tls_prepare();
    }
    run.random = 0x9E3779B97F4A7C15;
    run.epoll = must(epoll_create1(0), "epoll_create1");
    run.connections = must_allocate(options.connections, sizeof *run.connections);
    run.idle = must_allocate(options.connections, sizeof(struct connection *));
    run.latency_us_x10 = must_allocate(options.requests + 1, sizeof *run.latency_us_x10);
    run.warming = true;
    requests_make(options.connections, WAVE);
    run.warming = false;
    puts("ready");
    fflush(stdout);
    while (line_wait()) {
        run.bytes = run.answers = 0;
        uint64_t start_ns = now_ns();
        requests_make(options.requests, options.connections);
        report(now_ns() - start_ns);
    }
    return run.errors ? 1 : 0;
}
