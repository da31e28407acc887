/* What upstream.c and edition.c share: how an upstream gets its members. While it is made. */
#pragma once

#include "upstream/upstream.h"

/* Of the next one, its number in the process. */
uint64_t upstream_next_serial(void);

/* One more member, of a line that is no followed one; there is room. False: no memory. */
bool upstream_add_member(struct upstream *upstream, struct server_registry *servers,
                         const struct server_setting *setting);

/* All that is made of the members, once they are there, in `arena`: how clients stick to them,
 * where keys lead. False: no memory. */
bool upstream_set_members(struct upstream *upstream, struct arena *arena,
                          const struct snapshot *snapshot);

/* They are named no more. */
void upstream_release_members(struct upstream *upstream, struct server_registry *servers);
