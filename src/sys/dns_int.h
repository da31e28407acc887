/* What the files of dns.h share. */
#pragma once

#include "base/list.h"
#include "sys/dns.h"

#include <ares.h>
#include <poll.h>

enum {
    DNS_SOCKETS_MAX = 64,
    DNS_DOMAINS_MAX = 6, /* as many search domains as other resolvers obey */
};

struct dns {
    struct dns_settings settings;
    ares_channel channel; /* NULL: it could not be opened */
    int ndots;
    uint32_t domain_count;
    char domains[DNS_DOMAINS_MAX][DNS_NAME_MAX + 1];
    uint64_t stamp;       /* of resolv.conf, when it was read */
    struct list asked;    /* questions without an answer */
    struct list answered; /* that wait for dns_wait */
    bool is_reopening;    /* what fails now is asked again */
    struct pollfd wake;   /* in front of the sockets: polled with them */
    struct pollfd sockets[DNS_SOCKETS_MAX];
    nfds_t socket_count;
};

/* Reads resolv.conf again where it has changed, and asks anew what was asked. */
void dns_refresh(struct dns *dns);

/* ---- dns_question.c */

/* Puts the question to the name servers, from its beginning. */
void dns_question_begin(struct dns_question *question);

/* The question of that place in a list. */
struct dns_question *dns_question_of(struct list *link);
