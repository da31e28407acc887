/* From a file to a snapshot: reads it through the opener, with what it includes and with the
 * environment, and tells everything that is wrong. One thread, at start or beside the traffic. */
#pragma once

#include "conf/snapshot.h"
#include "sys/open.h"

#include <stdio.h>

/* What was told. */
struct load_report {
    size_t errors, warnings;
};

/* The file where none was named: weir.yaml, else /etc/weir/weir.yaml. NULL: there is neither. */
const char *load_default_path(struct sys_opener *opener);

/* `live` is what outlives the snapshot (snapshot.h). What is wrong is written to `told`; of a
 * snapshot that will serve, and whose error log is standard error, without what its events tell
 * there. NULL: it was told why. `ret_report` may be NULL. */
struct snapshot *load_file(const char *path, struct sys_opener *opener, void *live, FILE *told,
                           struct load_report *ret_report);

/* The same for who serves already; `asker`, which may be NULL, is told, too. */
struct snapshot *load_anew(const char *path, struct sys_opener *opener, void *live, FILE *told,
                           FILE *asker);

/* The same of what is served, with what is watched read again (sys/open.h). */
struct snapshot *load_renewal(const char *path, struct sys_opener *opener, void *live, FILE *told);

/* The same from bytes that are no file: `name` stands before the lines of errors. */
struct snapshot *load_bytes(struct slice name, struct slice bytes, struct sys_opener *opener,
                            void *live, FILE *told, struct load_report *ret_report);

/* Tells what stands in diagnostics, with events or without, with colour on a terminal. */
void load_print(FILE *told, const struct diagnostics *diagnostics,
                const struct configuration *configuration, bool events_too);

/* The configuration alone, for whoever wants to know a setting of it: what is wrong is not told,
 * and then the settings are those that could be read. NULL: the file cannot be read. */
struct configuration *load_configuration(const char *path, struct sys_opener *opener);
