/* A question to the admin side of a running Weir, for the commands that ask one. One thread, which
 * waits. */
#pragma once

#include "base/slice.h"

#include <stdio.h>

struct admin_call {
    const char *command; /* for messages: `weir reload` */
    const char *file;    /* the configuration of the Weir that is asked */
    const char *method, *path;
    int timeout_ms; /* for the answer */
    bool await_end; /* after the answer, waits until the other side has gone, too */
};

/* Asks, and gives the body to the caller, who frees it. The status, or 0: nobody was reached, or
 * the answer did not come whole, which was told on standard error. */
unsigned admin_call(const struct admin_call *call, char **ret_body, size_t *ret_length);
