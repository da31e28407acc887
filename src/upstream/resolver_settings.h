/* `resolver`: who is asked for the names that are followed. */
#pragma once

#include "conf/setting.h"
#include "sys/dns.h"

struct resolver_settings {
    struct dns_settings dns; /* its timeout stands in `timeout` */
    int64_t timeout;         /* milliseconds */
};

extern const struct setting_group resolver_group;
