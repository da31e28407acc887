/* The settings of a listener, and of the proxies before all of them, as they were read. */
#pragma once

#include "conf/setting.h"
#include "policy/client_address.h"

struct listener_settings {
    struct address address;
};

struct proxies_settings {
    struct ip_ranges trusted;
};
