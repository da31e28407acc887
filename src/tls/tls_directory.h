/* The setting `certificates` of a site where it names a directory: which certificates lie in it,
 * with which keys. Only files are found here; what is in them is looked at when a snapshot is
 * built. */
#pragma once

#include "conf/setting.h"

enum { TLS_DIRECTORY_MAX = 20000 }; /* files with certificates */

/* A file with a certificate. The bytes are overwritten with the configuration's end at the
 * latest. */
struct tls_found {
    struct slice path, key_path;
    struct slice bytes, key; /* the key's file, which may be the same */
    const char *problem;     /* why one of them could not be read; NULL: both were */
    bool holds_none;         /* there is no certificate in it */
};

struct tls_directory {
    const struct node *node; /* where it is named; NULL: there is none */
    const struct tls_found *items;
    uint32_t count;
};

/* Reads what lies in the directory that a scalar names: files NAME.pem and NAME.crt, each with its
 * key in it or beside it as NAME.key; and in each directory below, as certbot keeps them,
 * fullchain.pem with privkey.pem. A file without a certificate is marked, and to be passed over.
 * False: that there are too many was told, or there is no memory. */
bool tls_directory_read(struct setting_reader *reader, const struct node *node,
                        struct tls_directory *ret_directory);

/* Overwrites what was read. */
void tls_directory_cleanse(const struct tls_directory *directory);
