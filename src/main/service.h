/* The service manager: whoever started Weir as a service and wants to be told how it is, in the
 * manner of systemd: sd_notify(3), sd_watchdog_enabled(3). What it has opened for Weir is taken by
 * main/kept_listeners.h. One thread, that of the supervisor. */
#pragma once

#include "base/address.h"

struct service {
    struct address socket; /* where it listens; ADDRESS_NONE: there is none */
    uint64_t watchdog_ms;  /* so often it wants to be told, at the least; 0: not at all */
    uint64_t next_sign;    /* is due; milliseconds of the clock */
    bool is_ready;         /* it was told so */
};

/* Reads what the environment says ($NOTIFY_SOCKET, $WATCHDOG_USEC, $WATCHDOG_PID), and takes it out
 * of there, so that no other program speaks in our name. */
void service_init(struct service *service);

/* Weir serves: READY=1. Also the end of a reload, whatever came of it. */
void service_tell_ready(struct service *service);

/* A configuration is being loaded while another one is served: RELOADING=1. */
void service_tell_reloading(struct service *service);

/* It ends: STOPPING=1. Once. */
void service_tell_stopping(struct service *service);

/* What goes on, in words. */
void service_tell(const struct service *service, const char *status);

/* When the next sign of life is due, in milliseconds of the clock; UINT64_MAX: never. */
uint64_t service_next_sign(const struct service *service);

/* Gives one where it is due and `is_well`: WATCHDOG=1. Without it the manager ends Weir. */
void service_look(struct service *service, bool is_well);

/* Writes what is known of it into an estate, 0 or -errno; and takes a record from one. False: it is
 * malformed. Records of others are passed over. */
int service_write(const struct service *service, int file);
bool service_read(struct service *service, struct slice key, struct slice value);
