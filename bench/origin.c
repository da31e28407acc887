/* The server behind every proxy that is measured: one thread, as little work as it can.
 *
 *     origin PORT [SLOW_MS]
 *
 * What is asked of it at an address whose last number is 10 is answered SLOW_MS late: one slow
 * server of ten.
 *
 * The last number of the path is the length of the answer (/128, /size/65536, /route-7/128).
 * A request body, counted or chunked, is read and thrown away before the answer. A request with
 * Upgrade gets a WebSocket's 101, and its connection stays open and silent.
 *
 * It trusts what it reads: it serves loopback for the length of a run, nothing else. */
#include "sha1.h"
#include "socket.h"
#include <stddef.h>
#include <sys/queue.h>
#include <time.h>

enum {
    HEAD_SIZE = 16 * 1024,
    ANSWER_SIZE = 16 * 1024, /* an answer up to here is one piece of memory and one send */
    BODY_SIZE = 256 * 1024,  /* longer ones repeat this piece */
    EVENTS_MAX = 256,
    DEFAULT_ANSWER = 128,
    SLOW_NUMBER = 10,
};

enum phase { HEAD, COUNTED, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, LATE, ANSWER, TUNNEL };

struct connection {
    int fd;
    enum phase phase;
    bool close_after;
    bool is_slow;
    uint64_t due_ns; /* when it is answered, where that is LATE */
    TAILQ_ENTRY(connection) late;
    uint64_t body_left;   /* of a request's body, or of the chunk that is being read */
    uint64_t line_length; /* of the trailer line that is being read */
    uint64_t answer_left; /* of the answer's body, beyond its first piece */
    uint64_t answer_size;
    size_t length; /* filled bytes of `head` */
    char head[HEAD_SIZE + 1];
};

static char body[BODY_SIZE];
static uint64_t slow_ns;
static TAILQ_HEAD(, connection) late = TAILQ_HEAD_INITIALIZER(late); /* who is due first, first */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool is_slow_address(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    must(getsockname(fd, (struct sockaddr *)&address, &length), "getsockname");
    return (ntohl(address.sin_addr.s_addr) & 0xff) == SLOW_NUMBER;
}

static void connection_open(int epoll, int fd)
{
    struct connection *connection = malloc(sizeof *connection);
    if (!connection) {
        must(-1, "malloc");
    }
    memset(connection, 0, offsetof(struct connection, head));
    connection->fd = fd;
    connection->is_slow = slow_ns && is_slow_address(fd);
    socket_watch(epoll, fd, connection);
}

static void connection_close(struct connection *connection)
{
    if (connection->phase == LATE) {
        TAILQ_REMOVE(&late, connection, late);
    }
    close(connection->fd);
    free(connection);
}

static void accept_all(int epoll, int listener)
{
    for (int fd; (fd = socket_accept(listener)) >= 0;) {
        connection_open(epoll, fd);
    }
}

/* The value of a field, where `name` is written as "\r\nName:"; NULL when it is not there. */
static const char *field_value(const char *head, const char *name)
{
    const char *field = strcasestr(head, name);
    if (!field) {
        return NULL;
    }
    field += strlen(name);
    return field + strspn(field, " \t");
}

static bool field_has(const char *head, const char *name, const char *word)
{
    const char *value = field_value(head, name);
    return value && strncasecmp(value, word, strlen(word)) == 0;
}

static void base64(const uint8_t *bytes, size_t length, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= i + 1 < length ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= i + 2 < length ? bytes[i + 2] : 0;
        *text++ = digits[group >> 18 & 63];
        *text++ = digits[group >> 12 & 63];
        *text++ = i + 1 < length ? digits[group >> 6 & 63] : '=';
        *text++ = i + 2 < length ? digits[group & 63] : '=';
    }
    *text = '\0';
}

/* Answers are short beside a socket's send buffer, and only one is under way: a short send of
 * one is a lost connection. */
static bool send_all(int fd, const char *bytes, size_t length)
{
    return send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static bool accept_upgrade(struct connection *connection)
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */
    const char *key = field_value(connection->head, "\r\nSec-WebSocket-Key:");
    char text[128];
    uint8_t digest[SHA1_SIZE];
    char accept[2 * SHA1_SIZE];
    int length = snprintf(text, sizeof text, "%.24s%s", key ? key : "", magic);
    sha1(text, (size_t)length, digest);
    base64(digest, sizeof digest, accept);
    char answer[256];
    length = snprintf(answer, sizeof answer,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                      accept);
    connection->phase = TUNNEL;
    return send_all(connection->fd, answer, (size_t)length);
}

/* How many bytes the target asks for: its last number, after the last slash. */
static uint64_t asked_size(const char *head)
{
    const char *target = strchr(head, ' ');
    size_t length = target ? strcspn(target + 1, " ?\r\n") : 0;
    const char *slash = length ? memrchr(target + 1, '/', length) : NULL;
    if (!slash || slash[1] < '0' || slash[1] > '9') {
        return DEFAULT_ANSWER;
    }
    return strtoull(slash + 1, NULL, 10);
}

static bool answer_start(struct connection *connection)
{
    char answer[ANSWER_SIZE + 256];
    uint64_t size = connection->answer_size;
    int head =
        snprintf(answer, 256,
                 "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                 "Content-Type: text/plain\r\nContent-Length: %llu\r\n\r\n",
                 (unsigned long long)size);
    size_t piece = size <= ANSWER_SIZE ? (size_t)size : 0;
    memcpy(answer + head, body, piece);
    connection->answer_left = size - piece;
    connection->phase = ANSWER;
    int flags = MSG_NOSIGNAL | (connection->answer_left ? MSG_MORE : 0);
    ssize_t sent = send(connection->fd, answer, (size_t)head + piece, flags);
    return sent == (ssize_t)((size_t)head + piece);
}

/* Sends what the socket takes. False when the connection is over. */
static bool answer_go_on(struct connection *connection)
{
    while (connection->answer_left) {
        uint64_t left = connection->answer_left;
        ssize_t sent =
            send(connection->fd, body, left < BODY_SIZE ? (size_t)left : BODY_SIZE, MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN;
        }
        connection->answer_left -= (uint64_t)sent;
    }
    connection->phase = HEAD;
    return !connection->close_after;
}

static bool request_end(struct connection *connection)
{
    if (connection->is_slow) {
        connection->phase = LATE;
        connection->due_ns = now_ns() + slow_ns;
        TAILQ_INSERT_TAIL(&late, connection, late);
        return true;
    }
    return answer_start(connection) && answer_go_on(connection);
}

static void forget(struct connection *connection, size_t length)
{
    connection->length -= length;
    memmove(connection->head, connection->head + length, connection->length);
}

/* Reads the head that ends at `length`. */
static bool request_start(struct connection *connection, size_t length)
{
    char *head = connection->head;
    char after = head[length];
    head[length] = '\0'; /* what follows is not searched for fields */
    connection->close_after = field_has(head, "\r\nConnection:", "close");
    connection->answer_size = asked_size(head);
    bool upgrade = field_has(head, "\r\nUpgrade:", "websocket");
    bool chunked = field_has(head, "\r\nTransfer-Encoding:", "chunked");
    const char *counted = field_value(head, "\r\nContent-Length:");
    connection->body_left = counted ? strtoull(counted, NULL, 10) : 0;
    connection->phase = chunked ? CHUNK_SIZE : COUNTED;
    if (field_has(head, "\r\nExpect:", "100-continue")) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (!send_all(connection->fd, go_on, sizeof go_on - 1)) {
            return false;
        }
    }
    bool alive = !upgrade || accept_upgrade(connection);
    head[length] = after;
    forget(connection, length);
    return alive;
}

/* Steps over body bytes that are already here. */
static void skip_body(struct connection *connection)
{
    uint64_t left = connection->body_left;
    size_t here = left < connection->length ? (size_t)left : connection->length;
    connection->body_left -= here;
    forget(connection, here);
}

/* Takes one whole line off the front. Returns its length with its end, 0 when it is not whole. */
static size_t line_length(const struct connection *connection)
{
    const char *end = memchr(connection->head, '\n', connection->length);
    return end ? (size_t)(end - connection->head) + 1 : 0;
}

static void chunk_line(struct connection *connection, size_t length)
{
    switch (connection->phase) {
    case CHUNK_SIZE:
        connection->body_left = strtoull(connection->head, NULL, 16);
        connection->phase = connection->body_left ? CHUNK_DATA : TRAILER;
        break;
    case CHUNK_END:
        connection->phase = CHUNK_SIZE;
        break;
    default: /* a trailer line; an empty one ends the body */
        connection->phase = length > 2 ? TRAILER : COUNTED;
        break;
    }
    forget(connection, length);
}

enum verdict { GO_ON, NEED_MORE, OVER };

static enum verdict verdict(bool alive)
{
    return alive ? GO_ON : OVER;
}

/* One step with the bytes that are here. */
static enum verdict step(struct connection *connection)
{
    size_t length = 0;
    switch (connection->phase) {
    case HEAD: {
        const char *end = memmem(connection->head, connection->length, "\r\n\r\n", 4);
        length = end ? (size_t)(end - connection->head) + 4 : 0;
        return length ? verdict(request_start(connection, length)) : NEED_MORE;
    }
    case COUNTED:
        skip_body(connection);
        return connection->body_left ? NEED_MORE : verdict(request_end(connection));
    case CHUNK_DATA:
        skip_body(connection);
        connection->phase = connection->body_left ? CHUNK_DATA : CHUNK_END;
        return connection->body_left ? NEED_MORE : GO_ON;
    case CHUNK_SIZE:
    case CHUNK_END:
    case TRAILER:
        length = line_length(connection);
        if (length) {
            chunk_line(connection, length);
        }
        return length ? GO_ON : NEED_MORE;
    default: /* the next request waits for the end of this answer; a tunnel is not read */
        connection->length = connection->phase == TUNNEL ? 0 : connection->length;
        return NEED_MORE;
    }
}

/* Receives once; a body is thrown away by the kernel, without a copy. GO_ON: more may be there.
 * NEED_MORE: the socket is empty, as a short read says unless the end may stand behind it. */
static enum verdict receive(struct connection *connection, bool to_end)
{
    bool in_body = connection->phase == COUNTED || connection->phase == CHUNK_DATA;
    bool discard = in_body && connection->length == 0;
    size_t room = discard ? (size_t)connection->body_left : HEAD_SIZE - connection->length;
    ssize_t length = discard ? recv(connection->fd, NULL, room, MSG_TRUNC)
                             : recv(connection->fd, connection->head + connection->length, room, 0);
    if (length <= 0) {
        return length < 0 && errno == EAGAIN ? NEED_MORE : OVER;
    }
    if (discard) {
        connection->body_left -= (uint64_t)length;
    } else {
        connection->length += (size_t)length;
    }
    return (size_t)length < room && !to_end ? NEED_MORE : GO_ON;
}

/* Reads and answers until nothing more is there. False when the connection is over. */
static bool connection_run(struct connection *connection, uint32_t events)
{
    if (connection->phase == ANSWER && !answer_go_on(connection)) {
        return false;
    }
    enum verdict socket = GO_ON;
    for (;;) {
        enum verdict next;
        do {
            next = step(connection);
        } while (next == GO_ON);
        if (next == OVER || socket == NEED_MORE || connection->phase == ANSWER ||
            connection->phase == LATE) {
            return next != OVER;
        }
        socket = receive(connection, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
        if (socket == OVER) {
            return false;
        }
    }
}

/* Answers those who are due. Returns for how many milliseconds nobody else is, -1: for ever. */
static int answer_late(void)
{
    struct connection *first;
    while ((first = TAILQ_FIRST(&late))) {
        uint64_t now = now_ns();
        if (first->due_ns > now) {
            return (int)((first->due_ns - now) / 1000000 + 1);
        }
        TAILQ_REMOVE(&late, first, late);
        if (!answer_start(first) || !connection_run(first, EPOLLIN)) {
            connection_close(first);
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: origin PORT [SLOW_MS]\n");
        return 2;
    }
    memset(body, 'w', sizeof body);
    slow_ns = argc > 2 ? must_number(argv[2], 60000) * 1000000 : 0;
    int epoll = must(epoll_create1(0), "epoll_create1");
    int listener = socket_listen((uint16_t)must_number(argv[1], UINT16_MAX));
    socket_watch(epoll, listener, NULL);
    for (struct epoll_event events[EVENTS_MAX];;) {
        int count = epoll_wait(epoll, events, EVENTS_MAX, answer_late());
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) {
                accept_all(epoll, listener);
            } else if (!connection_run(connection, events[i].events)) {
                connection_close(connection);
            }
        }
    }
}
