#include "policy/host_map.h"

#include "base/assert.h"

/* A cache line, in which most names fit, too. */
struct host_entry {
    const char *far_name;                /* NULL: it is `own_name` */
    const struct site_addresses *listen; /* NULL: the addresses of the top */
    uint32_t site;
    uint32_t next; /* the same name at other addresses, or HASH_INDEX_NONE */
    uint8_t kind;  /* enum host_kind */
    uint8_t length;
    char own_name[CACHE_LINE - 26];
};

_Static_assert(sizeof(struct host_entry) == CACHE_LINE, "an entry is a cache line");

static struct slice name_of(const struct host_entry *entry)
{
    return slice_of(entry->far_name ? entry->far_name : entry->own_name, entry->length);
}

bool host_map_init(struct host_map *map, struct arena *arena, size_t count)
{
    *map = (struct host_map){.others = HASH_INDEX_NONE};
    if (count == 0)
        return true;
    if (count > SIZE_MAX / sizeof(struct host_entry))
        return false;
    map->entries = arena_calloc_lines(arena, count * sizeof(struct host_entry));
    return map->entries && hash_index_init(&map->hashes, arena, count);
}

/* --- Adding ------------------------------------------------------------------------------------
 */

static uint32_t hash_from_end(struct slice name)
{
    uint64_t hash = hash_start(0);
    for (size_t i = name.length; i-- > 0;)
        hash = hash_step(hash, name.data[i]);
    return hash_finish(hash);
}

/* The first entry of that name and kind, or HASH_INDEX_NONE. */
static uint32_t find_entry(const struct host_map *map, uint32_t hash, enum host_kind kind,
                           struct slice name)
{
    uint32_t at = hash, index;
    while ((index = hash_index_next(&map->hashes, hash, &at)) != HASH_INDEX_NONE) {
        const struct host_entry *entry = &map->entries[index];
        if (entry->kind == kind && slice_equal(name_of(entry), name))
            return index;
    }
    return HASH_INDEX_NONE;
}

static bool has_address(const struct site_addresses *listen, const struct address *address)
{
    for (uint32_t i = 0; i < listen->count; i++) {
        if (address_equal(&listen->items[i], address))
            return true;
    }
    return false;
}

/* A site with addresses of its own goes before one without, at those addresses. */
static bool overlap(const struct site_addresses *a, const struct site_addresses *b)
{
    if (!a || !b)
        return a == b;
    for (uint32_t i = 0; i < a->count; i++) {
        if (has_address(b, &a->items[i]))
            return true;
    }
    return false;
}

/* Sites without addresses of their own stand last in a chain. */
static void insert(struct host_map *map, uint32_t *first, uint32_t index)
{
    uint32_t *link = first;
    while (*link != HASH_INDEX_NONE && map->entries[*link].listen)
        link = &map->entries[*link].next;
    map->entries[index].next = *link;
    *link = index;
}

/* Where an entry is the first of its name the index holds its number, which must not change: what
 * belongs before it changes places with it. */
static void insert_behind_first(struct host_map *map, uint32_t first, uint32_t index)
{
    if (map->entries[first].listen) {
        insert(map, &map->entries[first].next, index);
        return;
    }
    struct host_entry old = map->entries[first];
    map->entries[first] = map->entries[index];
    map->entries[first].next = index;
    map->entries[index] = old;
}

static struct host_entry make_entry(const struct host_name *host,
                                    const struct site_addresses *listen, uint32_t site)
{
    struct host_entry entry = {.listen = listen,
                               .site = site,
                               .next = HASH_INDEX_NONE,
                               .kind = (uint8_t)host->kind,
                               .length = (uint8_t)host->name.length};
    ASSERT(host->name.length == entry.length);
    if (entry.length > sizeof(entry.own_name))
        entry.far_name = host->name.data;
    else if (entry.length > 0)
        memcpy(entry.own_name, host->name.data, entry.length);
    return entry;
}

uint32_t host_map_add(struct host_map *map, const struct host_name *host,
                      const struct site_addresses *listen, uint32_t site)
{
    ASSERT(site != HASH_INDEX_NONE);
    listen = listen->count > 0 ? listen : NULL;
    bool is_any = host->kind == HOST_ANY;
    uint32_t hash = is_any ? 0 : hash_from_end(host->name);
    uint32_t first = is_any ? map->others : find_entry(map, hash, host->kind, host->name);
    for (uint32_t i = first; i != HASH_INDEX_NONE; i = map->entries[i].next) {
        if (overlap(map->entries[i].listen, listen))
            return map->entries[i].site;
    }
    uint32_t index = map->count++;
    map->entries[index] = make_entry(host, listen, site);
    map->wildcard_count += host->kind == HOST_WILDCARD;
    if (is_any)
        insert(map, &map->others, index);
    else if (first != HASH_INDEX_NONE)
        insert_behind_first(map, first, index);
    else
        hash_index_add(&map->hashes, hash, index);
    return HASH_INDEX_NONE;
}

/* --- Asking ------------------------------------------------------------------------------------
 */

/* The site of a chain that answers there, or HASH_INDEX_NONE. */
static uint32_t choose(const struct host_map *map, uint32_t index, const struct address *listener,
                       bool is_private)
{
    for (; index != HASH_INDEX_NONE; index = map->entries[index].next) {
        const struct host_entry *entry = &map->entries[index];
        if (!entry->listen ? !is_private : listener && has_address(entry->listen, listener))
            return entry->site;
    }
    return HASH_INDEX_NONE;
}

uint32_t host_map_find(const struct host_map *map, struct slice host,
                       const struct address *listener, bool is_private)
{
    ASSERT(!is_private || listener);
    uint32_t site = HASH_INDEX_NONE;
    if (map->hashes.count > 0 && host.length > 0) {
        uint32_t wildcard = HASH_INDEX_NONE;
        uint64_t hash = hash_start(0);
        for (size_t i = host.length; i-- > 0; hash = hash_step(hash, host.data[i])) {
            if (host.data[i] != '.' || i == 0 || map->wildcard_count == 0)
                continue;
            uint32_t found = choose(
                map, find_entry(map, hash_finish(hash), HOST_WILDCARD, slice_from(host, i + 1)),
                listener, is_private);
            if (found != HASH_INDEX_NONE)
                wildcard = found;
        }
        uint32_t exact = find_entry(map, hash_finish(hash), HOST_EXACT, host);
        site = choose(map, exact, listener, is_private);
        if (site == HASH_INDEX_NONE)
            site = wildcard;
    }
    if (site == HASH_INDEX_NONE)
        site = choose(map, map->others, listener, is_private);
    return site;
}
