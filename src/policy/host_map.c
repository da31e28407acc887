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
    bool is_set;
    char own_name[CACHE_LINE - 27];
};

_Static_assert(sizeof(struct host_entry) == CACHE_LINE, "an entry is a cache line");

static struct slice name_of(const struct host_entry *entry)
{
    return slice_of(entry->far_name ? entry->far_name : entry->own_name, entry->length);
}

bool host_map_init(struct host_map *map, struct arena *arena, size_t sites, size_t count)
{
    ASSERT(sites <= count && sites < HASH_INDEX_NONE);
    *map = (struct host_map){
        .others = HASH_INDEX_NONE, .sites = (uint32_t)sites, .count = (uint32_t)sites};
    if (count == 0)
        return true;
    if (count > SIZE_MAX / sizeof(struct host_entry))
        return false;
    map->entries = arena_calloc_lines(arena, count * sizeof(struct host_entry));
    return map->entries && hash_index_init(&map->hashes, arena, count);
}

/* --- Adding ------------------------------------------------------------------------------------
 */

static uint32_t hash_name(enum host_kind kind, struct slice name)
{
    return hash_finish(hash_add(hash_start(kind), name));
}

static uint64_t labels_bit(unsigned labels)
{
    return (uint64_t)1 << (labels < 63 ? labels : 63);
}

static unsigned count_labels(struct slice name)
{
    unsigned labels = 1;
    for (size_t i = 0; i < name.length; i++)
        labels += name.data[i] == '.';
    return labels;
}

/* The first entry of that name and kind, or HASH_INDEX_NONE. */
static uint32_t find_entry(const struct host_map *map, enum host_kind kind, struct slice name)
{
    uint32_t hash = hash_name(kind, name);
    uint32_t at = hash, index;
    while ((index = hash_index_next(&map->hashes, hash, &at)) != HASH_INDEX_NONE) {
        const struct host_entry *entry = &map->entries[index];
        if (entry->kind == kind && slice_equal(name_of(entry), name))
            return index;
    }
    return HASH_INDEX_NONE;
}

/* Not inlined: most sites have no addresses of their own. */
__attribute__((noinline)) static bool has_address(const struct site_addresses *listen,
                                                  const struct address *address)
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

/* The same for a chain that the index knows by its first. */
static void insert_indexed(struct host_map *map, uint32_t hash, uint32_t first, uint32_t index)
{
    uint32_t now = first;
    insert(map, &now, index);
    if (now != first)
        hash_index_replace(&map->hashes, hash, first, now);
}

static struct host_entry make_entry(const struct host_name *host,
                                    const struct site_addresses *listen, uint32_t site)
{
    struct host_entry entry = {.listen = listen,
                               .site = site,
                               .next = HASH_INDEX_NONE,
                               .kind = (uint8_t)host->kind,
                               .length = (uint8_t)host->name.length,
                               .is_set = true};
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
    ASSERT(site < map->sites);
    listen = listen->count > 0 ? listen : NULL;
    bool is_any = host->kind == HOST_ANY;
    uint32_t first = is_any ? map->others : find_entry(map, host->kind, host->name);
    for (uint32_t i = first; i != HASH_INDEX_NONE; i = map->entries[i].next) {
        if (overlap(map->entries[i].listen, listen))
            return map->entries[i].site;
    }
    uint32_t index = map->entries[site].is_set ? map->count++ : site;
    map->entries[index] = make_entry(host, listen, site);
    if (host->kind == HOST_WILDCARD)
        map->wildcards |= labels_bit(count_labels(host->name));
    uint32_t hash = hash_name(host->kind, host->name);
    if (is_any)
        insert(map, &map->others, index);
    else if (first != HASH_INDEX_NONE)
        insert_indexed(map, hash, first, index);
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
            return index < map->sites ? index : entry->site;
    }
    return HASH_INDEX_NONE;
}

/* The longest comes first. */
__attribute__((noinline)) static uint32_t find_wildcard(const struct host_map *map,
                                                        struct slice host,
                                                        const struct address *listener,
                                                        bool is_private)
{
    unsigned labels = count_labels(host);
    for (size_t i = 0; i < host.length; i++) {
        if (host.data[i] != '.' || !(map->wildcards & labels_bit(--labels)) || i == 0)
            continue; /* the star stands for at least one byte */
        uint32_t found = find_entry(map, HOST_WILDCARD, slice_from(host, i + 1));
        uint32_t site = choose(map, found, listener, is_private);
        if (site != HASH_INDEX_NONE)
            return site;
    }
    return HASH_INDEX_NONE;
}

uint32_t host_map_find(const struct host_map *map, struct slice host,
                       const struct address *listener, bool is_private)
{
    ASSERT(!is_private || listener);
    uint32_t site = HASH_INDEX_NONE;
    if (map->hashes.count > 0 && host.length > 0) {
        site = choose(map, find_entry(map, HOST_EXACT, host), listener, is_private);
        if (site == HASH_INDEX_NONE && map->wildcards != 0)
            site = find_wildcard(map, host, listener, is_private);
    }
    if (site == HASH_INDEX_NONE)
        site = choose(map, map->others, listener, is_private);
    return site;
}
