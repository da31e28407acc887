/* The keys under which tickets are sealed (RFC 5077, RFC 8446 4.6.1): a client that shows a ticket
 * of an earlier connection is known again without certificate and signature, and nothing is kept
 * here for it. Keys are random, live in memory alone and turn over with the handshakes that use
 * them: a ticket is good for a day, and the first handshake two days later has overwritten what
 * could open it. Any thread; each has its own idea of the time, by seconds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tls_tickets;

enum {
    TLS_TICKET_KEYS = 3,            /* the one that seals, and those before it */
    TLS_TICKET_PERIOD = 12 * 3600,  /* seconds for which a key seals */
    TLS_TICKET_SKEW = 60,           /* by which the times of loops differ at most */
    TLS_TICKET_LIFETIME = 24 * 3600 /* seconds for which a client may show a ticket */
};

struct tls_ticket_key {
    unsigned char name[16]; /* stands at the beginning of a ticket */
    unsigned char cipher[32];
    unsigned char authentication[32];
};

/* NULL: no memory, or no random numbers. */
struct tls_tickets *tls_tickets_new(void);
void tls_tickets_free(struct tls_tickets *tickets);

/* The key that seals at that time (seconds since 1970). False: no random numbers for a new one. */
bool tls_tickets_sealing(struct tls_tickets *tickets, int64_t now, struct tls_ticket_key *ret_key);

/* The key of that name. `*ret_is_old`: a new one has taken its place. False: there is none, or none
 * any more. */
bool tls_tickets_find(struct tls_tickets *tickets, int64_t now, const unsigned char name[16],
                      struct tls_ticket_key *ret_key, bool *ret_is_old);
