/* A connection from inside: tls.c, which serves clients, and tls_to_server.c. */
#pragma once

#include "base/cold.h"
#include "tls/tls.h"
#include "tls/tls_bytes.h"

#include <openssl/ssl.h>

enum tls_state {
    TLS_STATE_HELLO,     /* nobody knows yet whom the client wants */
    TLS_STATE_ASKED,     /* the caller has been asked to choose */
    TLS_STATE_NO_CHOICE, /* there was none */
    TLS_STATE_UNFIT,     /* there was, but the library does not take it */
    TLS_STATE_HANDSHAKE, /* chosen; towards a server, from the beginning */
    TLS_STATE_EARLY,     /* bytes both ways, and the end of the handshake is still to come */
    TLS_STATE_OPEN,      /* bytes both ways */
    TLS_STATE_SAID_END,  /* we send no more */
    TLS_STATE_FAILED,
};

struct tls {
    SSL *ssl;
    struct tls_entrance *entrance; /* NULL: towards a server */
    struct tls_bytes bytes;
    struct socket_sealer sealer; /* the socket's */
    enum tls_state state;
    bool ended;            /* the peer sends no more */
    bool shuts_socket;     /* when all has left, its direction ends */
    bool offers_h2;        /* to a client, beside HTTP/1.1 */
    bool looks_for_early;  /* data may come before the handshake ends; not known yet */
    bool has_read_early;   /* all of it that there is */
    bool says_end_later;   /* behind the handshake */
    uint8_t early_outcome; /* enum tls_early_outcome */
    uint16_t early_length; /* of `early` */
    uint16_t name_length;  /* of `name`, without its NUL */
    uint32_t burst;        /* bytes since the last pause */
    size_t encrypted; /* bytes that were offered, are in records, and do not yet count as sent */
    uint64_t moved;   /* when something was sent last; milliseconds of the loop */
    uint64_t time;    /* when the handshake began; at its end, how long it took */
    char *name;       /* that the client asked for; NULL: none */
    struct buffer *early;     /* what was read of early data while looking for it; NULL: nothing */
    uint64_t context_serial;  /* of what was chosen */
    uint64_t client_identity; /* of the terms by which the client was looked at; 0: it was not */
    int64_t clients_until;    /* when these terms cease to hold; seconds */
    const char *problem;      /* of the certificate that was not accepted; NULL: none */
    const char *alert;        /* the peer's, that ended the connection; NULL: none */
    /* Towards a server: */
    struct tls_server_context *server_context; /* a reference */
    struct tls_session *session;               /* where its tickets go; may be NULL */
    int64_t proved; /* when a certificate was looked at, for the session that is taken up */
};

static inline struct tls *tls_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

/* Makes the library's connection over the bytes of the socket. False: no memory. */
bool tls_attach(struct tls *tls, SSL_CTX *ssl, BIO_METHOD *bytes);

/* The handshake has come to its end. */
void tls_open_up(struct tls *tls);

/* The connection is over; an alert that the library has written leaves. IO_FAILED. */
enum io tls_fail(struct tls *tls, int error);

/* What a read of the library means that gave nothing. */
enum io tls_outcome_of(struct tls *tls, int result);

/* ---- in tls_seal.c: what waits in the loop's outbox for its encryption */

/* From now on, and before the connection goes. */
void tls_become_sealer(struct tls *tls);
void tls_cease_sealer(struct tls *tls);

/* Has it all encrypted and sent at the end of the turn, where it is little and nothing is before
 * it. False: nothing was taken. */
bool tls_send_later(struct tls *tls, const struct slice *parts, size_t count, size_t *ret_sent);

/* Has encrypted what waits. Before anything else is asked of the library in OPEN. False: it failed,
 * and so has the connection. */
bool tls_seal(struct tls *tls);

/* ---- in tls_early.c: what comes before the end of the handshake (RFC 8446 2.3) */

/* As SSL_accept, where early data is looked for. 1: the state is EARLY, or the handshake at its
 * end. */
COLD int tls_look_for_early(struct tls *tls);

/* As tls_receive, in EARLY; goes on with the handshake. */
COLD enum io tls_receive_early(struct tls *tls, size_t size, struct span *ret_bytes);

/* What holds for a connection of that context. */
void tls_set_early(struct tls *tls, const struct tls_context *context);
