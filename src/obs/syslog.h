/* The syslog protocol, as far as a log needs it: one message in each datagram, RFC 5424 within,
 * over a Unix socket or over UDP (RFC 5426). Pure; any thread. */
#pragma once

#include "base/address.h"
#include "obs/log_sink.h"

enum { SYSLOG_HEADER_MAX = 128 };

/* Whether a log goes to a syslog and not into a file: `syslog`, or what begins with `syslog:`. */
bool syslog_is_meant(struct slice to);

/* `syslog` is unix:/dev/log; `syslog:unix:/path` a Unix socket, `syslog:127.0.0.1:514` a UDP port.
 * False: it is none of these. */
bool syslog_address(struct slice to, struct address *ret_address);

/* What goes before the message (RFC 5424, 6.2): `<30>1 2026-11-20T19:00:00.123Z - weir 4711 - - `.
 * The facility is that of daemons; the host name is left to the receiver, which knows the sender.
 */
void syslog_print_header(struct text *text, enum log_severity severity, int64_t wall_ms,
                         uint32_t process);
