/* Names into addresses. Waits for the network: never on a loop. The simulation replaces this file.
 * Any thread. */
#pragma once

#include "base/address.h"

/* Fills at most `max` addresses with that port, in the order in which to try them. Returns how
 * many, or 0 with the reason in `*ret_reason` (static text). */
uint32_t sys_resolve(const char *name, uint16_t port, struct address *ret_addresses, uint32_t max,
                     const char **ret_reason);
