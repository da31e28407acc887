#include "sys/dns_int.h"

#include "base/assert.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    HOSTS_TTL = 5, /* seconds until the hosts file is looked at again */
    CANDIDATE_MAX = 2 * DNS_NAME_MAX + 2,
};

/* One name of which one kind of address is asked for. */
struct look_up {
    struct dns_question *question;
    struct dns_record like; /* what its records have in common */
};

/* A name that is not complete stands for several, its *candidates*, which are tried in turn: those
 * in the search domains, and itself. */
struct dns_question {
    struct dns *dns;
    struct list link;
    void *owner;
    enum dns_kind kind;
    uint16_t port;
    char name[DNS_NAME_MAX + 1];
    uint32_t candidate;
    uint32_t pending; /* messages that are on their way, and one for whoever sends them */
    struct dns_services services;
    struct dns_answer answer;
    struct look_up look_ups[2 * DNS_SERVICES_MAX];
};

static void settle(struct dns_question *question);

struct dns_question *dns_question_of(struct list *link)
{
    return CONTAINER_OF(link, struct dns_question, link);
}

bool dns_ask(struct dns *dns, enum dns_kind kind, struct slice name, uint16_t port, void *owner)
{
    ASSERT(name.length > 0 && name.length <= DNS_NAME_MAX);
    struct dns_question *question = calloc(1, sizeof(*question));
    if (!question)
        return false;
    question->dns = dns;
    question->owner = owner;
    question->kind = kind;
    question->port = port;
    memcpy(question->name, name.data, name.length);
    dns_refresh(dns);
    list_push_back(&dns->asked, &question->link);
    dns_question_begin(question);
    return true;
}

struct dns_answer *dns_question_answer(struct dns_question *question)
{
    return &question->answer;
}

void *dns_question_owner(const struct dns_question *question)
{
    return question->owner;
}

void dns_question_free(struct dns_question *question)
{
    list_remove(&question->link);
    free(question);
}

static void finish(struct dns_question *question)
{
    struct dns_answer *answer = &question->answer;
    if (answer->count == 0 && !answer->problem)
        answer->problem = question->kind == DNS_SERVICES && question->services.count == 0
                              ? "it has no SRV records"
                              : "it has no addresses";
    answer->left_out += question->services.left_out;
    list_remove(&question->link);
    list_push_back(&question->dns->answered, &question->link);
}

/* ---- addresses */

static void on_addresses(void *argument, int status, int timeouts, unsigned char *message,
                         int length)
{
    (void)timeouts;
    struct look_up *look_up = argument;
    struct dns_answer *answer = &look_up->question->answer;
    const char *problem = dns_problem(status);
    if (status == ARES_SUCCESS)
        problem = dns_answer_take(answer, message, (size_t)length, &look_up->like);
    if (problem)
        dns_answer_note_failure(answer, look_up->like.origin, problem);
    settle(look_up->question);
}

static void take_host(struct dns_answer *answer, const struct hostent *host,
                      struct dns_record record)
{
    size_t size = record.ip.kind == ADDRESS_IPV4 ? 4 : 16;
    for (char **each = host->h_addr_list; *each; each++) {
        memcpy(record.ip.bytes, *each, size);
        dns_answer_add(answer, &record);
    }
    dns_answer_limit_ttl(answer, HOSTS_TTL);
}

/* Whether the hosts file knows the name; then nobody is asked. */
static bool look_into_hosts(struct dns_question *question, const char *name,
                            const struct look_up *look_ups)
{
    static const int families[] = {AF_INET, AF_INET6};
    bool is_there = false;
    for (int i = 0; i < 2; i++) {
        struct hostent *host = NULL;
        int status = ares_gethostbyname_file(question->dns->channel, name, families[i], &host);
        if (status != ARES_SUCCESS)
            continue;
        take_host(&question->answer, host, look_ups[i].like);
        ares_free_hostent(host);
        is_there = true;
    }
    return is_there;
}

/* The addresses of one name, where `like` has what their records have in common. */
static void ask_addresses(struct dns_question *question, uint32_t index, const char *name,
                          const struct dns_record *like)
{
    static const enum address_kind kinds[] = {ADDRESS_IPV4, ADDRESS_IPV6};
    struct look_up *look_ups = &question->look_ups[(size_t)2 * index];
    for (int i = 0; i < 2; i++) {
        look_ups[i] = (struct look_up){question, *like};
        look_ups[i].like.ip.kind = kinds[i];
        look_ups[i].like.origin = dns_origin(slice_from_text(name), kinds[i]);
    }
    if (look_into_hosts(question, name, look_ups))
        return;
    question->pending += 2;
    ares_query(question->dns->channel, name, ns_c_in, ns_t_a, on_addresses, &look_ups[0]);
    ares_query(question->dns->channel, name, ns_c_in, ns_t_aaaa, on_addresses, &look_ups[1]);
}

/* ---- services */

static void ask_targets(struct dns_question *question)
{
    for (uint32_t i = 0; i < question->services.count; i++) {
        const struct dns_service *service = &question->services.items[i];
        struct dns_record like = {
            .port = service->port, .priority = service->priority, .weight = service->weight};
        memcpy(like.host, service->target, sizeof(like.host));
        ask_addresses(question, i, service->target, &like);
    }
}

static void on_services(void *argument, int status, int timeouts, unsigned char *message,
                        int length)
{
    (void)timeouts;
    struct dns_question *question = argument;
    const char *problem = dns_problem(status);
    if (status == ARES_SUCCESS)
        problem =
            dns_services_take(&question->services, &question->answer, message, (size_t)length);
    if (problem)
        question->answer.problem = problem;
    else
        ask_targets(question);
    settle(question);
}

/* ---- candidates */

/* The name in a search domain. False: it would be too long, or the domain is none. */
static bool join(const char *name, const char *domain, char ret_name[CANDIDATE_MAX])
{
    (void)snprintf(ret_name, CANDIDATE_MAX, "%s.%s", name, domain);
    return domain[0] != 0 && domain[0] != '.' && strlen(ret_name) <= DNS_NAME_MAX;
}

/* Those with a dot at their end are complete; those with as many dots inside as `ndots` says are
 * first tried as they are. */
static bool candidate(const struct dns_question *question, uint32_t index,
                      char ret_name[CANDIDATE_MAX])
{
    const struct dns *dns = question->dns;
    size_t length = strlen(question->name);
    bool is_complete = question->name[length - 1] == '.';
    uint32_t domains = is_complete ? 0 : dns->domain_count;
    int dots = 0;
    for (size_t i = 0; i < length; i++)
        dots += question->name[i] == '.';
    uint32_t as_it_is = dots >= dns->ndots ? 0 : domains;
    if (index != as_it_is)
        return join(question->name, dns->domains[index > as_it_is ? index - 1 : index], ret_name);
    (void)snprintf(ret_name, CANDIDATE_MAX, "%.*s", (int)(length - is_complete), question->name);
    return true;
}

static uint32_t candidate_count(const struct dns_question *question)
{
    size_t length = strlen(question->name);
    return question->name[length - 1] == '.' ? 1 : question->dns->domain_count + 1;
}

/* Nobody has failed, and yet there is nothing. */
static bool is_empty(const struct dns_question *question)
{
    return question->answer.count == 0 && !question->answer.problem &&
           question->services.count == 0;
}

static void ask_candidate(struct dns_question *question)
{
    char name[CANDIDATE_MAX];
    if (!candidate(question, question->candidate, name))
        return;
    if (question->kind == DNS_ADDRESSES) {
        ask_addresses(question, 0, name, &(struct dns_record){.port = question->port});
        return;
    }
    question->pending++;
    ares_query(question->dns->channel, name, ns_c_in, ns_t_srv, on_services, question);
}

/* What was asked has come, or whoever sent it has sent it all. */
static void settle(struct dns_question *question)
{
    ASSERT(question->pending > 0);
    question->pending--;
    while (question->pending == 0 && !question->dns->is_reopening) {
        if (!is_empty(question) || ++question->candidate >= candidate_count(question)) {
            finish(question);
            return;
        }
        question->pending = 1;
        ask_candidate(question);
        question->pending--;
    }
}

void dns_question_begin(struct dns_question *question)
{
    question->candidate = 0;
    question->services.count = question->services.left_out = 0;
    dns_answer_init(&question->answer);
    if (!question->dns->channel) {
        question->answer.problem = "no memory, or no descriptor";
        finish(question);
        return;
    }
    question->pending = 1;
    ask_candidate(question);
    settle(question);
}
