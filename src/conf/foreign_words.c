#include "conf/foreign_words.h"

enum { ANYWHERE = 127 }; /* every bit of enum scope_kind */

/* ---- keys */

struct foreign_key {
    const char *name, *cure;
    unsigned scopes; /* where it has this meaning */
};

#define HERE(written) "here it is \"" written "\""
#define NO_NEED(why)  "leave it out: " why

static const char hosts[] = HERE("host: shop.example.com");
static const char asks_server[] =
    HERE("proxy: http://127.0.0.1:3000") ", or the name of an upstream";
static const char answers[] =
    HERE("redirect: {to: …, status: 301}") " or \"respond: {status, body}\"";
static const char conditions[] =
    "conditions stand in routes: \"- path: /api/*\", with \"method\", \"header\", \"query\" …";
static const char routes[] = HERE("routes: [{path: /api/*, proxy: …}]");
static const char request_fields[] =
    HERE("headers: {request: {set: {NAME: value}}}") ", and \"upstream_host\" for Host";
static const char response_fields[] = HERE("headers: {response: {set: {NAME: value}}}");
static const char removed_fields[] = HERE("headers: {response: {remove: NAME}}");
static const char certificates[] = HERE("tls: {certificate: FILE, key: FILE}");
static const char clients[] = "here it is the condition \"client: 10.0.0.0/8\" of a route";
static const char trusted[] = HERE("trusted_proxies: 10.0.0.0/8") ", at the top";
static const char health[] = HERE("health: {path: /healthz}") ", in an upstream";
static const char tells_client[] = NO_NEED("servers are told of the client in X-Forwarded-For");
static const char upgrades[] = NO_NEED("WebSockets and other upgrades go through by themselves");
static const char streams[] = NO_NEED("bodies go on as they come, and are never stored");
static const char at_top[] = NO_NEED("\"listen\", \"sites\" and \"upstreams\" stand at the top");
static const char retries[] = HERE("retry: {attempts: 2}");
static const char listens[] = "here it is listen: \":80\"";
static const char protocol[] = NO_NEED("servers are spoken to in HTTP/1.1, h2c:// in HTTP/2");
static const char busy_server[] =
    "here a server has it: \"{address: 10.0.0.1:8080, max_connections: 50}\"";
static const char options[] =
    "\"option httpchk\" is \"health\" of an upstream; X-Forwarded-For is sent by itself";
static const char admin[] =
    HERE("admin: 127.0.0.1:9900") ", at the top; it has /status and /metrics";
static const char stripped[] =
    HERE("rewrite: {strip_prefix: /api}") ", in a route with path: /api/*";
static const char rules[] =
    "here it is \"host\" of a site, and \"path\" and other conditions of a route";
static const char wares[] =
    "they are settings of sites and routes: \"headers\", \"rewrite\", \"retry\" …";
static const char no_compression[] = "Weir compresses nothing; let the application do it";
static const char no_cache[] = "Weir stores no responses; a cache can stand behind it";
static const char no_files[] = "Weir serves no files; \"proxy\" a server that does";
static const char no_password[] =
    "Weir asks nobody for a password; let the application, or go by \"client\" or "
    "\"client_certificate\"";
static const char no_rate[] =
    "Weir has no limit by rate; there are \"limits\", \"queue\" and \"circuit_breaker\"";
static const char no_acme[] = "Weir gets no certificates by itself; of certbot: \"tls: "
                              "{certificates: /etc/letsencrypt/live}\"";
static const char no_fastcgi[] = "Weir speaks HTTP with servers; put one before the application";

/* clang-format off */
static const struct foreign_key keys[] = {
    /* nginx */
    {"server", "here it is an item of \"sites\": \"- host: shop.example.com\"", SCOPE_TOP},
    {"http", at_top, SCOPE_TOP},
    {"events", NO_NEED("Weir has a loop for each thread"), SCOPE_TOP},
    {"worker_processes", HERE("threads: auto"), SCOPE_TOP},
    {"worker_connections", HERE("limits: {connections: 10000}") ", at the top", ANYWHERE},
    {"server_name", hosts, ANYWHERE},
    {"location", HERE("path: /api/*"), SCOPE_ROUTE},
    {"location", routes, ANYWHERE},
    {"locations", routes, ANYWHERE},
    {"upstream", asks_server, SCOPE_SITE | SCOPE_ROUTE},
    {"proxy_pass", asks_server, ANYWHERE},
    {"grpc_pass", HERE("proxy: h2c://127.0.0.1:50051"), ANYWHERE},
    {"fastcgi_pass", no_fastcgi, ANYWHERE},
    {"uwsgi_pass", no_fastcgi, ANYWHERE},
    {"return", answers, ANYWHERE},
    {"client_max_body_size", HERE("limits: {body_size: 50MiB}"), ANYWHERE},
    {"client_body_timeout", HERE("timeouts: {request_body: 30s}"), ANYWHERE},
    {"client_header_timeout", HERE("timeouts: {request_header: 10s}") ", at the top", ANYWHERE},
    {"keepalive_timeout", HERE("timeouts: {keep_alive: 60s}") ", at the top", ANYWHERE},
    {"send_timeout", HERE("timeouts: {request_body: 30s}"), ANYWHERE},
    {"proxy_connect_timeout", HERE("timeouts: {connect: 5s}"), ANYWHERE},
    {"proxy_read_timeout", HERE("timeouts: {first_byte: 60s, between_bytes: 60s}"), ANYWHERE},
    {"proxy_send_timeout", HERE("timeouts: {between_bytes: 60s}"), ANYWHERE},
    {"proxy_next_upstream", retries, ANYWHERE},
    {"proxy_next_upstream_tries", retries, ANYWHERE},
    {"proxy_set_header", request_fields, ANYWHERE},
    {"add_header", response_fields, ANYWHERE},
    {"more_set_headers", response_fields, ANYWHERE},
    {"proxy_hide_header", removed_fields, ANYWHERE},
    {"proxy_http_version", protocol, ANYWHERE},
    {"proxy_redirect", NO_NEED("a server's redirects to its own address are rewritten"), ANYWHERE},
    {"proxy_buffering", streams, ANYWHERE},
    {"proxy_request_buffering", streams, ANYWHERE},
    {"proxy_buffer_size", streams, ANYWHERE},
    {"proxy_buffers", streams, ANYWHERE},
    {"ssl", certificates, ANYWHERE},
    {"ssl_certificate", certificates, ANYWHERE},
    {"ssl_certificate_key", certificates, ANYWHERE},
    {"ssl_protocols", HERE("tls: {profile: intermediate}"), ANYWHERE},
    {"ssl_ciphers", HERE("tls: {ciphers: […]}"), ANYWHERE},
    {"access_log", HERE("log: {access: {to: /var/log/weir/access.log}}"), ANYWHERE},
    {"error_log", HERE("log: {error: {to: FILE, level: warning}}") ", at the top", ANYWHERE},
    {"log_format", HERE("log: {access: {format: combined, to: FILE}}"), ANYWHERE},
    {"set_real_ip_from", trusted, ANYWHERE},
    {"real_ip_header", trusted, ANYWHERE},
    {"allow", clients, ANYWHERE},
    {"deny", clients, ANYWHERE},
    {"satisfy", clients, ANYWHERE},
    {"keepalive", NO_NEED("connections to servers are kept: timeouts: {pool_idle: 30s}"), ANYWHERE},
    {"ip_hash", HERE("balance: hash"), ANYWHERE},
    {"least_conn", HERE("balance: least_connections"), ANYWHERE},
    {"split_clients", HERE("split: {stable: 90%, canary: 10%}"), ANYWHERE},
    {"map", conditions, ANYWHERE},
    {"if", conditions, ANYWHERE},
    {"gzip", no_compression, ANYWHERE},
    {"brotli", no_compression, ANYWHERE},
    {"proxy_cache", no_cache, ANYWHERE},
    {"root", no_files, ANYWHERE},
    {"alias", no_files, ANYWHERE},
    {"try_files", no_files, ANYWHERE},
    {"index", no_files, ANYWHERE},
    {"auth_basic", no_password, ANYWHERE},
    {"auth_request", no_password, ANYWHERE},
    {"limit_req", no_rate, ANYWHERE},
    {"limit_conn", HERE("limits: {connections_per_client: 100}") ", at the top", ANYWHERE},
    /* HAProxy */
    {"global", at_top, SCOPE_TOP},
    {"frontend", at_top, ANYWHERE},
    {"frontends", at_top, ANYWHERE},
    {"backend", HERE("upstreams: {shop: [10.0.0.1:8080]}"), SCOPE_TOP},
    {"backends", HERE("upstreams: {shop: [10.0.0.1:8080]}"), SCOPE_TOP},
    {"backend", asks_server, ANYWHERE},
    {"default_backend", asks_server, ANYWHERE},
    {"use_backend", asks_server, ANYWHERE},
    {"bind", listens, ANYWHERE},
    {"port", listens, ANYWHERE},
    {"mode", NO_NEED("Weir is a proxy for HTTP"), ANYWHERE},
    {"acl", conditions, ANYWHERE},
    {"timeout", HERE("timeouts: {connect: 5s, first_byte: 60s}"), ANYWHERE},
    {"maxconn", HERE("limits: {connections: 10000}"), SCOPE_TOP},
    {"maxconn", busy_server, ANYWHERE},
    {"forwardfor", tells_client, ANYWHERE},
    {"option", options, ANYWHERE},
    {"httpchk", health, ANYWHERE},
    {"check", health, SCOPE_UPSTREAM | SCOPE_UPSTREAM_DEFAULTS},
    {"health_check", health, ANYWHERE},
    {"stats", admin, ANYWHERE},
    {"metrics", admin, ANYWHERE},
    {"stick", HERE("sticky: {cookie: NAME}") ", in an upstream", ANYWHERE},
    {"cookie", HERE("sticky: {cookie: NAME}"), SCOPE_UPSTREAM | SCOPE_UPSTREAM_DEFAULTS},
    {"compression", no_compression, ANYWHERE},
    /* Caddy */
    {"reverse_proxy", asks_server, ANYWHERE},
    {"handle", routes, ANYWHERE},
    {"handle_path", stripped, ANYWHERE},
    {"redir", HERE("redirect: {to: …, status: 301}"), ANYWHERE},
    {"header_up", request_fields, ANYWHERE},
    {"header_down", response_fields, ANYWHERE},
    {"lb_policy", HERE("balance: least_connections"), ANYWHERE},
    {"health_uri", health, ANYWHERE},
    {"encode", no_compression, ANYWHERE},
    {"file_server", no_files, ANYWHERE},
    {"basic_auth", no_password, ANYWHERE},
    {"basicauth", no_password, ANYWHERE},
    {"forward_auth", no_password, ANYWHERE},
    {"acme", no_acme, ANYWHERE},
    /* Traefik */
    {"entryPoints", listens, ANYWHERE},
    {"routers", routes, ANYWHERE},
    {"rule", rules, ANYWHERE},
    {"match", conditions, ANYWHERE},
    {"services", HERE("upstreams: {shop: [10.0.0.1:8080]}"), ANYWHERE},
    {"loadBalancer", HERE("upstreams: {shop: [10.0.0.1:8080]}"), ANYWHERE},
    {"healthCheck", health, ANYWHERE},
    {"middlewares", wares, ANYWHERE},
    {"certResolver", no_acme, ANYWHERE},
    {"rateLimit", no_rate, ANYWHERE},
    {"rate_limit", no_rate, ANYWHERE},
    /* anybody */
    {"cache", no_cache, ANYWHERE},
    {"compress", no_compression, ANYWHERE},
    {"domain", hosts, ANYWHERE},
    {"domains", hosts, ANYWHERE},
    {"hostname", hosts, ANYWHERE},
    {"cors", response_fields, ANYWHERE},
    {"websocket", upgrades, ANYWHERE},
    {"websockets", upgrades, ANYWHERE},
};
/* clang-format on */

enum { KEY_COUNT = sizeof(keys) / sizeof(*keys) };

static bool is_called(const char *name, struct slice word)
{
    return slice_equal(slice_from_text(name), word);
}

const char *foreign_key(struct slice key, enum scope_kind kind)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if ((keys[i].scopes & (unsigned)kind) && is_called(keys[i].name, key))
            return keys[i].cure;
    }
    return NULL;
}

/* ---- variables */

struct foreign_variable {
    const char *name, *cure;
};

#define VARIABLE(name) "here it is \"$" name "\""

static const struct foreign_variable variables[] = {
    {"args", VARIABLE("query")},
    {"binary_remote_addr", VARIABLE("client_ip")},
    {"body_bytes_sent", VARIABLE("bytes_out")},
    {"bytes_sent", VARIABLE("bytes_out")},
    {"connection_upgrade", upgrades},
    {"document_uri", VARIABLE("path")},
    {"http_host", VARIABLE("host")},
    {"http_upgrade", upgrades},
    {"http_x_forwarded_for", tells_client},
    {"is_args", "here \"$target\" has path and query together"},
    {"proxy_add_x_forwarded_for", tells_client},
    {"proxy_host", VARIABLE("upstream")},
    {"query_string", VARIABLE("query")},
    {"realip_remote_addr", VARIABLE("peer_ip")},
    {"remote_addr", VARIABLE("client_ip")},
    {"remote_user", "Weir asks nobody for a name; leave it out, or write -"},
    {"request", "here it is \"$method $target $protocol\""},
    {"request_length", VARIABLE("bytes_in")},
    {"request_method", VARIABLE("method")},
    {"request_time", VARIABLE("time.total")},
    {"request_uri", VARIABLE("target")},
    {"server_name", VARIABLE("site")},
    {"server_port", VARIABLE("port")},
    {"server_protocol", VARIABLE("protocol")},
    {"ssl_cipher", VARIABLE("tls.cipher")},
    {"ssl_client_fingerprint", VARIABLE("tls.client.fingerprint")},
    {"ssl_client_s_dn", VARIABLE("tls.client.subject")},
    {"ssl_protocol", VARIABLE("tls.version")},
    {"ssl_server_name", VARIABLE("tls.sni")},
    {"time_iso8601", VARIABLE("time.iso")},
    {"time_local", VARIABLE("time.common")},
    {"upstream_addr", VARIABLE("server")},
    {"upstream_connect_time", VARIABLE("time.connect")},
    {"upstream_header_time", VARIABLE("time.first_byte")},
    {"upstream_response_time", VARIABLE("time.first_byte")},
    {"uri", VARIABLE("path") ", or with the query \"$target\""},
};

/* Those of nginx that end in the name of something. */
static const struct {
    const char *prefix;
    const char *here;
    bool is_field; /* of a message: its dashes are underscores there */
} families[] = {
    {"http_", "request.header.", true},
    {"arg_", "query.", false},
    {"cookie_", "cookie.", false},
    {"sent_http_", "response.header.", true},
    {"upstream_http_", "response.header.", true},
};

enum {
    VARIABLE_COUNT = sizeof(variables) / sizeof(*variables),
    FAMILY_COUNT = sizeof(families) / sizeof(*families),
};

/* `User-Agent` of `user_agent`. */
static void add_field_name(struct text *text, struct slice name)
{
    bool is_first = true;
    for (size_t i = 0; i < name.length; i++) {
        bool is_small = name.data[i] >= 'a' && name.data[i] <= 'z';
        char c = name.data[i] == '_'    ? '-'
                 : is_first && is_small ? (char)(name.data[i] - 'a' + 'A')
                                        : name.data[i];
        text_add(text, slice_of(&c, 1));
        is_first = c == '-';
    }
}

const char *foreign_variable(struct slice name, struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        if (is_called(variables[i].name, name))
            return variables[i].cure;
    }
    for (size_t i = 0; i < FAMILY_COUNT; i++) {
        struct slice prefix = slice_from_text(families[i].prefix);
        if (!slice_starts_with(name, prefix) || name.length == prefix.length)
            continue;
        char memory[128];
        struct text text = text_over(memory, sizeof(memory));
        if (families[i].is_field)
            add_field_name(&text, slice_from(name, prefix.length));
        else
            text_add(&text, slice_from(name, prefix.length));
        return diagnostics_text(diagnostics, "here it is \"$%s%.*s\"", families[i].here,
                                (int)text.length, memory);
    }
    return NULL;
}
