/* The hellos of clients whose early data was taken, so that none is taken twice (RFC 8446 8.2):
 * whoever has recorded one can send it again, and what lies in it would be carried out again.
 *
 * A hello is remembered for longer than the library takes it for fresh (RFC 8446 8.3): what it says
 * of the age of its ticket may be some ten seconds off, and behind that early data is refused for
 * its age. So the memory is bounded in time, and in number; where it is full, early data is refused
 * and the handshake goes on without. It lives and dies with the keys of the tickets: a hello whose
 * ticket cannot be opened has no early data, so another process, or another machine, needs to know
 * nothing of it. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    TLS_HELLO_RANDOM_SIZE = 32,
    TLS_HELLOS_SECONDS = 16, /* for which a hello is remembered at least; twice that at most */
    TLS_HELLOS_MAX = 3 << 15 /* that are remembered of each such time: 6,000 a second */
};

/* What became of early data that a client may have offered. */
#define TLS_EARLY_OUTCOMES(F)                                                                      \
    F(NONE)     /* none was offered */                                                             \
    F(ACCEPTED) /* it is read */                                                                   \
    F(REPLAYED) /* the hello has come before */                                                    \
    F(FULL)     /* there is no room to remember the hello, or no memory */                         \
    F(CLOCK)    /* the clock was set back: an old hello may look fresh */                          \
    F(UNFIT)    /* the ticket is too old, or of another site or protocol; or the site takes none */

enum tls_early_outcome {
#define TLS_EARLY_ENUM(name) TLS_EARLY_##name,
    TLS_EARLY_OUTCOMES(TLS_EARLY_ENUM)
#undef TLS_EARLY_ENUM
        TLS_EARLY_COUNT
};

struct tls_hellos;

/* NULL: no memory, or no random numbers. */
struct tls_hellos *tls_hellos_new(void);
void tls_hellos_free(struct tls_hellos *hellos);

/* ACCEPTED: the hello with that random value is new at that time (seconds since 1970), and is
 * remembered from now on. Else REPLAYED, FULL or CLOCK. */
enum tls_early_outcome tls_hellos_admit(struct tls_hellos *hellos, int64_t now,
                                        const unsigned char random[TLS_HELLO_RANDOM_SIZE]);
