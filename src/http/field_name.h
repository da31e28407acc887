/* The field names that Weir itself looks at, each with what has to be known of it. A name outside
 * the list is FIELD_OTHER and goes its way untouched. Names compare without case (RFC 9110 5.1). */
#pragma once

#include "base/slice.h"

enum {
    /* Speaks of one connection only and never goes on (RFC 9110 7.6.1). */
    FIELD_HOP_BY_HOP = 1,
    /* Must not come as a trailer (RFC 9110 6.5.1): framing, routing, authentication, request
     * modifiers, response control, content handling. */
    FIELD_NOT_A_TRAILER = 2,
    /* Says who the client is: replaced on the way to a server. */
    FIELD_TELLS_CLIENT = 4,
    /* Says what a server is made of: kept from clients. */
    FIELD_TELLS_SERVER = 8,
};

/* identifier, name, duties */
#define FIELD_NAMES(F)                                                                             \
    F(HOST, "Host", FIELD_NOT_A_TRAILER)                                                           \
    F(CONNECTION, "Connection", FIELD_HOP_BY_HOP | FIELD_NOT_A_TRAILER)                            \
    F(KEEP_ALIVE, "Keep-Alive", FIELD_HOP_BY_HOP | FIELD_NOT_A_TRAILER)                            \
    F(PROXY_CONNECTION, "Proxy-Connection", FIELD_HOP_BY_HOP | FIELD_NOT_A_TRAILER)                \
    F(TRANSFER_ENCODING, "Transfer-Encoding", FIELD_HOP_BY_HOP | FIELD_NOT_A_TRAILER)              \
    F(TE, "TE", FIELD_HOP_BY_HOP | FIELD_NOT_A_TRAILER)                                            \
    F(TRAILER, "Trailer", FIELD_NOT_A_TRAILER)                                                     \
    F(UPGRADE, "Upgrade", FIELD_HOP_BY_HOP | FIELD_NOT_A_TRAILER)                                  \
    F(HTTP2_SETTINGS, "HTTP2-Settings", FIELD_HOP_BY_HOP | FIELD_NOT_A_TRAILER)                    \
    F(PROXY_AUTHORIZATION, "Proxy-Authorization", FIELD_NOT_A_TRAILER)                             \
    F(PROXY_AUTHENTICATE, "Proxy-Authenticate", FIELD_NOT_A_TRAILER)                               \
    F(CONTENT_LENGTH, "Content-Length", FIELD_NOT_A_TRAILER)                                       \
    F(CONTENT_TYPE, "Content-Type", FIELD_NOT_A_TRAILER)                                           \
    F(CONTENT_ENCODING, "Content-Encoding", FIELD_NOT_A_TRAILER)                                   \
    F(CONTENT_RANGE, "Content-Range", FIELD_NOT_A_TRAILER)                                         \
    F(EXPECT, "Expect", FIELD_NOT_A_TRAILER)                                                       \
    F(RANGE, "Range", FIELD_NOT_A_TRAILER)                                                         \
    F(IF_MATCH, "If-Match", FIELD_NOT_A_TRAILER)                                                   \
    F(IF_NONE_MATCH, "If-None-Match", FIELD_NOT_A_TRAILER)                                         \
    F(IF_MODIFIED_SINCE, "If-Modified-Since", FIELD_NOT_A_TRAILER)                                 \
    F(IF_UNMODIFIED_SINCE, "If-Unmodified-Since", FIELD_NOT_A_TRAILER)                             \
    F(IF_RANGE, "If-Range", FIELD_NOT_A_TRAILER)                                                   \
    F(CACHE_CONTROL, "Cache-Control", FIELD_NOT_A_TRAILER)                                         \
    F(PRAGMA, "Pragma", FIELD_NOT_A_TRAILER)                                                       \
    F(MAX_FORWARDS, "Max-Forwards", FIELD_NOT_A_TRAILER)                                           \
    F(AUTHORIZATION, "Authorization", FIELD_NOT_A_TRAILER)                                         \
    F(WWW_AUTHENTICATE, "WWW-Authenticate", FIELD_NOT_A_TRAILER)                                   \
    F(COOKIE, "Cookie", FIELD_NOT_A_TRAILER)                                                       \
    F(SET_COOKIE, "Set-Cookie", FIELD_NOT_A_TRAILER)                                               \
    F(AGE, "Age", FIELD_NOT_A_TRAILER)                                                             \
    F(DATE, "Date", FIELD_NOT_A_TRAILER)                                                           \
    F(EXPIRES, "Expires", FIELD_NOT_A_TRAILER)                                                     \
    F(LOCATION, "Location", FIELD_NOT_A_TRAILER)                                                   \
    F(CONTENT_LOCATION, "Content-Location", FIELD_NOT_A_TRAILER)                                   \
    F(REFRESH, "Refresh", FIELD_NOT_A_TRAILER)                                                     \
    F(RETRY_AFTER, "Retry-After", FIELD_NOT_A_TRAILER)                                             \
    F(VARY, "Vary", FIELD_NOT_A_TRAILER)                                                           \
    F(WARNING, "Warning", FIELD_NOT_A_TRAILER)                                                     \
    F(VIA, "Via", FIELD_NOT_A_TRAILER)                                                             \
    F(FORWARDED, "Forwarded", FIELD_TELLS_CLIENT | FIELD_NOT_A_TRAILER)                            \
    F(X_FORWARDED_FOR, "X-Forwarded-For", FIELD_TELLS_CLIENT | FIELD_NOT_A_TRAILER)                \
    F(X_FORWARDED_PROTO, "X-Forwarded-Proto", FIELD_TELLS_CLIENT | FIELD_NOT_A_TRAILER)            \
    F(X_FORWARDED_HOST, "X-Forwarded-Host", FIELD_TELLS_CLIENT | FIELD_NOT_A_TRAILER)              \
    F(X_FORWARDED_PORT, "X-Forwarded-Port", FIELD_TELLS_CLIENT | FIELD_NOT_A_TRAILER)              \
    F(X_REAL_IP, "X-Real-IP", FIELD_TELLS_CLIENT | FIELD_NOT_A_TRAILER)                            \
    F(EARLY_DATA, "Early-Data", FIELD_NOT_A_TRAILER)                                               \
    F(X_REQUEST_ID, "X-Request-Id", FIELD_NOT_A_TRAILER)                                           \
    F(USER_AGENT, "User-Agent", 0)                                                                 \
    F(REFERER, "Referer", 0)                                                                       \
    F(ACCEPT, "Accept", 0)                                                                         \
    F(PRIORITY, "Priority", 0)                                                                     \
    F(ALLOW, "Allow", 0)                                                                           \
    F(SERVER, "Server", FIELD_TELLS_SERVER | FIELD_NOT_A_TRAILER)                                  \
    F(X_POWERED_BY, "X-Powered-By", FIELD_TELLS_SERVER | FIELD_NOT_A_TRAILER)                      \
    F(X_ASPNET_VERSION, "X-AspNet-Version", FIELD_TELLS_SERVER | FIELD_NOT_A_TRAILER)

enum field_name {
    FIELD_OTHER,
#define FIELD_ENUM(identifier, text, duties) FIELD_##identifier,
    FIELD_NAMES(FIELD_ENUM)
#undef FIELD_ENUM
        FIELD_NAME_COUNT
};

/* FIELD_OTHER for a name that is not in the list. `name` is a token (RFC 9110 5.6.2). Constant time
 * in the size of the list. */
enum field_name field_name_find(struct slice name);

/* Whether a server may read the one name as the other: without case, and with all bytes alike that
 * are neither letters nor digits. Where names become variables, `-` becomes `_` everywhere (RFC
 * 3875 4.1.18), the dot in PHP, and in lighttpd every such byte. */
bool field_name_reads_as(struct slice name, struct slice other);

/* Whether a server may take the name for that of another field, as CGI and what came after it
 * (WSGI, Rack, PHP) do: `Transfer_Encoding` and `X.Forwarded.For` are to them what Weir decides or
 * writes itself; and `Proxy` is to them the setting HTTP_PROXY, by which programs find their way
 * out. False for every name in the list. */
bool field_name_is_disguise(struct slice name);

/* The name as it is usually written; empty for FIELD_OTHER. */
struct slice field_name_text(enum field_name name);

/* The same in small letters, as in HTTP/2 (RFC 9113 8.2). */
struct slice field_name_small(enum field_name name);

/* The duties above; 0 for FIELD_OTHER. */
unsigned field_name_duties(enum field_name name);

#define FIELD_BIT(id) (UINT64_C(1) << (id))

/* The bits of all fields with FIELD_HOP_BY_HOP. */
static const uint64_t FIELD_BITS_HOP_BY_HOP = 0
#define FIELD_HOP_BIT(identifier, text, duties)                                                    \
    | (((duties)&FIELD_HOP_BY_HOP) ? FIELD_BIT(FIELD_##identifier) : 0)
    FIELD_NAMES(FIELD_HOP_BIT)
#undef FIELD_HOP_BIT
    ;

/* The bits of all fields with FIELD_TELLS_SERVER. */
static const uint64_t FIELD_BITS_TELL_SERVER = 0
#define FIELD_SERVER_BIT(identifier, text, duties)                                                 \
    | (((duties)&FIELD_TELLS_SERVER) ? FIELD_BIT(FIELD_##identifier) : 0)
    FIELD_NAMES(FIELD_SERVER_BIT)
#undef FIELD_SERVER_BIT
    ;

/* The bits of all fields with FIELD_TELLS_CLIENT. */
static const uint64_t FIELD_BITS_TELL_CLIENT = 0
#define FIELD_CLIENT_BIT(identifier, text, duties)                                                 \
    | (((duties)&FIELD_TELLS_CLIENT) ? FIELD_BIT(FIELD_##identifier) : 0)
    FIELD_NAMES(FIELD_CLIENT_BIT)
#undef FIELD_CLIENT_BIT
    ;
