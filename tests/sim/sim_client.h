/* The simulated clients in front of the product: each sends its requests of the ledger, and holds
 * what comes back against it. */
#pragma once

#include "sim/scenario.h"

void sim_clients_begin(const struct scenario *scenario, const struct address *address);

/* Whether every client has come to its end. */
bool sim_clients_done(void);

/* Weir was told to stop: from here on it may refuse and close. What has already reached a server is
 * still answered, unless that is cut too. */
void sim_clients_excuse(unsigned excuses, bool delivered_too);

void sim_clients_end(void);
