/* An input as the files of a configuration, which are called 0, 1, 2 …: they are separated by lines
 * of `%%%`. Every pattern stands for the first four. In the environment, names that begin with A
 * have a value, and those with E an empty one. */
#pragma once

#include "conf/configuration.h"

/* The input must outlive the reader. */
struct configuration_reader fuzz_files_reader(struct slice *input);

/* The bytes of file 0. */
struct slice fuzz_files_first(struct slice input);
