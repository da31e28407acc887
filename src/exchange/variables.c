/* One small function for each. Data is NULL only where there was no memory. */
#include "exchange/variables.h"

#include "exchange/exchange.h"
#include "exchange/outcome.h"
#include "exchange/request_id.h"
#include "exchange/sticking.h"
#include "http/cookie.h"
#include "http/query.h"

#define VALUE(name)                                                                                \
    static struct slice name(const void *context, struct slice argument, struct arena *arena)

enum { JOINED_MAX = 64 }; /* lines of a field; what is behind them is not seen */

static struct slice present(struct slice value)
{
    return value.data ? value : SLICE("");
}

/* ---- the client */

VALUE(client_ip)
{
    const struct exchange *exchange = context;
    char memory[ADDRESS_TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory));
    (void)argument;
    ip_print(&text, &exchange->client);
    return arena_copy(arena, text_slice(&text));
}

VALUE(scheme)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return exchange->scheme == SCHEME_HTTPS ? SLICE("https") : SLICE("http");
}

static struct slice present_text(const char *text)
{
    return slice_from_text(text ? text : "");
}

VALUE(tls_version_value)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return present_text(exchange->tls ? tls_version(exchange->tls) : NULL);
}

VALUE(tls_cipher_value)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return present_text(exchange->tls ? tls_cipher(exchange->tls) : NULL);
}

VALUE(tls_name_value)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return exchange->tls ? tls_name(exchange->tls) : SLICE("");
}

/* What is printed, in the arena. A subject that is longer than any that somebody uses is not told,
 * lest its beginning be taken for another one. */
static struct slice printed(const struct exchange *exchange, struct arena *arena,
                            void (*print)(struct text *text, const struct tls *tls))
{
    enum { SUBJECT_MAX = 1024 };
    if (!exchange->tls)
        return SLICE("");
    char *memory = arena_alloc(arena, SUBJECT_MAX);
    if (!memory)
        return slice_of(NULL, 0);
    struct text text = text_over(memory, SUBJECT_MAX);
    print(&text, exchange->tls);
    return text_is_cut(&text) ? SLICE("") : text_slice(&text);
}

VALUE(tls_client_subject)
{
    const struct exchange *exchange = context;
    (void)argument;
    return printed(exchange, arena, tls_print_client_subject);
}

VALUE(tls_client_fingerprint)
{
    const struct exchange *exchange = context;
    (void)argument;
    return printed(exchange, arena, tls_print_client_fingerprint);
}

VALUE(tls_resumed_value)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    if (!exchange->tls)
        return SLICE("");
    return tls_is_resumed(exchange->tls) ? SLICE("yes") : SLICE("no");
}

VALUE(tls_early_data)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    if (!exchange->tls)
        return SLICE("");
    return exchange->early ? SLICE("yes") : SLICE("no");
}

/* ---- the target */

/* An IPv6 address in brackets, as a URL needs it. */
VALUE(host)
{
    const struct exchange *exchange = context;
    struct slice parts[] = {SLICE("["), exchange->host, SLICE("]")};
    (void)argument;
    if (slice_find(exchange->host, ':') == exchange->host.length)
        return present(exchange->host);
    return arena_join(arena, parts, 3);
}

VALUE(port)
{
    const struct exchange *exchange = context;
    char memory[8];
    struct text text = text_over(memory, sizeof(memory));
    (void)argument;
    if (exchange->request.port == 0)
        return exchange->scheme == SCHEME_HTTPS ? SLICE("443") : SLICE("80");
    text_add_number(&text, exchange->request.port);
    return arena_copy(arena, text_slice(&text));
}

VALUE(method)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return exchange->request.method_text;
}

VALUE(target)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return present(exchange->client_target);
}

VALUE(path)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return present(exchange->client_path);
}

VALUE(query)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return present(exchange->request.query);
}

VALUE(query_parameter)
{
    const struct exchange *exchange = context;
    struct slice value = SLICE("");
    (void)arena;
    (void)query_find(exchange->request.query, argument, &value);
    return present(value);
}

/* ---- where it went */

VALUE(site)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return exchange->site ? exchange->site->name : SLICE("");
}

VALUE(route)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return outcome_route(exchange);
}

VALUE(upstream)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return exchange->plan && exchange->plan->upstream ? exchange->plan->upstream->name : SLICE("");
}

VALUE(server)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return exchange->call.server ? exchange->call.server->key : SLICE("");
}

VALUE(variant)
{
    /* Decided when it is first asked for. */
    struct exchange *exchange = (struct exchange *)(uintptr_t)context;
    (void)argument, (void)arena;
    return split_variant(exchange);
}

VALUE(sticky)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return slice_from_text(sticking_words[sticking_outcome(exchange, exchange->call.server)]);
}

/* A few bytes as a value of their own. */
static struct slice copy_number(struct arena *arena, uint64_t number)
{
    char memory[24];
    struct text text = text_over(memory, sizeof(memory));
    text_add_number(&text, number);
    return arena_copy(arena, text_slice(&text));
}

/* Before anything is sent it is that of the page which is being made. */
VALUE(status)
{
    const struct exchange *exchange = context;
    (void)argument;
    unsigned status = exchange->response.status;
    return copy_number(arena, status ? status : outcome_status(exchange));
}

/* ---- the end */

VALUE(request_id_value)
{
    /* Made when it is first asked for. */
    struct exchange *exchange = (struct exchange *)(uintptr_t)context;
    (void)argument, (void)arena;
    return present(request_id(exchange));
}

VALUE(peer_ip)
{
    const struct exchange *exchange = context;
    char memory[ADDRESS_TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory));
    (void)argument;
    ip_print(&text, &exchange->peer);
    return arena_copy(arena, text_slice(&text));
}

VALUE(protocol)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return outcome_protocol(exchange);
}

VALUE(bytes_in)
{
    const struct exchange *exchange = context;
    (void)argument;
    return copy_number(arena, exchange->request_body_bytes);
}

VALUE(bytes_out)
{
    const struct exchange *exchange = context;
    (void)argument;
    return copy_number(arena, exchange->response_body_bytes);
}

VALUE(attempts)
{
    const struct exchange *exchange = context;
    (void)argument;
    return copy_number(arena, outcome_attempts(exchange));
}

VALUE(hedge)
{
    const struct exchange *exchange = context;
    const struct hedge *second = exchange->retry ? exchange->retry->hedge : NULL;
    (void)argument;
    (void)arena;
    return slice_from_text(second ? hedge_word(second) : "");
}

VALUE(error)
{
    const struct exchange *exchange = context;
    (void)argument;
    return outcome_error(exchange, arena);
}

static struct slice seconds(uint64_t milliseconds, struct arena *arena)
{
    char memory[32];
    struct text text = text_over(memory, sizeof(memory));
    outcome_add_seconds(&text, milliseconds);
    return arena_copy(arena, text_slice(&text));
}

VALUE(time_total)
{
    (void)argument;
    return seconds(outcome_milliseconds(context), arena);
}

VALUE(time_handshake)
{
    const struct exchange *exchange = context;
    (void)argument;
    return exchange->tls ? seconds(tls_handshake_milliseconds(exchange->tls), arena) : SLICE("");
}

VALUE(time_connect)
{
    uint64_t time;
    (void)argument;
    return outcome_connect_milliseconds(context, &time) ? seconds(time, arena) : SLICE("");
}

VALUE(time_queue)
{
    const struct exchange *exchange = context;
    (void)argument;
    return exchange->called ? seconds(call_queued_milliseconds(&exchange->call), arena) : SLICE("");
}

VALUE(time_first_byte)
{
    uint64_t time;
    (void)argument;
    return outcome_first_byte_milliseconds(context, &time) ? seconds(time, arena) : SLICE("");
}

VALUE(time_iso)
{
    char memory[32];
    struct text text = text_over(memory, sizeof(memory));
    (void)argument, (void)context;
    outcome_add_iso_time(&text);
    return arena_copy(arena, text_slice(&text));
}

VALUE(time_common)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return outcome_common_time(exchange->context);
}

/* ---- fields */

/* All lines of that name, which mean the same with commas between them (RFC 9110 5.3). */
static struct slice field_value(const struct fields *fields, struct slice name, struct arena *arena)
{
    struct slice parts[2 * JOINED_MAX];
    size_t count = 0;
    bool is_cookie = slice_equal_fold(name, SLICE("cookie")); /* RFC 9113 8.2.3 */
    for (uint32_t i = 0; i < fields->count && count < 2 * JOINED_MAX; i++) {
        if (!slice_equal_fold(fields->items[i].name, name))
            continue;
        parts[count++] = is_cookie ? SLICE("; ") : SLICE(", ");
        parts[count++] = fields->items[i].value;
    }
    if (count <= 2)
        return count ? present(parts[1]) : SLICE("");
    return arena_join(arena, parts + 1, count - 1);
}

VALUE(request_field)
{
    const struct exchange *exchange = context;
    return field_value(&exchange->request.fields, argument, arena);
}

VALUE(response_field)
{
    const struct exchange *exchange = context;
    return field_value(&exchange->response.fields, argument, arena);
}

VALUE(response_trailer)
{
    const struct exchange *exchange = context;
    return field_value(&exchange->response_trailers, argument, arena);
}

VALUE(grpc_status)
{
    const struct exchange *exchange = context;
    (void)argument, (void)arena;
    return outcome_grpc_status(exchange);
}

VALUE(cookie)
{
    const struct exchange *exchange = context;
    struct slice value = SLICE("");
    (void)arena;
    (void)cookie_find(&exchange->request.fields, argument, &value);
    return present(value);
}

/* ---- */

static const struct variable variables[] = {
    {"client_ip", TEMPLATE_REQUEST, client_ip,
     "The address of the client, behind trusted proxies; `unix` on a Unix socket."},
    {"scheme", TEMPLATE_REQUEST, scheme, "`http` or `https`, as the client connected."},
    {"tls.version", TEMPLATE_REQUEST, tls_version_value,
     "The version of TLS, `TLSv1.3`; empty where the client came without, as all of these."},
    {"tls.cipher", TEMPLATE_REQUEST, tls_cipher_value,
     "The cipher by its standard name, `TLS_AES_128_GCM_SHA256`."},
    {"tls.sni", TEMPLATE_REQUEST, tls_name_value,
     "The name that the client asked for in the handshake, as it sent it; empty where it did not."},
    {"tls.client.subject", TEMPLATE_REQUEST, tls_client_subject,
     "The subject of the certificate that the client has shown, `CN=alice,O=Example`; empty where "
     "it "
     "has shown none."},
    {"tls.client.fingerprint", TEMPLATE_REQUEST, tls_client_fingerprint,
     "The SHA-256 of that certificate, in hexadecimal digits."},
    {"tls.resumed", TEMPLATE_REQUEST, tls_resumed_value,
     "Whether the handshake took up an earlier one: `yes` or `no`."},
    {"tls.early_data", TEMPLATE_REQUEST, tls_early_data,
     "Whether the request came in early data, before the handshake had ended: `yes` or `no`."},
    {"host", TEMPLATE_REQUEST, host,
     "The host that was asked for: in lower case, without port, IPv6 in brackets."},
    {"port", TEMPLATE_REQUEST, port,
     "The port that was asked for: as the client wrote it, else that of the scheme."},
    {"method", TEMPLATE_REQUEST, method, "The method."},
    {"target", TEMPLATE_REQUEST, target, "Path and query as the client sent them."},
    {"path", TEMPLATE_REQUEST, path, "The path that the client sent, in its one form."},
    {"query", TEMPLATE_REQUEST, query, "The query as the client sent it, without question mark."},
    {"query.", TEMPLATE_REQUEST, query_parameter,
     "The first parameter of that name in the query, as the client sent it."},
    {"cookie.", TEMPLATE_REQUEST, cookie, "The first cookie of that name."},
    {"request.header.", TEMPLATE_REQUEST, request_field,
     "The field of the request, as the server gets it; several lines with commas between them."},
    {"site", TEMPLATE_REQUEST, site, "The first host of the site; `*` where it has none."},
    {"route", TEMPLATE_REQUEST, route,
     "The path of the route as it is written, the first of a list; empty where it has none."},
    {"upstream", TEMPLATE_RESPONSE, upstream,
     "The name of the upstream, or of its first server; empty where there is none."},
    {"server", TEMPLATE_RESPONSE, server, "The server that was asked; empty where none was."},
    {"variant", TEMPLATE_REQUEST, variant,
     "The variant of the split to which the visitor belongs; empty where nothing is split."},
    {"sticky", TEMPLATE_RESPONSE, sticky,
     "Whether the client stayed with its server: `kept`, `moved`, `first` or `unknown`; empty "
     "where "
     "nobody sticks to servers."},
    {"status", TEMPLATE_RESPONSE, status, "The status of the response."},
    {"response.header.", TEMPLATE_RESPONSE, response_field,
     "The field of the response; several lines with commas between them."},
    {"peer_ip", TEMPLATE_REQUEST, peer_ip,
     "The address that connected, which may be a trusted proxy's; `unix` on a Unix socket."},
    {"protocol", TEMPLATE_REQUEST, protocol,
     "`HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`, as the client spoke."},
    {"request_id", TEMPLATE_REQUEST, request_id_value, "The id of the exchange."},
    {"response.trailer.", TEMPLATE_END, response_trailer,
     "The field of the response's trailers; several lines with commas between them."},
    {"grpc.status", TEMPLATE_END, grpc_status,
     "The status of a gRPC response, a number; empty where it has none."},
    {"bytes_in", TEMPLATE_END, bytes_in, "How many bytes the body of the request had."},
    {"bytes_out", TEMPLATE_END, bytes_out, "How many bytes of the response's body were sent."},
    {"attempts", TEMPLATE_END, attempts, "How often a server was asked."},
    {"hedge", TEMPLATE_END, hedge,
     "Whether the answer is that of a second server that was asked as well: `won` or `lost`; "
     "`refused` where the budget was used up, empty where none was wanted."},
    {"error", TEMPLATE_END, error, "Why it failed, in one word; empty where it did not."},
    {"time.total", TEMPLATE_END, time_total, "Seconds from the head of the request to the end."},
    {"time.handshake", TEMPLATE_END, time_handshake,
     "Seconds that the TLS handshake of the connection took; empty where there was none."},
    {"time.queue", TEMPLATE_END, time_queue,
     "Seconds that it waited for a place at a server; empty where none was wanted."},
    {"time.connect", TEMPLATE_END, time_connect,
     "Seconds until there was a connection to a server; empty where there was none."},
    {"time.first_byte", TEMPLATE_END, time_first_byte,
     "Seconds from the head of the request to that of the server's response; empty where none "
     "came."},
    {"time.iso", TEMPLATE_END, time_iso, "When it ended, in UTC: `2026-11-20T19:00:00.123Z`."},
    {"time.common", TEMPLATE_END, time_common,
     "When it ended, in UTC: `20/Nov/2026:19:00:00 +0000`."},
};

const struct variable_table exchange_variables = {
    .items = variables,
    .count = sizeof(variables) / sizeof(variables[0]),
};
