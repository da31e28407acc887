/* What goes from supervisor to supervisor when one becomes another version of itself: the estate
 * (main/estate.h) is written, left, found and taken. One thread. */
#pragma once

#include "main/crew.h"
#include "main/opening.h"
#include "main/service.h"
#include "main/upgrade.h"

/* What the estate is written from and read into; none of it is owned. */
struct inheritance {
    const char *path; /* of the configuration */
    struct opening *opening;
    struct upgrade *upgrade;
    struct crew *crew;
    struct service *service;
};

/* An estate in a file without a name, at its beginning, or -errno. */
int inheritance_write(const struct inheritance *inheritance);

/* Becomes the new program of the upgrade, which finds the estate and all descriptors that it names.
 * Returns only where that failed, and then everything is as it was: -errno. */
int inheritance_leave(const struct inheritance *inheritance);

/* Whether this process was left an estate, in the environment, where it is not found a second time:
 * its descriptor, or -1. */
int inheritance_find(void);

/* Reads what the estate says, without looking whether the descriptors are there. False: it is
 * malformed, of another format, or there is no memory. */
bool inheritance_read_bytes(const struct inheritance *inheritance, struct slice estate);
bool inheritance_read(const struct inheritance *inheritance, int estate);

/* The same, and takes the descriptors over; the estate is closed. */
bool inheritance_take(const struct inheritance *inheritance, int estate);
