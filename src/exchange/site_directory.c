#include "exchange/site_directory.h"

#include "base/address.h"
#include "base/arena.h"

enum { NAME_MAX_LENGTH = 256 };

static void forget(void *object)
{
    struct site_directory *directory = object;
    map_fini(&directory->by_name);
    map_fini(&directory->contexts);
}

struct site_directory *site_directory_new(struct arena *arena, uint32_t count)
{
    struct site_directory *directory = ARENA_NEW(arena, struct site_directory);
    if (!directory)
        return NULL;
    directory->arena = arena;
    map_init(&directory->by_name);
    map_init(&directory->contexts);
    directory->certificates = ARENA_ARRAY(arena, const struct tls_certificate *, (size_t)count + 1);
    return directory->certificates && arena_on_fini(arena, forget, directory) ? directory : NULL;
}

/* ---- which certificates */

static struct name_holders *holders_of(struct site_directory *directory, struct slice name)
{
    struct name_holders *holders = map_get(&directory->by_name, name);
    if (holders)
        return holders;
    struct slice key = arena_copy(directory->arena, name);
    holders = ARENA_NEW(directory->arena, struct name_holders);
    return holders && key.data && map_set(&directory->by_name, key, holders) ? holders : NULL;
}

/* One that was renewed lies beside the old one for a while, under another name. */
static void hold(struct name_holders *holders, const struct tls_certificate *certificate)
{
    uint32_t i = 0;
    while (i < holders->count &&
           tls_certificate_key_kind(holders->items[i]) != tls_certificate_key_kind(certificate))
        i++;
    if (i == holders->count)
        holders->items[holders->count++] = certificate;
    else if (tls_certificate_ends(certificate) > tls_certificate_ends(holders->items[i]))
        holders->items[i] = certificate;
}

bool site_directory_add(struct site_directory *directory, const struct tls_certificate *certificate)
{
    char memory[NAME_MAX_LENGTH];
    struct tls_name_walk walk = {.certificate = certificate};
    struct text name = text_over(memory, sizeof(memory));
    while (tls_certificate_next_name(&walk, &name)) {
        struct name_holders *holders = holders_of(directory, text_slice(&name));
        if (!holders)
            return false;
        hold(holders, certificate);
        if (!directory->first)
            directory->first = holders;
    }
    directory->certificates[directory->count++] = certificate;
    return true;
}

static bool is_among(const struct name_holders *holders, const struct tls_certificate *certificate)
{
    for (uint32_t i = 0; holders && i < holders->count; i++) {
        if (holders->items[i] == certificate)
            return true;
    }
    return false;
}

bool site_directory_shows(const struct site_directory *directory,
                          const struct tls_certificate *certificate)
{
    char memory[NAME_MAX_LENGTH];
    struct tls_name_walk walk = {.certificate = certificate};
    struct text name = text_over(memory, sizeof(memory));
    while (tls_certificate_next_name(&walk, &name)) {
        if (is_among(map_get(&directory->by_name, text_slice(&name)), certificate))
            return true;
    }
    return false;
}

/* ---- with what they are served */

static void free_context(void *context)
{
    tls_context_free(context);
}

/* The same for the same certificates. NULL: no memory. */
static const struct tls_context *context_for(struct site_directory *directory,
                                             struct tls_manners *manners,
                                             const struct tls_terms *terms,
                                             const struct name_holders *holders)
{
    struct slice key =
        slice_of((const char *)holders->items, holders->count * sizeof(holders->items[0]));
    struct tls_context *context = map_get(&directory->contexts, key);
    if (context)
        return context;
    context = tls_context_new(manners, terms, holders->items, holders->count);
    if (!context)
        return NULL;
    if (!arena_on_fini(directory->arena, free_context, context)) {
        tls_context_free(context);
        return NULL;
    }
    return map_set(&directory->contexts, key, context) ? context : NULL;
}

bool site_directory_make_contexts(struct site_directory *directory, struct tls_manners *manners,
                                  const struct tls_terms *terms)
{
    for (size_t i = 0; i < directory->by_name.capacity; i++) {
        struct name_holders *holders = directory->by_name.entries[i].value;
        if (holders && !(holders->context = context_for(directory, manners, terms, holders)))
            return false;
    }
    return true;
}

/* ---- asking */

/* An address of IPv6 can be written in many ways; certificates' are known by one. */
static struct slice as_known(struct slice host, struct text *memory)
{
    struct ip ip;
    if (slice_find(host, ':') == host.length || !ip_parse(host, &ip))
        return host;
    ip_print(memory, &ip);
    return text_slice(memory);
}

const struct name_holders *site_directory_find(const struct site_directory *directory,
                                               struct slice host, bool is_wildcard)
{
    char memory[NAME_MAX_LENGTH + 2], address[ADDRESS_TEXT_MAX];
    struct text below = text_over(memory, sizeof(memory));
    struct text known = text_over(address, sizeof(address));
    host = as_known(host, &known);
    const struct name_holders *found = is_wildcard ? NULL : map_get(&directory->by_name, host);
    size_t dot = is_wildcard ? 0 : slice_find(host, '.') + 1;
    if (found || dot > host.length || dot == 1)
        return found;
    text_add(&below, SLICE("*."));
    text_add(&below, slice_from(host, dot));
    return text_is_cut(&below) ? NULL : map_get(&directory->by_name, text_slice(&below));
}
