/* A server that no snapshot names any more goes, and its id is given to another one, when every
 * loop has let go of it: has closed its idle connections, has seen the last tunnel end, and has
 * freed what it keeps of the server. Each loop gets a letter, and answers it when that is so. */
#pragma once

#include "loop/loop.h"
#include "upstream/server.h"

struct farewell;
struct lending_circle;
struct upstreams;

/* What one loop gets, and keeps until it has let go. */
struct farewell_letter {
    struct message message;
    struct farewell *farewell;
    struct upstreams *to;
};

/* Of the loop: it has nothing of the server any more, which may be gone from now on. */
void farewell_answer(struct farewell_letter *letter);

/* The server that is meant. */
struct server *farewell_server(const struct farewell *farewell);

/* Says farewell to servers that nobody names, and frees those that all loops of the circle have let
 * go of. To be called now and then while the loops run. The control loop. */
void farewells_tidy(struct server_registry *registry, const struct lending_circle *circle);
