#include "loop/loop.h"

#include "sys/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What happened, in its order: a letter for each thing. */
struct story {
    char text[64];
};

static void tell(struct story *story, char letter)
{
    size_t length = strlen(story->text);
    assert_in_range(length, 0, sizeof(story->text) - 2);
    story->text[length] = letter;
    story->text[length + 1] = '\0';
}

static int set_up(void **state)
{
    *state = loop_new();
    assert_non_null(*state);
    return 0;
}

static int tear_down(void **state)
{
    loop_free(*state);
    return 0;
}

/* ---- deferred work */

/* Tells its letter; defers `next` where there is one. */
struct chore {
    struct task task;
    struct grave grave;
    struct loop *loop;
    struct story *story;
    struct chore *next;
    char letter;
    bool dies;
};

static void bury_chore(struct grave *grave)
{
    struct chore *chore = CONTAINER_OF(grave, struct chore, grave);
    tell(chore->story, '+');
}

static void do_chore(struct task *task)
{
    struct chore *chore = CONTAINER_OF(task, struct chore, task);
    tell(chore->story, chore->letter);
    if (chore->dies)
        loop_bury(chore->loop, &chore->grave, bury_chore);
    if (chore->next)
        loop_defer(chore->loop, &chore->next->task);
}

static void chore_init(struct chore *chore, struct loop *loop, struct story *story, char letter)
{
    *chore = (struct chore){.loop = loop, .story = story, .letter = letter};
    task_init(&chore->task, do_chore);
}

static void deferred_work_runs_in_the_turn_and_in_its_order(void **state)
{
    struct story story = {""};
    struct chore a, b;
    chore_init(&a, *state, &story, 'a');
    chore_init(&b, *state, &story, 'b');
    loop_defer(*state, &a.task);
    loop_defer(*state, &b.task);
    assert_string_equal(story.text, "");
    assert_int_equal(loop_task_count(*state), 2);
    loop_turn(*state, -1);
    assert_string_equal(story.text, "ab");
    assert_int_equal(loop_task_count(*state), 0);
}

static void deferring_twice_runs_once(void **state)
{
    struct story story = {""};
    struct chore a;
    chore_init(&a, *state, &story, 'a');
    loop_defer(*state, &a.task);
    loop_defer(*state, &a.task);
    loop_turn(*state, -1);
    loop_turn(*state, 0);
    assert_string_equal(story.text, "a");
}

static void cancelled_work_does_not_run(void **state)
{
    struct story story = {""};
    struct chore a;
    chore_init(&a, *state, &story, 'a');
    task_cancel(&a.task);
    loop_defer(*state, &a.task);
    task_cancel(&a.task);
    loop_turn(*state, 0);
    assert_string_equal(story.text, "");
}

static void work_that_defers_itself_leaves_the_turn(void **state)
{
    struct story story = {""};
    struct chore a;
    chore_init(&a, *state, &story, 'a');
    a.next = &a;
    loop_defer(*state, &a.task);
    loop_turn(*state, -1);
    assert_string_equal(story.text, "a");
    loop_turn(*state, -1);
    assert_string_equal(story.text, "aa");
    task_cancel(&a.task);
}

/* The first of two cancels the second, which is due in the same turn. */
static void cancel_next(struct task *task)
{
    struct chore *chore = CONTAINER_OF(task, struct chore, task);
    tell(chore->story, chore->letter);
    task_cancel(&chore->next->task);
}

static void work_may_cancel_what_is_due_in_the_same_turn(void **state)
{
    struct story story = {""};
    struct chore a, b;
    chore_init(&a, *state, &story, 'a');
    chore_init(&b, *state, &story, 'b');
    task_init(&a.task, cancel_next);
    a.next = &b;
    loop_defer(*state, &a.task);
    loop_defer(*state, &b.task);
    loop_turn(*state, -1);
    assert_string_equal(story.text, "a");
}

/* ---- the graveyard */

static void memory_outlives_the_work_that_saw_it_die_and_no_more(void **state)
{
    struct story story = {""};
    struct chore a, b;
    chore_init(&a, *state, &story, 'a');
    chore_init(&b, *state, &story, 'b');
    a.dies = true;
    loop_defer(*state, &a.task);
    loop_defer(*state, &b.task);
    loop_turn(*state, -1);
    assert_string_equal(story.text, "a+b");
}

/* ---- the mailbox */

enum { SENDERS = 4, LETTERS = 500 };

struct letter {
    struct message message;
    struct sender *sender;
    unsigned number;
};

struct sender {
    struct loop *loop;
    struct letter letters[LETTERS];
    unsigned received; /* on the loop */
    bool in_order;
};

static void receive(struct loop *loop, struct message *message)
{
    struct letter *letter = CONTAINER_OF(message, struct letter, message);
    (void)loop;
    letter->sender->in_order &= letter->number == letter->sender->received;
    letter->sender->received++;
}

static void send_all(void *argument)
{
    struct sender *sender = argument;
    for (unsigned i = 0; i < LETTERS; i++) {
        sender->letters[i] =
            (struct letter){.message = {.deliver = receive}, .sender = sender, .number = i};
        loop_send(sender->loop, &sender->letters[i].message);
    }
}

static void mail_of_many_threads_arrives_whole_and_in_order(void **state)
{
    static struct sender senders[SENDERS];
    struct sys_thread *threads[SENDERS];
    for (int i = 0; i < SENDERS; i++) {
        senders[i].loop = *state;
        senders[i].received = 0;
        senders[i].in_order = true;
        threads[i] = sys_thread_start("sender", send_all, &senders[i]);
        assert_non_null(threads[i]);
    }
    unsigned received = 0;
    while (received < SENDERS * LETTERS) {
        loop_turn(*state, -1);
        received = 0;
        for (int i = 0; i < SENDERS; i++)
            received += senders[i].received;
    }
    for (int i = 0; i < SENDERS; i++) {
        sys_thread_join(threads[i]);
        assert_true(senders[i].in_order);
        assert_int_equal(senders[i].received, LETTERS);
    }
}

static void mail_to_oneself_arrives_without_waiting(void **state)
{
    struct sender sender = {.loop = *state, .in_order = true};
    sender.letters[0] = (struct letter){.message = {.deliver = receive}, .sender = &sender};
    sender.letters[1] =
        (struct letter){.message = {.deliver = receive}, .sender = &sender, .number = 1};
    loop_send(*state, &sender.letters[0].message);
    loop_send(*state, &sender.letters[1].message);
    assert_int_equal(sender.received, 0);
    loop_turn(*state, -1);
    assert_int_equal(sender.received, 2);
    assert_int_equal(loop_mail_count(*state), 2);
    loop_turn(*state, 0);
    assert_int_equal(loop_mail_count(*state), 0);
}

/* A message may send another one: it arrives in a later turn. */
static void answer(struct loop *loop, struct message *message)
{
    struct letter *letter = CONTAINER_OF(message, struct letter, message);
    receive(loop, message);
    letter[1] = (struct letter){
        .message = {.deliver = receive}, .sender = letter->sender, .number = letter->number + 1};
    loop_send(loop, &letter[1].message);
}

static void mail_may_be_answered_by_mail(void **state)
{
    struct sender sender = {.loop = *state, .in_order = true};
    sender.letters[0] = (struct letter){.message = {.deliver = answer}, .sender = &sender};
    loop_send(*state, &sender.letters[0].message);
    while (sender.received < 2)
        loop_turn(*state, -1);
    assert_true(sender.in_order);
}

/* ---- chance and time */

static void two_loops_draw_different_numbers(void **state)
{
    struct loop *other = loop_new();
    assert_non_null(other);
    assert_int_not_equal(loop_chance(*state), loop_chance(other));
    assert_int_not_equal(loop_chance(*state), loop_chance(*state));
    loop_free(other);
}

static void time_stands_within_a_turn_and_never_goes_back(void **state)
{
    uint64_t before = loop_now(*state);
    loop_turn(*state, 5);
    assert_true(loop_now(*state) >= before);
    assert_true(loop_wall(*state) > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(deferred_work_runs_in_the_turn_and_in_its_order),
        TEST(deferring_twice_runs_once),
        TEST(cancelled_work_does_not_run),
        TEST(work_that_defers_itself_leaves_the_turn),
        TEST(work_may_cancel_what_is_due_in_the_same_turn),
        TEST(memory_outlives_the_work_that_saw_it_die_and_no_more),
        TEST(mail_of_many_threads_arrives_whole_and_in_order),
        TEST(mail_to_oneself_arrives_without_waiting),
        TEST(mail_may_be_answered_by_mail),
        TEST(two_loops_draw_different_numbers),
        TEST(time_stands_within_a_turn_and_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
