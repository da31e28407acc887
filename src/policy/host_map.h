/* From host names to sites: exact names, then the longest wildcard, then whoever takes every other
 * name. What has no exact name costs a look for each number of labels that some wildcard has. Built
 * once, then immutable. */
#pragma once

#include "policy/hash_index.h"
#include "policy/route_settings.h"

struct host_entry;

/* A site's first name has the number of the site, so that who has found a name in the index goes
 * for the site without waiting for the name: among thousands both lie in cold memory. */
struct host_map {
    struct host_entry *entries;
    uint32_t sites; /* the entries of first names; those of others come behind */
    uint32_t count;
    uint64_t wildcards; /* a bit for each number of labels that a wildcard has, the last for more */
    struct hash_index hashes;
    uint32_t others; /* the first entry of HOST_ANY, or HASH_INDEX_NONE */
};

/* For that many sites and at most `count` names, one of each site at least. False: no memory. */
bool host_map_init(struct host_map *map, struct arena *arena, size_t sites, size_t count);

/* Adds a name of a site, whose number is below that of sites. Where another site has the same name
 * at the same addresses nothing is added and that site's number is returned, else HASH_INDEX_NONE.
 * Name and addresses are kept. */
uint32_t host_map_add(struct host_map *map, const struct host_name *host,
                      const struct site_addresses *listen, uint32_t site);

/* The site for a normalized name, or HASH_INDEX_NONE. `listener` and `is_private` as in struct
 * route_question. */
uint32_t host_map_find(const struct host_map *map, struct slice host,
                       const struct address *listener, bool is_private);
