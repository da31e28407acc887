/* How the servers of all upstreams are, as they are told to whoever asks: as JSON, and as a table
 * or a list for people. The control loop. */
#pragma once

#include "upstream/upstream.h"

#include <stdio.h>

/* The members of a JSON list of upstreams: a line for each, and one for each of its servers. */
void upstream_page_print_json(FILE *file, const struct upstream_table *table, uint64_t now_ms);

/* A line for each server; of one upstream where `name` is not empty. False: there is none of that
 * name, and nothing was printed. */
bool upstream_page_print_table(FILE *file, const struct upstream_table *table, struct slice name,
                               uint64_t now_ms);

/* All that is known of one server. */
void upstream_page_print_server(FILE *file, const struct upstream *upstream,
                                const struct upstream_member *member, uint64_t now_ms);
