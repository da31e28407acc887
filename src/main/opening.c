#include "main/opening.h"

#include "base/assert.h"
#include "conf/yaml.h"
#include "main/estate.h"
#include "obs/log.h"
#include "sys/channel.h"

#include <errno.h>
#include <limits.h>

void opening_init(struct opening *opening, struct upgrade *upgrade)
{
    *opening = (struct opening){.upgrade = upgrade};
    kept_listeners_init(&opening->listeners);
    kept_files_init(&opening->served);
    kept_files_init(&opening->loading);
}

static void end_load(struct opening *opening)
{
    kept_files_clear(&opening->loading);
    opening->is_vouched = opening->awaits_worker = opening->is_loading = false;
    opening->is_renewing = false;
}

void opening_rewind(struct opening *opening)
{
    if (!opening->awaits_worker)
        end_load(opening);
    kept_listeners_rewind(&opening->listeners);
    opening->wants_check = opening->wants_renewal = opening->is_awaiting = false;
    opening->is_restoring = opening->has_served;
}

void opening_await(struct opening *opening)
{
    end_load(opening);
    kept_listeners_rewind(&opening->listeners);
    opening->wants_check = opening->wants_renewal = opening->is_restoring = false;
    opening->is_awaiting = true;
}

void opening_stop_awaiting(struct opening *opening)
{
    if (!opening->is_awaiting)
        return;
    end_load(opening);
    kept_listeners_drop_fresh(&opening->listeners);
    opening->wants_check = opening->wants_renewal = opening->is_awaiting = false;
}

/* ---- the checker */

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

static int gather_real_path(const char *path, struct arena *arena, struct slice *ret_bytes)
{
    char whole[PATH_MAX];
    if (!sys_opener_direct()->real_path(sys_opener_direct(), path, whole, sizeof(whole)))
        return -ENOENT;
    *ret_bytes = arena_copy(arena, slice_from_text(whole));
    return ret_bytes->data ? 0 : -ENOMEM;
}

/* 0 or -errno. */
static int gather(enum kept_kind kind, const char *path, struct arena *arena,
                  struct slice *ret_bytes)
{
    switch (kind) {
    case KEPT_FILE:
        return sys_read_file(sys_opener_direct(), path, YAML_SIZE_MAX, arena, ret_bytes);
    case KEPT_NAMES:
        return gather_names(path, arena, ret_bytes);
    case KEPT_REAL_PATH:
        return gather_real_path(path, arena, ret_bytes);
    case KEPT_LOG:
    case KEPT_SYSLOG:
    case KEPT_LISTENER:
    case KEPT_PRIVATE_LISTENER:
        break;
    }
    UNREACHABLE();
}

/* A copy: what is kept cannot be changed through it. */
static int answer_kept(const struct kept *kept)
{
    return kept->error ? kept->error : sys_memory_file(kept->bytes);
}

/* What a renewal need not read: what is not watched, for whatever stands in the file of the
 * configuration by now is not what was asked for, and what is watched and has not changed. What was
 * not good may be so beside another file. NULL: it has to be read. */
static const struct kept *find_unchanged(const struct opening *opening, enum kept_kind kind,
                                         struct slice name, bool is_watched, uint64_t stamp)
{
    const struct kept *served =
        opening->is_renewing ? kept_files_find(&opening->served, kind, name) : NULL;
    bool is_same = served && (!is_watched || (served->stamp == stamp && !served->is_before));
    return is_same ? served : NULL;
}

/* In the arena of what is loaded. False: no memory. */
static bool copy_kept(struct opening *opening, const struct kept *kept, struct kept *ret_copy)
{
    *ret_copy = *kept;
    if (kept->bytes.data)
        ret_copy->bytes = arena_copy(&opening->loading.arena, kept->bytes);
    return !kept->bytes.data || ret_copy->bytes.data;
}

/* False: no memory. */
static bool keep(struct opening *opening, enum kept_kind kind, const char *path, bool is_watched)
{
    /* Looked at before it is read: who changes it meanwhile will be noticed. */
    struct kept fresh = {.is_watched = is_watched,
                         .stamp = is_watched ? watch_stamp(kind, path) : 0};
    struct slice name = slice_from_text(path);
    const struct kept *same = find_unchanged(opening, kind, name, is_watched, fresh.stamp);
    if (same && !copy_kept(opening, same, &fresh))
        return false;
    if (!same)
        fresh.error = gather(kind, path, &opening->loading.arena, &fresh.bytes);
    return kept_files_add(&opening->loading, kind, name, fresh);
}

/* What was read is read once, so that whoever asks again gets the same. */
static int read_and_keep(struct opening *opening, enum kept_kind kind, const char *path,
                         bool is_watched)
{
    struct slice name = slice_from_text(path);
    if (!kept_files_find(&opening->loading, kind, name) && !keep(opening, kind, path, is_watched))
        return -ENOMEM;
    return answer_kept(kept_files_find(&opening->loading, kind, name));
}

/* What never was a certificate or a key is nothing to go back to. */
static bool was_pem(const struct kept *kept)
{
    static const char begin[] = "-----BEGIN ";
    return !kept->error && memmem(kept->bytes.data, kept->bytes.length, begin, strlen(begin));
}

/* Told once for each change of the file. */
static int keep_before(struct opening *opening, const char *path)
{
    struct slice name = slice_from_text(path);
    const struct kept *served =
        opening->is_renewing ? kept_files_find(&opening->served, KEPT_FILE, name) : NULL;
    const struct kept *loading = kept_files_find(&opening->loading, KEPT_FILE, name);
    struct kept before;
    if (!served || !was_pem(served) || !loading || !loading->is_watched ||
        (!loading->error && slice_equal(loading->bytes, served->bytes)))
        return -ENOENT;
    if (!copy_kept(opening, served, &before))
        return -ENOMEM;
    if (!served->is_before || served->stamp != loading->stamp)
        log_event(LOG_ERROR, "a changed file of TLS cannot be used; the one before stays",
                  LOG_TEXT("file", name));
    before.is_before = true;
    before.stamp = loading->stamp;
    kept_files_replace(&opening->loading, KEPT_FILE, name, before);
    return 0;
}

/* Nothing is opened. */
static int keep_name(struct opening *opening, enum kept_kind kind, struct slice name)
{
    bool good = kept_files_find(&opening->loading, kind, name) ||
                kept_files_add(&opening->loading, kind, name, (struct kept){0});
    return good ? 0 : -ENOMEM;
}

static int keep_address(struct opening *opening, enum kept_kind kind, const struct address *address)
{
    char memory[ADDRESS_TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory));
    address_print(&text, address);
    return keep_name(opening, kind, text_slice(&text));
}

static enum kept_kind listener_kind(const struct opener_request *request)
{
    return request->is_private ? KEPT_PRIVATE_LISTENER : KEPT_LISTENER;
}

static int take_vouching(struct opening *opening, const struct opener_terms *terms)
{
    opening->is_vouched = true;
    opening->loading_terms = *terms;
    return 0;
}

static int obey_checker(struct opening *opening, const struct opener_request *request)
{
    switch (request->question) {
    case OPENER_READ:
        return read_and_keep(opening, KEPT_FILE, request->path, false);
    case OPENER_READ_WATCHED:
        return read_and_keep(opening, KEPT_FILE, request->path, true);
    case OPENER_EXPAND:
        return read_and_keep(opening, KEPT_NAMES, request->path, false);
    case OPENER_EXPAND_WATCHED:
        return read_and_keep(opening, KEPT_NAMES, request->path, true);
    case OPENER_REAL_PATH:
        return read_and_keep(opening, KEPT_REAL_PATH, request->path, false);
    case OPENER_KEEP_BEFORE:
        return keep_before(opening, request->path);
    case OPENER_LISTEN:
        return keep_address(opening, listener_kind(request), &request->address);
    case OPENER_APPEND:
        return keep_name(opening, KEPT_LOG, slice_from_text(request->path));
    case OPENER_DATAGRAM:
        return keep_address(opening, KEPT_SYSLOG, &request->address);
    case OPENER_VOUCH:
        return take_vouching(opening, &request->terms);
    case OPENER_BEGIN_LOAD:
        return 0;
    case OPENER_FORGET_LISTENER:
    case OPENER_HAS_RENEWAL:
    case OPENER_BEGIN_RENEWAL:
    case OPENER_KEEP_LOADED:
    case OPENER_DROP_LOADED:
    case OPENER_BEGIN_UPGRADE:
    case OPENER_UPGRADE_OUTCOME:
    case OPENER_LEFT:
    case OPENER_STOPS:
    case OPENER_ALIVE:
    case OPENER_QUESTION_COUNT:
        return -EPERM;
    }
    UNREACHABLE();
}

/* ---- the worker */

/* Two workers that load at once would each get what is the other one's. */
static int judge(const struct opening *opening, enum crew_role role, enum opener_question question)
{
    bool renews = question == OPENER_HAS_RENEWAL || question == OPENER_BEGIN_RENEWAL;
    bool loads = question == OPENER_LISTEN || question == OPENER_READ ||
                 question == OPENER_READ_WATCHED || question == OPENER_EXPAND ||
                 question == OPENER_EXPAND_WATCHED || question == OPENER_REAL_PATH ||
                 question == OPENER_BEGIN_LOAD || question == OPENER_KEEP_LOADED ||
                 question == OPENER_DROP_LOADED;
    if (renews && role != CREW_SERVES)
        return -EPERM;
    loads |= renews;
    if (loads && role == CREW_LEAVES)
        return -EPERM;
    return loads && role == CREW_SERVES && opening->is_awaiting ? -EBUSY : 0;
}

/* Of what it is given to read there is one allowance, that of the configuration that it loads. */
static int give(const struct opening *opening, enum kept_kind kind, const char *path)
{
    const struct kept_files *files = opening->is_restoring ? &opening->served : &opening->loading;
    if (!opening->is_loading)
        return -EPERM;
    const struct kept *kept = kept_files_find(files, kind, slice_from_text(path));
    return kept ? answer_kept(kept) : -EPERM;
}

/* What it serves and what it loads, both: logs are opened anew while it loads. */
static bool is_allowed(const struct opening *opening, enum kept_kind kind, struct slice name)
{
    return kept_files_find(&opening->served, kind, name) ||
           (opening->is_loading && kept_files_find(&opening->loading, kind, name));
}

static bool is_allowed_address(const struct opening *opening, enum kept_kind kind,
                               const struct address *address)
{
    char memory[ADDRESS_TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory));
    address_print(&text, address);
    return is_allowed(opening, kind, text_slice(&text));
}

static int listen_for(struct opening *opening, const struct opener_request *request)
{
    struct sys_listen_options options = {
        .share = request->share, .is_private = request->is_private, .backlog = request->backlog};
    if (!is_allowed_address(opening, listener_kind(request), &request->address))
        return -EPERM;
    return kept_listeners_get(&opening->listeners, &request->address, &options);
}

/* A worker that takes the place of one that has died serves also where the directory of a log is
 * gone meanwhile: without the log rather than not at all. */
static int append_for(const struct opening *opening, enum crew_role role, const char *path)
{
    if (!is_allowed(opening, KEPT_LOG, slice_from_text(path)))
        return -EPERM;
    int fd = sys_opener_direct()->open_to_append(sys_opener_direct(), path);
    if (fd >= 0 || role != CREW_SERVES || !opening->is_restoring)
        return fd;
    log_event(LOG_ERROR,
              "a log cannot be opened for the new worker; its lines are lost until the logs are "
              "opened anew",
              LOG_TEXT("file", slice_from_text(path)),
              LOG_TEXT("problem", slice_from_text(strerrordesc_np(-fd))));
    return sys_opener_direct()->open_to_append(sys_opener_direct(), "/dev/null");
}

static int connect_for(const struct opening *opening, const struct address *address)
{
    if (!is_allowed_address(opening, KEPT_SYSLOG, address))
        return -EPERM;
    return sys_opener_direct()->connect_datagram(sys_opener_direct(), address);
}

/* A configuration that was not checked for this load has to wait. */
static int begin_load(struct opening *opening)
{
    if (!opening->is_restoring && !opening->awaits_worker) {
        opening->wants_check = true;
        return 0;
    }
    opening->awaits_worker = false;
    opening->is_loading = true;
    return 0;
}

static int has_renewal(struct opening *opening)
{
    return watch_look_paced(&opening->watch, &opening->served) ? 0 : -ENODATA;
}

static int begin_renewal(struct opening *opening)
{
    if (opening->is_restoring || !opening->has_served)
        return -EPERM;
    opening->wants_check = opening->wants_renewal = true;
    return 0;
}

/* What is not right cannot become what the next worker has to serve. */
static int keep_loaded(struct opening *opening)
{
    if (!opening->is_loading || (!opening->is_restoring && !opening->is_vouched))
        return -EPERM;
    if (opening->is_restoring || opening->is_awaiting || !opening->has_served)
        kept_listeners_settle(&opening->listeners);
    if (!opening->is_restoring) {
        kept_files_take(&opening->served, &opening->loading);
        if (opening->has_served)
            opening->loading_terms.rights = opening->terms.rights;
        opening->terms = opening->loading_terms;
    }
    end_load(opening);
    opening->is_restoring = opening->is_awaiting = false;
    opening->has_served = true;
    return 0;
}

static int drop_loaded(struct opening *opening)
{
    if (opening->is_restoring)
        return -EPERM;
    end_load(opening);
    return 0;
}

/* A new worker that fails before it serves takes back what it has opened; the next one gets it. Nor
 * does the one that leaves close what is served. */
static int forget_listener(struct opening *opening, enum crew_role role,
                           const struct address *address)
{
    if (role == CREW_SERVES && !opening->is_restoring && !opening->is_awaiting)
        kept_listeners_forget(&opening->listeners, address);
    return 0;
}

/* A descriptor (`*ret_is_ours`: it stays open here), 0 where none is asked for, or -errno. */
static int obey(struct opening *opening, enum crew_role role, const struct opener_request *request,
                bool *ret_is_ours)
{
    *ret_is_ours = request->question == OPENER_LISTEN;
    switch (request->question) {
    case OPENER_LISTEN:
        return listen_for(opening, request);
    case OPENER_FORGET_LISTENER:
        return forget_listener(opening, role, &request->address);
    case OPENER_READ:
    case OPENER_READ_WATCHED:
        return give(opening, KEPT_FILE, request->path);
    case OPENER_EXPAND:
    case OPENER_EXPAND_WATCHED:
        return give(opening, KEPT_NAMES, request->path);
    case OPENER_REAL_PATH:
        return give(opening, KEPT_REAL_PATH, request->path);
    case OPENER_APPEND:
        return append_for(opening, role, request->path);
    case OPENER_DATAGRAM:
        return connect_for(opening, &request->address);
    case OPENER_BEGIN_LOAD:
        return begin_load(opening);
    case OPENER_HAS_RENEWAL:
        return has_renewal(opening);
    case OPENER_BEGIN_RENEWAL:
        return begin_renewal(opening);
    case OPENER_KEEP_LOADED:
        return keep_loaded(opening);
    case OPENER_DROP_LOADED:
        return drop_loaded(opening);
    case OPENER_BEGIN_UPGRADE:
        return upgrade_ask(opening->upgrade);
    case OPENER_UPGRADE_OUTCOME:
        return upgrade_open_outcome(opening->upgrade);
    case OPENER_LEFT:
    case OPENER_STOPS:
    case OPENER_ALIVE:
        return 0;
    case OPENER_VOUCH:
    case OPENER_KEEP_BEFORE:
    case OPENER_QUESTION_COUNT:
        return -EPERM;
    }
    UNREACHABLE();
}

/* ---- the channels */

/* False: the other side is gone, or is not in its right mind. `*ret_came`: there was a request. */
static bool take_request(int channel, struct opener_request *ret_request, bool *ret_came)
{
    int stray;
    ssize_t length = sys_channel_receive(channel, ret_request, sizeof(*ret_request), false, &stray);
    if (stray >= 0)
        sys_close(stray);
    *ret_came = length != -EAGAIN;
    return length == -EAGAIN ||
           (length == (ssize_t)sizeof(*ret_request) && opener_request_is_valid(ret_request));
}

static bool send_answer(int channel, int result, bool stays_open)
{
    struct opener_answer answer = {.result = result < 0 ? result : 0};
    int error = sys_channel_send(channel, slice_of((const char *)&answer, sizeof(answer)),
                                 result > 0 ? result : -1);
    if (result > 0 && !stays_open)
        sys_close(result);
    return error == 0;
}

/* 0, a descriptor, or -errno: as obey. */
static int answer_to(struct opening *opening, enum crew_role role,
                     const struct opener_request *request, bool *ret_is_ours)
{
    int error = judge(opening, role, request->question);
    *ret_is_ours = false;
    return error ? error : obey(opening, role, request, ret_is_ours);
}

bool opening_answer(struct opening *opening, int channel, enum crew_role role,
                    enum opener_question *ret_done)
{
    struct opener_request request;
    bool came, is_ours, waited = opening->wants_check;
    *ret_done = OPENER_QUESTION_COUNT;
    if (!take_request(channel, &request, &came))
        return false;
    if (!came)
        return true;
    if (request.question == OPENER_ALIVE) {
        *ret_done = OPENER_ALIVE;
        return true;
    }
    if (waited && role == opening->who_waits)
        return false; /* who waits for an answer does not ask */
    int result = answer_to(opening, role, &request, &is_ours);
    if (opening->wants_check && !waited) {
        opening->who_waits = role;
        return true;
    }
    if (result >= 0)
        *ret_done = request.question;
    return send_answer(channel, result, is_ours);
}

void opening_begin_check(struct opening *opening)
{
    end_load(opening);
    opening->is_renewing = opening->wants_renewal;
    opening->wants_renewal = false;
}

bool opening_answer_checker(struct opening *opening, int channel)
{
    struct opener_request request;
    bool came;
    if (!take_request(channel, &request, &came))
        return false;
    return !came || send_answer(channel, obey_checker(opening, &request), false);
}

void opening_end_check(struct opening *opening, int channel, int error)
{
    if (error)
        end_load(opening);
    opening->awaits_worker = !error && !opening->has_served;
    opening->is_loading = !error && opening->wants_check;
    if (opening->wants_check && channel >= 0)
        (void)send_answer(channel, error, false); /* who is gone is found to be by its end */
    opening->wants_check = false;
}

/* ---- from supervisor to supervisor */

/* `CHANGES-USER USER GROUP CORE-DUMPS SANDBOX` */
static int write_rights(const struct sys_rights *rights, int file)
{
    return estate_print(file, "rights", "%d %u %u %d %d", rights->changes_user, rights->user,
                        rights->group, rights->core_dumps, rights->sandbox);
}

static bool read_rights(struct slice value, struct sys_rights *ret_rights)
{
    uint64_t changes_user, user, group, core_dumps, sandbox;
    bool good = estate_take_number(&value, 1, &changes_user) &&
                estate_take_number(&value, UINT32_MAX, &user) &&
                estate_take_number(&value, UINT32_MAX, &group) &&
                estate_take_number(&value, 1, &core_dumps) &&
                estate_take_number(&value, 1, &sandbox);
    if (good)
        *ret_rights = (struct sys_rights){.changes_user = changes_user,
                                          .user = (uint32_t)user,
                                          .group = (uint32_t)group,
                                          .core_dumps = core_dumps,
                                          .sandbox = sandbox};
    return good;
}

int opening_write(const struct opening *opening, int file)
{
    int error = estate_print(file, "drain", "%llu", (unsigned long long)opening->terms.drain_ms);
    if (!error)
        error = estate_print(file, "hang", "%llu", (unsigned long long)opening->terms.hang_ms);
    if (!error)
        error = write_rights(&opening->terms.rights, file);
    if (!error)
        error = kept_listeners_write(&opening->listeners, file);
    return error ? error : kept_files_write(&opening->served, file);
}

bool opening_read(struct opening *opening, struct slice key, struct slice value)
{
    if (slice_equal(key, SLICE("drain")))
        return estate_take_number(&value, UINT64_MAX, &opening->terms.drain_ms);
    if (slice_equal(key, SLICE("rights")))
        return read_rights(value, &opening->terms.rights);
    if (slice_equal(key, SLICE("hang")))
        return estate_take_number(&value, UINT64_MAX, &opening->terms.hang_ms);
    if (slice_equal(key, SLICE("listener")))
        return kept_listeners_read(&opening->listeners, value);
    return kept_files_read(&opening->served, key, value);
}

void opening_fini(struct opening *opening, bool for_good)
{
    kept_listeners_fini(&opening->listeners, for_good);
    kept_files_clear(&opening->served);
    kept_files_clear(&opening->loading);
}
