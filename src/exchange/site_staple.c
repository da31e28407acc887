/* What is shown with a certificate of a site: settings `ocsp`. */
#include "exchange/site_plan_int.h"
#include "tls/tls_responder.h"
#include "tls/tls_staple.h"

/* It does not take the certificate with it, so in service it is only told. */
static void tell(struct builder *builder, const struct tls_file *file, const char *problem,
                 const char *cure, bool is_warning)
{
    if (is_warning || builder->is_lenient)
        diagnostics_warning(builder->diagnostics, file->node->position, cure,
                            "\"%.*s\" is not shown with the certificate: %s",
                            SHOWN(file->node->text), problem);
    else
        diagnostics_error(builder->diagnostics, file->node->position, cure,
                          "\"%.*s\" cannot be shown with the certificate: %s",
                          SHOWN(file->node->text), problem);
}

/* One that is never shown with an answer. */
static void warn_of_must(struct builder *builder, const struct tls_certificate *certificate,
                         const struct node *node, const char *which)
{
    if (tls_certificate_must_staple(certificate))
        diagnostics_warning(builder->diagnostics, node->position,
                            "name a file with such an answer as \"ocsp\", beside \"certificate\", "
                            "or write \"ocsp: fetch\"",
                            "%s says that it must be shown with an answer of its OCSP responder, "
                            "and there is none; clients refuse it",
                            which);
}

void site_refuse_lonely_staple(struct builder *builder, const struct tls_settings *settings)
{
    bool has_more = settings->more.count > 0 || settings->more.directory.node;
    if (settings->pair.ocsp.kind == TLS_OCSP_FILE && !settings->pair.certificate.node)
        diagnostics_error(builder->diagnostics, settings->pair.ocsp.node->position,
                          has_more ? "name it beside its certificate, in a list"
                                   : "name the file of the certificate as \"certificate\"",
                          "there is an answer of an OCSP responder, but it is not said to which "
                          "certificate it belongs");
}

/* ---- from a file */

static void show_file(struct builder *builder, const struct tls_certificate *certificate,
                      const struct tls_file *file)
{
    if (file->problem) {
        tell(builder, file, file->problem, file->cure, false);
        return;
    }
    enum tls_staple_state state = tls_certificate_staple(certificate, file->bytes, builder->now);
    if (state != TLS_STAPLE_GOOD)
        tell(builder, file, tls_staple_problem(state), tls_staple_cure(state),
             state == TLS_STAPLE_STALE);
}

/* ---- fetched */

/* For whoever fetches. NULL: nobody can be asked for it, or no memory. */
static const struct stapled_certificate *note_stapled(struct builder *builder,
                                                      const struct tls_certificate *certificate)
{
    char memory[TLS_RESPONDER_MAX];
    struct text url = text_over(memory, sizeof(memory));
    if (!tls_certificate_has_signer(certificate) || !tls_certificate_responder(certificate, &url))
        return NULL;
    struct plans *plans = builder->plans;
    struct stapled_certificate *stapled = ARENA_NEW(&plans->arena, struct stapled_certificate);
    struct slice responder = arena_copy(&plans->arena, text_slice(&url));
    if (!stapled || !responder.data) {
        builder->no_memory = true;
        return NULL;
    }
    *stapled = (struct stapled_certificate){
        .next = plans->stapled_certificates, .certificate = certificate, .responder = responder};
    plans->stapled_certificates = stapled;
    return stapled;
}

static void warn_of_no_responder(struct builder *builder, const struct tls_certificate *certificate,
                                 const struct node *node)
{
    bool has_signer = tls_certificate_has_signer(certificate);
    diagnostics_warning(builder->diagnostics, node->position,
                        has_signer ? "write \"ocsp: off\", if its authority has none"
                                   : tls_staple_cure(TLS_STAPLE_NO_SIGNER),
                        "nothing can be fetched to be shown with the certificate: %s",
                        has_signer ? "it names no OCSP responder"
                                   : tls_staple_problem(TLS_STAPLE_NO_SIGNER));
}

enum tls_staple_source site_staple_source(const struct tls_pair *pair,
                                          const struct tls_settings *settings)
{
    static const enum tls_staple_source sources[] = {[TLS_OCSP_OFF] = TLS_STAPLE_NONE,
                                                     [TLS_OCSP_FILE] = TLS_STAPLE_FILE,
                                                     [TLS_OCSP_FETCH] = TLS_STAPLE_FETCHED};
    if (pair->ocsp.kind != TLS_OCSP_UNSAID)
        return sources[pair->ocsp.kind];
    return settings->pair.ocsp.kind == TLS_OCSP_FETCH ? TLS_STAPLE_FETCHED : TLS_STAPLE_NONE;
}

void site_staple(struct builder *builder, const struct tls_certificate *certificate,
                 const struct tls_pair *pair, const struct tls_settings *settings)
{
    enum tls_staple_source source = site_staple_source(pair, settings);
    const struct node *written = pair->ocsp.node ? pair->ocsp.node : settings->pair.ocsp.node;
    bool is_shown = false;
    if (source == TLS_STAPLE_FILE) {
        show_file(builder, certificate, &pair->ocsp.file);
        is_shown = tls_certificate_staple_ends(certificate) > 0;
    } else if (source == TLS_STAPLE_FETCHED) {
        is_shown = note_stapled(builder, certificate) != NULL;
        if (!is_shown)
            warn_of_no_responder(builder, certificate, written);
    }
    if (!is_shown)
        warn_of_must(builder, certificate, pair->certificate.node, "the certificate");
}

/* ---- of a directory */

bool site_staple_found(struct builder *builder, const struct tls_certificate *certificate,
                       const struct tls_settings *settings, const char *which)
{
    bool is_fetched = settings->pair.ocsp.kind == TLS_OCSP_FETCH;
    bool is_shown = is_fetched && note_stapled(builder, certificate);
    if (!is_shown)
        warn_of_must(builder, certificate, settings->more.directory.node, which);
    return is_shown || !is_fetched;
}

void site_warn_of_unstapled(struct builder *builder, const struct tls_settings *settings,
                            uint32_t count)
{
    const struct node *directory = settings->more.directory.node;
    if (count > 0)
        diagnostics_warning(builder->diagnostics, settings->pair.ocsp.node->position,
                            "look into them: \"openssl x509 -noout -issuer -ocsp_uri -in FILE\"",
                            "of the certificates in \"%.*s\", %u name no OCSP responder or stand "
                            "in their file without who signed them; nothing is fetched for them",
                            SHOWN(directory->text), count);
}
