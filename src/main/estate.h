/* The estate: what a supervisor leaves to the one that runs in its place after an upgrade, which
 * may be of another version. A file without a name with records, each a key, the length of its
 * value, and the value:
 *
 *     weir-estate 2
 *     path 19
 *     /etc/weir/weir.yaml
 *     listener 15
 *     7 0 0.0.0.0:443
 *
 * Who reads passes over keys that he does not know, so that a version may leave more than the
 * other one takes; where that would not do, ESTATE_FORMAT grows, and the other one refuses. One
 * thread. */
#pragma once

#include "base/slice.h"
#include "base/text.h"

enum {
    ESTATE_FORMAT = 2,
    ESTATE_BYTES_MAX = 512 * 1024 * 1024,
    ESTATE_KEY_MAX = 32,
};

/* Begins one in a file. 0 or -errno. */
int estate_begin(int file);

/* Adds a record, of which the parts are the value, one behind the other. 0 or -errno. */
int estate_add(int file, const char *key, const struct slice *parts, size_t count);

/* Adds a record of numbers and words, as printf. 0 or -errno. */
int estate_print(int file, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Takes the line of the format from the front of `*rest`. False: it is no estate, or of another
 * format. */
bool estate_open(struct slice *rest);

enum estate_step { ESTATE_RECORD, ESTATE_END, ESTATE_BROKEN };

/* Takes the next record from the front of `*rest`. Its slices point into it. */
enum estate_step estate_next(struct slice *rest, struct slice *ret_key, struct slice *ret_value);

/* Takes a number of at most `max` from the front of a value, up to a space or its end. False: there
 * is none. */
bool estate_take_number(struct slice *value, uint64_t max, uint64_t *ret_number);

/* The same of a descriptor, or the number of a process. */
bool estate_take_int(struct slice *value, int *ret_number);
