#include "tls/tls_tickets.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

struct tls_tickets {
    CRYPTO_RWLOCK *lock;                         /* around all of it; taken once per handshake */
    struct tls_ticket_key keys[TLS_TICKET_KEYS]; /* the newest first */
    unsigned count;
    int64_t made; /* when the newest was */
};

struct tls_tickets *tls_tickets_new(void)
{
    struct tls_tickets *tickets = OPENSSL_zalloc(sizeof(*tickets));
    if (!tickets)
        return NULL;
    tickets->lock = CRYPTO_THREAD_lock_new();
    if (tickets->lock)
        return tickets;
    OPENSSL_free(tickets);
    return NULL;
}

void tls_tickets_free(struct tls_tickets *tickets)
{
    if (!tickets)
        return;
    CRYPTO_THREAD_lock_free(tickets->lock);
    OPENSSL_clear_free(tickets, sizeof(*tickets));
}

/* A clock that was set back counts as one that has gone on: a key never seals for longer. But a
 * loop whose turn began before that of the one that made the key is only a little behind. */
static int64_t periods_passed(const struct tls_tickets *tickets, int64_t now)
{
    if (tickets->count == 0 || now < tickets->made - TLS_TICKET_SKEW)
        return TLS_TICKET_KEYS;
    return (now - tickets->made) / TLS_TICKET_PERIOD;
}

/* Under the lock for writing. Keys go with their time also where nobody came meanwhile. */
static bool turn_over(struct tls_tickets *tickets, int64_t now)
{
    struct tls_ticket_key fresh;
    int64_t passed = periods_passed(tickets, now);
    if (passed == 0)
        return true; /* another thread was faster */
    if (RAND_priv_bytes((unsigned char *)&fresh, sizeof(fresh)) != 1)
        return false;
    if (now < tickets->made)
        passed = 1; /* those before are kept as they are */
    unsigned shift = passed < TLS_TICKET_KEYS ? (unsigned)passed : TLS_TICKET_KEYS;
    unsigned kept =
        TLS_TICKET_KEYS - shift < tickets->count ? TLS_TICKET_KEYS - shift : tickets->count;
    memmove(&tickets->keys[1], &tickets->keys[0], kept * sizeof(fresh));
    tickets->keys[0] = fresh;
    tickets->count = kept + 1;
    for (unsigned i = tickets->count; i < TLS_TICKET_KEYS; i++)
        OPENSSL_cleanse(&tickets->keys[i], sizeof(fresh));
    tickets->made = now;
    OPENSSL_cleanse(&fresh, sizeof(fresh));
    return true;
}

/* Takes the lock for reading, with keys that are of this time. False: it is not taken. */
static bool open_keys(struct tls_tickets *tickets, int64_t now)
{
    if (!CRYPTO_THREAD_read_lock(tickets->lock))
        return false;
    if (periods_passed(tickets, now) == 0)
        return true;
    CRYPTO_THREAD_unlock(tickets->lock);
    if (!CRYPTO_THREAD_write_lock(tickets->lock))
        return false;
    if (turn_over(tickets, now))
        return true; /* held for writing, which is as good */
    CRYPTO_THREAD_unlock(tickets->lock);
    return false;
}

bool tls_tickets_sealing(struct tls_tickets *tickets, int64_t now, struct tls_ticket_key *ret_key)
{
    if (!open_keys(tickets, now))
        return false;
    *ret_key = tickets->keys[0];
    CRYPTO_THREAD_unlock(tickets->lock);
    return true;
}

bool tls_tickets_find(struct tls_tickets *tickets, int64_t now, const unsigned char name[16],
                      struct tls_ticket_key *ret_key, bool *ret_is_old)
{
    if (!open_keys(tickets, now))
        return false;
    bool found = false;
    for (unsigned i = 0; i < tickets->count && !found; i++) {
        found = memcmp(tickets->keys[i].name, name, sizeof(tickets->keys[i].name)) == 0;
        if (found)
            *ret_key = tickets->keys[i];
        *ret_is_old = i > 0;
    }
    CRYPTO_THREAD_unlock(tickets->lock);
    return found;
}
