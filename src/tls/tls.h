/* TLS towards a client, over a socket of the loop: what transport.h is for plain sockets. OpenSSL
 * is behind it; only this folder names it. Nothing is buffered while nothing moves. One loop.
 *
 *     tls_handshake → TLS_CHOOSE → tls_choose → tls_handshake → TLS_DONE, then bytes both ways
 *
 * A client that was here before may send data with its first bytes, before the handshake has shown
 * that it is no recording of them (*early data*, RFC 8446 2.3). Then TLS_DONE comes early:
 * tls_is_early holds, bytes go both ways, and each tls_receive goes on with the handshake as well.
 * Whoever reads no bytes has to receive all the same until it has ended. */
#pragma once

#include "base/buffer.h"
#include "loop/socket.h"
#include "tls/tls_context.h"
#include "tls/tls_hellos.h"

struct tls;

enum { TLS_NAME_MAX = 256 }; /* more than any name that a client asks for */

/* name, words for the log */
#define TLS_FAILURES(F)                                                                            \
    F(NONE, "no failure")                                                                          \
    F(CUT, "the client left before the end of the handshake")                                      \
    F(TIMEOUT, "the handshake did not end in timeouts.tls_handshake")                              \
    F(PLAIN, "the client does not speak TLS")                                                      \
    F(NO_CERTIFICATE, "there is no certificate for the name that the client asks for")             \
    F(UNFIT, "the certificate of the site turns out not to be usable")                             \
    F(NOTHING_SHARED, "the client and the site share no version or cipher of TLS")                 \
    F(REFUSED, "the client refuses the certificate, or the connection")                            \
    F(NO_CLIENT_CERTIFICATE, "the client shows no certificate, and the site requires one")         \
    F(BAD_CLIENT_CERTIFICATE, "the certificate of the client is not accepted")                     \
    F(MALFORMED, "what the client sent is no handshake of TLS")                                    \
    F(NO_MEMORY, "there is no memory for one more TLS connection")

enum tls_failure {
#define TLS_FAILURE_ENUM(name, words) TLS_FAILURE_##name,
    TLS_FAILURES(TLS_FAILURE_ENUM)
#undef TLS_FAILURE_ENUM
        TLS_FAILURE_COUNT
};

/* `no_certificate` and so on, for metrics; one sentence, for the log. */
const char *tls_failure_name(enum tls_failure failure);
const char *tls_failure_words(enum tls_failure failure);

/* On a connected socket, which stays the caller's and stays where it is. `received` is what came of
 * TLS already; it is taken over. NULL: no memory. */
struct tls *tls_new(struct tls_entrance *entrance, struct socket *socket, struct span received);

/* Says nothing to the client. */
void tls_free(struct tls *tls);

enum tls_step {
    TLS_DONE,
    TLS_WAIT,   /* news of the socket will come */
    TLS_CHOOSE, /* the client has said whom it wants: tls_name, tls_choose, and again */
    TLS_FAILED, /* `*ret_failure`; the client was told what TLS has words for */
};

/* Goes on with the handshake. */
enum tls_step tls_handshake(struct tls *tls, enum tls_failure *ret_failure);

/* The name that the client asked for (RFC 6066 3), as it sent it; empty where there was none. */
struct slice tls_name(const struct tls *tls);

/* HTTP/2 may be chosen by the client, beside HTTP/1.1 (RFC 7301). Before the handshake. */
void tls_offer_h2(struct tls *tls);

/* Whether it was. After the handshake. */
bool tls_speaks_h2(const struct tls *tls);

/* What holds for this connection. NULL: there is nothing for that name, and the handshake fails. */
void tls_choose(struct tls *tls, const struct tls_context *context);

/* ---- after the handshake, as the functions of transport.h */

/* IO_END: the client said that it sends no more. A connection that ends without is IO_FAILED: what
 * it was about to say may have been cut off (RFC 8446 6.1); we may still send. */
enum io tls_receive(struct tls *tls, size_t size, struct span *ret_bytes);

/* Whether it has ended so. */
bool tls_was_cut(const struct tls *tls);

/* `*ret_sent` counts bytes of `parts`. What was not sent is to be offered again, from its first
 * byte on and with nothing before it, for some of it may be encrypted already. */
enum io tls_send(struct tls *tls, const struct slice *parts, size_t count, size_t *ret_sent);

/* Whether a receive could find something, or the end, without waiting. */
bool tls_is_readable(const struct tls *tls);

/* Tells that we send no more, and ends the socket's direction behind it; while tls_is_early, only
 * when the handshake has ended, for before TLS has no words for it. */
void tls_shutdown_send(struct tls *tls);

/* Tells the same, as far as there is room now, before the socket is closed. Also during the
 * handshake, where it says nothing. */
void tls_say_goodbye(struct tls *tls);

/* ---- what is told of a connection, after the handshake */

/* `TLSv1.3`; the cipher by its standard name, `TLS_AES_128_GCM_SHA256`. */
const char *tls_version(const struct tls *tls);
const char *tls_cipher(const struct tls *tls);

/* Whether a ticket of an earlier one was taken. */
bool tls_is_resumed(const struct tls *tls);

/* What the library says of the certificate that was not accepted, a static text; NULL: nothing. */
const char *tls_problem(const struct tls *tls);

/* Whether the client has shown a certificate, which was accepted. */
bool tls_has_client_certificate(const struct tls *tls);

/* Of the certificate that the client has shown, and that was accepted: its subject (RFC 4514), and
 * the SHA-256 of all of it in hexadecimal digits; nothing where it has shown none. */
void tls_print_client_subject(struct text *text, const struct tls *tls);
void tls_print_client_fingerprint(struct text *text, const struct tls *tls);

/* Whether the end of the handshake is still to come, so that what is received may be a recording
 * that somebody else sends again. */
bool tls_is_early(const struct tls *tls);

/* What became of the early data that the client has offered, when the handshake went on behind
 * tls_choose; `accepted` and so on, for metrics. */
enum tls_early_outcome tls_early_outcome(const struct tls *tls);
const char *tls_early_outcome_name(enum tls_early_outcome outcome);

/* How long the handshake took; where data came early, until that could be read. */
uint64_t tls_handshake_milliseconds(const struct tls *tls);

/* Whether the connection may carry requests for a site with that context and a host name of that
 * (normalized): it is the one that was chosen, or its certificate is good for the name as well (RFC
 * 9110 7.4), or the client named nobody; and clients are looked at there by the same terms as here.
 */
bool tls_fits(const struct tls *tls, const struct tls_context *context, struct slice host);
