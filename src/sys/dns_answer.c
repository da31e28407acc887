#include "sys/dns_answer.h"

#include <ares.h>
#include <stdlib.h>

enum {
    HEADER_SIZE = 12,
    QUESTION_REST = 4,    /* type and class behind the name */
    RECORD_REST = 10,     /* type, class, TTL and length */
    ADDRESSES_MAX = 1024, /* of one message that are looked at */
};

void dns_answer_init(struct dns_answer *answer)
{
    answer->count = answer->left_out = answer->failed_count = 0;
    answer->ttl = UINT32_MAX;
    answer->problem = NULL;
}

uint64_t dns_origin(struct slice name, enum address_kind kind)
{
    return slice_hash(name, (uint64_t)kind);
}

static int compare_places(const struct dns_record *a, const struct dns_record *b)
{
    if (a->ip.kind != b->ip.kind)
        return a->ip.kind < b->ip.kind ? -1 : 1;
    int bytes = memcmp(a->ip.bytes, b->ip.bytes, sizeof(a->ip.bytes));
    return bytes ? bytes : (int)a->port - (int)b->port;
}

static int compare_records(const struct dns_record *a, const struct dns_record *b)
{
    return a->priority != b->priority ? (int)a->priority - (int)b->priority : compare_places(a, b);
}

/* Where the same place is there with a priority that comes later, it goes. False: it stays, and the
 * new one is not wanted. */
static bool forget_later(struct dns_answer *answer, const struct dns_record *record)
{
    struct dns_record *records = answer->records;
    uint32_t i = 0;
    while (i < answer->count && compare_places(&records[i], record) != 0)
        i++;
    if (i == answer->count)
        return true;
    if (records[i].priority <= record->priority)
        return false;
    answer->count--;
    memmove(&records[i], &records[i + 1], (answer->count - i) * sizeof(records[0]));
    return true;
}

void dns_answer_add(struct dns_answer *answer, const struct dns_record *record)
{
    if (!forget_later(answer, record))
        return;
    uint32_t at = 0;
    while (at < answer->count && compare_records(&answer->records[at], record) < 0)
        at++;
    answer->left_out += answer->count == DNS_RECORDS_MAX;
    if (at == DNS_RECORDS_MAX)
        return;
    answer->count -= answer->count == DNS_RECORDS_MAX;
    memmove(&answer->records[at + 1], &answer->records[at],
            (answer->count - at) * sizeof(answer->records[0]));
    answer->records[at] = *record;
    answer->count++;
}

void dns_answer_note_failure(struct dns_answer *answer, uint64_t origin, const char *problem)
{
    answer->problem = problem;
    if (answer->failed_count < sizeof(answer->failed) / sizeof(answer->failed[0]))
        answer->failed[answer->failed_count++] = origin;
}

static bool has_failed(const struct dns_answer *answer, uint64_t origin)
{
    for (uint32_t i = 0; i < answer->failed_count; i++) {
        if (answer->failed[i] == origin)
            return true;
    }
    return false;
}

void dns_answer_keep(struct dns_answer *answer, const struct dns_record *before, uint32_t count)
{
    for (uint32_t i = 0; answer->failed_count > 0 && i < count; i++) {
        if (has_failed(answer, before[i].origin))
            dns_answer_add(answer, &before[i]);
    }
}

void dns_answer_limit_ttl(struct dns_answer *answer, uint32_t ttl)
{
    if (ttl < answer->ttl)
        answer->ttl = ttl;
}

static uint32_t read_number(const unsigned char *bytes, unsigned size)
{
    uint32_t number = 0;
    for (unsigned i = 0; i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* Where the name that begins at `at` is over (RFC 1035 4.1.4); 0: nowhere in the message. */
static size_t skip_name(const unsigned char *message, size_t length, size_t at)
{
    while (at < length) {
        unsigned label = message[at];
        if (label == 0)
            return at + 1;
        if ((label & 0xc0) == 0xc0)
            return at + 2;
        if (label & 0xc0)
            return 0;
        at += 1 + label;
    }
    return 0;
}

bool dns_message_ttl(const unsigned char *message, size_t length, uint32_t *ret_ttl)
{
    if (length < HEADER_SIZE)
        return false;
    uint32_t questions = read_number(message + 4, 2), answers = read_number(message + 6, 2);
    size_t at = HEADER_SIZE;
    for (uint32_t i = 0; i < questions; i++) {
        at = skip_name(message, length, at);
        if (at == 0 || at + QUESTION_REST > length)
            return false;
        at += QUESTION_REST;
    }
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < answers; i++) {
        at = skip_name(message, length, at);
        if (at == 0 || at + RECORD_REST > length)
            return false;
        uint32_t ttl = read_number(message + at + 4, 4);
        ttl = ttl > INT32_MAX ? 0 : ttl;
        least = ttl < least ? ttl : least;
        at += RECORD_REST + read_number(message + at + 8, 2);
        if (at > length)
            return false;
    }
    *ret_ttl = least;
    return answers > 0;
}

const char *dns_problem(int status)
{
    switch (status) {
    case ARES_SUCCESS:
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
        return NULL;
    case ARES_ETIMEOUT:
        return "no name server answers in time";
    case ARES_ECONNREFUSED: /* also where all have answered with a failure */
        return "no name server can be reached, or all of them fail";
    case ARES_EBADRESP:
        return "the answer of the name server cannot be read";
    default:
        return ares_strerror(status);
    }
}

static const char *take_ipv4(struct dns_answer *answer, const unsigned char *message, int length,
                             const struct dns_record *like)
{
    struct ares_addrttl found[ADDRESSES_MAX];
    int count = ADDRESSES_MAX;
    int status = ares_parse_a_reply(message, length, NULL, found, &count);
    struct dns_record record = *like;
    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        memcpy(record.ip.bytes, &found[i].ipaddr, 4);
        dns_answer_add(answer, &record);
    }
    return dns_problem(status);
}

static const char *take_ipv6(struct dns_answer *answer, const unsigned char *message, int length,
                             const struct dns_record *like)
{
    struct ares_addr6ttl found[ADDRESSES_MAX];
    int count = ADDRESSES_MAX;
    int status = ares_parse_aaaa_reply(message, length, NULL, found, &count);
    struct dns_record record = *like;
    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        memcpy(record.ip.bytes, &found[i].ip6addr, 16);
        dns_answer_add(answer, &record);
    }
    return dns_problem(status);
}

const char *dns_answer_take(struct dns_answer *answer, const unsigned char *message, size_t length,
                            const struct dns_record *like)
{
    uint32_t ttl;
    if (!dns_message_ttl(message, length, &ttl))
        return dns_problem(ARES_EBADRESP);
    dns_answer_limit_ttl(answer, ttl);
    return like->ip.kind == ADDRESS_IPV4 ? take_ipv4(answer, message, (int)length, like)
                                         : take_ipv6(answer, message, (int)length, like);
}

static int compare_services(const struct dns_service *a, const struct dns_service *b)
{
    if (a->priority != b->priority)
        return (int)a->priority - (int)b->priority;
    if (a->weight != b->weight)
        return (int)b->weight - (int)a->weight;
    int targets = strcmp(a->target, b->target);
    return targets ? targets : (int)a->port - (int)b->port;
}

static void add_service(struct dns_services *services, const struct ares_srv_reply *found)
{
    struct dns_service service = {
        .port = found->port, .priority = found->priority, .weight = found->weight};
    struct slice target = slice_from_text(found->host);
    if (slice_is_empty(target) || slice_equal(target, SLICE(".")) ||
        target.length > DNS_TARGET_MAX || found->port == 0)
        return;
    ascii_lower_copy(service.target, target);
    uint32_t at = 0;
    while (at < services->count && compare_services(&services->items[at], &service) < 0)
        at++;
    services->left_out += services->count == DNS_SERVICES_MAX;
    if (at == DNS_SERVICES_MAX)
        return;
    services->count -= services->count == DNS_SERVICES_MAX;
    memmove(&services->items[at + 1], &services->items[at],
            (services->count - at) * sizeof(services->items[0]));
    services->items[at] = service;
    services->count++;
}

const char *dns_services_take(struct dns_services *services, struct dns_answer *answer,
                              const unsigned char *message, size_t length)
{
    uint32_t ttl;
    if (!dns_message_ttl(message, length, &ttl))
        return dns_problem(ARES_EBADRESP);
    dns_answer_limit_ttl(answer, ttl);
    struct ares_srv_reply *found = NULL;
    int status = ares_parse_srv_reply(message, (int)length, &found);
    for (const struct ares_srv_reply *each = found; each; each = each->next)
        add_service(services, each);
    if (found)
        ares_free_data(found);
    return dns_problem(status);
}
