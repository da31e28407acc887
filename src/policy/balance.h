/* Which server of an upstream is asked next. Pure: chance and time are arguments. The state of a
 * method belongs to one loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BALANCE_NONE = -1, BALANCE_WEIGHT_MAX = 1000 };

/* One server as the balancer sees it. */
struct balance_server {
    int32_t weight;  /* 1..BALANCE_WEIGHT_MAX */
    int32_t current; /* smooth round robin's running weight; the sum over all servers is 0 */
    bool available;  /* set by the caller before each question */
    bool tried;      /* asked already for this exchange; set by the caller */
};

/* Smooth weighted round robin: weights 5,1,1 give a a b a c a a. Servers that are not available or
 * were tried are passed over. Index of the chosen one, or BALANCE_NONE. O(count). */
int balance_round_robin(struct balance_server *servers, size_t count);
