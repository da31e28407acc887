#include "policy/balance.h"

#include "base/assert.h"

/* Each question gives every server that may be chosen its weight, and the chosen one pays the sum
 * of what was given. So the sum over all stays 0, and a server that is passed over neither saves up
 * for a burst when it comes back nor falls into debt. */
int balance_round_robin(struct balance_server *servers, size_t count)
{
    int chosen = BALANCE_NONE;
    int32_t given = 0;
    for (size_t i = 0; i < count; i++) {
        struct balance_server *server = &servers[i];
        if (!server->available || server->tried)
            continue;
        ASSERT(server->weight >= 1 && server->weight <= BALANCE_WEIGHT_MAX);
        server->current += server->weight;
        given += server->weight;
        if (chosen == BALANCE_NONE || server->current > servers[chosen].current)
            chosen = (int)i;
    }
    if (chosen != BALANCE_NONE)
        servers[chosen].current -= given;
    return chosen;
}
