/* What requests to servers have in common, whoever makes them. */
#pragma once

#include "base/arena.h"
#include "exchange/exchange.h"

/* The server's name goes into Host, where `*is_wanted` or nothing else is there. That is then
 * wanted of each further server, too, since what is there is the name of the one before. False: no
 * memory. */
bool proxy_name_server(struct request_head *head, struct arena *arena, bool *is_wanted,
                       const struct server *server);

/* What a connection for the exchange begins with, where its server is told of the client. */
COLD void exchange_announce(const struct exchange *exchange, struct proxy_header *ret_header);
