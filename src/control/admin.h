/* The admin side: a small HTTP/1.1 server on the control loop, which answers what main/ puts into
 * its table. It speaks our own codec and is as strict as the traffic side; each connection has a
 * deadline, bodies have a limit, and there are few connections, so that whoever plays with it costs
 * only himself.
 *
 * Who may do what: on a Unix socket whoever can connect (its file is the owner's alone) may do
 * everything. Over TCP everybody may read, whoever sends the token may change something, and where
 * there is no token nobody may. Over TCP the Host must be an address, localhost or one of the names
 * of the settings, so that no page in a browser can reach it through a name of its own (DNS
 * rebinding). Belongs to the control loop. */
#pragma once

#include "control/admin_settings.h"
#include "loop/loop.h"
#include "sys/open.h"

#include <stdio.h>

enum {
    ADMIN_CONNECTIONS_MAX = 64,
    ADMIN_BODY_MAX = 64 * 1024,   /* bytes of a request's body */
    ADMIN_TARGET_MAX = 32 * 1024, /* of its path with the query */
};

/* Slices live until the answer is made. */
struct admin_request {
    struct slice path;
    struct slice query; /* without the question mark */
    struct slice body;
};

struct admin_reply {
    unsigned status;  /* 200 unless the endpoint says another */
    const char *type; /* text unless the endpoint says another */
    FILE *body;       /* to be written to; closed by the server */
};

struct admin_endpoint {
    const char *path;
    bool changes; /* POST, and asks for the right to change something; else GET and HEAD */
    void (*answer)(void *context, const struct admin_request *request, struct admin_reply *reply);
    const char *summary;
};

struct admin;

/* `endpoints` ends with a path that is NULL. NULL: no memory. */
struct admin *admin_new(struct loop *loop, struct sys_opener *opener,
                        const struct admin_endpoint *endpoints, void *context);

/* Opens `address` beside what is open, for admin_commit. 0, or -errno: nothing has changed. */
int admin_prepare(struct admin *admin, const struct address *address);

/* From now on listens where the last admin_prepare said (where that was not asked for: nowhere), by
 * the rules of the settings, which are copied. */
void admin_commit(struct admin *admin, const struct admin_settings *settings);

/* Gives up what admin_prepare opened. */
void admin_cancel(struct admin *admin);

/* Another process listens in our place: accepts who waits, then nobody any more. Who has had an
 * answer is sent away. */
void admin_leave(struct admin *admin);

/* Where it listens; ADDRESS_NONE: nowhere. */
struct address admin_address(const struct admin *admin);

/* Closes everything. NULL is accepted. */
void admin_free(struct admin *admin);

/* Writes a JSON string (RFC 8259 7) of at most 1,024 bytes of the text. */
void admin_print_json(FILE *file, struct slice text);
