#include "sys/resolve.h"

#include "sys/clock.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { PATIENCE_MS = 30 * 1000 }; /* with name servers, whatever their settings say */

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

/* The system does not tell how long it holds. */
static struct sys_resolved ask_system(const char *name, uint16_t port,
                                      struct address *ret_addresses, uint32_t max)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(name, NULL, &hints, &found);
    if (failed)
        return (struct sys_resolved){.reason = gai_strerror(failed)};
    struct sys_resolved resolved = {0};
    for (const struct addrinfo *info = found; info && resolved.count < max; info = info->ai_next)
        resolved.count += take_address(info, port, &ret_addresses[resolved.count]);
    freeaddrinfo(found);
    if (resolved.count == 0)
        resolved.reason = "no address of a known kind";
    return resolved;
}

static struct dns_question *await_answer(struct dns *dns)
{
    uint64_t until = sys_monotonic_ms() + PATIENCE_MS, now;
    struct dns_question *question = NULL;
    while (!question && (now = sys_monotonic_ms()) < until)
        question = dns_wait(dns, (int)(until - now));
    return question;
}

static struct sys_resolved take_answer(const struct dns_answer *answer,
                                       struct address *ret_addresses, uint32_t max)
{
    struct sys_resolved resolved = {.ttl = answer->ttl > 0 ? answer->ttl : 1,
                                    .reason = answer->problem};
    for (uint32_t i = 0; i < answer->count && resolved.count < max; i++)
        ret_addresses[resolved.count++] =
            (struct address){.ip = answer->records[i].ip, .port = answer->records[i].port};
    return resolved;
}

static struct sys_resolved ask_name_servers(const struct dns_settings *settings, const char *name,
                                            uint16_t port, struct address *ret_addresses,
                                            uint32_t max)
{
    struct sys_resolved resolved = {.reason = "there is no memory"};
    struct slice text = slice_from_text(name);
    struct dns *dns = text.length <= DNS_NAME_MAX ? dns_new(settings) : NULL;
    if (!dns)
        return resolved;
    if (dns_ask(dns, DNS_ADDRESSES, text, port, NULL)) {
        struct dns_question *question = await_answer(dns);
        resolved.reason = "no name server answers in time";
        if (question)
            resolved = take_answer(dns_question_answer(question), ret_addresses, max);
        if (question)
            dns_question_free(question);
    }
    dns_free(dns);
    return resolved;
}

struct sys_resolved sys_resolve(const struct dns_settings *settings, const char *name,
                                uint16_t port, struct address *ret_addresses, uint32_t max)
{
    if (settings->name_server_count == 0)
        return ask_system(name, port, ret_addresses, max);
    struct sys_resolved told = ask_name_servers(settings, name, port, ret_addresses, max);
    if (told.count > 0)
        return told;
    struct sys_resolved known = ask_system(name, port, ret_addresses, max);
    return known.count > 0 ? known : told; /* the reason is theirs */
}
