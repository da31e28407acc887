#include "main/opening.h"

#include "sys/asking_opener.h"
#include "sys/channel.h"
#include "sys/child.h"
#include "sys/thread.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A supervisor's side in a thread of its own, and a directory. */
struct bench {
    struct opening opening;
    struct sys_opener *opener;
    struct sys_thread *thread;
    int ends[2];
    char directory[32], path[64];
};

static void answer_all(void *argument)
{
    struct bench *bench = argument;
    do {
        sys_await_readable(bench->ends, 1, -1);
    } while (opening_answer(&bench->opening, bench->ends[0]));
}

/* Another worker in the place of the one before. */
static void begin_worker(struct bench *bench)
{
    assert_int_equal(sys_channel_open(bench->ends), 0);
    opening_rewind(&bench->opening);
    bench->opener = sys_opener_asking(bench->ends[1], 1);
    assert_non_null(bench->opener);
    bench->thread = sys_thread_start("answers", answer_all, bench);
    assert_non_null(bench->thread);
}

static void end_worker(struct bench *bench)
{
    sys_close(bench->ends[1]);
    sys_thread_join(bench->thread);
    sys_close(bench->ends[0]);
    sys_opener_asking_free(bench->opener);
}

static int begin(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    *state = bench;
    opening_init(&bench->opening);
    (void)snprintf(bench->directory, sizeof(bench->directory), "/tmp/opening-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    (void)snprintf(bench->path, sizeof(bench->path), "%s/file", bench->directory);
    begin_worker(bench);
    return 0;
}

static int end(void **state)
{
    struct bench *bench = *state;
    end_worker(bench);
    opening_fini(&bench->opening, true);
    (void)unlink(bench->path);
    assert_int_equal(rmdir(bench->directory), 0);
    free(bench);
    return 0;
}

static void put(const struct bench *bench, const char *text)
{
    FILE *file = fopen(bench->path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void expect(struct bench *bench, const char *text)
{
    struct arena arena;
    struct slice bytes;
    arena_init(&arena, NULL, 1 << 20);
    assert_int_equal(sys_read_file(bench->opener, bench->path, 4096, &arena, &bytes), 0);
    assert_true(slice_equal(bytes, slice_from_text(text)));
    arena_fini(&arena);
}

static void a_new_worker_reads_what_was_served(void **state)
{
    struct bench *bench = *state;
    put(bench, "one");
    bench->opener->begin_load(bench->opener);
    expect(bench, "one");
    bench->opener->keep_loaded(bench->opener, 5);
    assert_int_equal(bench->opening.drain_ms, 5);
    put(bench, "two");
    bench->opener->begin_load(bench->opener);
    expect(bench, "two"); /* and is never published */
    end_worker(bench);
    begin_worker(bench);
    bench->opener->begin_load(bench->opener);
    expect(bench, "one");
    bench->opener->keep_loaded(bench->opener, 5);
    bench->opener->begin_load(bench->opener);
    expect(bench, "two");
}

static void names_are_kept_as_well(void **state)
{
    struct bench *bench = *state;
    struct arena arena;
    struct slice *paths;
    size_t count;
    char pattern[64];
    (void)snprintf(pattern, sizeof(pattern), "%s/f*", bench->directory);
    put(bench, "one");
    arena_init(&arena, NULL, 1 << 20);
    bench->opener->begin_load(bench->opener);
    assert_true(bench->opener->expand(bench->opener, pattern, &arena, &paths, &count));
    bench->opener->keep_loaded(bench->opener, 0);
    assert_int_equal(unlink(bench->path), 0);
    end_worker(bench);
    begin_worker(bench);
    bench->opener->begin_load(bench->opener);
    assert_true(bench->opener->expand(bench->opener, pattern, &arena, &paths, &count));
    assert_int_equal(count, 1);
    assert_true(slice_equal(paths[0], slice_from_text(bench->path)));
    arena_fini(&arena);
}

static void what_cannot_be_opened_is_told_as_by_a_plain_open(void **state)
{
    struct bench *bench = *state;
    struct sys_opener *opener = bench->opener;
    assert_int_equal(opener->open_to_read(opener, bench->path), -EPERM); /* no load */
    opener->begin_load(opener);
    assert_int_equal(opener->open_to_read(opener, bench->path), -ENOENT);
    assert_int_equal(opener->open_to_read(opener, bench->directory), -EISDIR);
    assert_int_equal(opener->open_to_read(opener, "/dev/null"), -EINVAL);
    assert_int_equal(opener->open_to_append(opener, bench->directory), -EISDIR);
}

static ino_t inode_of(int fd)
{
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    sys_close(fd);
    return status.st_ino;
}

static void a_new_worker_gets_the_same_socket(void **state)
{
    struct bench *bench = *state;
    struct address address = {.ip.kind = ADDRESS_UNIX};
    struct sys_listen_options options = {.backlog = 8};
    memcpy(address.path, bench->path, strlen(bench->path) + 1);
    bench->opener->begin_load(bench->opener);
    ino_t first = inode_of(bench->opener->listen(bench->opener, &address, &options));
    bench->opener->keep_loaded(bench->opener, 0);
    end_worker(bench);
    begin_worker(bench);
    assert_int_equal(inode_of(bench->opener->listen(bench->opener, &address, &options)), first);
    /* Not yet serving, it cannot close what the one before served on. */
    bench->opener->forget_listener(bench->opener, &address);
    assert_int_equal(access(bench->path, F_OK), 0);
    bench->opener->begin_load(bench->opener);
    bench->opener->keep_loaded(bench->opener, 0);
    bench->opener->forget_listener(bench->opener, &address);
    assert_int_equal(access(bench->path, F_OK), -1);
}

static void what_a_new_worker_does_not_ask_for_is_closed(void **state)
{
    struct bench *bench = *state;
    struct address address = {.ip.kind = ADDRESS_UNIX};
    struct sys_listen_options options = {.backlog = 8};
    memcpy(address.path, bench->path, strlen(bench->path) + 1);
    bench->opener->begin_load(bench->opener);
    sys_close(bench->opener->listen(bench->opener, &address, &options));
    bench->opener->keep_loaded(bench->opener, 0);
    end_worker(bench);
    begin_worker(bench);
    bench->opener->begin_load(bench->opener);
    bench->opener->keep_loaded(bench->opener, 0);
    assert_true(list_is_empty(&bench->opening.listeners.entries));
}

static void what_is_no_request_ends_the_channel(void **state)
{
    (void)state;
    static struct opener_request request;
    struct opening opening;
    int ends[2];
    assert_int_equal(sys_channel_open(ends), 0);
    opening_init(&opening);
    assert_true(opening_answer(&opening, ends[0])); /* nobody asks */
    assert_int_equal(sys_channel_send(ends[1], SLICE("short"), 2), 0);
    assert_false(opening_answer(&opening, ends[0]));
    request = (struct opener_request){.question = OPENER_QUESTION_COUNT};
    assert_false(opener_request_is_valid(&request));
    request.question = OPENER_LISTEN; /* without an address */
    assert_false(opener_request_is_valid(&request));
    request = (struct opener_request){.question = OPENER_READ};
    assert_true(opener_request_is_valid(&request));
    memset(request.path, 'a', sizeof(request.path));
    assert_false(opener_request_is_valid(&request));
    request = (struct opener_request){.question = OPENER_READ};
    memset(request.address.path, 'a', sizeof(request.address.path));
    assert_false(opener_request_is_valid(&request));
    sys_close(ends[1]);
    assert_false(opening_answer(&opening, ends[0]));
    sys_close(ends[0]);
    opening_fini(&opening, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_worker_reads_what_was_served, begin, end),
        cmocka_unit_test_setup_teardown(names_are_kept_as_well, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_told_as_by_a_plain_open, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_new_worker_gets_the_same_socket, begin, end),
        cmocka_unit_test_setup_teardown(what_a_new_worker_does_not_ask_for_is_closed, begin, end),
        cmocka_unit_test(what_is_no_request_ends_the_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
