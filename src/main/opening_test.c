#include "main/opening.h"

#include "net/listener.h"
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

/* A supervisor's side in a thread of its own, and a directory with a file in it. What the checker
 * asks for stands in `asked`. */
struct bench {
    struct opening opening;
    struct upgrade upgrade;
    enum crew_role role;
    enum opener_question done; /* the last one */
    struct sys_opener *opener;
    struct sys_thread *thread;
    int ends[2];
    char directory[32], path[64], pattern[64];
    const struct opener_request *asked;
    size_t asked_count;
    bool is_right;
};

/* One question and its answer, in one thread. A descriptor that comes along is closed. */
static int ask_as_checker(struct opening *opening, const struct opener_request *request)
{
    struct opener_answer answer;
    int ends[2], descriptor;
    assert_int_equal(sys_channel_open(ends), 0);
    struct slice message = slice_of((const char *)request, sizeof(*request));
    assert_int_equal(sys_channel_send(ends[1], message, -1), 0);
    assert_true(opening_answer_checker(opening, ends[0]));
    assert_int_equal(sys_channel_receive(ends[1], &answer, sizeof(answer), true, &descriptor),
                     sizeof(answer));
    if (descriptor >= 0)
        sys_close(descriptor);
    sys_close(ends[0]);
    sys_close(ends[1]);
    return answer.result;
}

static void play_check(struct bench *bench)
{
    const struct opener_request vouch = {.question = OPENER_VOUCH, .terms.drain_ms = 5};
    opening_begin_check(&bench->opening);
    for (size_t i = 0; i < bench->asked_count; i++)
        (void)ask_as_checker(&bench->opening, &bench->asked[i]);
    if (bench->is_right)
        assert_int_equal(ask_as_checker(&bench->opening, &vouch), 0);
    opening_end_check(&bench->opening, bench->ends[0], 0);
}

static void answer_all(void *argument)
{
    struct bench *bench = argument;
    do {
        if (bench->opening.wants_check)
            play_check(bench);
        sys_await_readable(bench->ends, 1, -1);
    } while (opening_answer(&bench->opening, bench->ends[0], bench->role, &bench->done));
}

/* From here on the opening is the other thread's, until end_worker. */
static void begin_answers(struct bench *bench, enum crew_role role)
{
    assert_int_equal(sys_channel_open(bench->ends), 0);
    bench->role = role;
    bench->opener = sys_opener_asking(bench->ends[1], 1, 0);
    assert_non_null(bench->opener);
    bench->thread = sys_thread_start("answers", answer_all, bench);
    assert_non_null(bench->thread);
}

/* Another worker in the place of the one before. */
static void begin_member(struct bench *bench, enum crew_role role)
{
    if (role == CREW_COMES)
        opening_await(&bench->opening);
    else
        opening_rewind(&bench->opening);
    begin_answers(bench, role);
}

static void begin_worker(struct bench *bench)
{
    begin_member(bench, CREW_SERVES);
}

static void end_worker(struct bench *bench)
{
    sys_close(bench->ends[1]);
    sys_thread_join(bench->thread);
    sys_close(bench->ends[0]);
    sys_opener_asking_free(bench->opener);
}

static void replace_worker(struct bench *bench)
{
    end_worker(bench);
    begin_worker(bench);
}

static struct opener_request question(enum opener_question question, const char *path)
{
    struct opener_request request = {.question = question};
    assert_true(strlen(path) < sizeof(request.path));
    memcpy(request.path, path, strlen(path) + 1);
    return request;
}

static struct address socket_at(const char *path)
{
    struct address address = {.ip.kind = ADDRESS_UNIX};
    assert_true(strlen(path) <= ADDRESS_PATH_MAX);
    memcpy(address.path, path, strlen(path) + 1);
    return address;
}

enum { ASKED_MOST = 6 };

/* What the checker asks for where a test says nothing else: the file, a pattern, and the file's
 * path as that of logs and listeners. */
static void ask_for_all(struct bench *bench)
{
    struct opener_request *asked = calloc(ASKED_MOST, sizeof(*asked));
    assert_non_null(asked);
    asked[0] = question(OPENER_READ, bench->path);
    asked[1] = question(OPENER_EXPAND, bench->pattern);
    asked[2] = question(OPENER_REAL_PATH, bench->path);
    asked[3] = question(OPENER_APPEND, bench->path);
    asked[4] =
        (struct opener_request){.question = OPENER_LISTEN, .address = socket_at(bench->path)};
    asked[5] =
        (struct opener_request){.question = OPENER_DATAGRAM, .address = socket_at(bench->path)};
    bench->asked = asked;
    bench->asked_count = ASKED_MOST;
    bench->is_right = true;
}

static int begin(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    *state = bench;
    opening_init(&bench->opening, &bench->upgrade);
    (void)snprintf(bench->directory, sizeof(bench->directory), "/tmp/opening-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    (void)snprintf(bench->path, sizeof(bench->path), "%s/file", bench->directory);
    (void)snprintf(bench->pattern, sizeof(bench->pattern), "%s/f*", bench->directory);
    ask_for_all(bench);
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
    free((void *)(uintptr_t)bench->asked);
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

static void load(struct bench *bench)
{
    assert_int_equal(bench->opener->begin_load(bench->opener), 0);
}

static void serve(struct bench *bench)
{
    load(bench);
    bench->opener->keep_loaded(bench->opener);
}

static void a_new_worker_reads_what_was_served(void **state)
{
    struct bench *bench = *state;
    put(bench, "one");
    load(bench);
    expect(bench, "one");
    bench->opener->keep_loaded(bench->opener);
    assert_int_equal(bench->opening.terms.drain_ms, 5);
    put(bench, "two");
    load(bench);
    expect(bench, "two"); /* and is never published */
    replace_worker(bench);
    load(bench);
    expect(bench, "one");
    bench->opener->keep_loaded(bench->opener);
    load(bench);
    expect(bench, "two");
}

static void the_first_worker_loads_what_was_checked_before_it(void **state)
{
    struct bench *bench = *state;
    end_worker(bench);
    put(bench, "one");
    play_check(bench);
    assert_true(bench->opening.awaits_worker);
    put(bench, "two");
    begin_worker(bench);
    load(bench);
    expect(bench, "one");
    serve(bench); /* another load is another check */
    load(bench);
    expect(bench, "two");
}

static void names_are_kept_as_well(void **state)
{
    struct bench *bench = *state;
    struct arena arena;
    struct slice *paths;
    size_t count;
    char real[64];
    put(bench, "one");
    arena_init(&arena, NULL, 1 << 20);
    serve(bench);
    assert_int_equal(unlink(bench->path), 0);
    replace_worker(bench);
    load(bench);
    assert_true(bench->opener->expand(bench->opener, bench->pattern, &arena, &paths, &count));
    assert_int_equal(count, 1);
    assert_true(slice_equal(paths[0], slice_from_text(bench->path)));
    assert_true(bench->opener->real_path(bench->opener, bench->path, real, sizeof(real)));
    assert_string_equal(real, bench->path);
    assert_false(bench->opener->real_path(bench->opener, bench->path, real, strlen(real)));
    arena_fini(&arena);
}

static void what_was_not_checked_to_its_end_is_not_loaded(void **state)
{
    (void)state;
    struct opening opening;
    struct opener_answer answer;
    enum opener_question done;
    const struct opener_request load = {.question = OPENER_BEGIN_LOAD};
    struct slice message = slice_of((const char *)&load, sizeof(load));
    int ends[2], descriptor;
    opening_init(&opening, NULL);
    assert_int_equal(sys_channel_open(ends), 0);
    assert_int_equal(sys_channel_send(ends[1], message, -1), 0);
    assert_true(opening_answer(&opening, ends[0], CREW_SERVES, &done));
    assert_true(opening.wants_check);
    opening_begin_check(&opening);
    opening_end_check(&opening, ends[0], -ECANCELED);
    assert_int_equal(sys_channel_receive(ends[1], &answer, sizeof(answer), true, &descriptor),
                     sizeof(answer));
    assert_int_equal(answer.result, -ECANCELED);
    assert_false(opening.is_loading);
    /* Who waits for an answer and asks on is not in its right mind. */
    assert_int_equal(sys_channel_send(ends[1], message, -1), 0);
    assert_true(opening_answer(&opening, ends[0], CREW_SERVES, &done));
    assert_int_equal(sys_channel_send(ends[1], message, -1), 0);
    assert_false(opening_answer(&opening, ends[0], CREW_SERVES, &done));
    sys_close(ends[0]);
    sys_close(ends[1]);
    opening_fini(&opening, true);
}

/* ---- a worker that somebody else has taken over */

static void other_ways_to_write_a_name_are_not_the_name(void **state)
{
    struct bench *bench = *state;
    struct sys_opener *opener = bench->opener;
    char other[128], link[64];
    put(bench, "one");
    serve(bench);
    load(bench);
    const char *const suffixes[] = {"/./file", "/../file", "//file", "/file/", "/fil",
                                    "/files",  "",         "/",      "/file\n"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        (void)snprintf(other, sizeof(other), "%s%s", bench->directory, suffixes[i]);
        assert_int_equal(opener->open_to_read(opener, other), -EPERM);
        assert_int_equal(opener->open_to_append(opener, other), -EPERM);
    }
    (void)snprintf(other, sizeof(other), "/tmp/..%s", bench->path);
    assert_int_equal(opener->open_to_read(opener, other), -EPERM);
    assert_int_equal(opener->open_to_append(opener, other), -EPERM);
    (void)snprintf(link, sizeof(link), "%s/link", bench->directory);
    assert_int_equal(symlink(bench->path, link), 0);
    assert_int_equal(opener->open_to_read(opener, link), -EPERM);
    assert_int_equal(opener->open_to_append(opener, link), -EPERM);
    assert_int_equal(unlink(link), 0);
}

static void what_nobody_named_is_not_opened(void **state)
{
    struct bench *bench = *state;
    struct sys_opener *opener = bench->opener;
    struct address address = {.ip = {.kind = ADDRESS_IPV4, .bytes = {127, 0, 0, 1}}, .port = 22};
    struct sys_listen_options options = {.backlog = 8};
    const char *const paths[] = {"/etc/shadow",     "/etc/passwd",    "/dev/null", "/dev/mem", "",
                                 "/proc/1/environ", "/proc/self/mem", "/"};
    put(bench, "one");
    serve(bench);
    load(bench);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(opener->open_to_read(opener, paths[i]), -EPERM);
        assert_int_equal(opener->open_to_append(opener, paths[i]), -EPERM);
    }
    assert_int_equal(opener->listen(opener, &address, &options), -EPERM);
    assert_int_equal(opener->connect_datagram(opener, &address), -EPERM);
    address = socket_at("/dev/log");
    assert_int_equal(opener->connect_datagram(opener, &address), -EPERM);
}

static void a_name_of_one_kind_is_none_of_another(void **state)
{
    struct bench *bench = *state;
    struct sys_opener *opener = bench->opener;
    struct address address = socket_at(bench->path);
    struct sys_listen_options options = {.backlog = 8, .is_private = true};
    put(bench, "one");
    bench->asked_count = 1; /* the file is to be read, and that is all */
    serve(bench);
    load(bench);
    expect(bench, "one");
    assert_int_equal(opener->open_to_append(opener, bench->path), -EPERM);
    assert_int_equal(opener->connect_datagram(opener, &address), -EPERM);
    assert_int_equal(opener->listen(opener, &address, &options), -EPERM);
    options.is_private = false;
    assert_int_equal(opener->listen(opener, &address, &options), -EPERM);
}

static void who_is_not_the_checker_cannot_vouch(void **state)
{
    struct bench *bench = *state;
    const struct opener_terms terms = {.drain_ms = UINT64_MAX};
    put(bench, "one");
    serve(bench);
    bench->is_right = false;
    put(bench, "two");
    load(bench);
    expect(bench, "two"); /* so that it can tell what is wrong */
    assert_false(sys_opener_vouch(bench->opener, &terms));
    bench->opener->keep_loaded(bench->opener);
    assert_int_equal(bench->opening.terms.drain_ms, 5);
    replace_worker(bench);
    load(bench);
    expect(bench, "one");
}

static void what_is_given_to_read_cannot_be_changed_for_others(void **state)
{
    struct bench *bench = *state;
    put(bench, "one");
    load(bench);
    int fd = bench->opener->open_to_read(bench->opener, bench->path);
    assert_true(fd >= 0);
    struct slice other = SLICE("two");
    (void)sys_write(fd, &other, 0);
    sys_close(fd);
    expect(bench, "one");
}

static void sockets_are_given_for_as_many_loops_as_there_can_be(void **state)
{
    struct bench *bench = *state;
    struct address address = {.ip = {.kind = ADDRESS_IPV4, .bytes = {127, 0, 0, 1}}};
    struct sys_listen_options options = {.backlog = 8, .share = true};
    struct opener_request request = {.question = OPENER_LISTEN, .address = address};
    free((void *)(uintptr_t)bench->asked);
    bench->asked = &request;
    bench->asked_count = 1;
    serve(bench);
    for (int i = 0; i < LISTENER_LOOPS_MAX; i++)
        sys_close(bench->opener->listen(bench->opener, &address, &options));
    assert_int_equal(bench->opener->listen(bench->opener, &address, &options), -EMFILE);
    bench->asked = NULL;
}

static void a_socket_that_is_not_ours_is_not_removed(void **state)
{
    struct bench *bench = *state;
    struct address address = socket_at(bench->path);
    struct sys_listen_options options = {.backlog = 8};
    serve(bench);
    int fd = sys_listen(&address, &options);
    assert_true(fd >= 0);
    sys_close(fd); /* what it leaves behind is a file where nobody answers */
    bench->opener->forget_listener(bench->opener, &address);
    assert_int_equal(access(bench->path, F_OK), 0);
}

static void what_cannot_be_read_is_told_as_by_a_plain_open(void **state)
{
    struct bench *bench = *state;
    struct sys_opener *opener = bench->opener;
    const struct opener_request asked[] = {
        question(OPENER_READ, bench->path), question(OPENER_READ, bench->directory),
        question(OPENER_READ, "/dev/null"), question(OPENER_APPEND, bench->directory)};
    bench->is_right = false;
    free((void *)(uintptr_t)bench->asked);
    bench->asked = asked;
    bench->asked_count = sizeof(asked) / sizeof(asked[0]);
    assert_int_equal(opener->open_to_read(opener, bench->path), -EPERM); /* no load */
    load(bench);
    assert_int_equal(opener->open_to_read(opener, bench->path), -ENOENT);
    assert_int_equal(opener->open_to_read(opener, bench->directory), -EISDIR);
    assert_int_equal(opener->open_to_read(opener, "/dev/null"), -EINVAL);
    assert_int_equal(opener->open_to_append(opener, bench->directory), -EISDIR);
    bench->asked = NULL;
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
    struct address address = socket_at(bench->path);
    struct sys_listen_options options = {.backlog = 8};
    load(bench);
    ino_t first = inode_of(bench->opener->listen(bench->opener, &address, &options));
    bench->opener->keep_loaded(bench->opener);
    replace_worker(bench);
    assert_int_equal(inode_of(bench->opener->listen(bench->opener, &address, &options)), first);
    /* Not yet serving, it cannot close what the one before served on. */
    bench->opener->forget_listener(bench->opener, &address);
    assert_int_equal(access(bench->path, F_OK), 0);
    serve(bench);
    bench->opener->forget_listener(bench->opener, &address);
    assert_int_equal(access(bench->path, F_OK), -1);
}

static void what_a_new_worker_does_not_ask_for_is_closed(void **state)
{
    struct bench *bench = *state;
    struct address address = socket_at(bench->path);
    struct sys_listen_options options = {.backlog = 8};
    load(bench);
    sys_close(bench->opener->listen(bench->opener, &address, &options));
    bench->opener->keep_loaded(bench->opener);
    replace_worker(bench);
    serve(bench);
    assert_true(list_is_empty(&bench->opening.listeners.entries));
}

/* ---- an upgrade */

static void a_worker_that_follows_gets_the_same_socket_and_new_files(void **state)
{
    struct bench *bench = *state;
    struct address address = socket_at(bench->path);
    struct sys_listen_options options = {.backlog = 8};
    serve(bench);
    ino_t first = inode_of(bench->opener->listen(bench->opener, &address, &options));
    assert_int_equal(unlink(bench->path), 0);
    put(bench, "two");
    end_worker(bench);
    begin_member(bench, CREW_COMES);
    load(bench);
    expect(bench, "two");
    assert_int_equal(inode_of(bench->opener->listen(bench->opener, &address, &options)), first);
    assert_int_equal(bench->opener->listen(bench->opener, &address, &options), -EALREADY);
    bench->opener->forget_listener(bench->opener, &address); /* it does not serve yet */
    bench->opener->keep_loaded(bench->opener);
    assert_false(bench->opening.is_awaiting);
    assert_true(kept_listeners_have(&bench->opening.listeners, &address));
    replace_worker(bench);
    load(bench);
    expect(bench, "two"); /* is what is served */
}

static void nothing_is_left_of_a_worker_that_does_not_come_to_serve(void **state)
{
    struct bench *bench = *state;
    struct address address = socket_at(bench->path);
    struct sys_listen_options options = {.backlog = 8};
    serve(bench);
    end_worker(bench);
    begin_member(bench, CREW_COMES);
    load(bench);
    sys_close(bench->opener->listen(bench->opener, &address, &options));
    end_worker(bench);
    assert_true(kept_listeners_have(&bench->opening.listeners, &address));
    opening_stop_awaiting(&bench->opening);
    assert_false(kept_listeners_have(&bench->opening.listeners, &address));
    assert_int_equal(access(bench->path, F_OK), -1);
    begin_worker(bench);
}

static void while_another_one_comes_the_worker_may_load_nothing(void **state)
{
    struct bench *bench = *state;
    struct address address = socket_at(bench->path);
    struct sys_listen_options options = {.backlog = 8};
    serve(bench);
    end_worker(bench);
    opening_await(&bench->opening);
    begin_answers(bench, CREW_SERVES);
    assert_int_equal(bench->opener->begin_load(bench->opener), -EBUSY);
    assert_int_equal(bench->opener->open_to_read(bench->opener, bench->path), -EBUSY);
    assert_int_equal(bench->opener->listen(bench->opener, &address, &options), -EBUSY);
    end_worker(bench);
    opening_stop_awaiting(&bench->opening);
    begin_answers(bench, CREW_SERVES);
    load(bench);
}

static void who_leaves_may_open_its_logs_and_no_more(void **state)
{
    struct bench *bench = *state;
    struct address address = socket_at(bench->path);
    struct sys_listen_options options = {.backlog = 8};
    serve(bench);
    sys_close(bench->opener->listen(bench->opener, &address, &options));
    end_worker(bench);
    begin_member(bench, CREW_LEAVES);
    assert_int_equal(bench->opener->begin_load(bench->opener), -EPERM);
    assert_int_equal(bench->opener->listen(bench->opener, &address, &options), -EPERM);
    bench->opener->forget_listener(bench->opener, &address);
    assert_true(kept_listeners_have(&bench->opening.listeners, &address));
    assert_int_equal(unlink(bench->path), 0);
    int log = bench->opener->open_to_append(bench->opener, bench->path);
    assert_true(log > 0);
    sys_close(log);
    bench->opener->tell_left(bench->opener);
}

static void a_sign_of_life_waits_for_no_answer(void **state)
{
    (void)state;
    struct opening opening;
    enum opener_question done;
    int ends[2], stray;
    char memory[16];
    opening_init(&opening, NULL);
    assert_int_equal(sys_channel_open(ends), 0);
    struct sys_opener *opener = sys_opener_asking(ends[1], 1, 0);
    assert_non_null(opener);
    opener->tell_alive(opener);
    assert_true(opening_answer(&opening, ends[0], CREW_SERVES, &done));
    assert_int_equal(done, OPENER_ALIVE);
    assert_int_equal(sys_channel_receive(ends[1], memory, sizeof(memory), false, &stray), -EAGAIN);
    for (int i = 0; i < 10000; i++)
        opener->tell_alive(opener); /* nobody takes them */
    sys_opener_asking_free(opener);
    sys_close(ends[0]);
    sys_close(ends[1]);
    opening_fini(&opening, true);
}

static void what_is_not_served_after_all_is_forgotten(void **state)
{
    struct bench *bench = *state;
    put(bench, "one");
    serve(bench);
    put(bench, "two");
    load(bench);
    expect(bench, "two");
    bench->opener->drop_loaded(bench->opener);
    assert_int_equal(bench->opener->open_to_read(bench->opener, bench->path), -EPERM);
    replace_worker(bench);
    load(bench);
    expect(bench, "one");
}

static void one_upgrade_at_a_time_is_asked_for(void **state)
{
    struct bench *bench = *state;
    struct arena arena;
    struct slice words;
    arena_init(&arena, NULL, 1 << 20);
    int none = bench->opener->open_upgrade_outcome(bench->opener);
    assert_int_equal(bench->opener->begin_upgrade(bench->opener), 0);
    assert_int_equal(bench->opener->begin_upgrade(bench->opener), -EBUSY);
    int begun = bench->opener->open_upgrade_outcome(bench->opener);
    assert_int_equal(sys_read_opened(none, 4096, &arena, &words), 0);
    assert_true(slice_equal(words, SLICE("none\n")));
    assert_int_equal(sys_read_opened(begun, 4096, &arena, &words), 0);
    assert_true(slice_equal(words, SLICE("begun\n")));
    sys_close(none);
    sys_close(begun);
    arena_fini(&arena);
}

static void what_is_no_request_ends_the_channel(void **state)
{
    (void)state;
    static struct opener_request request;
    struct opening opening;
    enum opener_question done;
    int ends[2];
    assert_int_equal(sys_channel_open(ends), 0);
    opening_init(&opening, NULL);
    assert_true(opening_answer(&opening, ends[0], CREW_SERVES, &done)); /* nobody asks */
    assert_int_equal(sys_channel_send(ends[1], SLICE("short"), 2), 0);
    assert_false(opening_answer(&opening, ends[0], CREW_SERVES, &done));
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
    assert_false(opening_answer(&opening, ends[0], CREW_SERVES, &done));
    sys_close(ends[0]);
    opening_fini(&opening, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_worker_reads_what_was_served, begin, end),
        cmocka_unit_test_setup_teardown(the_first_worker_loads_what_was_checked_before_it, begin,
                                        end),
        cmocka_unit_test_setup_teardown(names_are_kept_as_well, begin, end),
        cmocka_unit_test_setup_teardown(other_ways_to_write_a_name_are_not_the_name, begin, end),
        cmocka_unit_test_setup_teardown(what_nobody_named_is_not_opened, begin, end),
        cmocka_unit_test_setup_teardown(a_name_of_one_kind_is_none_of_another, begin, end),
        cmocka_unit_test_setup_teardown(who_is_not_the_checker_cannot_vouch, begin, end),
        cmocka_unit_test_setup_teardown(what_is_given_to_read_cannot_be_changed_for_others, begin,
                                        end),
        cmocka_unit_test_setup_teardown(sockets_are_given_for_as_many_loops_as_there_can_be, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_socket_that_is_not_ours_is_not_removed, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_told_as_by_a_plain_open, begin, end),
        cmocka_unit_test_setup_teardown(a_new_worker_gets_the_same_socket, begin, end),
        cmocka_unit_test_setup_teardown(what_a_new_worker_does_not_ask_for_is_closed, begin, end),
        cmocka_unit_test_setup_teardown(a_worker_that_follows_gets_the_same_socket_and_new_files,
                                        begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_left_of_a_worker_that_does_not_come_to_serve,
                                        begin, end),
        cmocka_unit_test_setup_teardown(while_another_one_comes_the_worker_may_load_nothing, begin,
                                        end),
        cmocka_unit_test_setup_teardown(who_leaves_may_open_its_logs_and_no_more, begin, end),
        cmocka_unit_test_setup_teardown(one_upgrade_at_a_time_is_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_served_after_all_is_forgotten, begin, end),
        cmocka_unit_test(a_sign_of_life_waits_for_no_answer),
        cmocka_unit_test(what_was_not_checked_to_its_end_is_not_loaded),
        cmocka_unit_test(what_is_no_request_ends_the_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
