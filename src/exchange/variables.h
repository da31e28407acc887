/* The variables that an exchange has, for fields, redirects and answers: conf/template.h compiles
 * them where they are used. What stands for the request is what the client asked, also after a
 * rewrite. */
#pragma once

#include "conf/template.h"

extern const struct variable_table exchange_variables;
