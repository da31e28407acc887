#include "tls/tls_settings.h"

#include "base/arena.h"

enum { PAIRS_MAX = TLS_KEY_KINDS, TLS_12 = 0x0303, TLS_13 = 0x0304 };

static void cleanse(void *bytes)
{
    slice_cleanse(*(const struct slice *)bytes);
}

bool tls_keep_until_cleansed(struct setting_reader *reader, struct slice bytes)
{
    struct slice *kept = ARENA_NEW(reader->arena, struct slice);
    if (!kept || !arena_on_fini(reader->arena, cleanse, kept)) {
        slice_cleanse(bytes);
        return false;
    }
    *kept = bytes;
    return true;
}

/* Neither a list nor an empty text. */
static bool is_path(struct setting_reader *reader, const struct node *node)
{
    if (node->kind == NODE_SCALAR && node->text.length > 0)
        return true;
    return setting_refuse(reader, reader->setting->name, "a file", reader->setting->example, node);
}

bool tls_file_read(struct setting_reader *reader, const struct node *node, void *field)
{
    struct tls_file *file = field;
    *file = (struct tls_file){0};
    if (node_is_word(node, "off"))
        return true;
    if (!is_path(reader, node))
        return false;
    file->node = node;
    file->path = setting_path(reader, node);
    file->problem =
        setting_try_watched(reader, file->path, TLS_FILE_MAX, &file->bytes, &file->cure);
    return file->problem || tls_keep_until_cleansed(reader, file->bytes);
}

bool tls_ocsp_read(struct setting_reader *reader, const struct node *node, void *field)
{
    struct tls_ocsp *ocsp = field;
    *ocsp = (struct tls_ocsp){.node = node, .kind = TLS_OCSP_FETCH};
    if (node_is_word(node, "fetch"))
        return true;
    if (node->kind != NODE_SCALAR || node->text.length == 0)
        return setting_refuse(reader, "ocsp", "a file or fetch", "fetch", node);
    ocsp->kind = node_is_word(node, "off") ? TLS_OCSP_OFF : TLS_OCSP_FILE;
    return tls_file_read(reader, node, &ocsp->file);
}

bool tls_authorities_read(struct setting_reader *reader, const struct node *node, void *field)
{
    struct tls_file *file = field;
    *file = (struct tls_file){0};
    if (node_is_word(node, "off"))
        return true;
    if (!is_path(reader, node))
        return false;
    file->node = node;
    file->path = setting_path(reader, node);
    file->problem =
        setting_try_watched(reader, file->path, TLS_AUTHORITIES_MAX, &file->bytes, &file->cure);
    return true;
}

/* ---- `certificates` */

#define CERTIFICATE_SUMMARY                                                                        \
    "The file with the certificate in PEM, and behind it those that signed it, up to its "         \
    "authority."
#define KEY_SUMMARY                                                                                \
    "The file with the private key, without password; where none is named, the key stands in the " \
    "certificate's file."

#define OCSP_RECORD(owner, field_)                                                                 \
    {                                                                                              \
        .name = "ocsp", .type = SETTING_CUSTOM, .offset = offsetof(owner, field_),                 \
        .size = sizeof(struct tls_ocsp), .read = tls_ocsp_read, .form = "off | fetch | TEXT",      \
        .scopes = SCOPE_SITE, .names_files = true, .word = "fetch",                                \
        .summary = "What the OCSP responder of its authority says of the certificate, which "      \
                   "clients are shown with it (stapling): the file with it, in DER; or fetch, to " \
                   "have Weir ask the responder, again and again.",                                \
        .example = "/etc/weir/shop.ocsp"                                                           \
    }

static const struct setting pair_records[] = {
    TLS_FILE_RECORD("certificate", struct tls_pair, certificate, SCOPE_SITE, CERTIFICATE_SUMMARY,
                    "/etc/weir/shop.pem"),
    TLS_FILE_RECORD("key", struct tls_pair, key, SCOPE_SITE, KEY_SUMMARY, "/etc/weir/shop.key"),
    OCSP_RECORD(struct tls_pair, ocsp),
};

static void check_pair(const void *group, const struct node *node, struct diagnostics *diagnostics)
{
    if (!((const struct tls_pair *)group)->certificate.node)
        diagnostics_error(diagnostics, node->position, "name its file as \"certificate\"",
                          "there is no certificate");
}

static const struct setting_group pair_group = {
    .name = "certificates",
    .settings = pair_records,
    .count = sizeof(pair_records) / sizeof(pair_records[0]),
    .size = sizeof(struct tls_pair),
    .check = check_pair,
    .summary = "A certificate with its key.",
};

#define PAIRS_EXAMPLE                                                                              \
    "[{certificate: shop-ecdsa.pem, key: shop-ecdsa.key}, "                                        \
    "{certificate: shop-rsa.pem, key: shop-rsa.key}]"

static bool read_pairs(struct setting_reader *reader, const struct node *node, void *field)
{
    struct tls_pairs *pairs = field;
    *pairs = (struct tls_pairs){0};
    if (node_is_word(node, "off"))
        return true;
    if (node->kind == NODE_SCALAR && node->text.length > 0)
        return tls_directory_read(reader, node, &pairs->directory);
    if (node->kind != NODE_SEQUENCE || node->count == 0)
        return setting_refuse(reader, "certificates", "a directory or a list", PAIRS_EXAMPLE, node);
    if (node->count > PAIRS_MAX) {
        diagnostics_error(reader->diagnostics, node->position,
                          "one with a key of ECDSA and one with a key of RSA is what clients can "
                          "use; other names belong to other sites",
                          "a site has at most %d certificates", PAIRS_MAX);
        return false;
    }
    struct tls_pair *items = ARENA_ARRAY(reader->arena, struct tls_pair, (size_t)node->count);
    bool good = items != NULL;
    for (uint32_t i = 0; items && i < node->count; i++) {
        if (node->items[i]->kind == NODE_MAPPING)
            good &= setting_read_mapping(reader, &pair_group, node->items[i], &items[i]);
        else
            good = setting_refuse(reader, "certificates", "a list of mappings", PAIRS_EXAMPLE,
                                  node->items[i]);
    }
    if (good)
        *pairs = (struct tls_pairs){.items = items, .count = node->count};
    return good;
}

/* ---- `tls` */

static const char *const profile_choices[] = {"intermediate", "modern", "old", NULL};

static const struct setting records[] = {
    TLS_FILE_RECORD("certificate", struct tls_settings, pair.certificate, SCOPE_SITE,
                    CERTIFICATE_SUMMARY, "/etc/weir/shop.pem"),
    TLS_FILE_RECORD("key", struct tls_settings, pair.key, SCOPE_SITE, KEY_SUMMARY,
                    "/etc/weir/shop.key"),
    OCSP_RECORD(struct tls_settings, pair.ocsp),
    {.name = "certificates",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct tls_settings, more),
     .size = sizeof(struct tls_pairs),
     .read = read_pairs,
     .form = "off | TEXT | [MAPPING]",
     .mapping = &pair_group,
     .scopes = SCOPE_SITE,
     .names_files = true,
     .word = "fetch",
     .summary = "Several certificates for the same names, with keys of different kinds: a client "
                "gets the one that it can use. Or a directory with certificates, of which each "
                "name gets those that hold for it.",
     .example = PAIRS_EXAMPLE},
    {.name = "profile",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct tls_settings, profile),
     .size = sizeof(int),
     .standard = "intermediate",
     .choices = profile_choices,
     .scopes = SCOPE_SITE,
     .summary =
         "Which versions and ciphers are spoken: intermediate (TLS 1.2 and 1.3), modern "
         "(TLS 1.3 alone), or old (from TLS 1.0 on, with ciphers that are known to be weak).",
     .example = "modern"},
    {.name = "versions",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct tls_settings, versions),
     .size = sizeof(struct tls_versions),
     .read = tls_versions_read,
     .form = "off | TEXT | [TEXT]",
     .scopes = SCOPE_SITE,
     .summary = "The versions that are spoken, in the place of those of the profile: TLSv1.2, "
                "TLSv1.3; with the profile old also TLSv1.0 and TLSv1.1.",
     .example = "[TLSv1.2, TLSv1.3]"},
    {.name = "ciphers",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct tls_settings, ciphers),
     .size = sizeof(struct tls_ciphers),
     .read = tls_ciphers_read,
     .form = "off | TEXT | [TEXT]",
     .scopes = SCOPE_SITE,
     .summary = "The ciphers, the best first, in the place of those of the profile, by their "
                "standard names or those of OpenSSL; where none of TLS 1.3 is among them, or none "
                "of TLS 1.2, those of the profile stay.",
     .example = "[TLS_AES_256_GCM_SHA384, ECDHE-ECDSA-AES256-GCM-SHA384]"},
    {.name = "groups",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct tls_settings, groups),
     .size = sizeof(const char *),
     .read = tls_groups_read,
     .form = "off | TEXT | [TEXT]",
     .scopes = SCOPE_SITE,
     .summary =
         "The groups for the exchange of keys, the best first, in the place of X25519, P-256 "
         "and P-384.",
     .example = "[X25519, P-256]"},
    {.name = "client",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct tls_settings, client),
     .size = sizeof(struct tls_client_settings),
     .read = tls_client_settings_read,
     .form = "off | MAPPING",
     .mapping = &tls_client_group,
     .scopes = SCOPE_SITE,
     .names_files = true,
     .summary = "Certificates that clients show, or must show, and by whom they are to be signed.",
     .example = "{verify: required, ca: clients.pem}"},
    {.name = "early_data",
     .type = SETTING_SWITCH,
     .offset = offsetof(struct tls_settings, early_data),
     .size = sizeof(bool),
     .standard = "off",
     .scopes = SCOPE_SITE,
     .summary = "Whether a client that was here before may send requests with its first bytes (TLS "
                "1.3, 0-RTT). What others can record and send again is taken once, and carried out "
                "before the handshake has ended only for GET, HEAD and OPTIONS without a body.",
     .example = "on"},
};

static void warn_of_early_data(const struct tls_settings *settings, const struct node *node,
                               struct diagnostics *diagnostics)
{
    if (settings->client.verify != TLS_CLIENT_OFF)
        diagnostics_warning(diagnostics, node->position,
                            "write \"early_data: off\", or leave \"client\" away",
                            "early data is taken from nobody who is asked for a certificate");
    else if (settings->versions.most && settings->versions.most < TLS_13)
        diagnostics_warning(diagnostics, node->position,
                            "add TLSv1.3 to \"versions\", or write \"early_data: off\"",
                            "there is no early data below TLSv1.3");
}

static void check_site(const void *group, const struct node *node, struct diagnostics *diagnostics)
{
    const struct tls_settings *settings = group;
    bool has_more = settings->more.count > 0 || settings->more.directory.node;
    if (settings->pair.certificate.node && has_more)
        diagnostics_error(diagnostics, node->position,
                          "write all of them in \"certificates\", or take out what is inherited "
                          "with \"certificate: off\"",
                          "\"certificate\" and \"certificates\" stand side by side");
    else if (settings->versions.least && settings->versions.least < TLS_12 &&
             settings->profile != TLS_OLD)
        diagnostics_error(diagnostics, node->position,
                          "leave TLSv1.0 and TLSv1.1 away, or write \"profile: old\", too",
                          "versions below TLSv1.2 can only be spoken with weak ciphers");
    else if (settings->profile == TLS_OLD)
        diagnostics_warning(diagnostics, node->position, "leave it away, where nobody needs it",
                            "the profile \"old\" lets weak ciphers and versions in");
    if (settings->early_data)
        warn_of_early_data(settings, node, diagnostics);
}

const struct setting_group tls_group = {
    .name = "tls",
    .settings = records,
    .count = sizeof(records) / sizeof(records[0]),
    .size = sizeof(struct tls_settings),
    .check = check_site,
    .summary = "TLS towards clients: the certificates of a site.",
};
