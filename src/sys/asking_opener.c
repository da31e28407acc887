#include "sys/asking_opener.h"

#include "sys/channel.h"
#include "sys/thread.h"

#include <errno.h>
#include <stdlib.h>

struct asking_opener {
    struct sys_opener opener;
    int channel;
    struct sys_lock *lock; /* held from the question to its answer */
};

enum { NAMES_MAX = 16 * 1024 * 1024 }; /* bytes of what a pattern stands for */

static bool has_end(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

bool opener_request_is_valid(const struct opener_request *request)
{
    bool has_address = request->question == OPENER_LISTEN ||
                       request->question == OPENER_FORGET_LISTENER ||
                       request->question == OPENER_DATAGRAM;
    return request->question < OPENER_QUESTION_COUNT && has_end(request->path, OPENER_PATH_MAX) &&
           has_end(request->address.path, sizeof(request->address.path)) &&
           request->address.ip.kind <= ADDRESS_UNIX &&
           (!has_address || request->address.ip.kind != ADDRESS_NONE);
}

static int exchange_messages(int channel, const struct opener_request *request, int *ret_descriptor)
{
    struct opener_answer answer;
    int error = sys_channel_send(channel, slice_of((const char *)request, sizeof(*request)), -1);
    if (error)
        return error;
    ssize_t length = sys_channel_receive(channel, &answer, sizeof(answer), true, ret_descriptor);
    if (length == (ssize_t)sizeof(answer))
        return answer.result;
    return length < 0 ? (int)length : -EPIPE;
}

/* The answer's descriptor where something was opened, else its result. */
static int ask(struct sys_opener *opener, const struct opener_request *request)
{
    struct asking_opener *asking = (struct asking_opener *)opener;
    int descriptor = -1;
    sys_lock_take(asking->lock);
    int result = exchange_messages(asking->channel, request, &descriptor);
    sys_lock_release(asking->lock);
    return result == 0 && descriptor >= 0 ? descriptor : result;
}

/* What was opened is lost on the way where the process may have no more descriptors (unix(7)). */
static int opened(int result)
{
    return result == 0 ? -EMFILE : result;
}

static int ask_about(struct sys_opener *opener, enum opener_question question, const char *path)
{
    struct opener_request request = {.question = question};
    if (strlen(path) >= sizeof(request.path))
        return -ENAMETOOLONG;
    memcpy(request.path, path, strlen(path) + 1);
    return ask(opener, &request);
}

static int ask_of_path(struct sys_opener *opener, enum opener_question question, const char *path)
{
    return opened(ask_about(opener, question, path));
}

static int asking_listen(struct sys_opener *opener, const struct address *address,
                         const struct sys_listen_options *options)
{
    struct opener_request request = {.question = OPENER_LISTEN,
                                     .share = options->share,
                                     .is_private = options->is_private,
                                     .backlog = options->backlog,
                                     .address = *address};
    int result = ask(opener, &request);
    return opened(result);
}

static void asking_forget_listener(struct sys_opener *opener, const struct address *address)
{
    struct opener_request request = {.question = OPENER_FORGET_LISTENER, .address = *address};
    (void)ask(opener, &request);
}

static int asking_open_to_read(struct sys_opener *opener, const char *path)
{
    return ask_of_path(opener, OPENER_READ, path);
}

static int asking_open_to_append(struct sys_opener *opener, const char *path)
{
    return ask_of_path(opener, OPENER_APPEND, path);
}

static int asking_connect_datagram(struct sys_opener *opener, const struct address *address)
{
    struct opener_request request = {.question = OPENER_DATAGRAM, .address = *address};
    int result = ask(opener, &request);
    return opened(result);
}

static size_t count_names(struct slice names)
{
    size_t count = 0;
    for (size_t i = 0; i < names.length; i++)
        count += names.data[i] == '\0';
    return count;
}

static bool ask_for_names(struct sys_opener *opener, enum opener_question question,
                          const char *pattern, struct arena *arena, struct slice **ret_paths,
                          size_t *ret_count)
{
    struct slice names = {0};
    int fd = ask_of_path(opener, question, pattern);
    if (fd < 0)
        return false;
    int error = sys_read_opened(fd, NAMES_MAX, arena, &names);
    sys_close(fd);
    if (error)
        return false;
    *ret_count = count_names(names);
    *ret_paths = ARENA_ARRAY(arena, struct slice, *ret_count);
    for (size_t i = 0; *ret_paths && i < *ret_count; i++)
        (*ret_paths)[i] = slice_cut(&names, '\0');
    return *ret_paths != NULL;
}

static bool asking_expand(struct sys_opener *opener, const char *pattern, struct arena *arena,
                          struct slice **ret_paths, size_t *ret_count)
{
    return ask_for_names(opener, OPENER_EXPAND, pattern, arena, ret_paths, ret_count);
}

static int asking_open_watched(struct sys_opener *opener, const char *path)
{
    return ask_of_path(opener, OPENER_READ_WATCHED, path);
}

static bool asking_expand_watched(struct sys_opener *opener, const char *pattern,
                                  struct arena *arena, struct slice **ret_paths, size_t *ret_count)
{
    return ask_for_names(opener, OPENER_EXPAND_WATCHED, pattern, arena, ret_paths, ret_count);
}

static bool asking_real_path(struct sys_opener *opener, const char *path, char *ret_path,
                             size_t size)
{
    struct arena arena;
    struct slice found = {0};
    int fd = ask_of_path(opener, OPENER_REAL_PATH, path);
    if (fd < 0)
        return false;
    arena_init(&arena, NULL, NAMES_MAX);
    bool fits = sys_read_opened(fd, OPENER_PATH_MAX, &arena, &found) == 0 && found.length < size;
    sys_close(fd);
    if (fits)
        memcpy(ret_path, found.data, found.length + 1);
    arena_fini(&arena);
    return fits;
}

static int ask_plainly(struct sys_opener *opener, enum opener_question question)
{
    struct opener_request request = {.question = question};
    return ask(opener, &request);
}

static int asking_begin_load(struct sys_opener *opener)
{
    return ask_plainly(opener, OPENER_BEGIN_LOAD);
}

static bool asking_has_renewal(struct sys_opener *opener)
{
    return ask_plainly(opener, OPENER_HAS_RENEWAL) == 0;
}

static int asking_begin_renewal(struct sys_opener *opener)
{
    return ask_plainly(opener, OPENER_BEGIN_RENEWAL);
}

static bool asking_keep_before(struct sys_opener *opener, const char *path)
{
    return ask_about(opener, OPENER_KEEP_BEFORE, path) == 0;
}

static void asking_keep_loaded(struct sys_opener *opener)
{
    struct opener_request request = {.question = OPENER_KEEP_LOADED};
    (void)ask(opener, &request);
}

static void asking_drop_loaded(struct sys_opener *opener)
{
    (void)ask_plainly(opener, OPENER_DROP_LOADED);
}

static int asking_begin_upgrade(struct sys_opener *opener)
{
    return ask_plainly(opener, OPENER_BEGIN_UPGRADE);
}

static int asking_open_upgrade_outcome(struct sys_opener *opener)
{
    int result = ask_plainly(opener, OPENER_UPGRADE_OUTCOME);
    return result == 0 ? -EPIPE : result;
}

static void asking_tell_left(struct sys_opener *opener)
{
    (void)ask_plainly(opener, OPENER_LEFT);
}

static void asking_tell_stopping(struct sys_opener *opener)
{
    (void)ask_plainly(opener, OPENER_STOPS);
}

/* Nothing is awaited: who hangs is to be found out, not to have us hang, too. */
static void asking_tell_alive(struct sys_opener *opener)
{
    const struct asking_opener *asking = (const struct asking_opener *)opener;
    struct opener_request request = {.question = OPENER_ALIVE};
    (void)sys_channel_send(asking->channel, slice_of((const char *)&request, sizeof(request)), -1);
}

bool sys_opener_vouch(struct sys_opener *opener, const struct opener_terms *terms)
{
    struct opener_request request = {.question = OPENER_VOUCH, .terms = *terms};
    return ask(opener, &request) == 0;
}

struct sys_opener *sys_opener_asking(int channel, uint32_t process, uint32_t user)
{
    struct asking_opener *asking = calloc(1, sizeof(*asking));
    struct sys_lock *lock = sys_lock_new();
    if (!asking || !lock) {
        free(asking);
        sys_lock_free(lock);
        return NULL;
    }
    *asking = (struct asking_opener){.opener = {.process = process,
                                                .user = user,
                                                .listen = asking_listen,
                                                .forget_listener = asking_forget_listener,
                                                .open_to_read = asking_open_to_read,
                                                .open_to_append = asking_open_to_append,
                                                .connect_datagram = asking_connect_datagram,
                                                .expand = asking_expand,
                                                .real_path = asking_real_path,
                                                .open_watched = asking_open_watched,
                                                .expand_watched = asking_expand_watched,
                                                .begin_load = asking_begin_load,
                                                .has_renewal = asking_has_renewal,
                                                .begin_renewal = asking_begin_renewal,
                                                .keep_before = asking_keep_before,
                                                .keep_loaded = asking_keep_loaded,
                                                .drop_loaded = asking_drop_loaded,
                                                .begin_upgrade = asking_begin_upgrade,
                                                .open_upgrade_outcome = asking_open_upgrade_outcome,
                                                .tell_left = asking_tell_left,
                                                .tell_stopping = asking_tell_stopping,
                                                .tell_alive = asking_tell_alive},
                                     .channel = channel,
                                     .lock = lock};
    return &asking->opener;
}

void sys_opener_asking_free(struct sys_opener *opener)
{
    struct asking_opener *asking = (struct asking_opener *)opener;
    sys_lock_free(asking->lock);
    free(asking);
}
