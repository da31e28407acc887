/* How many connections clients have open, in all and per address, over all loops: for the limits
 * `connections` and `connections_per_client`. One of the few tables that threads share: counts in
 * all are atomic, those per address lie in shards with a lock each, taken only where the limit is
 * set. */
#pragma once

#include "base/address.h"

struct client_table;

struct client_table *client_table_new(void);
void client_table_free(struct client_table *table);

/* What becomes of one more connection. */
enum client_entry {
    CLIENT_ENTRY_GRANTED,
    CLIENT_ENTRY_ABOVE_ALL,        /* the limit in all is reached */
    CLIENT_ENTRY_ABOVE_PER_CLIENT, /* that of its address is, or there is no memory to count it */
};

/* One more connection of that address. Where it is not granted nothing was counted. A limit of 0 is
 * none. Any thread. */
enum client_entry client_table_enter(struct client_table *table, const struct ip *ip,
                                     uint64_t limit_all, uint64_t limit_per_client);

/* The end of a connection that entered, with the same limit per client. Any thread. */
void client_table_leave(struct client_table *table, const struct ip *ip, uint64_t limit_per_client);

/* Connections in all. Any thread. */
uint64_t client_table_count(const struct client_table *table);
