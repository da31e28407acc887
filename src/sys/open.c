#include "sys/open.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int direct_listen(struct sys_opener *opener, const struct address *address,
                         const struct sys_listen_options *options)
{
    (void)opener;
    return sys_listen(address, options);
}

static void direct_forget_listener(struct sys_opener *opener, const struct address *address)
{
    (void)opener;
    sys_listen_forget(address);
}

static int direct_open_to_read(struct sys_opener *opener, const char *path)
{
    (void)opener;
    /* Without O_NONBLOCK a FIFO would hold us until somebody writes to it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/* Whether nobody but root and this user can put a link there. */
static bool is_trusted(int directory)
{
    struct stat status;
    bool is_ours =
        fstat(directory, &status) == 0 && (status.st_uid == 0 || status.st_uid == geteuid());
    return is_ours && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* The directory of a path, to be opened in by name. A descriptor or -errno. */
static int open_directory(const char *path, const char **ret_name)
{
    char text[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    *ret_name = path + length;
    if (length >= sizeof(text))
        return -ENAMETOOLONG;
    if (length > 0) {
        memcpy(text, path, length);
        text[length] = '\0';
    }
    int directory = open(text, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return directory < 0 ? -errno : directory;
}

/* In a directory where others write, a link is not followed: who put it there may only wish that we
 * write to what it stands for. */
static int direct_open_to_append(struct sys_opener *opener, const char *path)
{
    (void)opener;
    const char *name;
    int directory = open_directory(path, &name);
    if (directory < 0)
        return directory;
    /* Without O_NONBLOCK a pipe without a reader would hold us until there is one. */
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK |
                (is_trusted(directory) ? 0 : O_NOFOLLOW);
    int fd = openat(directory, name, flags, 0640);
    int result = fd < 0 ? -errno : fd;
    (void)close(directory);
    return result;
}

static int direct_connect_datagram(struct sys_opener *opener, const struct address *address)
{
    (void)opener;
    return sys_connect_datagram(address);
}

static bool direct_expand(struct sys_opener *opener, const char *pattern, struct arena *arena,
                          struct slice **ret_paths, size_t *ret_count)
{
    (void)opener;
    glob_t found = {0};
    if (glob(pattern, GLOB_NOCHECK, NULL, &found) != 0)
        return false;
    struct slice *paths = ARENA_ARRAY(arena, struct slice, found.gl_pathc);
    for (size_t i = 0; paths && i < found.gl_pathc; i++)
        paths[i] = arena_copy(arena, slice_from_text(found.gl_pathv[i]));
    *ret_paths = paths;
    *ret_count = found.gl_pathc;
    globfree(&found);
    return paths != NULL;
}

static bool direct_real_path(struct sys_opener *opener, const char *path, char *ret_path,
                             size_t size)
{
    (void)opener;
    char *found = realpath(path, NULL);
    bool fits = found && strlen(found) < size;
    if (fits)
        memcpy(ret_path, found, strlen(found) + 1);
    free(found);
    return fits;
}

static int direct_begin_load(struct sys_opener *opener)
{
    (void)opener;
    return 0;
}

static void direct_keep_loaded(struct sys_opener *opener)
{
    (void)opener;
}

static bool direct_has_renewal(struct sys_opener *opener)
{
    (void)opener;
    return false;
}

static bool direct_keep_before(struct sys_opener *opener, const char *path)
{
    (void)opener, (void)path;
    return false;
}

static int direct_unsupported(struct sys_opener *opener)
{
    (void)opener;
    return -ENOTSUP;
}

static void direct_tell(struct sys_opener *opener)
{
    (void)opener;
}

struct sys_opener *sys_opener_direct(void)
{
    static struct sys_opener direct = {
        .listen = direct_listen,
        .forget_listener = direct_forget_listener,
        .open_to_read = direct_open_to_read,
        .open_to_append = direct_open_to_append,
        .connect_datagram = direct_connect_datagram,
        .expand = direct_expand,
        .open_watched = direct_open_to_read,
        .expand_watched = direct_expand,
        .real_path = direct_real_path,
        .begin_load = direct_begin_load,
        .has_renewal = direct_has_renewal,
        .begin_renewal = direct_unsupported,
        .keep_before = direct_keep_before,
        .keep_loaded = direct_keep_loaded,
        .drop_loaded = direct_tell,
        .begin_upgrade = direct_unsupported,
        .open_upgrade_outcome = direct_unsupported,
        .tell_left = direct_tell,
        .tell_stopping = direct_tell,
        .tell_alive = direct_tell,
    };
    return &direct;
}

/* Reads until the end; the file may grow or shrink meanwhile. */
int sys_read_opened(int fd, size_t max, struct arena *arena, struct slice *ret_bytes)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    size_t size = (size_t)status.st_size;
    if (size > max)
        return -EFBIG;
    char *memory = arena_alloc(arena, size + 1);
    if (!memory)
        return -ENOMEM;
    size_t length = 0;
    while (length < size) {
        ssize_t count = read(fd, memory + length, size - length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            int error = errno;
            slice_cleanse(slice_of(memory, length));
            return -error;
        }
        if (count == 0)
            break;
        length += (size_t)count;
    }
    memory[length] = '\0';
    *ret_bytes = slice_of(memory, length);
    return 0;
}

int sys_read_file(struct sys_opener *opener, const char *path, size_t max, struct arena *arena,
                  struct slice *ret_bytes)
{
    int fd = opener->open_to_read(opener, path);
    if (fd < 0)
        return fd;
    int result = sys_read_opened(fd, max, arena, ret_bytes);
    (void)close(fd);
    return result;
}

uint64_t sys_file_stamp(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return (uint64_t)errno;
    const uint64_t facts[] = {status.st_dev,
                              status.st_ino,
                              (uint64_t)status.st_size,
                              (uint64_t)status.st_mtim.tv_sec,
                              (uint64_t)status.st_mtim.tv_nsec,
                              (uint64_t)status.st_ctim.tv_sec,
                              (uint64_t)status.st_ctim.tv_nsec};
    return slice_hash(slice_of((const char *)facts, sizeof(facts)), 0);
}

bool sys_is_readable_by_others(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && (status.st_mode & S_IROTH);
}

int sys_memory_file(struct slice bytes)
{
    int fd = memfd_create("weir", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = sys_write(fd, &bytes, 0);
    if (!error && lseek(fd, 0, SEEK_SET) != 0)
        error = -errno;
    if (!error)
        return fd;
    (void)close(fd);
    return error;
}

uint32_t sys_user(void)
{
    return geteuid();
}

uint32_t sys_process(void)
{
    return (uint32_t)getpid();
}

static bool is_file(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* Until there is room, or it is too late: -ETIMEDOUT. */
static int await_room(int fd, unsigned patience_ms)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    int ready = poll(&room, 1, (int)patience_ms);
    return ready == 0 ? -ETIMEDOUT : ready < 0 && errno != EINTR ? -errno : 0;
}

/* Where there is room for anything, so much goes without waiting, however the descriptor is set. */
enum { PIECE_MAX = PIPE_BUF };

int sys_write(int fd, struct slice *rest, unsigned patience_ms)
{
    bool waits = !is_file(fd);
    while (rest->length > 0) {
        int error = waits ? await_room(fd, patience_ms) : 0;
        if (error)
            return error;
        size_t length = waits && rest->length > PIECE_MAX ? PIECE_MAX : rest->length;
        ssize_t count = write(fd, rest->data, length);
        if (count < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        *rest = slice_from(*rest, count > 0 ? (size_t)count : 0);
    }
    return 0;
}

int sys_send_datagram(int fd, const struct slice *parts, size_t count, unsigned patience_ms)
{
    for (;;) {
        ssize_t sent = sys_send(fd, parts, count);
        if (sent >= 0)
            return 0;
        if (sent != -EAGAIN && sent != -EINTR)
            return (int)sent;
        int error = await_room(fd, patience_ms);
        if (error)
            return error;
    }
}

bool sys_is_terminal(int fd)
{
    return isatty(fd) == 1;
}
