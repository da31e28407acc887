#include "main/opening.h"

#include "base/assert.h"
#include "conf/yaml.h"
#include "sys/asking_opener.h"
#include "sys/channel.h"

#include <errno.h>

void opening_init(struct opening *opening)
{
    *opening = (struct opening){0};
    kept_listeners_init(&opening->listeners);
    kept_files_init(&opening->served);
    kept_files_init(&opening->loading);
}

static void end_load(struct opening *opening)
{
    kept_files_clear(&opening->loading);
    opening->is_loading = false;
}

void opening_rewind(struct opening *opening)
{
    end_load(opening);
    kept_listeners_rewind(&opening->listeners);
    opening->is_restoring = opening->has_served;
}

/* ---- what is read */

/* The names that a pattern stands for, each with a NUL behind it. */
static int gather_names(const char *pattern, struct arena *arena, struct slice *ret_bytes)
{
    struct slice *names;
    size_t count, length = 0;
    if (!sys_opener_direct()->expand(sys_opener_direct(), pattern, arena, &names, &count))
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        length += names[i].length + 1;
    char *memory = arena_alloc(arena, length + 1);
    if (!memory)
        return -ENOMEM;
    *ret_bytes = slice_of(memory, length);
    for (size_t i = 0; i < count; i++) {
        memcpy(memory, names[i].data, names[i].length + 1); /* the arena's copies have a NUL */
        memory += names[i].length + 1;
    }
    return 0;
}

/* 0 or -errno. */
static int gather(struct opening *opening, enum kept_kind kind, const char *path,
                  struct slice *ret_bytes)
{
    struct slice name = slice_from_text(path);
    if (opening->is_restoring)
        return kept_files_find(&opening->served, kind, name, ret_bytes) ? 0 : -ENOENT;
    struct arena *arena = &opening->loading.arena;
    int error = kind == KEPT_FILE
                    ? sys_read_file(sys_opener_direct(), path, YAML_SIZE_MAX, arena, ret_bytes)
                    : gather_names(path, arena, ret_bytes);
    if (error)
        return error;
    return kept_files_add(&opening->loading, kind, name, *ret_bytes) ? 0 : -ENOMEM;
}

/* A copy of what was read, for the worker: what it gets is what is kept. */
static int give(struct opening *opening, enum kept_kind kind, const char *path)
{
    struct slice bytes;
    if (!opening->is_loading)
        return -EPERM;
    int error = gather(opening, kind, path, &bytes);
    return error ? error : sys_memory_file(bytes);
}

/* ---- the questions */

static int begin_load(struct opening *opening)
{
    end_load(opening);
    opening->is_loading = true;
    return 0;
}

static int keep_loaded(struct opening *opening, uint64_t drain_ms)
{
    if (!opening->is_loading)
        return -EPERM;
    if (opening->is_restoring)
        kept_listeners_settle(&opening->listeners);
    else
        kept_files_take(&opening->served, &opening->loading);
    end_load(opening);
    opening->is_restoring = false;
    opening->has_served = true;
    opening->drain_ms = drain_ms;
    return 0;
}

/* A new worker that fails before it serves takes back what it has opened; the next one gets it. */
static int forget_listener(struct opening *opening, const struct address *address)
{
    if (!opening->is_restoring)
        kept_listeners_forget(&opening->listeners, address);
    return 0;
}

/* A descriptor (`*ret_is_ours`: it stays open here), 0 where none is asked for, or -errno. */
static int obey(struct opening *opening, const struct opener_request *request, bool *ret_is_ours)
{
    struct sys_listen_options options = {
        .share = request->share, .is_private = request->is_private, .backlog = request->backlog};
    *ret_is_ours = request->question == OPENER_LISTEN;
    switch (request->question) {
    case OPENER_LISTEN:
        return kept_listeners_get(&opening->listeners, &request->address, &options);
    case OPENER_FORGET_LISTENER:
        return forget_listener(opening, &request->address);
    case OPENER_READ:
        return give(opening, KEPT_FILE, request->path);
    case OPENER_EXPAND:
        return give(opening, KEPT_NAMES, request->path);
    case OPENER_APPEND:
        return sys_opener_direct()->open_to_append(sys_opener_direct(), request->path);
    case OPENER_DATAGRAM:
        return sys_opener_direct()->connect_datagram(sys_opener_direct(), &request->address);
    case OPENER_BEGIN_LOAD:
        return begin_load(opening);
    case OPENER_KEEP_LOADED:
        return keep_loaded(opening, request->drain_ms);
    case OPENER_QUESTION_COUNT:
        break;
    }
    UNREACHABLE();
}

bool opening_answer(struct opening *opening, int channel)
{
    struct opener_request request;
    int stray, error;
    bool is_ours;
    ssize_t length = sys_channel_receive(channel, &request, sizeof(request), false, &stray);
    if (stray >= 0)
        sys_close(stray);
    if (length == -EAGAIN)
        return true;
    if (length != (ssize_t)sizeof(request) || !opener_request_is_valid(&request))
        return false;
    int descriptor = obey(opening, &request, &is_ours);
    struct opener_answer answer = {.result = descriptor < 0 ? descriptor : 0};
    error = sys_channel_send(channel, slice_of((const char *)&answer, sizeof(answer)),
                             descriptor > 0 ? descriptor : -1);
    if (descriptor > 0 && !is_ours)
        sys_close(descriptor);
    return error == 0;
}

void opening_fini(struct opening *opening, bool for_good)
{
    kept_listeners_fini(&opening->listeners, for_good);
    kept_files_clear(&opening->served);
    kept_files_clear(&opening->loading);
}
