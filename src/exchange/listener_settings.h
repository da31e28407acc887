/* The settings of a listener, and of the proxies before all of them, as they were read. */
#pragma once

#include "conf/setting.h"
#include "policy/client_address.h"

/* PROXY protocol at a listener. */
struct proxy_protocol_setting {
    bool required;         /* every connection begins with a header */
    struct ip_ranges from; /* who may connect at all; none: everybody */
};

struct listener_settings {
    struct address address;
    struct proxy_protocol_setting proxy_protocol;
};

struct proxies_settings {
    struct ip_ranges trusted;
};
