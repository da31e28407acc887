/* What the system refuses: calls and memory. Drawn by the seed; only the product is refused
 * anything, and only while the traffic runs. */
#pragma once

#include "sim/chance.h"

#include <stddef.h>

/* Each once in so many times; 0: never. */
struct fault_rates {
    uint32_t accept, connect, watch, pipe; /* the call fails */
    uint32_t receive_later, send_later;    /* EAGAIN, and an edge later */
    uint32_t send_short;                   /* less than there is room for */
    uint32_t early_wake;                   /* a wait returns without news */
    uint32_t memory;                       /* an allocation fails */
    uint64_t memory_at;                    /* and so does just this one; 0: none */
};

void fault_begin(const struct fault_rates *rates, uint64_t seed);

/* From here on the system refuses, or does not. */
void fault_arm(bool armed);

/* Whether this call meets the fault with that rate. */
bool fault_strikes(uint32_t rate);

const struct fault_rates *fault_rates(void);

/* Blocks of memory that the product holds, their bytes, and how often it was refused one. */
size_t fault_live_blocks(void);
size_t fault_live_bytes(void);
uint64_t fault_refused(void);
