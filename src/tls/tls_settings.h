/* The settings `tls` of a site: which files, as they were read. What is in them is looked at when a
 * snapshot is built, because what is wrong with one certificate is not always an error. */
#pragma once

#include "conf/setting.h"
#include "tls/tls_context.h"

enum { TLS_FILE_MAX = 256 * 1024 };

/* A file that the configuration names. Its bytes are overwritten with the configuration's end at
 * the latest. */
struct tls_file {
    const struct node *node; /* where it is named; NULL: it is not */
    struct slice bytes;
    const char *problem; /* why it could not be read; NULL: it was */
};

/* Reads one from a path; `off`: none. What is wrong with it is left to who uses it. */
bool tls_file_read(struct setting_reader *reader, const struct node *node, void *field);

/* The record of a setting that names one. */
#define TLS_FILE_RECORD(name_, owner, field, scopes_, summary_, example_)                          \
    {                                                                                              \
        .name = name_, .type = SETTING_CUSTOM, .offset = offsetof(owner, field),                   \
        .size = sizeof(struct tls_file), .read = tls_file_read, .form = "TEXT", .scopes = scopes_, \
        .names_files = true, .summary = summary_, .example = example_                              \
    }

struct tls_pair {
    struct tls_file certificate;
    struct tls_file key; /* not named: it stands in the certificate's file */
};

struct tls_pairs {
    const struct tls_pair *items;
    uint32_t count;
};

struct tls_settings {
    struct tls_pair pair;
    struct tls_pairs more;
    int profile; /* enum tls_profile */
};

extern const struct setting_group tls_group;

/* Whether a site with these speaks TLS. */
static inline bool tls_settings_are_on(const struct tls_settings *settings)
{
    return settings->pair.certificate.node || settings->more.count > 0;
}
