/* The one interface through which things are opened by name: files of the configuration, logs,
 * listening addresses. As one process it is a plain open; where a supervisor holds the privileges,
 * it asks the supervisor and gets a descriptor. Nothing else in the tree opens by name. The
 * implementation is chosen at start. Any thread may ask. */
#pragma once

#include "base/arena.h"
#include "base/slice.h"
#include "sys/socket.h"

struct sys_opener {
    uint32_t process; /* the supervisor's number; 0: this process opens by itself */
    uint32_t user;    /* as whom the supervisor works, where there is one */
    /* A listening socket, or -errno. -EALREADY: the ones of the same address that were given before
     * are all that there can be. */
    int (*listen)(struct sys_opener *opener, const struct address *address,
                  const struct sys_listen_options *options);
    /* After a listener was closed for good: the file of a Unix socket goes, and a supervisor closes
     * what it holds of it. */
    void (*forget_listener)(struct sys_opener *opener, const struct address *address);
    /* A file to read, or -errno. */
    int (*open_to_read)(struct sys_opener *opener, const char *path);
    /* A file to append to, made where it is missing (mode 0640), or -errno. A pipe without a reader
     * is -ENXIO. */
    int (*open_to_append)(struct sys_opener *opener, const char *path);
    /* A socket for datagrams to an address, as sys_connect_datagram, or -errno. */
    int (*connect_datagram)(struct sys_opener *opener, const struct address *address);
    /* The sorted names that a pattern stands for, in `arena`. False: no memory. */
    bool (*expand)(struct sys_opener *opener, const char *pattern, struct arena *arena,
                   struct slice **ret_paths, size_t *ret_count);
    /* As open_to_read and expand, of what may change while it is served: a renewal reads it again.
     */
    int (*open_watched)(struct sys_opener *opener, const char *path);
    bool (*expand_watched)(struct sys_opener *opener, const char *pattern, struct arena *arena,
                           struct slice **ret_paths, size_t *ret_count);
    /* The path without links, dots and what it is relative to. False: there is no such file, or the
     * path is longer than `size`. */
    bool (*real_path)(struct sys_opener *opener, const char *path, char *ret_path, size_t size);
    /* A configuration is about to be read: the files and patterns that follow are its own. A
     * supervisor has it checked first, and then gives what was read meanwhile, and opens what the
     * configuration names and nothing else. 0, or -errno: that cannot be had (-EBUSY: an
     * upgrade is under way). */
    int (*begin_load)(struct sys_opener *opener);
    /* Whether what is watched has changed since it was read, and is the same as when this was asked
     * before, so that nobody is still writing. Each change is told once. */
    bool (*has_renewal)(struct sys_opener *opener);
    /* As begin_load, of what is served, with what is watched read again where it has changed and
     * everything else as it was read. -ENOTSUP where there is no supervisor. */
    int (*begin_renewal)(struct sys_opener *opener);
    /* For a checker: what a renewal has read of that file is not good. True: what was read before
     * is given from now on, so the load begins again. False: there is nothing else to be had. */
    bool (*keep_before)(struct sys_opener *opener, const char *path);
    /* It is served. A supervisor keeps what was read, for the next worker. */
    void (*keep_loaded)(struct sys_opener *opener);
    /* It is not served after all, and what was read is forgotten. */
    void (*drop_loaded)(struct sys_opener *opener);
    /* Asks the supervisor for an upgrade, which goes on by itself. 0 or -errno: -EBUSY while one is
     * under way, -ESHUTDOWN while Weir stops, -ENOTSUP where there is no supervisor. */
    int (*begin_upgrade)(struct sys_opener *opener);
    /* A file that tells what has become of the last one (main/upgrade.h), or -errno. */
    int (*open_upgrade_outcome)(struct sys_opener *opener);
    /* Another worker serves instead of this one, and nobody new comes to this one any more. */
    void (*tell_left)(struct sys_opener *opener);
    /* Somebody asked this worker to stop; there shall be no other one in its place. */
    void (*tell_stopping)(struct sys_opener *opener);
    /* All loops turn. Never waits. */
    void (*tell_alive)(struct sys_opener *opener);
};

/* Opens in this process. */
struct sys_opener *sys_opener_direct(void);

/* Reads a whole file of at most `max` bytes into `arena`, where its bytes are the caller's to
 * overwrite. 0 or -errno (-EFBIG: larger), and nothing of it is left. */
int sys_read_file(struct sys_opener *opener, const char *path, size_t max, struct arena *arena,
                  struct slice *ret_bytes);

/* The same of a file that is open. */
int sys_read_opened(int fd, size_t max, struct arena *arena, struct slice *ret_bytes);

/* A number that is another one when the file behind the path was changed or replaced, or what
 * forbids to look at it. */
uint64_t sys_file_stamp(const char *path);

/* Whether the file behind a descriptor may be read by whoever has an account on this machine. */
bool sys_is_readable_by_others(int fd);

/* A file without a name that holds the bytes, to be read from its beginning, or -errno. */
int sys_memory_file(struct slice bytes);

/* The user as whom this process works, and its number. */
uint32_t sys_user(void);
uint32_t sys_process(void);

/* Writes to a descriptor. Where somebody has to take it (a pipe, a terminal, a socket), waits until
 * nothing was taken for `patience_ms`. 0: all is written; else -errno (-ETIMEDOUT: it was not
 * taken), and
 * `*rest` is what is left. */
int sys_write(int fd, struct slice *rest, unsigned patience_ms);

/* Sends the parts as one datagram. Where there is no room for it, waits until nothing was taken for
 * `patience_ms`. 0, or -errno (-ETIMEDOUT: there was none). */
int sys_send_datagram(int fd, const struct slice *parts, size_t count, unsigned patience_ms);

/* Whether somebody reads what is written there on a terminal. */
bool sys_is_terminal(int fd);
