/* The reference of settings as text, made from their records, so that it is never behind. Pure. */
#pragma once

#include "conf/configuration.h"

enum { REFERENCE_TEXT_MAX = 2048 }; /* bytes about one setting */

/* `timeouts.connect`: as it is written in a file, and asked for. */
void reference_print_name(struct text *text, const struct setting_group *group,
                          const struct setting *setting);

/* Everything that its record says, in lines. */
void reference_describe(struct text *text, const struct setting_group *group,
                        const struct setting *setting);
