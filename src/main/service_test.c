#include "main/service.h"

#include "sys/clock.h"
#include "sys/open.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static const char NAME[] = "service-test"; /* in the abstract space */

static int listen_as_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    memcpy(address.sun_path + 1, NAME, sizeof(NAME) - 1);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(NAME));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, length), 0);
    return fd;
}

static void expect(int manager, const char *message)
{
    char memory[256] = "";
    ssize_t length = recv(manager, memory, sizeof(memory) - 1, 0);
    assert_int_equal(length, strlen(message));
    assert_string_equal(memory, message);
}

static void expect_nothing(int manager)
{
    char memory[16];
    assert_int_equal(recv(manager, memory, sizeof(memory), 0), -1);
}

static void put(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static void the_environment_is_read_and_cleaned(void **state)
{
    (void)state;
    struct service service;
    put("NOTIFY_SOCKET", "@service-test");
    put("WATCHDOG_USEC", "3000000");
    service_init(&service);
    assert_string_equal(service.socket.path, "@service-test");
    assert_int_equal(service.watchdog_ms, 3000);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    service_init(&service);
    assert_int_equal(service.socket.ip.kind, ADDRESS_NONE);
    assert_int_equal(service.watchdog_ms, 0);
}

static void what_is_no_socket_is_passed_over(void **state)
{
    (void)state;
    struct service service;
    char long_path[200];
    memset(long_path, 'a', sizeof(long_path) - 1);
    long_path[0] = '/';
    long_path[sizeof(long_path) - 1] = '\0';
    const char *const wrong[] = {"", "relative", "vsock:2:1234", long_path};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        put("NOTIFY_SOCKET", wrong[i]);
        service_init(&service);
        assert_int_equal(service.socket.ip.kind, ADDRESS_NONE);
        service_tell_ready(&service); /* to nobody */
    }
}

static void a_watchdog_for_another_process_is_none(void **state)
{
    (void)state;
    struct service service;
    char own[16];
    put("WATCHDOG_USEC", "3000000");
    put("WATCHDOG_PID", "1");
    service_init(&service);
    assert_int_equal(service.watchdog_ms, 0);
    (void)snprintf(own, sizeof(own), "%u", sys_process());
    put("WATCHDOG_USEC", "3000000");
    put("WATCHDOG_PID", own);
    service_init(&service);
    assert_int_equal(service.watchdog_ms, 3000);
}

static void it_tells_each_thing_in_its_time(void **state)
{
    (void)state;
    struct service service;
    int manager = listen_as_manager();
    put("NOTIFY_SOCKET", "@service-test");
    service_init(&service);
    service_tell_reloading(&service); /* not while it starts */
    expect_nothing(manager);
    service_tell_ready(&service);
    expect(manager, "READY=1\nSTATUS=serving\n");
    service_tell(&service, "words");
    expect(manager, "STATUS=words\n");
    service_tell_stopping(&service);
    expect(manager, "STOPPING=1\nSTATUS=ending what runs\n");
    (void)close(manager);
}

static void signs_of_life_are_given_when_due_and_well(void **state)
{
    (void)state;
    struct service service;
    int manager = listen_as_manager();
    put("NOTIFY_SOCKET", "@service-test");
    put("WATCHDOG_USEC", "3600000000");
    service_init(&service);
    assert_true(service_next_sign(&service) == UINT64_MAX);
    service_look(&service, true); /* not before it is ready */
    expect_nothing(manager);
    service_tell_ready(&service);
    expect(manager, "READY=1\nSTATUS=serving\n");
    service_look(&service, true);
    expect(manager, "WATCHDOG=1\n");
    service_look(&service, true); /* not due */
    expect_nothing(manager);
    assert_true(service_next_sign(&service) > sys_monotonic_ms());
    service.next_sign = 0;
    service_look(&service, false);
    expect_nothing(manager);
    (void)close(manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_is_read_and_cleaned),
        cmocka_unit_test(what_is_no_socket_is_passed_over),
        cmocka_unit_test(a_watchdog_for_another_process_is_none),
        cmocka_unit_test(it_tells_each_thing_in_its_time),
        cmocka_unit_test(signs_of_life_are_given_when_due_and_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
