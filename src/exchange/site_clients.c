#include "exchange/site_clients.h"

/* GOOD, or it was told why not. */
static bool is_good(const struct tls_file *file, enum tls_certificate_state state,
                    const char *nothing, struct diagnostics *diagnostics, bool *ret_no_memory)
{
    if (file->problem) {
        diagnostics_error(diagnostics, file->node->position, file->cure, "%s", file->problem);
        return false;
    }
    if (state == TLS_CERTIFICATE_GOOD)
        return true;
    *ret_no_memory = state == TLS_CERTIFICATE_NO_MEMORY;
    diagnostics_error(diagnostics, file->node->position, "name a file in PEM",
                      "clients cannot be looked at by \"%.*s\": %s", SHOWN(file->node->text),
                      state == TLS_CERTIFICATE_NONE ? nothing : tls_certificate_problem(state));
    return false;
}

static bool revoke(const struct tls_file *crl, struct tls_authorities *authorities,
                   struct diagnostics *diagnostics, bool *ret_no_memory)
{
    enum tls_certificate_state state = TLS_CERTIFICATE_BROKEN;
    if (!crl->problem)
        state = tls_authorities_revoke(authorities, crl->bytes);
    return is_good(crl, state, "there is no list of revocations in it", diagnostics, ret_no_memory);
}

bool site_clients_read(const struct tls_settings *settings, struct diagnostics *diagnostics,
                       struct tls_client_terms *ret_terms, struct tls_authorities **ret_authorities,
                       bool *ret_no_memory)
{
    const struct tls_client_settings *client = &settings->client;
    enum tls_certificate_state state = TLS_CERTIFICATE_BROKEN;
    *ret_authorities = NULL;
    *ret_no_memory = false;
    *ret_terms = (struct tls_client_terms){.verify = (enum tls_client_verify)client->verify,
                                           .depth = (int)client->depth};
    if (client->verify == TLS_CLIENT_OFF)
        return true;
    if (!client->ca.problem)
        state = tls_authorities_new(client->ca.bytes, ret_authorities);
    if (!is_good(&client->ca, state, "there is no certificate in it", diagnostics, ret_no_memory))
        return false;
    ret_terms->authorities = *ret_authorities;
    return !client->crl.node || revoke(&client->crl, *ret_authorities, diagnostics, ret_no_memory);
}
