/* The stage `headers`: sets, adds and removes fields of the request on its way to a server, and of
 * the response on its way to the client. What outer scopes ask for is done first. */
#pragma once

#include "exchange/stage.h"

extern const struct stage headers_stage;
extern const struct setting_group headers_group;
