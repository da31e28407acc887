#include "sys/socket.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

union any_address {
    struct sockaddr base;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    struct sockaddr_un local;
    struct sockaddr_storage storage;
};

static socklen_t to_system(const struct address *address, union any_address *ret_any)
{
    memset(ret_any, 0, sizeof(*ret_any));
    switch (address->ip.kind) {
    case ADDRESS_IPV4:
        ret_any->ipv4.sin_family = AF_INET;
        ret_any->ipv4.sin_port = htons(address->port);
        memcpy(&ret_any->ipv4.sin_addr, address->ip.bytes, 4);
        return sizeof(ret_any->ipv4);
    case ADDRESS_IPV6:
        ret_any->ipv6.sin6_family = AF_INET6;
        ret_any->ipv6.sin6_port = htons(address->port);
        memcpy(&ret_any->ipv6.sin6_addr, address->ip.bytes, 16);
        return sizeof(ret_any->ipv6);
    case ADDRESS_UNIX: {
        size_t length = strlen(address->path);
        ret_any->local.sun_family = AF_UNIX;
        memcpy(ret_any->local.sun_path, address->path, length);
        if (address->path[0] == '@')
            ret_any->local.sun_path[0] = '\0';
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    }
    case ADDRESS_NONE:
        break;
    }
    UNREACHABLE();
}

static void from_system(const union any_address *any, struct ip *ret_ip, uint16_t *ret_port)
{
    *ret_ip = (struct ip){.kind = ADDRESS_UNIX};
    *ret_port = 0;
    if (any->base.sa_family == AF_INET) {
        ret_ip->kind = ADDRESS_IPV4;
        memcpy(ret_ip->bytes, &any->ipv4.sin_addr, 4);
        *ret_port = ntohs(any->ipv4.sin_port);
    } else if (any->base.sa_family == AF_INET6) {
        const uint8_t *bytes = any->ipv6.sin6_addr.s6_addr;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&any->ipv6.sin6_addr);
        ret_ip->kind = mapped ? ADDRESS_IPV4 : ADDRESS_IPV6;
        memcpy(ret_ip->bytes, mapped ? bytes + 12 : bytes, mapped ? 4 : 16);
        *ret_port = ntohs(any->ipv6.sin6_port);
    }
}

static void set_option(int fd, int level, int option, int value)
{
    /* A socket without the option works, only less well. */
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

/* For listening sockets, whose accepted ones inherit it, and for connecting ones. */
static void prepare_tcp(int fd, const struct ip *ip)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    /* What does not leave the machine meets no congestion. A control that paces what is sent, as
     * BBR does, then only costs: a timer for each segment, half of the CPU time of a long body. */
    static const char unpaced[] = "reno";
    if (ip_is_loopback(ip))
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, unpaced, sizeof(unpaced) - 1);
}

/* Whether somebody answers on the Unix socket of that path; a leftover file is removed. */
static bool is_taken(const union any_address *any, socklen_t length, const struct address *address)
{
    if (address->path[0] == '@')
        return false;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return false;
    bool refused = connect(probe, &any->base, length) != 0 && errno == ECONNREFUSED;
    (void)close(probe);
    struct stat status;
    if (lstat(address->path, &status) != 0)
        return false;
    /* Whatever is no socket refuses as well, and is not ours to remove. */
    bool leftover = refused && S_ISSOCK(status.st_mode);
    if (leftover)
        (void)unlink(address->path);
    return !leftover;
}

int sys_listen(const struct address *address, const struct sys_listen_options *options)
{
    union any_address any;
    socklen_t length = to_system(address, &any);
    bool local = address->ip.kind == ADDRESS_UNIX;
    if (local && is_taken(&any, length, address))
        return -EADDRINUSE;
    int fd = socket(any.base.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (!local) {
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, options->share && !options->is_first);
        prepare_tcp(fd, &address->ip);
    }
    if (address->ip.kind == ADDRESS_IPV6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address_is_any(address));
    if (local && options->is_private)
        (void)fchmod(fd, 0600); /* bind makes the file with the mode of the socket */
    if (bind(fd, &any.base, length) != 0 || listen(fd, options->backlog) != 0) {
        int error = errno;
        (void)close(fd);
        return -error;
    }
    /* Said only now: with it another process of the same user would share the port, unknown to
     * both, and get half of the clients. */
    if (!local && options->share && options->is_first)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return fd;
}

void sys_listen_forget(const struct address *address)
{
    union any_address any;
    if (address->ip.kind == ADDRESS_UNIX)
        (void)is_taken(&any, to_system(address, &any), address);
}

void sys_listen_remove(const struct address *address)
{
    struct stat status;
    if (address->ip.kind == ADDRESS_UNIX && address->path[0] != '@' &&
        lstat(address->path, &status) == 0 && S_ISSOCK(status.st_mode))
        (void)unlink(address->path);
}

/* The other way round: of what getsockname tells. False: it is of no kind that we know. */
static bool read_address(const union any_address *any, socklen_t length,
                         struct address *ret_address)
{
    *ret_address = (struct address){0};
    if (any->base.sa_family == AF_INET || any->base.sa_family == AF_INET6) {
        from_system(any, &ret_address->ip, &ret_address->port);
        return true;
    }
    size_t start = offsetof(struct sockaddr_un, sun_path);
    if (any->base.sa_family != AF_UNIX || length <= start || length - start > ADDRESS_PATH_MAX + 1)
        return false;
    ret_address->ip.kind = ADDRESS_UNIX;
    memcpy(ret_address->path, any->local.sun_path, length - start);
    if (ret_address->path[0] == '\0')
        ret_address->path[0] = '@';
    return ret_address->path[ADDRESS_PATH_MAX] == '\0';
}

static int option_of(int fd, int option)
{
    int value = 0;
    socklen_t length = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

bool sys_listening_address(int fd, struct address *ret_address)
{
    union any_address any;
    socklen_t length = sizeof(any);
    if (option_of(fd, SO_ACCEPTCONN) != 1 || option_of(fd, SO_TYPE) != SOCK_STREAM ||
        getsockname(fd, &any.base, &length) != 0 || !read_address(&any, length, ret_address) ||
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
        return false;
    if (ret_address->ip.kind != ADDRESS_UNIX)
        prepare_tcp(fd, &ret_address->ip);
    return true;
}

uint32_t sys_peer_user(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
        return UINT32_MAX;
    return peer.uid;
}

uint16_t sys_local_port(int fd)
{
    union any_address any = {0};
    socklen_t length = sizeof(any);
    struct ip ip;
    uint16_t port = 0;
    if (getsockname(fd, &any.base, &length) == 0)
        from_system(&any, &ip, &port);
    return port;
}

void sys_socket_ends(int fd, struct sys_ends *ret_ends)
{
    union any_address local = {0}, peer = {0};
    socklen_t local_length = sizeof(local), peer_length = sizeof(peer);
    *ret_ends = (struct sys_ends){0};
    if (getsockname(fd, &local.base, &local_length) == 0)
        from_system(&local, &ret_ends->local, &ret_ends->local_port);
    if (getpeername(fd, &peer.base, &peer_length) == 0)
        from_system(&peer, &ret_ends->peer, &ret_ends->peer_port);
}

int sys_accept(int fd, struct ip *ret_peer, uint16_t *ret_port)
{
    union any_address any;
    any.base.sa_family = AF_UNIX;
    socklen_t length = sizeof(any);
    int client = accept4(fd, &any.base, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0)
        return -errno;
    from_system(&any, ret_peer, ret_port);
    return client;
}

int sys_connect(const struct address *address, bool *ret_pending)
{
    union any_address any;
    socklen_t length = to_system(address, &any);
    int fd = socket(any.base.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (address->ip.kind != ADDRESS_UNIX)
        prepare_tcp(fd, &address->ip);
    *ret_pending = false;
    if (connect(fd, &any.base, length) == 0)
        return fd;
    int error = errno;
    if (error == EINPROGRESS) {
        *ret_pending = true;
        return fd;
    }
    (void)close(fd);
    /* A Unix server whose queue is full says EAGAIN, and nothing tells when it has room. */
    return error == EAGAIN ? -ECONNREFUSED : -error;
}

int sys_connect_datagram(const struct address *address)
{
    union any_address any;
    socklen_t length = to_system(address, &any);
    int fd = socket(any.base.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, &any.base, length) == 0)
        return fd;
    int error = errno;
    (void)close(fd);
    return -error;
}

int sys_socket_error(int fd)
{
    int error = 0;
    socklen_t length = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        return -errno;
    return -error;
}

bool sys_unsent(int fd, uint64_t *ret_count)
{
    int count = 0;
    if (ioctl(fd, TIOCOUTQ, &count) != 0 || count < 0)
        return false;
    *ret_count = (uint64_t)count;
    return true;
}

/* Linux has these two figures in the place of others, which a listening socket has not. */
bool sys_accept_queue(int fd, uint32_t *ret_waiting, uint32_t *ret_limit)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || info.tcpi_state != TCP_LISTEN)
        return false;
    *ret_waiting = info.tcpi_unacked;
    *ret_limit = info.tcpi_sacked;
    return true;
}

/* The system is called past the C library, where each of these calls is a place at which the thread
 * may be cancelled: that takes two locked instructions, and 1.5 % of a small exchange. Returns a
 * count, or -errno. */
static inline ssize_t transfer(long call, int fd, const void *memory, size_t size, int flags)
{
    ssize_t count;
    do {
        count = syscall(call, fd, memory, size, flags, NULL, 0);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

ssize_t sys_receive(int fd, void *memory, size_t size)
{
    return transfer(SYS_recvfrom, fd, memory, size, 0);
}

ssize_t sys_send_one(int fd, struct slice part)
{
    return transfer(SYS_sendto, fd, part.data, part.length, MSG_NOSIGNAL);
}

ssize_t sys_send(int fd, const struct slice *parts, size_t count)
{
    /* A slice and an iovec are laid out alike; the kernel only reads them. */
    _Static_assert(sizeof(struct slice) == sizeof(struct iovec), "slices are sent as iovecs");
    _Static_assert(offsetof(struct slice, length) == offsetof(struct iovec, iov_len),
                   "slices are sent as iovecs");
    ASSERT(count <= SYS_PARTS_MAX);
    if (count == 1)
        return sys_send_one(fd, parts[0]); /* the kernel then reads no list */
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count};
    ssize_t sent;
    do {
        sent = syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

int sys_shutdown_send(int fd)
{
    return shutdown(fd, SHUT_WR) == 0 ? 0 : -errno;
}

void sys_close_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    sys_close(fd);
}

void sys_close(int fd)
{
    ASSERT(fd >= 0);
    (void)close(fd);
}

int sys_pipe(int ret_ends[2], size_t size)
{
    if (pipe2(ret_ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return -errno;
    /* Above the limit for users the pipe stays small, and works. */
    (void)fcntl(ret_ends[1], F_SETPIPE_SZ, (int)size);
    return 0;
}

ssize_t sys_splice(int from, int to, size_t count, bool more_follows)
{
    unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more_follows ? SPLICE_F_MORE : 0);
    ssize_t moved;
    do {
        moved = splice(from, NULL, to, NULL, count, flags);
    } while (moved < 0 && errno == EINTR);
    return moved < 0 ? -errno : moved;
}

uint64_t sys_raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}
