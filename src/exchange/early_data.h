/* Requests that came in early data of TLS, before the handshake had shown that they are no
 * recording which somebody else sends again (RFC 8470). Only what is safe goes on at once, and a
 * server is told of it; the rest waits until the handshake has ended. One loop. */
#pragma once

#include <stdbool.h>

struct exchange;

/* What is known of such a request. */
enum early {
    EARLY_CAME = 1,  /* its head was complete before the handshake was */
    EARLY_TOLD = 2,  /* we tell servers by Early-Data, the client did not */
    EARLY_AGAIN = 4, /* a server wants it again when the handshake has ended */
};

/* Whether the head of a final response says that it is too early (425), and another attempt is to
 * be made when the handshake has ended: a client that has told of early data by itself gets to see
 * it (RFC 8470 5.2). */
bool early_data_asks_again(struct exchange *exchange);

/* Whether that attempt has to wait; deadline and news are seen to. */
bool early_data_waits_again(struct exchange *exchange);
