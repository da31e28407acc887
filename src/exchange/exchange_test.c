#include "exchange/exchange.h"

#include "base/assert.h"
#include "sys/thread.h"

#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* An assertion of the step fails in it. */
static void run_a_broken_one(void *argument)
{
    static struct exchange exchange;
    (void)argument;
    exchange.state = EXCHANGE_REPLY; /* without a stream, and without a response to send */
    exchange.request.method_text = SLICE("GET");
    exchange.client_target = SLICE("/a\n?secret=1");
    exchange.client_path = SLICE("/a\n");
    exchange.host = SLICE("example.com");
    exchange.id = SLICE("f00d");
    exchange_run(&exchange);
}

static void fail_an_assertion(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGABRT, &plain, NULL);
    assert_hook = exchange_tell_in_hand;
    run_a_broken_one(NULL);
}

static sem_t hangs, has_told;

static void hang(const char *message)
{
    (void)message;
    (void)sem_post(&hangs);
    for (;;)
        (void)pause();
}

static void tell(void)
{
    exchange_tell_in_hand(NULL);
    (void)sem_post(&has_told);
}

/* Until another thread wants to know what is in hand. */
static void be_interrupted(void)
{
    (void)sem_init(&hangs, 0, 0);
    (void)sem_init(&has_told, 0, 0);
    assert_hook = hang;
    sys_thread_on_interrupt(tell);
    struct sys_thread *thread = sys_thread_start("loop", run_a_broken_one, NULL);
    (void)sem_wait(&hangs);
    sys_thread_interrupt(thread);
    while (sem_wait(&has_told) != 0)
        continue;
}

/* What is done in a process of its own, on standard error; `*ret_status` is how that ended. */
static void listen_to(void (*act)(void), char *told, size_t size, int *ret_status)
{
    int ends[2];
    size_t length = 0;
    ssize_t count;
    assert_int_equal(pipe(ends), 0);
    pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        act();
        _exit(0);
    }
    (void)close(ends[1]);
    while ((count = read(ends[0], told + length, size - 1 - length)) > 0)
        length += (size_t)count;
    told[length] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(process, ret_status, 0), process);
}

static void an_interrupted_thread_tells_of_the_exchange_in_hand(void **state)
{
    (void)state;
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    skip(); /* it keeps signals back until the thread makes a call that it knows */
#endif
#endif
    int status;
    char told[2048];
    listen_to(be_interrupted, told, sizeof(told), &status);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_non_null(strstr(told, "in the state REPLY: GET /a\\x0A host=example.com id=f00d\n"));
}

static void a_failed_assertion_tells_of_the_exchange_in_hand(void **state)
{
    int status;
    char told[2048];
    (void)state;
    listen_to(fail_an_assertion, told, sizeof(told), &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(told, "assertion failed"));
    assert_non_null(strstr(told, "in the state REPLY: GET /a\\x0A host=example.com id=f00d\n"));
    assert_null(strstr(told, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_assertion_tells_of_the_exchange_in_hand),
        cmocka_unit_test(an_interrupted_thread_tells_of_the_exchange_in_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
