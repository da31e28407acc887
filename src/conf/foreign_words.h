/* What other proxies (nginx, HAProxy, Caddy, Traefik) call what stands in a configuration, for
 * those who come from there: the words of a cure. Pure; the texts live as long as the program. */
#pragma once

#include "conf/configuration.h"
#include "conf/diagnostics.h"

/* What is written here in the place of a key of theirs, where it stands in a scope of this kind; or
 * that there is no such thing. NULL: none of them has it. */
const char *foreign_key(struct slice key, enum scope_kind kind);

/* The same of a variable, its name without the dollar. Lives as long as the diagnostics. */
const char *foreign_variable(struct slice name, struct diagnostics *diagnostics);
