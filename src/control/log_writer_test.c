#include "control/log_writer.h"

#include "obs/log.h"
#include "sys/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 10 * 1000, LINE_LENGTH = 1024 };

/* Gives descriptors that the test made, else fails. */
struct bench {
    struct sys_opener opener;
    int give; /* what the next open returns */
    unsigned asked;
    _Atomic int receiving; /* where datagrams arrive; -1: nowhere yet */
    struct log_writer *writer;
    struct log_sinks *sinks;
    char path[64];
};

static int give_descriptor(struct sys_opener *opener, const char *path)
{
    struct bench *bench = (struct bench *)opener;
    (void)path;
    bench->asked++;
    return bench->give;
}

/* One end of a new pair of sockets; the test reads from the other. */
static int give_datagrams(struct sys_opener *opener, const struct address *address)
{
    struct bench *bench = (struct bench *)opener;
    int ends[2];
    bench->asked++;
    assert_string_equal(address->path, "/run/test");
    if (bench->give < 0)
        return bench->give;
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    bench->receiving = ends[1];
    return ends[0];
}

static int set_up(void **state)
{
    static struct bench bench;
    bench = (struct bench){.opener = *sys_opener_direct(), .give = -EACCES, .receiving = -1};
    (void)snprintf(bench.path, sizeof(bench.path), "/tmp/weir-log-test-XXXXXX");
    int fd = mkstemp(bench.path);
    assert_true(fd >= 0);
    (void)close(fd);
    bench.writer = log_writer_new(&bench.opener);
    assert_non_null(bench.writer);
    bench.sinks = log_writer_sinks(bench.writer);
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    log_stop();
    log_writer_free(bench->writer);
    (void)unlink(bench->path);
    return 0;
}

/* Ends the writer, so that everything is in the files. */
static void finish(struct bench *bench)
{
    log_stop();
    log_writer_free(bench->writer);
    bench->writer = NULL;
}

static struct log_sink *open_sink(struct bench *bench, const char *name)
{
    const char *problem = NULL;
    struct log_sink *sink = bench->sinks->open(bench->sinks, slice_from_text(name), &problem);
    if (!sink)
        fail_msg("%s: %s", name, problem);
    return sink;
}

static size_t read_file(const char *path, char *memory, size_t size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(memory, 1, size - 1, file);
    memory[length] = '\0';
    (void)fclose(file);
    return length;
}

/* Waits until the file has that many bytes. */
static void await_size(const char *path, size_t size)
{
    char memory[4096];
    uint64_t until = sys_monotonic_ms() + PATIENCE_MS;
    while (read_file(path, memory, sizeof(memory)) < size && sys_monotonic_ms() < until)
        (void)poll(NULL, 0, 5);
    assert_true(read_file(path, memory, sizeof(memory)) >= size);
}

static void await_text(const char *path, const char *wanted)
{
    char memory[4096] = "";
    uint64_t until = sys_monotonic_ms() + PATIENCE_MS;
    while (!strstr(memory, wanted) && sys_monotonic_ms() < until) {
        (void)poll(NULL, 0, 5);
        (void)read_file(path, memory, sizeof(memory));
    }
    assert_non_null(strstr(memory, wanted));
}

static void lines_are_written_while_the_process_runs(void **state)
{
    struct bench *bench = *state;
    char memory[64];
    struct log_sink *sink = open_sink(bench, bench->path);
    log_sink_write(sink, LOG_SEVERITY_NOTICE, SLICE("first\n"));
    log_sink_write(sink, LOG_SEVERITY_NOTICE, SLICE("second\n"));
    await_size(bench->path, 13);
    (void)read_file(bench->path, memory, sizeof(memory));
    assert_string_equal(memory, "first\nsecond\n");
}

static void lines_are_written_at_the_end(void **state)
{
    struct bench *bench = *state;
    char memory[64];
    log_sink_write(open_sink(bench, bench->path), LOG_SEVERITY_NOTICE, SLICE("last\n"));
    finish(bench);
    (void)read_file(bench->path, memory, sizeof(memory));
    assert_string_equal(memory, "last\n");
}

static void a_name_is_one_sink_as_long_as_somebody_uses_it(void **state)
{
    struct bench *bench = *state;
    char memory[64];
    struct log_sink *first = open_sink(bench, bench->path);
    assert_ptr_equal(open_sink(bench, bench->path), first);
    bench->sinks->close(bench->sinks, first);
    log_sink_write(first, LOG_SEVERITY_NOTICE, SLICE("still open\n"));
    bench->sinks->close(bench->sinks, first);
    assert_ptr_equal(open_sink(bench, bench->path), first);
    log_sink_write(first, LOG_SEVERITY_NOTICE, SLICE("open again\n"));
    finish(bench);
    (void)read_file(bench->path, memory, sizeof(memory));
    assert_string_equal(memory, "still open\nopen again\n");
}

static void what_cannot_be_opened_says_why(void **state)
{
    struct bench *bench = *state;
    const char *problem = NULL;
    bench->opener.open_to_append = give_descriptor;
    assert_null(bench->sinks->open(bench->sinks, SLICE("/root/log"), &problem));
    assert_string_equal(problem, "Permission denied");
    bench->give = open("/dev/null", O_WRONLY);
    assert_non_null(bench->sinks->open(bench->sinks, SLICE("/root/log"), &problem));
    assert_int_equal(bench->asked, 2);
}

static void a_file_that_was_renamed_is_made_anew(void **state)
{
    struct bench *bench = *state;
    char memory[1024], old[96], events[96];
    (void)snprintf(old, sizeof(old), "%s.1", bench->path);
    (void)snprintf(events, sizeof(events), "%s.events", bench->path);
    struct log_sink *sink = open_sink(bench, bench->path);
    log_start(open_sink(bench, events), LOG_NOTICE, sys_wall_ms);
    log_sink_write(sink, LOG_SEVERITY_NOTICE, SLICE("before\n"));
    assert_int_equal(rename(bench->path, old), 0);
    log_writer_reopen(bench->writer);
    await_text(events, "notice the logs were opened anew files=2\n");
    log_sink_write(sink, LOG_SEVERITY_NOTICE, SLICE("behind\n"));
    finish(bench);
    (void)read_file(old, memory, sizeof(memory));
    assert_string_equal(memory, "before\n");
    (void)read_file(bench->path, memory, sizeof(memory));
    assert_string_equal(memory, "behind\n");
    (void)unlink(old);
    (void)unlink(events);
}

static void a_file_that_cannot_be_opened_anew_stays(void **state)
{
    struct bench *bench = *state;
    char memory[1024];
    struct log_sink *sink = open_sink(bench, bench->path);
    log_start(sink, LOG_NOTICE, sys_wall_ms);
    bench->opener.open_to_append = give_descriptor;
    log_writer_reopen(bench->writer);
    await_text(bench->path, "notice the logs were opened anew files=0\n");
    (void)read_file(bench->path, memory, sizeof(memory));
    assert_non_null(strstr(memory, "error a log cannot be opened anew; its lines go on into the "
                                   "old file file=/tmp/weir-log-test-"));
    assert_non_null(strstr(memory, "problem=\"Permission denied\"\n"));
    log_sink_write(sink, LOG_SEVERITY_NOTICE, SLICE("goes on\n"));
    finish(bench);
    (void)read_file(bench->path, memory, sizeof(memory));
    assert_non_null(strstr(memory, "\ngoes on\n"));
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

/* Reads a pipe until so many bytes have come. */
static size_t read_pipe(int fd, size_t wanted)
{
    static char memory[65536];
    size_t length = 0;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (length < wanted && poll(&ready, 1, PATIENCE_MS) > 0) {
        ssize_t count = read(fd, memory, sizeof(memory));
        if (count <= 0)
            break;
        length += (size_t)count;
    }
    return length;
}

/* How many lines are told to have been dropped, in all. */
static size_t count_told(const char *memory)
{
    const char *const begin =
        "a log takes its lines too slowly; lines were dropped file=pipe lines=";
    size_t count = 0;
    for (const char *told = strstr(memory, begin); told; told = strstr(told, begin)) {
        told += strlen(begin);
        count += strtoul(told, NULL, 10);
    }
    return count;
}

static void memory_is_bounded_and_what_is_dropped_is_told(void **state)
{
    struct bench *bench = *state;
    int ends[2];
    char line[LINE_LENGTH], memory[4096];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    assert_int_equal(pipe(ends), 0);
    log_start(open_sink(bench, bench->path), LOG_NOTICE, sys_wall_ms);
    bench->opener.open_to_append = give_descriptor;
    bench->give = ends[1];
    struct log_sink *sink = open_sink(bench, "pipe");

    enum { LINES = 8 * 1024 };
    for (unsigned i = 0; i < LINES; i++)
        log_sink_write(sink, LOG_SEVERITY_NOTICE, slice_of(line, sizeof(line)));
    assert_in_range(log_writer_waiting(bench->writer), 1, 2 * LOG_BUFFER_SIZE);
    /* Nobody read meanwhile: at most two buffers are kept, what was in the pipe was on its way out
     * of one of them. */
    size_t kept = 0;
    uint64_t until = sys_monotonic_ms() + PATIENCE_MS;
    size_t dropped = 0;
    while ((dropped == 0 || dropped < log_writer_lost(bench->writer)) &&
           sys_monotonic_ms() < until) {
        struct pollfd ready = {.fd = ends[0], .events = POLLIN};
        if (poll(&ready, 1, 5) > 0)
            kept += read_pipe(ends[0], 1);
        (void)read_file(bench->path, memory, sizeof(memory));
        dropped = count_told(memory);
    }
    assert_int_equal(log_writer_lost(bench->writer), dropped);
    assert_true(dropped >= LINES - 3 * LOG_BUFFER_SIZE / LINE_LENGTH && dropped < LINES);
    kept += read_pipe(ends[0], (LINES - dropped) * LINE_LENGTH - kept);
    assert_int_equal(kept, (LINES - dropped) * LINE_LENGTH);
    /* Whatever was dropped before the second buffer was begun is told apart. */
    assert_in_range(count_lines(memory), 1, 2);
    (void)close(ends[0]);
}

/* From here on standard error is what is read; returns the real one. */
static int take_standard_error(int *ret_reader)
{
    int ends[2], before = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    (void)dup2(ends[1], STDERR_FILENO);
    (void)close(ends[1]);
    *ret_reader = ends[0];
    return before;
}

static void give_standard_error_back(int before)
{
    (void)dup2(before, STDERR_FILENO);
    (void)close(before);
}

/* The end comes all the same, and what nobody took is told and counted. */
static void a_pipe_that_nobody_reads_holds_nobody_for_ever(void **state)
{
    struct bench *bench = *state;
    char errors[512];
    int ends[2], reader;
    assert_int_equal(pipe(ends), 0);
    bench->opener.open_to_append = give_descriptor;
    bench->give = ends[1];
    int before = take_standard_error(&reader);
    struct log_sink *sink = open_sink(bench, "pipe");
    enum { LINES = 2000 };
    char line[LINE_LENGTH];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (unsigned i = 0; i < LINES; i++)
        log_sink_write(sink, LOG_SEVERITY_NOTICE, slice_of(line, sizeof(line)));
    ssize_t length = read(reader, errors, sizeof(errors) - 1);
    give_standard_error_back(before);
    errors[length > 0 ? length : 0] = '\0';
    assert_non_null(strstr(errors, "cannot write to pipe: nobody takes what is written"));
    assert_true(log_writer_lost(bench->writer) > 0);
    (void)close(reader);
    finish(bench);
    (void)close(ends[0]);
}

static void set_file_limit(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size < limit.rlim_max ? size : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_told_once_and_costs_only_its_lines(void **state)
{
    struct bench *bench = *state;
    char memory[512], errors[1024];
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    int reader, before = take_standard_error(&reader);
    (void)sigaction(SIGXFSZ, &ignore, NULL);
    set_file_limit(25);
    struct log_sink *sink = open_sink(bench, bench->path);
    log_sink_write(sink, LOG_SEVERITY_NOTICE,
                   SLICE("line one.\nline two.\nline three.\nline four.\n"));
    ssize_t length = read(reader, errors, sizeof(errors) - 1);
    log_sink_write(sink, LOG_SEVERITY_NOTICE, SLICE("line five.\n"));
    set_file_limit(RLIM_INFINITY);
    log_sink_write(sink, LOG_SEVERITY_NOTICE, SLICE("line six.\n"));
    finish(bench);
    give_standard_error_back(before);
    length += read(reader, errors + length, sizeof(errors) - 1 - (size_t)length);
    errors[length] = '\0';
    (void)close(reader);
    (void)read_file(bench->path, memory, sizeof(memory));
    assert_int_equal(count_lines(errors), 1);
    assert_non_null(strstr(errors, "weir: cannot write to /tmp/weir-log-test-"));
    assert_non_null(strstr(errors, ": File too large; its lines are lost until it can\n"));
    assert_int_equal(strncmp(memory, "line one.\nline two.\nline \n", 26), 0);
    assert_non_null(strstr(memory, "\nline six.\n"));
}

/* The next datagram, without its header; `*ret_priority` is the number in its first field. */
static void receive(struct bench *bench, char *ret_text, size_t size, int *ret_priority)
{
    char memory[4096];
    uint64_t until = sys_monotonic_ms() + PATIENCE_MS;
    ssize_t length = -1;
    while (length < 0 && sys_monotonic_ms() < until) {
        length = recv(bench->receiving, memory, sizeof(memory) - 1, MSG_DONTWAIT);
        if (length < 0)
            (void)poll(NULL, 0, 5);
    }
    assert_true(length > 0);
    memory[length] = '\0';
    assert_int_equal(sscanf(memory, "<%d>1 ", ret_priority), 1);
    const char *text = strstr(memory, " - - ");
    assert_non_null(text);
    (void)snprintf(ret_text, size, "%s", text + strlen(" - - "));
}

static void a_syslog_gets_each_line_as_a_datagram(void **state)
{
    struct bench *bench = *state;
    char text[256];
    int priority = 0;
    bench->opener.connect_datagram = give_datagrams;
    bench->give = 0;
    struct log_sink *sink = open_sink(bench, "syslog:unix:/run/test");
    assert_int_equal(bench->asked, 0); /* it need not be there before there is something to tell */
    log_sink_write(sink, LOG_SEVERITY_INFORMATION, SLICE("first\n"));
    log_sink_write(sink, LOG_SEVERITY_WARNING, SLICE("second\n"));
    receive(bench, text, sizeof(text), &priority);
    assert_string_equal(text, "first");
    assert_int_equal(priority, 30);
    receive(bench, text, sizeof(text), &priority);
    assert_string_equal(text, "second");
    assert_int_equal(priority, 28);
    assert_int_equal(log_writer_lost(bench->writer), 0);
    (void)close(bench->receiving);
}

static void a_syslog_that_is_back_is_found(void **state)
{
    struct bench *bench = *state;
    char text[256];
    int priority = 0;
    bench->opener.connect_datagram = give_datagrams;
    bench->give = 0;
    struct log_sink *sink = open_sink(bench, "syslog:unix:/run/test");
    log_sink_write(sink, LOG_SEVERITY_NOTICE, SLICE("before\n"));
    receive(bench, text, sizeof(text), &priority);
    (void)close(bench->receiving);
    log_sink_write(sink, LOG_SEVERITY_NOTICE, SLICE("behind\n"));
    receive(bench, text, sizeof(text), &priority);
    assert_string_equal(text, "behind");
    assert_int_equal(bench->asked, 2);
    assert_int_equal(log_writer_lost(bench->writer), 0);
    (void)close(bench->receiving);
}

static void lines_are_counted_while_no_syslog_is_there(void **state)
{
    struct bench *bench = *state;
    bench->opener.connect_datagram = give_datagrams;
    bench->give = -ENOENT;
    struct log_sink *sink = open_sink(bench, "syslog:unix:/run/test");
    log_sink_write(sink, LOG_SEVERITY_NOTICE, SLICE("one\n"));
    log_sink_write(sink, LOG_SEVERITY_NOTICE, SLICE("two\n"));
    uint64_t until = sys_monotonic_ms() + PATIENCE_MS;
    while (log_writer_lost(bench->writer) < 2 && sys_monotonic_ms() < until)
        (void)poll(NULL, 0, 5);
    assert_int_equal(log_writer_lost(bench->writer), 2);
}

static void a_syslog_that_takes_nothing_costs_only_its_lines(void **state)
{
    struct bench *bench = *state;
    char line[LINE_LENGTH];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    bench->opener.connect_datagram = give_datagrams;
    bench->give = 0;
    struct log_sink *sink = open_sink(bench, "syslog:unix:/run/test");
    struct log_sink *file = open_sink(bench, bench->path);
    for (unsigned i = 0; i < 1500; i++)
        log_sink_write(sink, LOG_SEVERITY_NOTICE, slice_of(line, sizeof(line)));
    uint64_t until = sys_monotonic_ms() + PATIENCE_MS;
    while (log_writer_lost(bench->writer) == 0 && sys_monotonic_ms() < until)
        (void)poll(NULL, 0, 5);
    assert_in_range(log_writer_lost(bench->writer), 1, 1499);
    log_sink_write(file, LOG_SEVERITY_NOTICE, SLICE("goes on\n"));
    await_text(bench->path, "goes on\n");
    (void)close(bench->receiving);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_written_while_the_process_runs, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(lines_are_written_at_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_is_one_sink_as_long_as_somebody_uses_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_says_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_was_renamed_is_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_opened_anew_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_is_bounded_and_what_is_dropped_is_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_pipe_that_nobody_reads_holds_nobody_for_ever, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_once_and_costs_only_its_lines, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_syslog_gets_each_line_as_a_datagram, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_syslog_that_is_back_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_are_counted_while_no_syslog_is_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_syslog_that_takes_nothing_costs_only_its_lines, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
