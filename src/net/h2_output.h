/* From a session of HTTP/2 to what waits to be sent on its connection. */
#pragma once

#include "net/output.h"
#include "wire/h2.h"

/* Frames what windows and the output have room for. What is framed cannot be held back any more,
 * neither by windows nor by who else has news: it is bounded. False: no memory. */
bool h2_output_frame(struct h2 *h2, struct output *output);
