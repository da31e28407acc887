/* The files of a configuration without what is secret in them. */
#pragma once

#include "conf/configuration.h"

#include <stdio.h>

/* Writes a source, with `[hidden]` in the place of the admin side's token where it stands there. (A
 * `${env.NAME}` stays as it is written.) */
void hidden_print_source(FILE *file, const struct configuration *configuration, size_t source);
