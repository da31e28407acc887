/* What the admin side answers: the table of its endpoints. */
#pragma once

#include "control/admin.h"

/* Their context is the struct control. Ends with a path that is NULL. */
extern const struct admin_endpoint endpoints[];
