#include "tls/tls_server_settings.h"

/* ---- `alpn` */

#define ALPN_EXAMPLE "[h2, http/1.1]"

static const char *const protocol_names[] = {"h2", "http/1.1"};

enum { PROTOCOLS = 2 };

/* As it is called where it is not spoken of in a handshake. */
static const char *meant_by(struct slice text)
{
    bool is_http2 =
        slice_equal_fold(text, SLICE("http/2")) || slice_equal_fold(text, SLICE("http2"));
    return is_http2 ? protocol_names[0] : did_you_mean(text, protocol_names, PROTOCOLS);
}

/* Its index in `protocol_names`; -1: it was told. */
static int read_protocol(struct setting_reader *reader, const struct node *item)
{
    for (int i = 0; i < PROTOCOLS; i++) {
        if (slice_equal(item->text, slice_from_text(protocol_names[i])))
            return i;
    }
    const char *meant = meant_by(item->text);
    diagnostics_error(reader->diagnostics, item->position,
                      meant ? diagnostics_text(reader->diagnostics, "did you mean \"%s\"?", meant)
                            : "write h2, http/1.1, or both as " ALPN_EXAMPLE,
                      "\"%.*s\" is no protocol that servers can be offered", SHOWN(item->text));
    return -1;
}

static bool read_offer(struct setting_reader *reader, const struct node *node, void *field)
{
    static const enum tls_offer alone[] = {TLS_OFFER_H2, TLS_OFFER_H1};
    static const enum tls_offer before[] = {TLS_OFFER_H2_H1, TLS_OFFER_H1_H2};
    enum tls_offer *offer = field;
    struct slice *texts;
    size_t count;
    int found[PROTOCOLS];
    *offer = TLS_OFFER_H1;
    if (node_is_word(node, "off"))
        return true;
    if (!setting_read_texts(reader, "alpn", ALPN_EXAMPLE, node, &texts, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct node *item = node->kind == NODE_SEQUENCE ? node->items[i] : node;
        int protocol = read_protocol(reader, item);
        if (protocol < 0)
            return false;
        if (i >= PROTOCOLS || (i == 1 && protocol == found[0])) {
            diagnostics_error(reader->diagnostics, item->position, "take it out",
                              "\"%.*s\" is offered already", SHOWN(item->text));
            return false;
        }
        found[i] = protocol;
    }
    *offer = count == 1 ? alone[found[0]] : before[found[0]];
    return true;
}

/* ---- the group */

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
    {.name = "alpn",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct tls_server_settings, offer),
     .size = sizeof(enum tls_offer),
     .standard = "http/1.1",
     .read = read_offer,
     .form = "off | h2 | http/1.1 | [h2 | http/1.1]",
     .scopes = SCOPE_UPSTREAM,
     .summary = "What servers that are written with https:// are offered to speak: h2 (HTTP/2), "
                "http/1.1, or both, of which each server chooses one.",
     .example = ALPN_EXAMPLE},
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
