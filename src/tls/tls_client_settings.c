/* `client` in the `tls` of a site. */
#include "tls/tls_settings.h"

enum { DEPTH_MAX = 16 };

static const char *const verify_choices[] = {"off", "optional", "required", NULL};

static const struct setting records[] = {
    {.name = "verify",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct tls_client_settings, verify),
     .size = sizeof(int),
     .standard = "required",
     .choices = verify_choices,
     .scopes = SCOPE_SITE,
     .summary = "Whether clients must show a certificate (required), may (optional), or are not "
                "asked for one (off). One that is shown must be good in any case.",
     .example = "optional"},
    TLS_AUTHORITIES_RECORD("ca", struct tls_client_settings, ca, SCOPE_SITE,
                           "The file with the authorities, in PEM, of which certificates of "
                           "clients must be.",
                           "/etc/weir/clients.pem"),
    TLS_AUTHORITIES_RECORD("crl", struct tls_client_settings, crl, SCOPE_SITE,
                           "The file with what these authorities have revoked, in PEM, a list of "
                           "each of them; where none is named, nothing was.",
                           "/etc/weir/revoked.pem"),
    {.name = "depth",
     .type = SETTING_NUMBER,
     .offset = offsetof(struct tls_client_settings, depth),
     .size = sizeof(int64_t),
     .standard = "4",
     .min = 0,
     .max = DEPTH_MAX,
     .scopes = SCOPE_SITE,
     .summary = "How many certificates there may be between that of a client and the authority.",
     .example = "1"},
};

static void check_client(const void *group, const struct node *node,
                         struct diagnostics *diagnostics)
{
    const struct tls_client_settings *settings = group;
    if (settings->verify != TLS_CLIENT_OFF && !settings->ca.node)
        diagnostics_error(diagnostics, node->position,
                          "name the file with their authority as \"ca\"",
                          "it is not said by whom certificates of clients are to be signed");
}

const struct setting_group tls_client_group = {
    .name = "client",
    .settings = records,
    .count = sizeof(records) / sizeof(records[0]),
    .size = sizeof(struct tls_client_settings),
    .check = check_client,
    .summary = "Certificates of clients.",
};

bool tls_client_settings_read(struct setting_reader *reader, const struct node *node, void *field)
{
    struct tls_client_settings *settings = field;
    *settings = (struct tls_client_settings){.verify = TLS_CLIENT_OFF};
    if (node_is_word(node, "off"))
        return true;
    if (node->kind != NODE_MAPPING)
        return setting_refuse(reader, "client", "a mapping",
                              "{verify: required, ca: /etc/weir/clients.pem}", node);
    return setting_read_mapping(reader, &tls_client_group, node, settings);
}
