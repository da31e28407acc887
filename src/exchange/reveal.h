/* What a response would tell of the server behind: which program it is, and where it lives. */
#pragma once

#include "conf/setting.h"

struct exchange;

struct reveal_settings {
    bool reveal_server; /* it may */
};

/* `reveal_server`. */
extern const struct setting_group reveal_group;

/* Cleans the final head of a server's response, unless the route says that it may tell: fields that
 * name its program go, and a redirect to its own address (Location, Content-Location, Refresh)
 * becomes one that begins with the path (RFC 9110 10.2.2), which clients complete with the address
 * they know. False: no memory. */
bool reveal_clean(struct exchange *exchange);
