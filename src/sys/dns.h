/* Names into addresses, with the time for which they hold: questions to name servers (RFC 1035),
 * for A and AAAA records (RFC 3596) and for SRV records (RFC 2782), many at once. What the hosts
 * file knows is not asked for. Over libc-ares, which makes the system calls. A `struct dns` belongs
 * to one thread; only dns_wake may be called by others. */
#pragma once

#include "sys/dns_answer.h"

enum {
    DNS_NAME_MAX = 253,
    DNS_NAME_SERVERS_MAX = 8,
};

enum dns_kind {
    DNS_ADDRESSES, /* of the name */
    DNS_SERVICES,  /* of those that its SRV records lead to */
};

/* Who is asked, and how long one of them has to answer before the next one is asked; all are asked
 * twice, the second time with twice the patience. */
struct dns_settings {
    struct address name_servers[DNS_NAME_SERVERS_MAX];
    uint32_t name_server_count; /* 0: as /etc/resolv.conf says, with its search domains */
    uint32_t timeout_ms;
};

struct dns;
struct dns_question;

/* NULL: no memory, or no descriptor. */
struct dns *dns_new(const struct dns_settings *settings);
void dns_free(struct dns *dns);

/* Others are asked from now on, also what was asked and has not been answered. */
void dns_change(struct dns *dns, const struct dns_settings *settings);

/* `port` is that of the addresses where no SRV record says another one. The name is copied; its
 * length is DNS_NAME_MAX at most. False: no memory. */
bool dns_ask(struct dns *dns, enum dns_kind kind, struct slice name, uint16_t port, void *owner);

/* Waits up to `timeout_ms` (-1: for ever) for an answer, and returns a question that has one; NULL
 * where there is none, or somebody called dns_wake. A resolv.conf that has changed is read again,
 * and what was asked is asked anew. */
struct dns_question *dns_wait(struct dns *dns, int timeout_ms);

/* Of a question that dns_wait returned, until it is freed. */
struct dns_answer *dns_question_answer(struct dns_question *question);
void *dns_question_owner(const struct dns_question *question);
void dns_question_free(struct dns_question *question);

/* Lets dns_wait return soon. Any thread. */
void dns_wake(struct dns *dns);
