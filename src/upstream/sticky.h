/* `sticky`: clients stay with the server that they were given to. By a cookie of ours
 * (assignment.h), or by what the request has of the client's, hashed (policy/rendezvous.h). */
#pragma once

#include "upstream/assignment.h"

struct sticky_settings {
    struct assignment_settings assignment;
    const struct template *by; /* NULL: by the cookie, or not at all */
};

extern const struct setting_group sticky_group;
