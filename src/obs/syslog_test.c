#include "obs/syslog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_syslog_is_told_from_a_file(void **state)
{
    (void)state;
    assert_true(syslog_is_meant(SLICE("syslog")));
    assert_true(syslog_is_meant(SLICE("syslog:unix:/run/log")));
    assert_false(syslog_is_meant(SLICE("/var/log/syslog")));
    assert_false(syslog_is_meant(SLICE("syslog.txt")));
    assert_false(syslog_is_meant(SLICE("")));
}

static void its_address_is_a_socket_or_a_port(void **state)
{
    (void)state;
    struct address address;
    assert_true(syslog_address(SLICE("syslog"), &address));
    assert_string_equal(address.path, "/dev/log");
    assert_true(syslog_address(SLICE("syslog:unix:/run/my"), &address));
    assert_string_equal(address.path, "/run/my");
    assert_true(syslog_address(SLICE("syslog:127.0.0.1:514"), &address));
    assert_int_equal(address.ip.kind, ADDRESS_IPV4);
    assert_int_equal(address.port, 514);
    assert_true(syslog_address(SLICE("syslog:[::1]:514"), &address));
    assert_int_equal(address.ip.kind, ADDRESS_IPV6);
}

static void everything_else_is_none(void **state)
{
    (void)state;
    const char *const wrong[] = {"",
                                 "file",
                                 "syslog:",
                                 "syslog:514",
                                 "syslog:*:514",
                                 "syslog::514",
                                 "syslog:host:514",
                                 "syslog:unix:",
                                 "syslog:127.0.0.1",
                                 "syslog:127.0.0.1:0"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct address address;
        if (syslog_address(slice_from_text(wrong[i]), &address))
            fail_msg("%s is taken for an address", wrong[i]);
    }
}

static void a_header_tells_severity_time_and_process(void **state)
{
    (void)state;
    char memory[SYSLOG_HEADER_MAX + 1];
    struct text text = text_over(memory, SYSLOG_HEADER_MAX);
    syslog_print_header(&text, LOG_SEVERITY_WARNING, 1700000000123, UINT32_MAX);
    memory[text.length] = '\0';
    assert_false(text_is_cut(&text));
    assert_string_equal(memory, "<28>1 2023-11-14T22:13:20.123Z - weir 4294967295 - - ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syslog_is_told_from_a_file),
        cmocka_unit_test(its_address_is_a_socket_or_a_port),
        cmocka_unit_test(everything_else_is_none),
        cmocka_unit_test(a_header_tells_severity_time_and_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
