#include "control/admin_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_file_has_a_socket_of_its_own(void **state)
{
    (void)state;
    struct address one, same, other;
    assert_true(admin_default_address(SLICE("/etc/weir/weir.yaml"), 0, NULL, &one));
    assert_true(admin_default_address(SLICE("/etc/weir/weir.yaml"), 0, "/run/user/0", &same));
    assert_true(admin_default_address(SLICE("/etc/weir/other.yaml"), 0, NULL, &other));
    assert_string_equal(one.path, same.path);
    assert_string_not_equal(one.path, other.path);
    assert_int_equal(strncmp(one.path, "/run/weir-0-", 12), 0);
}

static void a_user_has_a_directory_of_his_own(void **state)
{
    (void)state;
    struct address address;
    assert_true(admin_default_address(SLICE("/a"), 1000, "/run/user/1000", &address));
    assert_int_equal(strncmp(address.path, "/run/user/1000/weir-1000-", 25), 0);
    assert_true(admin_default_address(SLICE("/a"), 1000, NULL, &address));
    assert_int_equal(strncmp(address.path, "/tmp/weir-1000-", 15), 0);
}

static void a_path_that_is_too_long_for_a_socket_is_told(void **state)
{
    (void)state;
    char runtime[ADDRESS_PATH_MAX + 2];
    struct address address;
    memset(runtime, 'a', sizeof(runtime) - 1);
    runtime[sizeof(runtime) - 1] = '\0';
    assert_false(admin_default_address(SLICE("/a"), 1000, runtime, &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_has_a_socket_of_its_own),
        cmocka_unit_test(a_user_has_a_directory_of_his_own),
        cmocka_unit_test(a_path_that_is_too_long_for_a_socket_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
