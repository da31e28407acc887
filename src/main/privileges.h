/* As whom the worker faces the world, and with how little: the settings `user`, `sandbox` and
 * `core_dumps`, and what obeys them. The worker has no use for rights, since all that it needs is
 * opened for it (main/opening.h), so it gives them up before its first line of work. */
#pragma once

#include "conf/snapshot.h"
#include "sys/rights.h"

#include <stdatomic.h>

struct user_setting {
    bool is_named;
    uint32_t user, group;
};

struct privileges_settings {
    struct user_setting user;
    bool sandbox;
    bool core_dumps;
};

extern const struct setting_group privileges_group;

/* What the configuration leaves to a worker that this process makes. */
void privileges_of(const struct configuration *configuration, struct sys_rights *ret_rights);

/* What a configuration leaves that says nothing of it. */
void privileges_standard(struct sys_rights *ret_rights);

/* In the supervisor: tells what of the configuration cannot be obeyed by who is not root. */
void privileges_tell(const struct sys_rights *rights);

/* In the worker, which has one thread and was made by the process `supervisor`: gives up all the
 * rest. `forbidden` as in sys/sandbox.h. False: it must not go on, which was told; what only this
 * system lacks is told as well. */
bool privileges_drop(const struct sys_rights *rights, uint32_t supervisor, atomic_int *forbidden);

/* Weir as one process keeps what it was started with. Takes no new rights; while there is one
 * thread. */
void privileges_keep(void);

/* And leaves no core dump where none was asked for; what of the configuration is not obeyed is
 * told. */
void privileges_keep_as_told(const struct configuration *configuration);

/* Whether another worker would have other rights under the one than under the other. */
bool privileges_differ(const struct configuration *a, const struct configuration *b);
