#include "exchange/exchange.h"

#include "base/assert.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* In a process of its own, which this ends. */
static _Noreturn void run_a_broken_one(int standard_error)
{
    static struct exchange exchange;
    struct sigaction plain = {.sa_handler = SIG_DFL};
    (void)dup2(standard_error, STDERR_FILENO);
    (void)sigaction(SIGABRT, &plain, NULL);
    exchange.state = EXCHANGE_REPLY; /* without a response, against what `check` knows of it */
    exchange.request.method_text = SLICE("GET");
    exchange.client_target = SLICE("/a\n?secret=1");
    exchange.client_path = SLICE("/a\n");
    exchange.host = SLICE("example.com");
    exchange.id = SLICE("f00d");
    assert_hook = exchange_tell_in_hand;
    exchange_run(&exchange);
    _exit(0);
}

static void a_failed_assertion_tells_of_the_exchange_in_hand(void **state)
{
    (void)state;
    int ends[2], status;
    char told[2048];
    size_t length = 0;
    ssize_t count;
    assert_int_equal(pipe(ends), 0);
    pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0)
        run_a_broken_one(ends[1]);
    (void)close(ends[1]);
    while ((count = read(ends[0], told + length, sizeof(told) - 1 - length)) > 0)
        length += (size_t)count;
    told[length] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(told, "assertion failed"));
    assert_non_null(strstr(told, "in the state REPLY: GET /a\\x0A host=example.com id=f00d\n"));
    assert_null(strstr(told, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_assertion_tells_of_the_exchange_in_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
