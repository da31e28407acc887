/* One lock for all files, held to copy some hundred bytes, never while the disk works. The thread
 * sleeps until a first line comes, gathers for LOG_FLUSH_MS, and writes; a buffer that is half full
 * wakes it earlier. */
#include "control/log_writer.h"

#include "base/assert.h"
#include "base/list.h"
#include "base/map.h"
#include "obs/log.h"
#include "obs/syslog.h"
#include "sys/clock.h"
#include "sys/thread.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    STANDARD_OUTPUT = 1,
    STANDARD_ERROR = 2,
    IDLE_MS = 1000,     /* how often events that were held back are looked for */
    PATIENCE_MS = 2000, /* how long the other logs wait for a pipe that nobody reads */
    PATH_LENGTH_MAX = 4096,
};

/* Goes before a line that waits for a syslog. */
struct message {
    int64_t wall_ms;
    uint32_t length;
    enum log_severity severity;
};

struct log_file {
    struct log_sink sink;
    struct log_writer *writer;
    struct list link;
    struct slice name;      /* with a NUL behind it */
    bool is_syslog;         /* its buffers hold messages: a `struct message` before each line */
    struct address address; /* of a syslog */

    /* Behind the writer's lock. */
    int fd; /* -1: nobody uses it, or a syslog that is not there */
    unsigned users;
    char *filling; /* NULL: nobody uses it */
    size_t filled;
    uint64_t dropped; /* lines that did not fit since that was told */

    /* The thread's own. */
    char *draining;
    bool failing;  /* the last write failed, which was told */
    bool is_torn;  /* the last thing written is no whole line */
    uint64_t lost; /* lines since it fails */
};

struct log_writer {
    struct log_sinks sinks;
    struct sys_opener *opener;
    struct sys_thread *thread;
    struct sys_lock *opening; /* held while a file is opened, outside of the other */
    struct map names;         /* behind it: all files that were ever opened */

    struct sys_lock *lock; /* of what follows */
    struct list files;
    bool pending; /* there are lines */
    bool urgent;  /* and a buffer is half full, or the end has come */
    bool stopping;
    bool reopening; /* files are to be opened anew */

    _Atomic uint64_t lost; /* lines of all files, since the start */
};

static const char *problem_text(int error)
{
    const char *text = error == ETIMEDOUT ? "nobody takes what is written"
                       : error == ENXIO   ? "it is a pipe that nobody reads"
                       : error == ELOOP   ? "it is a link in a directory where others write"
                                          : strerrordesc_np(error);
    return text ? text : "unknown error";
}

/* ---- any thread */

static void add(struct log_file *file, const void *bytes, size_t length)
{
    memcpy(file->filling + file->filled, bytes, length);
    file->filled += length;
}

static void write_line(struct log_sink *sink, enum log_severity severity, struct slice line)
{
    struct log_file *file = CONTAINER_OF(sink, struct log_file, sink);
    struct log_writer *writer = file->writer;
    struct message message = {.length = (uint32_t)line.length, .severity = severity};
    size_t before = file->is_syslog ? sizeof(message) : 0;
    if (file->is_syslog)
        message.wall_ms = sys_wall_ms();
    sys_lock_take(writer->lock);
    bool was_pending = writer->pending, was_urgent = writer->urgent;
    if (before + line.length > LOG_BUFFER_SIZE - file->filled) {
        file->dropped++;
        atomic_fetch_add_explicit(&writer->lost, 1, memory_order_relaxed);
    } else if (file->filling) {
        add(file, &message, before);
        add(file, line.data, line.length);
        writer->pending = true;
    }
    writer->urgent |= file->filled > LOG_BUFFER_SIZE / 2;
    if (writer->pending != was_pending || writer->urgent != was_urgent)
        sys_lock_wake_all(writer->lock);
    sys_lock_release(writer->lock);
}

/* ---- the thread */

static uint64_t count_lines(struct slice bytes)
{
    uint64_t count = 0;
    for (size_t i = 0; i < bytes.length; i++)
        count += bytes.data[i] == '\n';
    return count;
}

/* On standard error itself: the error log may be what cannot be written. */
static void tell_failure(const struct log_file *file, int error)
{
    char memory[PATH_LENGTH_MAX + 256];
    struct text text = text_over(memory, sizeof(memory));
    text_print(&text, "weir: cannot write to %.*s: %s; its lines are lost until it can\n",
               (int)file->name.length, file->name.data, problem_text(error));
    struct slice line = text_slice(&text);
    (void)sys_write(STANDARD_ERROR, &line, PATIENCE_MS);
}

static void tell_recovery(struct log_file *file)
{
    log_event(LOG_WARNING, "a log can be written again; lines were lost",
              LOG_TEXT("file", file->name), LOG_NUMBER("lines", file->lost));
    file->failing = false;
    file->lost = 0;
}

static void tell_loss(struct log_file *file, uint64_t lost, int error)
{
    file->lost += lost;
    atomic_fetch_add_explicit(&file->writer->lost, lost, memory_order_relaxed);
    if (!file->failing)
        tell_failure(file, error);
    file->failing = true;
}

static void write_bytes(struct log_file *file, int fd, struct slice bytes)
{
    struct slice end_of_line = SLICE("\n"), rest = bytes;
    int error = file->is_torn ? -sys_write(fd, &end_of_line, PATIENCE_MS) : 0;
    file->is_torn &= error != 0;
    if (!error)
        error = -sys_write(fd, &rest, PATIENCE_MS);
    if (!error && file->failing)
        tell_recovery(file);
    if (!error)
        return;
    if (rest.length < bytes.length)
        file->is_torn = rest.data[-1] != '\n';
    tell_loss(file, count_lines(rest), error);
}

/* ---- syslog */

/* The one before may be gone, and another one have come in its place. Only the thread gets here, so
 * the descriptor stays while the lock is not held. 0 or -errno. */
static int connect_anew(struct log_file *file)
{
    struct log_writer *writer = file->writer;
    int fd = writer->opener->connect_datagram(writer->opener, &file->address);
    sys_lock_take(writer->lock);
    int before = file->fd;
    file->fd = fd < 0 ? -1 : fd;
    sys_lock_release(writer->lock);
    if (before >= 0)
        sys_close(before);
    return fd < 0 ? fd : 0;
}

/* A line without its line feed is one message. A refusal over UDP tells of an earlier one, and this
 * one has not been sent yet. 0 or -errno. */
static int send_message(const struct log_file *file, const struct message *message,
                        struct slice line)
{
    char memory[SYSLOG_HEADER_MAX];
    struct text header = text_over(memory, sizeof(memory));
    if (file->fd < 0)
        return -ENOTCONN;
    syslog_print_header(&header, message->severity, message->wall_ms, sys_process());
    const struct slice parts[] = {text_slice(&header), slice_of(line.data, line.length - 1)};
    int error = sys_send_datagram(file->fd, parts, 2, PATIENCE_MS);
    if (error != -ECONNREFUSED || file->address.ip.kind == ADDRESS_UNIX)
        return error;
    atomic_fetch_add_explicit(&file->writer->lost, 1, memory_order_relaxed);
    return sys_send_datagram(file->fd, parts, 2, PATIENCE_MS);
}

/* A syslog that is gone may be back, once for each flush. 0 or -errno. */
static int send_or_connect(struct log_file *file, const struct message *message, struct slice line,
                           bool *may_connect)
{
    int error = send_message(file, message, line);
    if (!error || !*may_connect || error == -ETIMEDOUT || error == -EMSGSIZE)
        return error;
    *may_connect = false;
    error = connect_anew(file);
    return error ? error : send_message(file, message, line);
}

/* What is too long is lost alone; after another failure all the rest is. */
static void send_messages(struct log_file *file, struct slice bytes)
{
    uint64_t lost = 0;
    bool may_connect = true;
    int error = 0, first_error = 0;
    while (bytes.length > 0) {
        struct message message;
        memcpy(&message, bytes.data, sizeof(message));
        struct slice line = slice_of(bytes.data + sizeof(message), message.length);
        if (error == 0 || error == -EMSGSIZE)
            error = send_or_connect(file, &message, line, &may_connect);
        first_error = first_error ? first_error : error;
        lost += error != 0;
        bytes = slice_from(bytes, sizeof(message) + message.length);
    }
    if (!lost && file->failing)
        tell_recovery(file);
    else if (lost)
        tell_loss(file, lost, -first_error);
}

/* Writes what a file has. The caller holds the lock, which is released while the disk works. */
static void flush(struct log_writer *writer, struct log_file *file)
{
    char *full = file->filling;
    struct slice bytes = slice_of(full, file->filled);
    uint64_t dropped = file->dropped;
    int fd = file->fd;
    file->filling = file->draining;
    file->draining = full;
    file->filled = 0;
    file->dropped = 0;
    sys_lock_release(writer->lock);
    if (file->is_syslog)
        send_messages(file, bytes);
    else
        write_bytes(file, fd, bytes);
    if (dropped > 0)
        log_event(LOG_WARNING, "a log takes its lines too slowly; lines were dropped",
                  LOG_TEXT("file", file->name), LOG_NUMBER("lines", dropped));
    sys_lock_take(writer->lock);
}

static void release_file(struct log_file *file)
{
    if (file->fd > STANDARD_ERROR)
        sys_close(file->fd);
    file->fd = -1;
    free(file->filling);
    free(file->draining);
    file->filling = file->draining = NULL;
    file->filled = 0;
}

/* Files are only ever added behind the others, so the walk goes on where it was. */
static void flush_all(struct log_writer *writer)
{
    sys_lock_take(writer->lock);
    writer->pending = writer->urgent = false;
    LIST_EACH (link, &writer->files) {
        struct log_file *file = CONTAINER_OF(link, struct log_file, link);
        if (file->filled > 0)
            flush(writer, file);
        if (file->users == 0 && file->filling && file->filled == 0)
            release_file(file);
    }
    sys_lock_release(writer->lock);
}

/* Only the thread closes what is open, so the descriptor stays while the lock is not held. Lines
 * that come meanwhile wait for the new file. */
static bool reopen(struct log_writer *writer, struct log_file *file)
{
    int fd = writer->opener->open_to_append(writer->opener, file->name.data);
    if (fd < 0) {
        log_event(LOG_ERROR, "a log cannot be opened anew; its lines go on into the old file",
                  LOG_TEXT("file", file->name),
                  LOG_TEXT("problem", slice_from_text(problem_text(-fd))));
        return false;
    }
    sys_lock_take(writer->lock);
    int before = file->fd;
    file->fd = fd;
    sys_lock_release(writer->lock);
    sys_close(before);
    file->is_torn = false;
    return true;
}

static void reopen_all(struct log_writer *writer)
{
    uint64_t count = 0;
    sys_lock_take(writer->lock);
    bool asked = writer->reopening;
    writer->reopening = false;
    if (!asked) {
        sys_lock_release(writer->lock);
        return;
    }
    LIST_EACH (link, &writer->files) {
        struct log_file *file = CONTAINER_OF(link, struct log_file, link);
        bool is_named = file->fd > STANDARD_ERROR && !file->is_syslog;
        sys_lock_release(writer->lock);
        if (is_named)
            count += reopen(writer, file);
        sys_lock_take(writer->lock);
    }
    sys_lock_release(writer->lock);
    log_event(LOG_NOTICE, "the logs were opened anew", LOG_NUMBER("files", count));
}

static bool await_lines(struct log_writer *writer)
{
    sys_lock_take(writer->lock);
    if (!writer->pending && !writer->stopping)
        (void)sys_lock_wait(writer->lock, IDLE_MS);
    if (writer->pending && !writer->urgent)
        (void)sys_lock_wait(writer->lock, LOG_FLUSH_MS);
    bool goes_on = !writer->stopping;
    sys_lock_release(writer->lock);
    return goes_on;
}

static void run(void *argument)
{
    struct log_writer *writer = argument;
    bool goes_on = true;
    while (goes_on) {
        goes_on = await_lines(writer);
        log_tell_held_back();
        flush_all(writer);
        reopen_all(writer);
    }
    flush_all(writer); /* what was told meanwhile */
}

/* ---- files */

/* A descriptor, or -errno. */
static int open_by_name(struct log_writer *writer, struct slice name)
{
    if (slice_equal(name, SLICE("stdout")))
        return STANDARD_OUTPUT;
    if (slice_equal(name, SLICE("stderr")))
        return STANDARD_ERROR;
    return writer->opener->open_to_append(writer->opener, name.data);
}

static struct log_file *new_file(struct log_writer *writer, struct slice name)
{
    struct log_file *file = calloc(1, sizeof(*file) + name.length + 1);
    if (!file)
        return NULL;
    char *copy = (char *)(file + 1);
    struct address address = {0};
    bool is_syslog = syslog_address(name, &address);
    memcpy(copy, name.data, name.length);
    *file = (struct log_file){.sink = {.write = write_line},
                              .writer = writer,
                              .name = slice_of(copy, name.length),
                              .is_syslog = is_syslog,
                              .address = address,
                              .fd = -1};
    if (map_set(&writer->names, file->name, file)) {
        sys_lock_take(writer->lock);
        list_push_back(&writer->files, &file->link);
        sys_lock_release(writer->lock);
        return file;
    }
    free(file);
    return NULL;
}

/* Pages of the buffers come when they are first filled. Nobody writes yet. A syslog is connected to
 * when there is something to tell, so that Weir starts without it. 0 or -errno. */
static int open_file(struct log_writer *writer, struct log_file *file)
{
    int fd = file->is_syslog ? -1 : open_by_name(writer, file->name);
    char *filling = malloc(LOG_BUFFER_SIZE), *draining = malloc(LOG_BUFFER_SIZE);
    bool good = (fd >= 0 || file->is_syslog) && filling && draining;
    sys_lock_take(writer->lock);
    file->fd = fd;
    file->filling = filling;
    file->draining = draining;
    if (good)
        file->users = 1;
    else
        release_file(file);
    sys_lock_release(writer->lock);
    return good ? 0 : fd < 0 && !file->is_syslog ? fd : -ENOMEM;
}

/* One more user of a file that is open. */
static bool join_file(struct log_writer *writer, struct log_file *file)
{
    sys_lock_take(writer->lock);
    bool is_open = file->filling != NULL;
    if (is_open)
        file->users++;
    sys_lock_release(writer->lock);
    return is_open;
}

static struct log_sink *open_sink(struct log_sinks *sinks, struct slice name,
                                  const char **ret_problem)
{
    struct log_writer *writer = CONTAINER_OF(sinks, struct log_writer, sinks);
    sys_lock_take(writer->opening);
    struct log_file *file = map_get(&writer->names, name);
    if (!file)
        file = new_file(writer, name);
    int error = file ? 0 : -ENOMEM;
    if (file && !join_file(writer, file))
        error = open_file(writer, file);
    sys_lock_release(writer->opening);
    if (!error)
        return &file->sink;
    *ret_problem = problem_text(-error);
    return NULL;
}

static void close_sink(struct log_sinks *sinks, struct log_sink *sink)
{
    struct log_writer *writer = CONTAINER_OF(sinks, struct log_writer, sinks);
    struct log_file *file = CONTAINER_OF(sink, struct log_file, sink);
    sys_lock_take(writer->lock);
    ASSERT(file->users > 0);
    file->users--;
    sys_lock_release(writer->lock);
}

/* ---- the writer */

struct log_writer *log_writer_new(struct sys_opener *opener)
{
    struct log_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return NULL;
    writer->sinks = (struct log_sinks){.open = open_sink, .close = close_sink};
    writer->opener = opener;
    list_init(&writer->files);
    map_init(&writer->names);
    writer->lock = sys_lock_new();
    writer->opening = sys_lock_new();
    if (writer->lock && writer->opening)
        writer->thread = sys_thread_start("weir-log", run, writer);
    if (writer->thread)
        return writer;
    log_writer_free(writer);
    return NULL;
}

struct log_sinks *log_writer_sinks(struct log_writer *writer)
{
    return &writer->sinks;
}

void log_writer_reopen(struct log_writer *writer)
{
    sys_lock_take(writer->lock);
    writer->reopening = writer->pending = writer->urgent = true;
    sys_lock_wake_all(writer->lock);
    sys_lock_release(writer->lock);
}

uint64_t log_writer_lost(const struct log_writer *writer)
{
    return atomic_load_explicit(&writer->lost, memory_order_relaxed);
}

uint64_t log_writer_waiting(const struct log_writer *writer)
{
    uint64_t sum = 0;
    sys_lock_take(writer->lock);
    LIST_EACH (link, &writer->files)
        sum += CONTAINER_OF(link, struct log_file, link)->filled;
    sys_lock_release(writer->lock);
    return sum;
}

static void stop_thread(struct log_writer *writer)
{
    sys_lock_take(writer->lock);
    writer->stopping = writer->urgent = true;
    sys_lock_wake_all(writer->lock);
    sys_lock_release(writer->lock);
    sys_thread_join(writer->thread);
}

void log_writer_free(struct log_writer *writer)
{
    if (!writer)
        return;
    if (writer->thread)
        stop_thread(writer);
    LIST_EACH_SAFE (link, &writer->files) {
        struct log_file *file = CONTAINER_OF(link, struct log_file, link);
        release_file(file);
        free(file);
    }
    map_fini(&writer->names);
    sys_lock_free(writer->opening);
    sys_lock_free(writer->lock);
    free(writer);
}
