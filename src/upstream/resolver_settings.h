/* `resolver`: who is asked for the names of servers. */
#pragma once

#include "conf/configuration.h"
#include "sys/dns.h"

struct resolver_settings {
    struct dns_settings dns; /* its timeout stands in `timeout` */
    int64_t timeout;         /* milliseconds */
};

extern const struct setting_group resolver_group;

/* Those of the configuration, as they are asked. */
struct dns_settings resolver_settings_of(const struct configuration *configuration);
