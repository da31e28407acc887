/* What there is to tell of certificates that are served, and of what others are looked at by: what
 * is wrong with one, and when it ceases to hold. Found by who reads the files, while a snapshot is
 * built; told by who watches (control/warner.h). Immutable; any thread. */
#pragma once

#include "base/arena.h"
#include "base/slice.h"

#include <stdint.h>

enum tls_finding_kind {
    TLS_FINDING_LEFT_OUT,    /* a certificate of a site that cannot be served */
    TLS_FINDING_NAME,        /* a name of a site that no certificate holds for */
    TLS_FINDING_CERTIFICATE, /* of a site, and when it holds; as all those below */
    TLS_FINDING_OWN,         /* a certificate that servers are shown */
    TLS_FINDING_AUTHORITIES, /* the one of a file that ends last */
    TLS_FINDING_REVOCATIONS, /* the list of a file that ends first */
    TLS_FINDING_KINDS
};

/* Whose it is. */
enum tls_finding_owner { TLS_OF_SITE, TLS_OF_DIRECTORY, TLS_OF_UPSTREAM, TLS_OWNERS };

/* What it points to lives as long as the snapshot. */
struct tls_finding {
    struct tls_finding *next; /* found behind it; NULL: the last */
    enum tls_finding_kind kind;
    enum tls_finding_owner owner_kind;
    struct slice owner;   /* its name; of several that share it, the first one */
    struct slice file;    /* as it is opened; of a NAME empty */
    struct slice problem; /* LEFT_OUT: in words. NAME: for which names there is one */
    struct slice cure;    /* LEFT_OUT: what would be right */
    struct slice name;    /* NAME */
    /* Of those that hold for a time: seconds since 1970; INT64_MAX: for ever. */
    int64_t begins, ends;
};

/* In the order in which they were found. */
struct tls_findings {
    struct tls_finding *first, *last; /* NULL: there is none */
};

/* The step at which one that holds for a time is, the later one the worse. */
enum tls_step_to_end {
    TLS_HOLDS,
    TLS_ENDS_SOON,      /* within TLS_SOON_DAYS, or the second half of its time */
    TLS_ENDS_VERY_SOON, /* within TLS_VERY_SOON_DAYS, or the last tenth of its time */
    TLS_HOLDS_NOT_YET,
    TLS_HAS_ENDED,
};

enum { TLS_DAY_SECONDS = 24 * 3600, TLS_SOON_DAYS = 14, TLS_VERY_SOON_DAYS = 3 };

/* Where it is at a time, in seconds since 1970. Lists of revocations are made anew every few days,
 * so that soon means nothing for them. `*ret_next`: when it comes to the next step; INT64_MAX:
 * never. */
enum tls_step_to_end tls_finding_step(const struct tls_finding *finding, int64_t now,
                                      int64_t *ret_next);

/* Adds one; its texts are copied into the arena, and `next` is set. False: no memory. */
bool tls_findings_add(struct tls_findings *findings, struct arena *arena,
                      const struct tls_finding *finding);
