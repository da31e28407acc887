/* Names into addresses. Waits for the network: never on a loop. The simulation replaces this file.
 * Any thread. */
#pragma once

#include "base/address.h"
#include "sys/dns.h"

/* What came of a name. */
struct sys_resolved {
    uint32_t count;     /* 0: `reason` says why */
    uint32_t ttl;       /* seconds for which it holds; 0: nobody has said */
    const char *reason; /* static; also why there may be more than these; NULL: there are not */
};

/* Fills at most `max` addresses with that port, in the order in which to try them. Where `settings`
 * names name servers these are asked, and the system only for what they do not know. */
struct sys_resolved sys_resolve(const struct dns_settings *settings, const char *name,
                                uint16_t port, struct address *ret_addresses, uint32_t max);
