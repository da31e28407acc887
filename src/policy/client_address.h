/* Who the client is, when trusted proxies stand before us: X-Forwarded-For is read from right to
 * left, trusted addresses are passed over, the first other one is the client. Pure. */
#pragma once

#include "http/message.h"
#include "policy/ip_ranges.h"

/* The client of a request that came from `peer`. Without a trusted peer, or where the field is
 * missing or malformed at the place that counts, the last address that is believed. */
struct ip client_address(const struct ip *peer, const struct ip_ranges *trusted,
                         const struct fields *fields);
