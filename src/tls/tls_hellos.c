/* Two tables, the younger of which takes what comes. When it is old enough it becomes the older
 * one, and what was that is forgotten: so nothing needs to be taken out of a table. */
#include "tls/tls_hellos.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOT_BITS = 17,
    SLOTS = 1 << SLOT_BITS,
    PROBES_MAX = 64,    /* who could choose values that fall together would only be refused */
    CLOCK_TOLERANCE = 2 /* seconds: threads do not all look at the clock at once */
};

struct table {
    uint64_t *slots; /* 0: free; NULL: nothing was put in */
    uint32_t count;
};

struct tls_hellos {
    CRYPTO_RWLOCK *lock; /* around all of it; taken once per hello with early data */
    uint64_t secret;     /* by which values are spread */
    struct table young, old;
    int64_t began;  /* when the younger one did */
    int64_t latest; /* the latest time that was ever told */
};

struct tls_hellos *tls_hellos_new(void)
{
    struct tls_hellos *hellos = calloc(1, sizeof(*hellos));
    if (!hellos)
        return NULL;
    hellos->lock = CRYPTO_THREAD_lock_new();
    if (hellos->lock && RAND_bytes((unsigned char *)&hellos->secret, sizeof(hellos->secret)) == 1)
        return hellos;
    tls_hellos_free(hellos);
    return NULL;
}

void tls_hellos_free(struct tls_hellos *hellos)
{
    if (!hellos)
        return;
    CRYPTO_THREAD_lock_free(hellos->lock);
    free(hellos->young.slots);
    free(hellos->old.slots);
    free(hellos);
}

/* Clients choose the values, but do not know the secret. */
static size_t first_slot(const struct tls_hellos *hellos, uint64_t value)
{
    const uint64_t factor = UINT64_C(0x9E3779B97F4A7C15);
    value = (value ^ hellos->secret) * factor;
    value = (value ^ value >> 32) * factor;
    return (size_t)(value >> (64 - SLOT_BITS));
}

/* Where the value stands, or could; NULL: neither is near where it would. */
static uint64_t *find(const struct tls_hellos *hellos, const struct table *table, uint64_t value)
{
    size_t first = first_slot(hellos, value);
    for (size_t i = 0; i < PROBES_MAX; i++) {
        uint64_t *slot = &table->slots[(first + i) % SLOTS];
        if (*slot == value || *slot == 0)
            return slot;
    }
    return NULL;
}

static bool holds(const struct tls_hellos *hellos, const struct table *table, uint64_t value)
{
    const uint64_t *slot = table->slots ? find(hellos, table, value) : NULL;
    return slot && *slot == value;
}

static bool put(struct tls_hellos *hellos, uint64_t value)
{
    struct table *table = &hellos->young;
    if (!table->slots)
        table->slots = calloc(SLOTS, sizeof(*table->slots));
    uint64_t *slot =
        table->slots && table->count < TLS_HELLOS_MAX ? find(hellos, table, value) : NULL;
    if (!slot)
        return false;
    *slot = value;
    table->count++;
    return true;
}

static void turn_over(struct tls_hellos *hellos, int64_t now)
{
    int64_t age = now - hellos->began;
    if (age < TLS_HELLOS_SECONDS)
        return;
    free(hellos->old.slots);
    hellos->old = hellos->young;
    hellos->young = (struct table){.slots = NULL};
    hellos->began = now;
}

static enum tls_early_outcome admit(struct tls_hellos *hellos, int64_t now, uint64_t value)
{
    if (now < hellos->latest - CLOCK_TOLERANCE)
        return TLS_EARLY_CLOCK;
    if (now > hellos->latest)
        hellos->latest = now;
    turn_over(hellos, now);
    if (holds(hellos, &hellos->young, value) || holds(hellos, &hellos->old, value))
        return TLS_EARLY_REPLAYED;
    return put(hellos, value) ? TLS_EARLY_ACCEPTED : TLS_EARLY_FULL;
}

/* Eight of the bytes do: where two hellos share them, the second one is taken for the first, and
 * only has to do without early data. */
enum tls_early_outcome tls_hellos_admit(struct tls_hellos *hellos, int64_t now,
                                        const unsigned char random[TLS_HELLO_RANDOM_SIZE])
{
    uint64_t value;
    memcpy(&value, random + TLS_HELLO_RANDOM_SIZE - sizeof(value), sizeof(value));
    value += value == 0; /* which marks what is free */
    if (!CRYPTO_THREAD_write_lock(hellos->lock))
        return TLS_EARLY_FULL;
    enum tls_early_outcome outcome = admit(hellos, now, value);
    CRYPTO_THREAD_unlock(hellos->lock);
    return outcome;
}
