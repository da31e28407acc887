/* What can be served and is hardly meant, as far as it takes routes, listeners and servers together
 * to see it. */
#pragma once

#include "exchange/plan.h"

/* Tells of servers at which Weir itself listens, and of routes that lie inside the path of another
 * one beside them without its limit. Asked of plans that are built. */
void plan_warn(const struct plans *plans, const struct configuration *configuration,
               struct diagnostics *diagnostics);
