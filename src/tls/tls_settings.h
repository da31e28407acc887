/* The settings `tls` of a site: which files, as they were read. What is in them is looked at when a
 * snapshot is built, because what is wrong with one certificate is not always an error. */
#pragma once

#include "conf/setting.h"
#include "tls/tls_context.h"
#include "tls/tls_directory.h"

/* Bytes: of a certificate with its chain, or a key; of authorities and what they have revoked, of
 * which large ones have hundreds of thousands. */
enum { TLS_FILE_MAX = 256 << 10, TLS_AUTHORITIES_MAX = 16 << 20 };

/* A file that the configuration names. Its bytes are overwritten with the configuration's end at
 * the latest. */
struct tls_file {
    const struct node *node; /* where it is named; NULL: it is not */
    struct slice path;       /* as it is opened */
    struct slice bytes;
    const char *problem; /* why it could not be read; NULL: it was */
    const char *cure;    /* what to do then */
};

/* Reads one from a path; `off`: none. What is wrong with it is left to who uses it. */
bool tls_file_read(struct setting_reader *reader, const struct node *node, void *field);

/* Has bytes overwritten when the configuration ends. False: no memory, and it was done at once. */
bool tls_keep_until_cleansed(struct setting_reader *reader, struct slice bytes);

/* The same for a file with authorities, or what they have revoked, which holds no secret. */
bool tls_authorities_read(struct setting_reader *reader, const struct node *node, void *field);

/* The records of settings that name one. */
#define TLS_AUTHORITIES_RECORD(name_, owner, field, scopes_, summary_, example_)                   \
    {                                                                                              \
        .name = name_, .type = SETTING_CUSTOM, .offset = offsetof(owner, field),                   \
        .size = sizeof(struct tls_file), .read = tls_authorities_read, .form = "TEXT",             \
        .scopes = scopes_, .names_files = true, .summary = summary_, .example = example_           \
    }

#define TLS_FILE_RECORD(name_, owner, field, scopes_, summary_, example_)                          \
    {                                                                                              \
        .name = name_, .type = SETTING_CUSTOM, .offset = offsetof(owner, field),                   \
        .size = sizeof(struct tls_file), .read = tls_file_read, .form = "TEXT", .scopes = scopes_, \
        .names_files = true, .summary = summary_, .example = example_                              \
    }

/* What clients are shown of what the responder of its authority says of a certificate. */
struct tls_ocsp {
    enum { TLS_OCSP_UNSAID, TLS_OCSP_OFF, TLS_OCSP_FILE, TLS_OCSP_FETCH } kind;
    const struct node *node; /* where it is written; NULL: UNSAID */
    struct tls_file file;    /* FILE */
};

/* Reads one from a path, or `fetch`. */
bool tls_ocsp_read(struct setting_reader *reader, const struct node *node, void *field);

struct tls_pair {
    struct tls_file certificate;
    struct tls_file key;  /* not named: it stands in the certificate's file */
    struct tls_ocsp ocsp; /* towards clients; UNSAID in a list: as the site has it */
};

/* Written one by one, or all that lie in a directory. */
struct tls_pairs {
    const struct tls_pair *items;
    uint32_t count;
    struct tls_directory directory;
};

/* Certificates of clients. */
struct tls_client_settings {
    int verify; /* enum tls_client_verify */
    struct tls_file ca;
    struct tls_file crl; /* not named: nothing was revoked */
    int64_t depth;
};

extern const struct setting_group tls_client_group;

/* Reads those of a site; `off`: clients are asked for none. */
bool tls_client_settings_read(struct setting_reader *reader, const struct node *node, void *field);

/* As struct tls_terms has them. */
struct tls_versions {
    int least, most;
};

struct tls_ciphers {
    const char *ciphers, *suites;
};

/* Read what stands in the place of what the profile says; `off`: that it says it. */
bool tls_versions_read(struct setting_reader *reader, const struct node *node, void *field);
bool tls_ciphers_read(struct setting_reader *reader, const struct node *node, void *field);
bool tls_groups_read(struct setting_reader *reader, const struct node *node, void *field);

struct tls_settings {
    struct tls_pair pair;
    struct tls_pairs more;
    int profile; /* enum tls_profile */
    struct tls_versions versions;
    struct tls_ciphers ciphers;
    const char *groups; /* NULL: those that all have */
    struct tls_client_settings client;
    bool early_data;
};

extern const struct setting_group tls_group;

/* Whether a site with these takes early data: from nobody who is asked for a certificate, for who
 * sends a recording has not shown it. */
static inline bool tls_settings_take_early(const struct tls_settings *settings)
{
    return settings->early_data && settings->client.verify == TLS_CLIENT_OFF;
}

/* Whether a site with these speaks TLS. */
static inline bool tls_settings_are_on(const struct tls_settings *settings)
{
    return settings->pair.certificate.node || settings->more.count > 0 ||
           settings->more.directory.node;
}
