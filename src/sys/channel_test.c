#include "sys/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* The number that the next descriptor gets. */
static int next_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    (void)close(fd);
    return fd;
}

static ssize_t send_two(int channel)
{
    union {
        struct cmsghdr header;
        char memory[CMSG_SPACE(2 * sizeof(int))];
    } baggage = {.memory = {0}};
    char byte = 'x';
    const int descriptors[] = {0, 0};
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = baggage.memory,
                             .msg_controllen = sizeof(baggage.memory)};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(descriptors));
    memcpy(CMSG_DATA(rights), descriptors, sizeof(descriptors));
    return sendmsg(channel, &message, MSG_NOSIGNAL);
}

static void a_descriptor_goes_along(void **state)
{
    (void)state;
    char text[8];
    int ends[2], descriptor;
    assert_int_equal(sys_channel_open(ends), 0);
    assert_int_equal(sys_channel_send(ends[0], SLICE("one"), 0), 0);
    assert_int_equal(sys_channel_send(ends[0], SLICE("two"), -1), 0);
    assert_int_equal(sys_channel_receive(ends[1], text, sizeof(text), false, &descriptor), 3);
    assert_true(descriptor >= 0 && fcntl(descriptor, F_GETFD) == FD_CLOEXEC);
    (void)close(descriptor);
    assert_int_equal(sys_channel_receive(ends[1], text, sizeof(text), false, &descriptor), 3);
    assert_int_equal(descriptor, -1);
    assert_int_equal(sys_channel_receive(ends[1], text, sizeof(text), false, &descriptor), -EAGAIN);
    (void)close(ends[0]);
    assert_int_equal(sys_channel_receive(ends[1], text, sizeof(text), false, &descriptor), 0);
    (void)close(ends[1]);
}

static void of_several_descriptors_one_is_left(void **state)
{
    (void)state;
    char text[8];
    int ends[2], descriptor;
    assert_int_equal(sys_channel_open(ends), 0);
    int before = next_descriptor();
    assert_int_equal(send_two(ends[0]), 1);
    assert_int_equal(sys_channel_receive(ends[1], text, sizeof(text), false, &descriptor), 1);
    assert_int_equal(descriptor, before);
    (void)close(descriptor);
    assert_int_equal(next_descriptor(), before);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* Where the system can do that; elsewhere they are closed by who gets them. */
static void descriptors_can_be_refused(void **state)
{
    (void)state;
    char text[8];
    int ends[2], descriptor;
    assert_int_equal(sys_channel_open(ends), 0);
    sys_channel_refuse_descriptors(ends[1]);
    ssize_t sent = send_two(ends[0]);
    assert_true(sent == 1 || errno == EPERM);
    if (sent < 0) {
        assert_int_equal(sys_channel_send(ends[0], SLICE("x"), -1), 0);
        assert_int_equal(sys_channel_receive(ends[1], text, sizeof(text), false, &descriptor), 1);
        assert_int_equal(descriptor, -1);
    }
    assert_int_equal(sys_channel_send(ends[1], SLICE("x"), 0), 0); /* the other way */
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_descriptor_goes_along),
        cmocka_unit_test(of_several_descriptors_one_is_left),
        cmocka_unit_test(descriptors_can_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
