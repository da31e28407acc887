/* From the file to conditions: one reader for each setting that is a condition. What they
 * make lives as long as the configuration. */
#pragma once

#include "policy/route_condition.h"

/* Each fills a `const struct condition *` (setting_read_fn). */
setting_read_fn condition_read_path, condition_read_method, condition_read_header,
    condition_read_query, condition_read_cookie, condition_read_client, condition_read_scheme,
    condition_read_certificate;
