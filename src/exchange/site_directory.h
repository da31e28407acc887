/* The certificates of a directory by the names that they hold for: what sites are served with that
 * have `tls: {certificates: DIRECTORY}`. Compiled for a snapshot; immutable; any thread. */
#pragma once

#include "base/map.h"
#include "tls/tls_context.h"
#include "tls/tls_settings.h"

/* Those that hold for a name, with keys of different kinds; of several of a kind the one that ends
 * last. */
struct name_holders {
    const struct tls_certificate *items[TLS_KEY_KINDS];
    uint32_t count;
    const struct tls_context *context; /* NULL: not yet */
};

struct site_directory {
    struct arena *arena;
    struct map by_name;  /* struct name_holders, by the name or `*.` and what is below; addresses as
                            text */
    struct map contexts; /* struct tls_context, by the certificates in it */
    const struct name_holders *first; /* of the first certificate; NULL: there is none */
    const struct tls_certificate **certificates;
    uint32_t count;
};

/* With room for so many certificates; lives in the arena and goes with it. NULL: no memory. */
struct site_directory *site_directory_new(struct arena *arena, uint32_t count);

/* Adds one, which must live as long as the arena. False: no memory. */
bool site_directory_add(struct site_directory *directory,
                        const struct tls_certificate *certificate);

/* Whether one of them is shown for one of its names at least: another one may have come in its
 * place. */
bool site_directory_shows(const struct site_directory *directory,
                          const struct tls_certificate *certificate);

/* When all are there. False: no memory. */
bool site_directory_make_contexts(struct site_directory *directory, struct tls_manners *manners,
                                  const struct tls_terms *terms);

/* Those that hold for a host (normalized), exactly or by a wildcard; `is_wildcard`: for all names
 * directly below it. NULL: none does. */
const struct name_holders *site_directory_find(const struct site_directory *directory,
                                               struct slice host, bool is_wildcard);
