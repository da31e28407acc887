/* A channel between two processes: messages that arrive whole, in order, with a descriptor where
 * one goes along. Each end belongs to one thread at a time. */
#pragma once

#include "base/slice.h"

#include <sys/types.h>

/* Both ends, which wait and are not inherited by programs. 0 or -errno. */
int sys_channel_open(int ret_ends[2]);

/* Has whoever sends a descriptor to this end fail, where the system can do that. The last close of
 * some waits, as long as its sender likes: that must not be ours. */
void sys_channel_refuse_descriptors(int channel);

/* Sends a message, with a copy of `descriptor` (-1: none), which stays the caller's. Never waits:
 * -EAGAIN where the other side does not take what was sent. 0 or -errno. */
int sys_channel_send(int channel, struct slice message, int descriptor);

/* Takes the next message; waits for it where `waits`. Its length (what is longer than `size` is
 * cut), 0 where the other side is gone, or -errno. `*ret_descriptor` is the caller's; -1: none came
 * along. Where several did, the others are closed. */
ssize_t sys_channel_receive(int channel, void *memory, size_t size, bool waits,
                            int *ret_descriptor);
