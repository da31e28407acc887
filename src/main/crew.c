#include "main/crew.h"

#include "main/estate.h"
#include "sys/program.h"
#include "sys/socket.h"

#include <stdio.h>

static const struct crew_member NOBODY = {.child = {.descriptor = -1}, .channel = -1};

void crew_init(struct crew *crew)
{
    for (unsigned i = 0; i < CREW_MAX; i++)
        crew->members[i] = NOBODY;
}

struct crew_member *crew_find(struct crew *crew, enum crew_role role)
{
    for (unsigned i = 0; i < CREW_MAX; i++) {
        if (crew->members[i].role == role)
            return &crew->members[i];
    }
    return NULL;
}

unsigned crew_count(const struct crew *crew, enum crew_role role)
{
    unsigned count = 0;
    for (unsigned i = 0; i < CREW_MAX; i++)
        count += crew->members[i].role == role;
    return count;
}

void crew_close_channel(struct crew_member *member)
{
    if (member->channel >= 0)
        sys_close(member->channel);
    member->channel = -1;
}

void crew_leave(struct crew *crew)
{
    for (unsigned i = 0; i < CREW_MAX; i++) {
        struct crew_member *member = &crew->members[i];
        crew_close_channel(member);
        if (member->child.descriptor >= 0)
            sys_close(member->child.descriptor);
        *member = NOBODY;
    }
}

/* ---- from supervisor to supervisor */

static int write_member(const struct crew_member *member, int file)
{
    char channel[16] = ""; /* there may be none any more */
    if (member->channel >= 0)
        (void)snprintf(channel, sizeof(channel), " %d", member->channel);
    return estate_print(
        file, "worker", "%d %d %d %llu %llu %llu%s", (int)member->role, member->child.process,
        member->child.descriptor, (unsigned long long)member->started_at,
        (unsigned long long)member->drain_ms, (unsigned long long)member->kill_at, channel);
}

int crew_write(const struct crew *crew, int file)
{
    int error = 0;
    for (unsigned i = 0; i < CREW_MAX && !error; i++) {
        if (crew->members[i].role != CREW_NONE)
            error = write_member(&crew->members[i], file);
    }
    return error;
}

bool crew_read(struct crew *crew, struct slice value)
{
    uint64_t role;
    struct crew_member *member = crew_find(crew, CREW_NONE), found = NOBODY;
    if (!member || !estate_take_number(&value, CREW_LEAVES, &role) || role == CREW_NONE ||
        !estate_take_int(&value, &found.child.process) ||
        !estate_take_int(&value, &found.child.descriptor) ||
        !estate_take_number(&value, UINT64_MAX, &found.started_at) ||
        !estate_take_number(&value, UINT64_MAX, &found.drain_ms) ||
        !estate_take_number(&value, UINT64_MAX, &found.kill_at) ||
        !(slice_is_empty(value) || estate_take_int(&value, &found.channel)))
        return false;
    found.role = (enum crew_role)role;
    *member = found;
    return found.child.process > 0;
}

bool crew_pass(const struct crew *crew, bool are_passed)
{
    bool good = true;
    for (unsigned i = 0; i < CREW_MAX; i++) {
        const struct crew_member *member = &crew->members[i];
        if (member->role != CREW_NONE)
            good &= sys_pass_descriptor(member->child.descriptor, are_passed) &&
                    (member->channel < 0 || sys_pass_descriptor(member->channel, are_passed));
    }
    return good;
}
