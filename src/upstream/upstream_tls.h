/* From the settings `tls` of an upstream to what its connections are made with, while a snapshot is
 * built. */
#pragma once

#include "tls/tls_finding.h"
#include "tls/tls_server_context.h"
#include "upstream/upstream.h"

/* What the upstreams of a snapshot share. */
struct upstream_tls {
    struct tls_authorities *system;      /* of this system; NULL: nobody has asked for them */
    struct tls_server_context *standard; /* of those that write no `tls`; NULL: the same */
    struct tls_findings findings;        /* of what is served */
    struct arena *arena;                 /* of the snapshot, for these */
};

/* Whether a server that is written so can be asked in HTTP/2. Where its context could not be made,
 * which was told, that is not held against it. */
bool upstream_tls_offers_h2(const struct upstream *upstream, const struct server_place *place);

void upstream_tls_fini(struct upstream_tls *shared);

/* Gives the upstream its context, if one of its servers in the list is spoken to over TLS. What is
 * wrong is told. False: no memory. */
bool upstream_tls_set(struct upstream_tls *shared, struct upstream *upstream,
                      const struct snapshot *snapshot, const struct scope *scope,
                      const struct server_list *list, struct diagnostics *diagnostics);
