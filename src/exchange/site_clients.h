/* Which certificates of clients a site accepts, while a snapshot is built. */
#pragma once

#include "conf/configuration.h"
#include "tls/tls_settings.h"

/* What is wrong is told. `ret_terms->authorities` is the caller's to free. False: it is wrong, or
 * there is no memory (`*ret_no_memory`). */
bool site_clients_read(const struct tls_settings *settings, struct diagnostics *diagnostics,
                       struct tls_client_terms *ret_terms, struct tls_authorities **ret_authorities,
                       bool *ret_no_memory);
