#include "tls/tls_server_settings.h"

#define CA_SUMMARY                                                                                 \
    "The file with the authorities, in PEM, of which the certificates of servers must be; where "  \
    "none is named, those that this system trusts. A certificate of a server itself will do, too."

static const struct setting records[] = {
    TLS_AUTHORITIES_RECORD("ca", struct tls_server_settings, ca, SCOPE_UPSTREAM, CA_SUMMARY,
                           "/etc/weir/internal-ca.pem"),
    {.name = "verify",
     .type = SETTING_SWITCH,
     .offset = offsetof(struct tls_server_settings, verify),
     .size = sizeof(bool),
     .standard = "on",
     .scopes = SCOPE_UPSTREAM,
     .summary = "Whether the certificates of servers are looked at; off lets whoever is in between "
                "read and change everything.",
     .example = "off"},
    {.name = "name",
     .type = SETTING_TEXT,
     .offset = offsetof(struct tls_server_settings, name),
     .size = sizeof(struct slice),
     .scopes = SCOPE_UPSTREAM,
     .summary = "The name that servers are asked for and that their certificates must hold for; "
                "where none is said, the one in their address.",
     .example = "shop.internal"},
    TLS_FILE_RECORD(
        "certificate", struct tls_server_settings, pair.certificate, SCOPE_UPSTREAM,
        "The file with the certificate that servers are shown when they ask for one, in "
        "PEM, and behind it those that signed it.",
        "/etc/weir/client.pem"),
    TLS_FILE_RECORD("key", struct tls_server_settings, pair.key, SCOPE_UPSTREAM,
                    "The file with its private key, without password; where none is named, the key "
                    "stands in the certificate's file.",
                    "/etc/weir/client.key"),
};

static void check_terms(const void *group, const struct node *node, struct diagnostics *diagnostics)
{
    const struct tls_server_settings *settings = group;
    const struct node *verify = node_find(node, SLICE("verify"));
    if (!settings->verify && verify)
        diagnostics_warning(diagnostics, verify->position,
                            "name the authority of their certificates as \"ca\", or such a "
                            "certificate itself",
                            "who the servers are is not verified: whoever is in between can read "
                            "and change everything");
}

const struct setting_group tls_server_group = {
    .name = "tls",
    .settings = records,
    .count = sizeof(records) / sizeof(records[0]),
    .size = sizeof(struct tls_server_settings),
    .check = check_terms,
    .summary = "TLS towards servers that are written with https://.",
};

/* ---- the authorities of the system */

struct slice tls_read_system_authorities(struct setting_reader *reader)
{
    static const char *const paths[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Arch */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
        "/etc/ssl/ca-bundle.pem",             /* openSUSE */
        "/etc/ssl/cert.pem",                  /* Alpine */
    };
    struct slice bytes = slice_of(NULL, 0);
    const char *chosen = setting_environment(reader, "SSL_CERT_FILE");
    if (chosen && *chosen) {
        (void)setting_share_file(reader, slice_from_text(chosen), TLS_AUTHORITIES_MAX, &bytes);
        return bytes;
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (setting_share_file(reader, slice_from_text(paths[i]), TLS_AUTHORITIES_MAX, &bytes))
            return bytes;
    }
    return slice_of(NULL, 0);
}
