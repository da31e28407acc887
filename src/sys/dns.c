#include "sys/dns_int.h"

#include "base/assert.h"
#include "sys/clock.h"
#include "sys/open.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

enum { TRIES = 2 };

static const char resolv_conf[] = "/etc/resolv.conf";

/* libc-ares tells of each of its sockets what it waits for. */
static void on_socket(void *argument, ares_socket_t socket, int readable, int writable)
{
    struct dns *dns = argument;
    nfds_t i = 0;
    while (i < dns->socket_count && dns->sockets[i].fd != socket)
        i++;
    short events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
    if (events == 0) {
        if (i < dns->socket_count)
            dns->sockets[i] = dns->sockets[--dns->socket_count];
    } else if (i < DNS_SOCKETS_MAX) {
        dns->sockets[i] = (struct pollfd){.fd = socket, .events = events};
        dns->socket_count += i == dns->socket_count;
    }
}

static void read_domains(struct dns *dns)
{
    struct ares_options options;
    int mask = 0;
    dns->domain_count = 0;
    dns->ndots = 1;
    if (dns->settings.name_server_count > 0 ||
        ares_save_options(dns->channel, &options, &mask) != ARES_SUCCESS)
        return;
    dns->ndots = mask & ARES_OPT_NDOTS ? options.ndots : 1;
    for (int i = 0; i < options.ndomains && dns->domain_count < DNS_DOMAINS_MAX; i++) {
        struct slice domain = slice_from_text(options.domains[i]);
        if (domain.length > 0 && domain.length <= DNS_NAME_MAX)
            memcpy(dns->domains[dns->domain_count++], domain.data, domain.length + 1);
    }
    ares_destroy_options(&options);
}

/* False: no memory. */
static bool set_name_servers(struct dns *dns)
{
    char memory[DNS_NAME_SERVERS_MAX * ADDRESS_TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory) - 1);
    for (uint32_t i = 0; i < dns->settings.name_server_count; i++) {
        if (i > 0)
            text_add_byte(&text, ',');
        address_print(&text, &dns->settings.name_servers[i]);
    }
    memory[text.length] = 0;
    return text.length == 0 || ares_set_servers_ports_csv(dns->channel, memory) == ARES_SUCCESS;
}

static void open_channel(struct dns *dns)
{
    struct ares_options options = {.timeout = (int)dns->settings.timeout_ms,
                                   .tries = TRIES,
                                   .sock_state_cb = on_socket,
                                   .sock_state_cb_data = dns};
    dns->stamp = sys_file_stamp(resolv_conf);
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    if (ares_init_options(&dns->channel, &options, mask) != ARES_SUCCESS)
        dns->channel = NULL;
    if (dns->channel && !set_name_servers(dns)) {
        ares_destroy(dns->channel);
        dns->channel = NULL;
    }
    if (dns->channel)
        read_domains(dns);
}

/* Once for all threads: the library counts who asks for it, and not for several at a time. What it
 * sets up holds nothing that would have to be given back. */
static void init_library(void)
{
    int failed = ares_library_init(ARES_LIB_INIT_ALL);
    ASSERT(failed == ARES_SUCCESS);
}

static bool is_library_ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    return pthread_once(&once, init_library) == 0;
}

struct dns *dns_new(const struct dns_settings *settings)
{
    struct dns *dns = calloc(1, sizeof(*dns));
    if (!dns)
        return NULL;
    dns->settings = *settings;
    list_init(&dns->asked);
    list_init(&dns->answered);
    dns->wake = (struct pollfd){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .events = POLLIN};
    if (dns->wake.fd < 0 || !is_library_ready()) {
        if (dns->wake.fd >= 0)
            (void)close(dns->wake.fd);
        free(dns);
        return NULL;
    }
    open_channel(dns);
    return dns;
}

static void close_channel(struct dns *dns)
{
    dns->is_reopening = true;
    if (dns->channel)
        ares_destroy(dns->channel);
    dns->channel = NULL;
    dns->socket_count = 0;
    dns->is_reopening = false;
}

void dns_free(struct dns *dns)
{
    if (!dns)
        return;
    close_channel(dns);
    list_move_all(&dns->answered, &dns->asked);
    LIST_EACH_SAFE (link, &dns->answered)
        dns_question_free(dns_question_of(link));
    (void)close(dns->wake.fd);
    free(dns);
}

static void reopen(struct dns *dns)
{
    struct list asked;
    list_init(&asked);
    close_channel(dns);
    open_channel(dns);
    list_move_all(&asked, &dns->asked);
    LIST_EACH_SAFE (link, &asked) {
        list_remove(link);
        list_push_back(&dns->asked, link);
        dns_question_begin(dns_question_of(link));
    }
}

void dns_change(struct dns *dns, const struct dns_settings *settings)
{
    dns->settings = *settings;
    reopen(dns);
}

static bool has_changed(const struct dns *dns)
{
    return !dns->channel ||
           (dns->settings.name_server_count == 0 && sys_file_stamp(resolv_conf) != dns->stamp);
}

void dns_refresh(struct dns *dns)
{
    if (has_changed(dns))
        reopen(dns);
}

/* -1: for ever. */
static int patience(const struct dns *dns, int timeout_ms)
{
    struct timeval limit = {.tv_sec = timeout_ms / 1000,
                            .tv_usec = timeout_ms < 0 ? 0 : timeout_ms % 1000 * 1000};
    struct timeval room;
    struct timeval *wait =
        dns->channel ? ares_timeout(dns->channel, timeout_ms < 0 ? NULL : &limit, &room) : NULL;
    if (!wait)
        return timeout_ms;
    return (int)(wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000);
}

/* What came is handled socket by socket; under each call sockets come and go, so they are copied
 * before. Without any, questions whose time is over are looked at. */
static void process(struct dns *dns, const struct pollfd *ready, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++) {
        bool is_broken = ready[i].revents & (POLLERR | POLLHUP | POLLNVAL);
        bool reads = (ready[i].revents & POLLIN) || (is_broken && ready[i].events & POLLIN);
        bool writes = (ready[i].revents & POLLOUT) || (is_broken && ready[i].events & POLLOUT);
        if (reads || writes)
            ares_process_fd(dns->channel, reads ? ready[i].fd : ARES_SOCKET_BAD,
                            writes ? ready[i].fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void turn(struct dns *dns, int timeout_ms)
{
    struct pollfd polled[DNS_SOCKETS_MAX + 1];
    nfds_t count = dns->socket_count;
    polled[0] = dns->wake;
    memcpy(polled + 1, dns->sockets, count * sizeof(polled[0]));
    if (poll(polled, count + 1, patience(dns, timeout_ms)) < 0)
        return;
    uint64_t number;
    if (polled[0].revents) {
        ssize_t got = read(dns->wake.fd, &number, sizeof(number));
        ASSERT(got == sizeof(number));
    }
    if (dns->channel)
        process(dns, polled + 1, count);
}

struct dns_question *dns_wait(struct dns *dns, int timeout_ms)
{
    if (!list_is_empty(&dns->asked))
        dns_refresh(dns);
    turn(dns, list_is_empty(&dns->answered) ? timeout_ms : 0);
    struct list *first = list_pop_front(&dns->answered);
    return first ? dns_question_of(first) : NULL;
}

void dns_wake(struct dns *dns)
{
    uint64_t one = 1;
    ssize_t written = write(dns->wake.fd, &one, sizeof(one));
    ASSERT(written == sizeof(one));
}
