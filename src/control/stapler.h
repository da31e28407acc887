/* Keeps what clients are shown of certificates fresh where settings say `ocsp: fetch`: asks the
 * responders that the certificates of the snapshot that is served name (OCSP, RFC 6960), and again
 * well before an answer ceases to hold. What is good is shown from then on by all loops
 * (tls/tls_staple.h), and goes on to be over reloads. A responder is asked for many certificates
 * little by little, and rests while it does not answer. Belongs to the control loop. */
#pragma once

#include "conf/snapshot.h"

#include <stdint.h>

struct loop;
struct server_registry;
struct stapler;

/* Both must outlive it. NULL: no memory. */
struct stapler *stapler_new(struct loop *loop, struct server_registry *servers);

/* From now on the responders are asked for the certificates of that snapshot, which has just been
 * published, and for no others; of those of which something is known, when that is due. */
void stapler_take(struct stapler *stapler, const struct snapshot *snapshot);

struct stapler_counts {
    uint64_t certificates;               /* for which responders are asked */
    uint64_t lacking, revoked;           /* of them: shown without an answer; and because of that */
    uint64_t taken, refused, unanswered; /* questions since the start, by what came of them */
};

void stapler_count(const struct stapler *stapler, struct stapler_counts *ret_counts);

/* NULL is accepted. */
void stapler_free(struct stapler *stapler);
