/* The admin side as the configuration says it: `admin` at the top. */
#pragma once

#include "base/address.h"
#include "conf/setting.h"
#include "conf/snapshot.h"

enum {
    ADMIN_TOKEN_LEAST = 16, /* bytes that nobody guesses */
    ADMIN_TOKEN_MOST = 256,
    ADMIN_HOSTS_MAX = 64,
};

struct admin_hosts {
    struct slice *names;
    size_t count;
};

/* Texts belong to the configuration. */
struct admin_settings {
    bool is_off;
    struct address address; /* ADDRESS_NONE: the default one (admin_default_address) */
    struct slice token;     /* whoever has it may change something over TCP; empty: nobody may */
    struct admin_hosts
        hosts; /* by which it may be called over TCP, beside localhost and addresses */
    struct position position;
    struct position token_position;
};

extern const struct setting_group admin_group;

/* The Unix socket of a configuration that does not say where: its name comes from the file's whole
 * path, so that two Weirs never meet. `user` is who runs it, `runtime` the user's directory for
 * such things ($XDG_RUNTIME_DIR) or NULL. False: that path is too long for a socket. */
bool admin_default_address(struct slice file, uint32_t user, const char *runtime,
                           struct address *ret_address);
