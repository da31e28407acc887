/* The probe over HTTP/2: to servers that speak nothing else, and for the health service of gRPC. A
 * session of its own, with one stream, on the probe's connection. One loop. */
#pragma once

#include "upstream/probe_int.h"

/* Whether this probe speaks HTTP/2 and nothing else; a server over TLS that may choose is followed
 * in what it has chosen. An own port is one where the server speaks HTTP/1.1, but for
 * gRPC. */
bool probe_h2_is_wanted(const struct probe_order *order);

/* Asks, on a transport that is ready. */
enum probe_verdict probe_h2_ask(struct probe *probe);

/* Steps, as those of HTTP/1.1 in probe.c. */
enum probe_verdict probe_h2_read_head(struct probe *probe, bool *ret_progress);
enum probe_verdict probe_h2_read_body(struct probe *probe, bool *ret_progress);

/* Lets go of stream and session. */
void probe_h2_end(struct probe *probe);
