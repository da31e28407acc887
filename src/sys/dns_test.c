#include "sys/dns.h"
#include "sys/thread.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A name server that knows a few names, each with a way of its own. */
enum { TYPE_A = 1, TYPE_AAAA = 28, TYPE_SRV = 33, SERVFAIL = 2, NXDOMAIN = 3 };

struct name_server {
    int fd;
    struct sys_thread *thread;
    struct dns_settings settings;
};

struct reply {
    unsigned char bytes[512];
    size_t length;
};

static void add_record(struct reply *reply, unsigned type, unsigned ttl, const void *data,
                       unsigned length)
{
    const unsigned char head[] = {0xc0, 12, 0, (unsigned char)type, 0, 1,
                                  0,    0,  0, (unsigned char)ttl,  0, (unsigned char)length};
    memcpy(reply->bytes + reply->length, head, sizeof(head));
    memcpy(reply->bytes + reply->length + sizeof(head), data, length);
    reply->length += sizeof(head) + length;
    reply->bytes[7]++;
}

/* False: silence. The name's first label says what becomes of it. */
static bool answer(struct reply *reply, struct slice name, unsigned type)
{
    if (slice_starts_with(name, SLICE("silent")))
        return false;
    if (slice_starts_with(name, SLICE("failing")) ||
        (type == TYPE_AAAA && slice_starts_with(name, SLICE("half"))))
        reply->bytes[3] |= SERVFAIL;
    else if (slice_starts_with(name, SLICE("none")))
        reply->bytes[3] |= NXDOMAIN;
    else if (type == TYPE_A && !slice_starts_with(name, SLICE("empty")))
        add_record(reply, TYPE_A, 30, "\x0a\0\0\1", 4);
    else if (type == TYPE_AAAA && slice_starts_with(name, SLICE("both")))
        add_record(reply, TYPE_AAAA, 20, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    else if (type == TYPE_SRV) {
        add_record(reply, TYPE_SRV, 60, "\0\2\0\5\x1f\x90\4both\4test\0", 17);
        add_record(reply, TYPE_SRV, 60, "\0\1\0\0\x1f\x91\4none\4test\0", 17);
    }
    return true;
}

/* Until an empty message comes. */
static void serve(void *argument)
{
    const struct name_server *server = argument;
    struct reply reply;
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    ssize_t got;
    while ((got = recvfrom(server->fd, reply.bytes, sizeof(reply.bytes), 0,
                           (struct sockaddr *)&from, &size)) > 16) {
        struct slice name = slice_of((char *)reply.bytes + 13, (size_t)got - 13 - 5);
        reply.length = (size_t)got;
        reply.bytes[2] |= 0x80;
        if (answer(&reply, name, reply.bytes[got - 3]))
            assert_true(sendto(server->fd, reply.bytes, reply.length, 0, (struct sockaddr *)&from,
                               size) > 0);
        size = sizeof(from);
    }
}

static int open_server(void **state)
{
    static struct name_server server;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&address, &size), 0);
    server.settings = (struct dns_settings){.name_server_count = 1, .timeout_ms = 60 * 1000};
    server.settings.name_servers[0].port = ntohs(address.sin_port);
    assert_true(ip_parse(SLICE("127.0.0.1"), &server.settings.name_servers[0].ip));
    server.thread = sys_thread_start("name-server", serve, &server);
    assert_non_null(server.thread);
    *state = &server;
    return 0;
}

static int close_server(void **state)
{
    struct name_server *server = *state;
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(sendto(server->fd, "", 0, 0, (struct sockaddr *)&address, size), 0);
    sys_thread_join(server->thread);
    (void)close(server->fd);
    return 0;
}

static struct dns *open_dns(void **state)
{
    const struct name_server *server = *state;
    struct dns *dns = dns_new(&server->settings);
    assert_non_null(dns);
    return dns;
}

static struct dns_question *await(struct dns *dns)
{
    struct dns_question *question;
    while (!(question = dns_wait(dns, -1)))
        continue;
    return question;
}

/* Asks, and compares `TTL 1.2.3.4:80/1*5 … (problem)`. */
static void expect(struct dns *dns, enum dns_kind kind, const char *name, const char *words)
{
    char memory[512];
    struct text text = text_over(memory, sizeof(memory) - 1);
    assert_true(dns_ask(dns, kind, slice_from_text(name), 80, &memory));
    struct dns_question *question = await(dns);
    assert_ptr_equal(dns_question_owner(question), &memory);
    const struct dns_answer *found = dns_question_answer(question);
    if (found->count > 0)
        text_print(&text, "%us", found->ttl);
    for (uint32_t i = 0; i < found->count; i++) {
        const struct dns_record *record = &found->records[i];
        text_add_byte(&text, ' ');
        ip_print(&text, &record->ip);
        text_print(&text, ":%u/%u*%u%s", record->port, record->priority, record->weight,
                   record->host);
    }
    if (found->problem)
        text_print(&text, "(%s)", found->problem);
    memory[text.length] = 0;
    assert_string_equal(memory, words);
    dns_question_free(question);
}

static void names_have_addresses_of_both_kinds(void **state)
{
    struct dns *dns = open_dns(state);
    expect(dns, DNS_ADDRESSES, "both.test", "20s 10.0.0.1:80/0*0 fd00::1:80/0*0");
    expect(dns, DNS_ADDRESSES, "four.test", "30s 10.0.0.1:80/0*0");
    dns_free(dns);
}

static void names_without_addresses_say_why(void **state)
{
    struct dns *dns = open_dns(state);
    expect(dns, DNS_ADDRESSES, "empty.test", "(it has no addresses)");
    expect(dns, DNS_ADDRESSES, "none.test", "(it has no addresses)");
    expect(dns, DNS_SERVICES, "none.test", "(it has no SRV records)");
    expect(dns, DNS_ADDRESSES, "failing.test",
           "(no name server can be reached, or all of them fail)");
    expect(dns, DNS_ADDRESSES, "half.test",
           "30s 10.0.0.1:80/0*0(no name server can be reached, or all of them fail)");
    dns_free(dns);
}

static void services_lead_to_the_addresses_of_their_targets(void **state)
{
    struct dns *dns = open_dns(state);
    expect(dns, DNS_SERVICES, "_http._tcp.test",
           "20s 10.0.0.1:8080/2*5both.test fd00::1:8080/2*5both.test");
    dns_free(dns);
}

static void the_hosts_file_goes_first(void **state)
{
    struct dns *dns = open_dns(state);
    assert_true(dns_ask(dns, DNS_ADDRESSES, SLICE("localhost"), 80, NULL));
    struct dns_question *question = await(dns);
    assert_true(ip_is_loopback(&dns_question_answer(question)->records[0].ip));
    dns_question_free(question);
    dns_free(dns);
}

/* The silent one would be waited for, for a minute. */
static void many_are_asked_at_once_and_others_go_on(void **state)
{
    struct dns *dns = open_dns(state);
    assert_true(dns_ask(dns, DNS_ADDRESSES, SLICE("silent.test"), 80, NULL));
    expect(dns, DNS_ADDRESSES, "four.test", "30s 10.0.0.1:80/0*0");
    expect(dns, DNS_ADDRESSES, "both.test", "20s 10.0.0.1:80/0*0 fd00::1:80/0*0");
    dns_free(dns); /* with a question that nobody answers */
}

/* Nobody listens where it asks first. */
static void other_settings_hold_for_what_was_asked_before(void **state)
{
    const struct name_server *server = *state;
    struct dns_settings nowhere = server->settings;
    assert_true(ip_parse(SLICE("127.0.0.9"), &nowhere.name_servers[0].ip));
    int silent = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, "127.0.0.9", &address.sin_addr), 1);
    address.sin_port = htons(nowhere.name_servers[0].port);
    assert_int_equal(bind(silent, (struct sockaddr *)&address, sizeof(address)), 0);
    struct dns *dns = dns_new(&nowhere);
    assert_true(dns_ask(dns, DNS_ADDRESSES, SLICE("four.test"), 80, NULL));
    assert_null(dns_wait(dns, 0));
    dns_change(dns, &server->settings);
    struct dns_question *question = await(dns);
    assert_int_equal(dns_question_answer(question)->count, 1);
    dns_question_free(question);
    dns_free(dns);
    (void)close(silent);
}

static void a_wake_up_ends_the_wait(void **state)
{
    struct dns *dns = open_dns(state);
    dns_wake(dns);
    assert_null(dns_wait(dns, -1));
    dns_free(dns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_addresses_of_both_kinds),
        cmocka_unit_test(names_without_addresses_say_why),
        cmocka_unit_test(services_lead_to_the_addresses_of_their_targets),
        cmocka_unit_test(the_hosts_file_goes_first),
        cmocka_unit_test(many_are_asked_at_once_and_others_go_on),
        cmocka_unit_test(other_settings_hold_for_what_was_asked_before),
        cmocka_unit_test(a_wake_up_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, open_server, close_server);
}
