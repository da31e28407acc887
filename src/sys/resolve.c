#include "sys/resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

static bool take_address(const struct addrinfo *info, uint16_t port, struct address *ret_address)
{
    *ret_address = (struct address){.port = port};
    if (info->ai_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, info->ai_addr, sizeof(ipv4));
        ret_address->ip.kind = ADDRESS_IPV4;
        memcpy(ret_address->ip.bytes, &ipv4.sin_addr, 4);
        return true;
    }
    if (info->ai_family == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, info->ai_addr, sizeof(ipv6));
        ret_address->ip.kind = ADDRESS_IPV6;
        memcpy(ret_address->ip.bytes, &ipv6.sin6_addr, 16);
        return true;
    }
    return false;
}

uint32_t sys_resolve(const char *name, uint16_t port, struct address *ret_addresses, uint32_t max,
                     const char **ret_reason)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(name, NULL, &hints, &found);
    if (failed) {
        *ret_reason = gai_strerror(failed);
        return 0;
    }
    uint32_t count = 0;
    for (const struct addrinfo *info = found; info && count < max; info = info->ai_next) {
        if (take_address(info, port, &ret_addresses[count]))
            count++;
    }
    freeaddrinfo(found);
    if (count == 0)
        *ret_reason = "no address of a known kind";
    return count;
}
