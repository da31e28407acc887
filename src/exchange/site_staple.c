/* What is shown with a certificate of a site: settings `ocsp`. */
#include "exchange/site_plan_int.h"
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

void site_warn_of_no_staple(struct builder *builder, const struct tls_certificate *certificate,
                            const struct node *node, const char *which)
{
    if (tls_certificate_must_staple(certificate) && tls_certificate_staple_ends(certificate) == 0)
        diagnostics_warning(builder->diagnostics, node->position,
                            "name a file with such an answer as \"ocsp\", beside \"certificate\"",
                            "%s says that it must be shown with an answer of its OCSP responder, "
                            "and there is none; clients refuse it",
                            which);
}

void site_refuse_lonely_staple(struct builder *builder, const struct tls_settings *settings)
{
    bool has_more = settings->more.count > 0 || settings->more.directory.node;
    if (settings->pair.ocsp.node && !settings->pair.certificate.node)
        diagnostics_error(builder->diagnostics, settings->pair.ocsp.node->position,
                          has_more ? "name it beside its certificate, in a list"
                                   : "name the file of the certificate as \"certificate\"",
                          "there is an answer of an OCSP responder, but it is not said to which "
                          "certificate it belongs");
}

void site_staple(struct builder *builder, const struct tls_certificate *certificate,
                 const struct tls_pair *pair)
{
    const struct tls_file *file = &pair->ocsp;
    if (file->node && file->problem) {
        tell(builder, file, file->problem, setting_file_cure, false);
    } else if (file->node) {
        enum tls_staple_state state =
            tls_certificate_staple(certificate, file->bytes, builder->now);
        if (state != TLS_STAPLE_GOOD)
            tell(builder, file, tls_staple_problem(state), tls_staple_cure(state),
                 state == TLS_STAPLE_STALE);
    }
    site_warn_of_no_staple(builder, certificate, pair->certificate.node, "the certificate");
}
