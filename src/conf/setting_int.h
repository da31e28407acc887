/* What setting.c shares inside of conf/. */
#pragma once

#include "conf/setting.h"

/* `for example "connect: 2s"`, or NULL where there is no example. */
const char *setting_example(struct diagnostics *diagnostics, const char *name, const char *example);

/* Fills one field with its default. False: no memory. */
bool setting_read_default(struct setting_reader *reader, const struct setting *setting,
                          void *ret_field);

/* A value of a number, duration or size as it would be written: `off`, or the number with the
 * largest unit that divides it. */
void setting_print_value(struct text *text, const struct setting *setting, int64_t value);

/* The units of a number (one without a name), duration or size, the smallest first. False: there
 * are not so many, and then it must not be asked for more. */
bool setting_unit(enum setting_type type, size_t index, const char **ret_name, int64_t *ret_size);

/* The record of that name, or NULL. */
const struct setting *setting_find(const struct setting_group *group, struct slice name);
