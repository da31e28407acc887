/* The settings of a listener, and of the proxies before all of them, as they were read. */
#pragma once

#include "conf/setting.h"
#include "policy/client_address.h"

/* PROXY protocol at a listener. */
struct proxy_protocol_setting {
    bool required;         /* every connection begins with a header */
    struct ip_ranges from; /* who may connect at all; none: everybody */
};

enum listener_tls {
    LISTENER_TLS_BY_PORT, /* at 443 alone */
    LISTENER_TLS_ON,
    LISTENER_TLS_OFF,
};

struct listener_settings {
    struct address address;
    enum listener_tls tls;
    bool http2, h2c;
    struct proxy_protocol_setting proxy_protocol;
};

struct proxies_settings {
    struct ip_ranges trusted;
};
