/* What name servers say, as values: read from their messages, put in order, limited. Computes only.
 */
#pragma once

#include "base/address.h"

enum {
    DNS_RECORDS_MAX = 64,
    DNS_SERVICES_MAX = 64,
    DNS_TARGET_MAX = 255,
};

/* One address. */
struct dns_record {
    struct ip ip;
    uint16_t port;
    uint16_t priority, weight;     /* of a SRV record; else 0 */
    uint64_t origin;               /* which question it answers: dns_origin */
    char host[DNS_TARGET_MAX + 1]; /* the target of a SRV record; else empty */
};

/* In order of priority, address and port, so that of many the same are kept each time. */
struct dns_answer {
    uint32_t count;
    uint32_t left_out;   /* addresses for which there was no room */
    uint32_t ttl;        /* seconds until it has to be asked for again: the least of all records */
    const char *problem; /* static; why there is no address, or not all of them; NULL: none */
    uint32_t failed_count;
    uint64_t failed[2 * DNS_SERVICES_MAX]; /* origins that could not be asked for */
    struct dns_record records[DNS_RECORDS_MAX];
};

/* One SRV record. */
struct dns_service {
    char target[DNS_TARGET_MAX + 1];
    uint16_t port, priority, weight;
};

struct dns_services {
    uint32_t count;
    uint32_t left_out;
    struct dns_service items[DNS_SERVICES_MAX];
};

void dns_answer_init(struct dns_answer *answer);

/* The question for addresses of one kind of one name. */
uint64_t dns_origin(struct slice name, enum address_kind kind);

/* Puts it in its place. Of the same address and port one is kept, that of the lowest priority; of
 * too many the last go. */
void dns_answer_add(struct dns_answer *answer, const struct dns_record *record);

void dns_answer_note_failure(struct dns_answer *answer, uint64_t origin, const char *problem);

/* Whoever could not be asked for has the records that they had before. */
void dns_answer_keep(struct dns_answer *answer, const struct dns_record *before, uint32_t count);

/* What a status of libc-ares means; NULL: the question has its answer, that there are no such
 * records included. Static text. */
const char *dns_problem(int status);

/* The TTL holds for the whole answer. */
void dns_answer_limit_ttl(struct dns_answer *answer, uint32_t ttl);

/* The smallest TTL in the answer section of a message. False: it is no message, or has no answer. A
 * TTL with its highest bit set is 0 (RFC 2181 section 8). */
bool dns_message_ttl(const unsigned char *message, size_t length, uint32_t *ret_ttl);

/* Takes what a message says of one kind of address; `like` has everything else of the records.
 * NULL, or why not (static text). */
const char *dns_answer_take(struct dns_answer *answer, const unsigned char *message, size_t length,
                            const struct dns_record *like);

/* The SRV records of a message, in order of priority, the greatest weights first; of too many the
 * last go. A service that is not to be had (target `.`) has none. NULL, or why not. */
const char *dns_services_take(struct dns_services *services, struct dns_answer *answer,
                              const unsigned char *message, size_t length);
