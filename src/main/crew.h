/* The crew: the workers of a supervisor. One serves; while Weir is upgraded another one comes that
 * is to follow it; those that others have followed leave when what they serve has ended. One
 * thread. */
#pragma once

#include "base/slice.h"
#include "sys/child.h"

enum crew_role {
    CREW_NONE,
    CREW_SERVES, /* or will, as soon as it has read what is kept */
    CREW_COMES,  /* is to follow the one that serves */
    CREW_LEAVES, /* another one serves; it ends what it has begun */
};

struct crew_member {
    enum crew_role role; /* CREW_NONE: a free place */
    struct sys_child child;
    int channel;         /* -1: there is none any more */
    uint64_t started_at; /* milliseconds */
    uint64_t drain_ms;   /* how long what it serves may take to end, as it told */
    uint64_t kill_at;    /* 0: it may live; UINT64_MAX: it was killed */
    uint64_t alive_at;   /* its last sign of life; 0: it has not yet come to serve */
    bool is_hung;        /* that was too long ago: it is being ended, and to be replaced */
};

enum { CREW_LEAVING_MAX = 4, CREW_MAX = CREW_LEAVING_MAX + 2 };

struct crew {
    struct crew_member members[CREW_MAX];
};

void crew_init(struct crew *crew);

/* The one that serves or that comes, or any free place; NULL: there is none. */
struct crew_member *crew_find(struct crew *crew, enum crew_role role);

unsigned crew_count(const struct crew *crew, enum crew_role role);

/* Closes the channel of a member. */
void crew_close_channel(struct crew_member *member);

/* Closes this process's descriptors of all of them; they live on. */
void crew_leave(struct crew *crew);

/* Writes a record for each into an estate, 0 or -errno; and takes one from there. False: it is
 * malformed, or there are too many. */
int crew_write(const struct crew *crew, int file);
bool crew_read(struct crew *crew, struct slice value);

/* sys_pass_descriptor for each. */
bool crew_pass(const struct crew *crew, bool are_passed);
