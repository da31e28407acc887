/* The simulated servers behind the product: each answers as the ledger says, and holds what it is
 * asked against it. */
#pragma once

#include "sim/scenario.h"

void sim_servers_open(const struct scenario *scenario);

/* Closes what is still open. */
void sim_servers_close(void);

/* Whether a server has that request in hand, over a connection that the product still holds. */
bool sim_servers_work_on(const struct request *request);

/* When a server of that upstream last closed a connection by itself, between requests. */
uint64_t sim_servers_last_left(unsigned upstream);

/* Connections that the product has with servers. */
unsigned sim_servers_connected(void);
