/* Readers of what stands in `log: {access: …}`. */
#pragma once

#include "exchange/access_settings.h"

extern const struct setting_group access_when_group;

/* Fills a `const struct access_when *`; NULL for off. */
setting_read_fn access_read_when;

/* Fills a uint64_t of ACCESS_SAMPLE_ALL. */
setting_read_fn access_read_sample;
