/* What became of an exchange, in numbers and words: for its log line and its variables. */
#pragma once

#include "base/slice.h"
#include "base/text.h"

struct arena;
struct exchange;
struct loop_context;

/* Whether the request could be read at all; where not, nothing of it may be looked at. */
bool outcome_is_known(const struct exchange *exchange);

/* What the client was told, or would have been; 0: nothing. */
unsigned outcome_status(const struct exchange *exchange);

/* How often a server was asked: 0 where none was. */
unsigned outcome_attempts(const struct exchange *exchange);

/* From the head of the request to now, by the clock of turns, as all times here: another one would
 * be paid for by each exchange. */
uint64_t outcome_milliseconds(const struct exchange *exchange);

/* From when a server was wanted to a connection that carries the request, with servers that were
 * passed over and a repetition. False: there was none. */
bool outcome_connect_milliseconds(const struct exchange *exchange, uint64_t *ret_time);

/* From the head of the request to that of the server's response. False: none came. */
bool outcome_first_byte_milliseconds(const struct exchange *exchange, uint64_t *ret_time);

/* `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`; the request is known. */
struct slice outcome_protocol(const struct exchange *exchange);

/* Why it failed, in one word, `connect_refused`; empty where it did not. */
struct slice outcome_error(const struct exchange *exchange, struct arena *arena);

/* The status of a response of gRPC as it was sent, `14`; empty where there was none. */
struct slice outcome_grpc_status(const struct exchange *exchange);

/* The path of the route as it is written, the first of a list; empty where it has none. */
struct slice outcome_route(const struct exchange *exchange);

/* Adds seconds with their fraction, `0.012`. */
void outcome_add_seconds(struct text *text, uint64_t milliseconds);

/* `20/Nov/2026:19:00:00 +0000`, of this second. */
struct slice outcome_common_time(struct loop_context *context);

/* Adds the time of now, `2026-11-20T19:00:00.123Z` (RFC 3339). */
void outcome_add_iso_time(struct text *text);
