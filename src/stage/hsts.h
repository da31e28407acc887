/* The stage `hsts`: tells clients over TLS to come over TLS alone from now on (RFC 6797). */
#pragma once

#include "exchange/stage.h"

extern const struct stage hsts_stage;
extern const struct setting_group hsts_group;
