#include "sys/dns_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct dns_record record(const char *ip, uint16_t port, uint16_t priority)
{
    struct dns_record made = {.port = port, .priority = priority, .origin = 1};
    assert_true(ip_parse(slice_from_text(ip), &made.ip));
    return made;
}

static void add(struct dns_answer *answer, const char *ip, uint16_t port, uint16_t priority)
{
    struct dns_record made = record(ip, port, priority);
    dns_answer_add(answer, &made);
}

/* `1.2.3.4:80/1 …` */
static void expect(const struct dns_answer *answer, const char *words)
{
    char memory[4096];
    struct text text = text_over(memory, sizeof(memory) - 1);
    for (uint32_t i = 0; i < answer->count; i++) {
        if (i > 0)
            text_add_byte(&text, ' ');
        ip_print(&text, &answer->records[i].ip);
        text_print(&text, ":%u/%u", answer->records[i].port, answer->records[i].priority);
    }
    memory[text.length] = 0;
    assert_string_equal(memory, words);
}

static void records_stand_in_one_order_however_they_come(void **state)
{
    (void)state;
    struct dns_answer answer;
    dns_answer_init(&answer);
    add(&answer, "10.0.0.2", 80, 1);
    add(&answer, "fd00::1", 80, 1);
    add(&answer, "10.0.0.1", 80, 2);
    add(&answer, "10.0.0.1", 81, 1);
    add(&answer, "10.0.0.1", 80, 1);
    add(&answer, "10.0.0.2", 80, 9);
    expect(&answer, "10.0.0.1:80/1 10.0.0.1:81/1 10.0.0.2:80/1 fd00::1:80/1");
}

static void of_too_many_the_same_are_kept(void **state)
{
    (void)state;
    struct dns_answer up, down;
    dns_answer_init(&up);
    dns_answer_init(&down);
    for (int i = 0; i < 100; i++) {
        char ip[32];
        (void)snprintf(ip, sizeof(ip), "10.0.0.%d", i);
        add(&up, ip, 80, 0);
        (void)snprintf(ip, sizeof(ip), "10.0.0.%d", 99 - i);
        add(&down, ip, 80, 0);
    }
    assert_int_equal(up.count, DNS_RECORDS_MAX);
    assert_int_equal(up.left_out, 36);
    assert_int_equal(down.left_out, 36);
    for (uint32_t i = 0; i < DNS_RECORDS_MAX; i++) {
        assert_true(ip_equal(&up.records[i].ip, &down.records[i].ip));
        assert_int_equal(up.records[i].ip.bytes[3], i);
    }
}

static void who_could_not_be_asked_for_is_as_before(void **state)
{
    (void)state;
    struct dns_answer before, answer;
    dns_answer_init(&before);
    add(&before, "10.0.0.1", 80, 0);
    struct dns_record other = record("fd00::1", 80, 0);
    other.origin = 2;
    dns_answer_add(&before, &other);

    dns_answer_init(&answer);
    add(&answer, "10.0.0.2", 80, 0);
    dns_answer_note_failure(&answer, 2, "nobody is there");
    dns_answer_keep(&answer, before.records, before.count);
    expect(&answer, "10.0.0.2:80/0 fd00::1:80/0");
    assert_string_equal(answer.problem, "nobody is there");
}

/* ---- messages */

struct message {
    unsigned char bytes[4096];
    size_t length;
};

static void put(struct message *message, const void *bytes, size_t length)
{
    assert_true(message->length + length <= sizeof(message->bytes));
    memcpy(message->bytes + message->length, bytes, length);
    message->length += length;
}

static void put_number(struct message *message, uint32_t number, unsigned size)
{
    while (size-- > 0)
        put(message, &(unsigned char){(unsigned char)(number >> (8 * size))}, 1);
}

/* The question is for `a.b`. */
static void begin(struct message *message, unsigned type, unsigned answers)
{
    message->length = 0;
    put(message, "\x12\x34\x81\x80\0\1", 6);
    put_number(message, answers, 2);
    put(message, "\0\0\0\0\1a\1b\0", 9);
    put_number(message, type, 2);
    put_number(message, 1, 2);
}

static void put_record(struct message *message, unsigned type, uint32_t ttl, const void *data,
                       unsigned length)
{
    put(message, "\xc0\x0c", 2);
    put_number(message, type, 2);
    put_number(message, 1, 2);
    put_number(message, ttl, 4);
    put_number(message, length, 2);
    put(message, data, length);
}

enum { TYPE_A = 1, TYPE_AAAA = 28, TYPE_SRV = 33 };

static void addresses_of_a_message_come_with_the_least_ttl(void **state)
{
    (void)state;
    struct message message;
    begin(&message, TYPE_A, 2);
    put_record(&message, TYPE_A, 60, "\x0a\0\0\2", 4);
    put_record(&message, TYPE_A, 30, "\x0a\0\0\1", 4);
    struct dns_answer answer;
    dns_answer_init(&answer);
    struct dns_record like = {.ip.kind = ADDRESS_IPV4, .port = 80};
    assert_null(dns_answer_take(&answer, message.bytes, message.length, &like));
    expect(&answer, "10.0.0.1:80/0 10.0.0.2:80/0");
    assert_int_equal(answer.ttl, 30);
}

static void services_come_by_priority_and_weight(void **state)
{
    (void)state;
    struct message message;
    begin(&message, TYPE_SRV, 4);
    put_record(&message, TYPE_SRV, 9, "\0\2\0\1\0\x50\1x\0", 9);
    put_record(&message, TYPE_SRV, 9, "\0\1\0\1\0\x50\1Y\0", 9);
    put_record(&message, TYPE_SRV, 0x80000000u, "\0\1\0\5\0\x51\1z\0", 9);
    put_record(&message, TYPE_SRV, 9, "\0\1\0\5\0\x51\0", 7);
    struct dns_answer answer;
    static struct dns_services services;
    dns_answer_init(&answer);
    assert_null(dns_services_take(&services, &answer, message.bytes, message.length));
    assert_int_equal(services.count, 3);
    assert_string_equal(services.items[0].target, "z");
    assert_int_equal(services.items[0].port, 0x51);
    assert_int_equal(services.items[0].weight, 5);
    assert_string_equal(services.items[1].target, "y");
    assert_string_equal(services.items[2].target, "x");
    assert_int_equal(answer.ttl, 0);
}

static void a_message_that_ends_anywhere_is_no_message(void **state)
{
    (void)state;
    struct message message;
    begin(&message, TYPE_A, 1);
    put_record(&message, TYPE_A, 60, "\x0a\0\0\2", 4);
    uint32_t ttl;
    for (size_t length = 0; length < message.length; length++)
        assert_false(dns_message_ttl(message.bytes, length, &ttl));
    assert_true(dns_message_ttl(message.bytes, message.length, &ttl));
    assert_int_equal(ttl, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_stand_in_one_order_however_they_come),
        cmocka_unit_test(of_too_many_the_same_are_kept),
        cmocka_unit_test(who_could_not_be_asked_for_is_as_before),
        cmocka_unit_test(addresses_of_a_message_come_with_the_least_ttl),
        cmocka_unit_test(services_come_by_priority_and_weight),
        cmocka_unit_test(a_message_that_ends_anywhere_is_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
