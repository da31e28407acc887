/* Foreign sockets: those on which whoever started Weir has it listen already, in the manner of
 * systemd's socket units (sd_listen_fds(3)). One thread, that of the supervisor. */
#pragma once

#include "main/kept_listeners.h"

/* Keeps each of them for the listener that has its address. What is no listening socket is told and
 * closed. Reads $LISTEN_PID and $LISTEN_FDS, and takes them out of the environment. Once. */
void foreign_sockets_take(struct kept_listeners *listeners);
