#include "tls/tls_to_server.h"

#include "base/address.h"
#include "base/assert.h"
#include "base/cold.h"
#include "loop/loop.h"
#include "tls/tls_int.h"
#include "tls/tls_server_context_int.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 255 };

/* ---- tickets */

/* Good under the same terms alone, and for as long as somebody has looked at a certificate. */
static void take_up_session(struct tls *tls, struct tls_session *session)
{
    int64_t now = loop_wall(tls->bytes.socket->loop);
    if (session->ticket &&
        (session->identity != tls->server_context->identity || now < session->proved ||
         now - session->proved > TLS_SESSION_PROVED_MAX))
        tls_session_fini(session);
    tls->proved = session->proved;
    if (session->ticket && SSL_set_session(tls->ssl, session->ticket) != 1)
        ERR_clear_error();
}

/* Other connections with the server may have put theirs into the same place meanwhile: what this
 * one proved is its own. */
int tls_keep_ticket(SSL *ssl, SSL_SESSION *ticket)
{
    struct tls *tls = tls_of(ssl);
    struct tls_session *session = tls->session;
    enum { NOT_TAKEN = 0, TAKEN = 1 };
    if (!session)
        return NOT_TAKEN;
    uint64_t identity = tls->server_context->identity;
    int64_t proved = SSL_session_reused(ssl) ? tls->proved : loop_wall(tls->bytes.socket->loop);
    tls_session_fini(session);
    *session = (struct tls_session){.ticket = ticket, .identity = identity, .proved = proved};
    return TAKEN;
}

/* ---- life */

/* An address is not asked for (RFC 6066 3), but must be in the certificate all the same. */
static bool set_name(SSL *ssl, char *name)
{
    X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);
    struct ip ip;
    /* As tls_certificate_leaf_covers has it. */
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (ip_parse(slice_from_text(name), &ip))
        return X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1;
    return SSL_set_tlsext_host_name(ssl, name) == 1 &&
           X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1;
}

static bool prepare(struct tls *tls, struct slice name)
{
    char memory[NAME_MAX_LENGTH + 1];
    struct tls_server_context *context = tls->server_context;
    if (!tls_attach(tls, context->ssl, context->bytes))
        return false;
    SSL_set_connect_state(tls->ssl);
    if (context->name)
        name = slice_from_text(context->name);
    if (name.length > NAME_MAX_LENGTH)
        return false;
    memcpy(memory, name.data, name.length);
    memory[name.length] = '\0';
    return name.length == 0 || set_name(tls->ssl, memory);
}

struct tls *tls_new_to_server(struct tls_server_context *context, struct socket *socket,
                              struct slice name, struct tls_session *session)
{
    ASSERT(context && socket_is_open(socket));
    struct tls *tls = calloc(1, sizeof(*tls));
    if (!tls)
        return NULL;
    tls->bytes = (struct tls_bytes){.socket = socket};
    tls->state = TLS_STATE_HANDSHAKE;
    tls->time = loop_now(socket->loop);
    tls->server_context = context;
    tls->session = session;
    tls_server_context_ref(context);
    if (!prepare(tls, name)) {
        ERR_clear_error();
        tls_free(tls);
        return NULL;
    }
    if (session)
        take_up_session(tls, session);
    return tls;
}

bool tls_offer_instead(struct tls *tls, enum tls_offer offer)
{
    const struct slice offered = tls_offer_bytes(offer);
    ASSERT(tls->server_context && tls->state == TLS_STATE_HANDSHAKE);
    return SSL_set_alpn_protos(tls->ssl, (const unsigned char *)offered.data,
                               (unsigned)offered.length) == 0;
}

/* ---- what it may fail of */

static enum error_code error_of_certificate(long result)
{
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return ERROR_SERVER_CERTIFICATE_TIME;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return ERROR_SERVER_CERTIFICATE_NAME;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return ERROR_SERVER_CERTIFICATE_UNKNOWN;
    default:
        return ERROR_SERVER_CERTIFICATE_BAD;
    }
}

static bool is_plain(int reason)
{
    return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
           reason == SSL_R_PACKET_LENGTH_TOO_LONG || reason == SSL_R_RECORD_TOO_SMALL ||
           reason == SSL_R_BAD_RECORD_TYPE;
}

static enum error_code cause_of(const struct tls *tls, int problem, const char **ret_problem)
{
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    long verified = SSL_get_verify_result(tls->ssl);
    if (problem == SSL_ERROR_SYSCALL || error == 0)
        return ERROR_SERVER_TLS_CUT;
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && ERR_GET_LIB(error) == ERR_LIB_SSL) {
        *ret_problem = X509_verify_cert_error_string(verified);
        return error_of_certificate(verified);
    }
    if (reason == ERR_R_MALLOC_FAILURE)
        return ERROR_OUT_OF_MEMORY;
    *ret_problem = ERR_reason_error_string(error);
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && is_plain(reason))
        return ERROR_SERVER_NOT_TLS;
    return reason >= SSL_AD_REASON_OFFSET ? ERROR_SERVER_TLS_REFUSED : ERROR_SERVER_TLS_FAILED;
}

/* ---- the handshake */

COLD static enum tls_step fail(struct tls *tls, enum error_code error)
{
    if (error == ERROR_SERVER_NOT_TLS)
        tls_bytes_fini(&tls->bytes); /* an alert would be noise to it */
    (void)tls_fail(tls, EPROTO);
    return TLS_FAILED;
}

enum tls_step tls_shake_hands_with_server(struct tls *tls, enum error_code *ret_error,
                                          const char **ret_problem)
{
    ASSERT(tls->server_context && tls->state == TLS_STATE_HANDSHAKE);
    int result = SSL_connect(tls->ssl);
    *ret_problem = NULL;
    if (result == 1) {
        tls_open_up(tls);
        return TLS_DONE;
    }
    int problem = SSL_get_error(tls->ssl, result);
    bool waits = problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE;
    if (waits && tls_bytes_flush(&tls->bytes) != IO_FAILED)
        return TLS_WAIT;
    *ret_error = waits ? ERROR_SERVER_TLS_CUT : cause_of(tls, problem, ret_problem);
    return fail(tls, *ret_error);
}

const char *tls_alert(const struct tls *tls)
{
    return tls->alert;
}
