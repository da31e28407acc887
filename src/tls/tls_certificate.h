/* A certificate with the chain that leads to its authority, and its private key. Immutable and
 * counted; any thread. */
#pragma once

#include "base/slice.h"
#include "base/text.h"

#include <stdint.h>

struct tls_certificate;
struct tls_key_reader;
struct tls_maker;

enum tls_certificate_state {
    TLS_CERTIFICATE_GOOD,
    TLS_CERTIFICATE_NONE,      /* there is no certificate in the bytes, */
    TLS_CERTIFICATE_IS_KEY,    /* but a private key */
    TLS_CERTIFICATE_BROKEN,    /* a certificate, or one of its chain, cannot be read */
    TLS_CERTIFICATE_NO_KEY,    /* there is no private key in the bytes */
    TLS_CERTIFICATE_LOCKED,    /* the key is encrypted */
    TLS_CERTIFICATE_BAD_KEY,   /* the key cannot be read */
    TLS_CERTIFICATE_MISFIT,    /* the key is not that of the certificate */
    TLS_CERTIFICATE_WEAK,      /* the key or the signature is too weak to be served */
    TLS_CERTIFICATE_NO_MEMORY, /* or anything else that the library refuses */
    TLS_CERTIFICATE_STATES
};

/* What is wrong, about a certificate (`key` is where its key was looked for), and what would be
 * right. */
const char *tls_certificate_problem(enum tls_certificate_state state);
const char *tls_certificate_cure(enum tls_certificate_state state);

enum { TLS_KEY_KINDS = 4 };

/* From where comes what is said of one by the responder of its authority (tls_staple.h). */
enum tls_staple_source {
    TLS_STAPLE_NONE,
    TLS_STAPLE_FILE,    /* once, before it is served */
    TLS_STAPLE_FETCHED, /* again and again, while it is */
};

/* How it is read. */
struct tls_reading {
    bool weak_too; /* also one that only the profile `old` may serve */
    /* For who reads many of them; NULL: each is read by itself. */
    struct tls_maker *maker; /* of what is usual; may give one that others hold already */
    /* From a FILE: it is not one that others hold. FETCHED: those that are the same share it. */
    enum tls_staple_source staple;
    struct tls_key_reader *reader;
};

/* From PEM: the certificate first, then those that signed it; what else stands in the bytes is
 * passed over. The caller has one reference. */
enum tls_certificate_state tls_certificate_new(struct slice chain, struct slice key,
                                               const struct tls_reading *reading,
                                               struct tls_certificate **ret_certificate);
void tls_certificate_ref(const struct tls_certificate *certificate);
void tls_certificate_unref(const struct tls_certificate *certificate); /* NULL is accepted */

/* Which kind of key it has, from 0 to TLS_KEY_KINDS - 1, and its name: `RSA`. */
unsigned tls_certificate_key_kind(const struct tls_certificate *certificate);
const char *tls_key_kind_name(unsigned kind);

/* By what it is known among all (SHA-256); lives as long as it does. */
struct slice tls_certificate_digest(const struct tls_certificate *certificate);

/* When it begins and ends to hold: seconds since 1970. */
int64_t tls_certificate_begins(const struct tls_certificate *certificate);
int64_t tls_certificate_ends(const struct tls_certificate *certificate);

/* Whether it holds for a host (a name or an IP address, normalized); `is_wildcard`: for all names
 * directly below it. */
bool tls_certificate_covers(const struct tls_certificate *certificate, struct slice host,
                            bool is_wildcard);

/* The names that it holds for, with commas between, as far as there is room; what is no printable
 * ASCII is not told. */
void tls_certificate_print_names(struct text *text, const struct tls_certificate *certificate);

/* Goes through the names that it holds for. */
struct tls_name_walk {
    const struct tls_certificate *certificate;
    struct slice rest;
    bool has_begun;
};

/* The next one, in small letters: a host, `*.` and what it is below, or an address. Those that no
 * host can have are passed over. False: there are no more. */
bool tls_certificate_next_name(struct tls_name_walk *walk, struct text *ret_name);
