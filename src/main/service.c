#include "main/service.h"

#include "main/estate.h"
#include "obs/log.h"
#include "sys/clock.h"
#include "sys/open.h"

#include <stdlib.h>

enum {
    MESSAGE_MAX = 256,
    PATIENCE_MS = 100, /* a manager that does not read is no reason not to serve */
};

/* ---- what it wants */

/* `/path`, or `@name` in the abstract space. */
static bool read_socket(struct slice text, struct address *ret_address)
{
    bool is_known = slice_starts_with(text, SLICE("/")) || slice_starts_with(text, SLICE("@"));
    if (!is_known || text.length > ADDRESS_PATH_MAX)
        return false;
    *ret_address = (struct address){.ip.kind = ADDRESS_UNIX};
    memcpy(ret_address->path, text.data, text.length);
    return true;
}

static void take_socket(struct service *service)
{
    struct slice text = slice_from_text(getenv("NOTIFY_SOCKET"));
    if (!slice_is_empty(text) && !read_socket(text, &service->socket))
        log_event(LOG_WARNING, "the service manager cannot be told anything: its socket is none",
                  LOG_TEXT("socket", text));
    (void)unsetenv("NOTIFY_SOCKET");
}

/* The watchdog may be meant for another process. */
static void take_watchdog(struct service *service)
{
    enum { US_PER_MS = 1000 };
    uint64_t period_us = 0, process = sys_process();
    (void)slice_to_number(slice_from_text(getenv("WATCHDOG_USEC")), INT64_MAX, &period_us);
    (void)slice_to_number(slice_from_text(getenv("WATCHDOG_PID")), INT64_MAX, &process);
    if (process == sys_process())
        service->watchdog_ms = period_us / US_PER_MS;
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void service_init(struct service *service)
{
    *service = (struct service){0};
    take_socket(service);
    take_watchdog(service);
}

/* ---- what it is told */

static void send(const struct service *service, const struct text *message)
{
    if (service->socket.ip.kind == ADDRESS_NONE)
        return;
    struct slice bytes = text_slice(message);
    int socket = sys_connect_datagram(&service->socket);
    int error = socket < 0 ? socket : sys_send_datagram(socket, &bytes, 1, PATIENCE_MS);
    if (socket >= 0)
        sys_close(socket);
    if (error)
        log_event(LOG_WARNING, "the service manager could not be told",
                  LOG_TEXT("problem", slice_from_text(strerrordesc_np(-error))));
}

void service_tell_ready(struct service *service)
{
    char memory[MESSAGE_MAX];
    struct text message = text_over(memory, sizeof(memory));
    service->is_ready = true;
    service->next_sign = sys_monotonic_ms();
    text_print(&message, "READY=1\nSTATUS=serving\n");
    send(service, &message);
}

/* A manager that has sent HUP itself takes the time for the proof that this is the answer to it
 * (systemd.service(5), Type=notify-reload). */
void service_tell_reloading(struct service *service)
{
    enum { NS_PER_US = 1000 };
    char memory[MESSAGE_MAX];
    struct text message = text_over(memory, sizeof(memory));
    if (!service->is_ready)
        return;
    text_print(&message, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=loading the configuration\n",
               (unsigned long long)(sys_monotonic_ns() / NS_PER_US));
    send(service, &message);
}

void service_tell_stopping(struct service *service)
{
    char memory[MESSAGE_MAX];
    struct text message = text_over(memory, sizeof(memory));
    text_print(&message, "STOPPING=1\nSTATUS=ending what runs\n");
    send(service, &message);
}

void service_tell(const struct service *service, const char *status)
{
    char memory[MESSAGE_MAX];
    struct text message = text_over(memory, sizeof(memory));
    text_print(&message, "STATUS=%s\n", status);
    send(service, &message);
}

/* ---- the watchdog */

uint64_t service_next_sign(const struct service *service)
{
    return service->watchdog_ms > 0 && service->is_ready ? service->next_sign : UINT64_MAX;
}

void service_look(struct service *service, bool is_well)
{
    enum { TIMES = 2 }; /* as often in its period, so that one may come late */
    char memory[MESSAGE_MAX];
    struct text message = text_over(memory, sizeof(memory));
    uint64_t now = sys_monotonic_ms();
    if (service_next_sign(service) > now)
        return;
    service->next_sign = now + service->watchdog_ms / TIMES;
    text_print(&message, "WATCHDOG=1\n");
    if (is_well)
        send(service, &message);
}

/* ---- from supervisor to supervisor */

int service_write(const struct service *service, int file)
{
    const struct slice socket = slice_from_text(service->socket.path);
    int error = estate_add(file, "service-socket", &socket, 1);
    return error ? error
                 : estate_print(file, "service", "%llu %d",
                                (unsigned long long)service->watchdog_ms, service->is_ready);
}

bool service_read(struct service *service, struct slice key, struct slice value)
{
    uint64_t is_ready;
    if (slice_equal(key, SLICE("service-socket")))
        return slice_is_empty(value) || read_socket(value, &service->socket);
    if (!slice_equal(key, SLICE("service")))
        return true;
    if (!estate_take_number(&value, INT64_MAX, &service->watchdog_ms) ||
        !estate_take_number(&value, 1, &is_ready))
        return false;
    service->is_ready = is_ready != 0;
    return true;
}
