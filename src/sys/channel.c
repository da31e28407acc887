#include "sys/channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor beside a message, aligned as the system wants it. */
union baggage {
    struct cmsghdr header;
    char memory[CMSG_SPACE(sizeof(int))];
};

int sys_channel_open(int ret_ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends) == 0 ? 0 : -errno;
}

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

void sys_channel_refuse_descriptors(int channel)
{
    const int refuse = 0;
    (void)setsockopt(channel, SOL_SOCKET, SO_PASSRIGHTS, &refuse, sizeof(refuse));
}

int sys_channel_send(int channel, struct slice message, int descriptor)
{
    union baggage baggage = {.memory = {0}};
    char *bytes = (char *)(uintptr_t)message.data; /* sendmsg does not write to it */
    struct iovec part = {.iov_base = bytes, .iov_len = message.length};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        header.msg_control = baggage.memory;
        header.msg_controllen = sizeof(baggage.memory);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(rights), &descriptor, sizeof(int));
    }
    ssize_t sent;
    do {
        sent = sendmsg(channel, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* The first one. There is room for more behind it, for the sake of alignment, and who sends us
 * some must not fill our table with them. */
static int take_descriptor(struct msghdr *header)
{
    const struct cmsghdr *rights = CMSG_FIRSTHDR(header);
    int first = -1;
    if (!rights || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS)
        return -1;
    for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= rights->cmsg_len; at += sizeof(int)) {
        int descriptor;
        memcpy(&descriptor, CMSG_DATA(rights) + at, sizeof(int));
        if (first < 0)
            first = descriptor;
        else
            (void)close(descriptor);
    }
    return first;
}

ssize_t sys_channel_receive(int channel, void *memory, size_t size, bool waits, int *ret_descriptor)
{
    union baggage baggage = {.memory = {0}};
    struct iovec part = {.iov_base = memory, .iov_len = size};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = baggage.memory,
                            .msg_controllen = sizeof(baggage.memory)};
    ssize_t length;
    *ret_descriptor = -1;
    do {
        length = recvmsg(channel, &header, MSG_CMSG_CLOEXEC | (waits ? 0 : MSG_DONTWAIT));
    } while (length < 0 && errno == EINTR);
    if (length < 0)
        return -errno;
    *ret_descriptor = take_descriptor(&header);
    return length;
}
