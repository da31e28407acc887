/* The files of a configuration without what is secret in them. */
#pragma once

#include "conf/configuration.h"

#include <stdio.h>

/* Writes bytes in which the configuration is told, with `[hidden]` in the place of the admin side's
 * token where it stands there. (A `${env.NAME}` stays as it is written.) */
void hidden_print(FILE *file, const struct configuration *configuration, struct slice bytes);

/* The same for a source. */
void hidden_print_source(FILE *file, const struct configuration *configuration, size_t source);
