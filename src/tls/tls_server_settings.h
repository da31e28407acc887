/* The settings `tls` of an upstream: by what its servers are known, and what they are shown. Files
 * as they were read; what is in them is looked at when a snapshot is built. */
#pragma once

#include "tls/tls_server_context.h"
#include "tls/tls_settings.h"

struct tls_server_settings {
    struct tls_file ca; /* not named: the authorities of the system */
    bool verify;
    struct slice name;    /* that certificates must hold for; empty: the server's own */
    struct tls_pair pair; /* that servers are shown; not named: nothing */
    enum tls_offer offer; /* to those that are written with https:// */
};

extern const struct setting_group tls_server_group;

/* The authorities that this system trusts, in PEM: the file that SSL_CERT_FILE names, else the one
 * of the distribution; read once for a configuration. Data is NULL: there is none. */
struct slice tls_read_system_authorities(struct setting_reader *reader);
