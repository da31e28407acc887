#include "control/upstream_change.h"

#include "base/arena.h"
#include "base/assert.h"
#include "control/upstream_page.h"
#include "http/query.h"
#include "obs/log.h"
#include "upstream/edition.h"
#include "upstream/health.h"
#include "upstream/member.h"
#include "upstream/roster.h"

enum { ARENA_MAX = 256 * 1024 };

/* A question as it was asked; decoded, in the arena. Empty: not said. */
struct question {
    struct slice upstream, server, order, weight, priority, max_connections;
    const char *wrong; /* NULL: it can be understood */
};

static void take(struct question *question, struct slice name, struct slice value)
{
    static const char *const names[] = {"upstream", "server",   "order",
                                        "weight",   "priority", "max_connections"};
    struct slice *const places[] = {&question->upstream, &question->server,
                                    &question->order,    &question->weight,
                                    &question->priority, &question->max_connections};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_equal(name, slice_from_text(names[i]))) {
            *places[i] = value;
            return;
        }
    }
    question->wrong =
        "ask with upstream, server, order and weight, or to add one, priority and max_connections";
}

static struct question read_question(struct slice query, struct arena *arena)
{
    struct question question = {0};
    struct slice name, value;
    while (!question.wrong && query_next(&query, &name, &value)) {
        struct slice decoded = query_text_decode(value, arena);
        if (decoded.data)
            take(&question, name, decoded);
        else
            question.wrong = "there is no memory for the question";
    }
    return question;
}

static void refuse(struct admin_reply *reply, unsigned status, const char *words)
{
    reply->status = status;
    (void)fprintf(reply->body, "%s\n", words);
}

/* ---- whom it is about */

/* The one of that name which has that server, as it is now; without such a one, the last of that
 * name. Upstreams without a name may share one. */
static const struct upstream *find(const struct upstream_table *table, struct slice name,
                                   struct slice key, const struct upstream_member **ret_member)
{
    const struct upstream *found = NULL;
    const struct upstream *upstream = upstream_first(table);
    *ret_member = NULL;
    for (; upstream && !*ret_member; upstream = upstream->next) {
        if (!slice_equal(upstream->name, name))
            continue;
        found = upstream_now(upstream);
        for (uint32_t i = 0; !*ret_member && i < found->count; i++) {
            if (slice_equal(found->members[i].server->key, key))
                *ret_member = &found->members[i];
        }
    }
    return found;
}

/* As it is in the snapshot; one that has a name, where there is one. NULL: there is none. */
static const struct upstream *find_origin(const struct upstream_table *table, struct slice name)
{
    const struct upstream *upstream = upstream_find(table, name);
    if (upstream)
        return upstream;
    for (upstream = upstream_first(table); upstream; upstream = upstream->next) {
        if (slice_equal(upstream->name, name))
            return upstream;
    }
    return NULL;
}

static void tell_none(struct admin_reply *reply, const struct upstream *upstream,
                      const struct question *question)
{
    reply->status = 404;
    if (upstream)
        (void)fprintf(reply->body, "the upstream \"%.*s\" has no server %.*s\n",
                      SHOWN(question->upstream), SHOWN(question->server));
    else
        (void)fprintf(reply->body, "there is no upstream \"%.*s\"\n", SHOWN(question->upstream));
}

/* False: it was told why. */
static bool read_place(const struct question *question, struct arena *arena,
                       struct server_place *ret_place, struct admin_reply *reply)
{
    const char *wrong, *cure;
    if (server_place_parse_any(question->server, arena, ret_place, &wrong, &cure))
        return true;
    reply->status = 400;
    (void)fprintf(reply->body, "%s; %s\n", wrong, cure);
    return false;
}

/* The server may be written in any way in which a configuration may. NULL: it was told why. */
static const struct upstream *find_asked(const struct upstream_change *change,
                                         const struct question *question, struct arena *arena,
                                         const struct upstream_member **ret_member,
                                         struct admin_reply *reply)
{
    struct server_place place;
    if (!read_place(question, arena, &place, reply))
        return NULL;
    const struct upstream *upstream =
        find(change->table, question->upstream, place.key, ret_member);
    if (upstream && *ret_member)
        return upstream;
    tell_none(reply, upstream, question);
    return NULL;
}

/* ---- changing */

static bool read_order(struct slice text, enum standing_order *ret_order)
{
    if (slice_equal(text, SLICE("drain")))
        *ret_order = STANDING_DRAINED;
    else if (slice_equal(text, SLICE("disable")))
        *ret_order = STANDING_DISABLED;
    else if (slice_equal(text, SLICE("enable")))
        *ret_order = STANDING_ENABLED;
    else
        return false;
    return true;
}

/* 0: as the configuration says. */
static bool read_weight(struct slice text, uint64_t *ret_weight)
{
    *ret_weight = 0;
    return slice_equal(text, SLICE("off")) ||
           (slice_to_number(text, BALANCE_WEIGHT_MAX, ret_weight) && *ret_weight > 0);
}

static void warn_of_none(const struct upstream *upstream, struct admin_reply *reply)
{
    uint32_t up = 0;
    if (upstream_count_enabled(upstream, &up) == 0)
        (void)fputs("warning: no server of the upstream is left; its requests get 503\n",
                    reply->body);
}

static void tell_state(const struct upstream_change *change, const struct upstream *upstream,
                       const struct upstream_member *member, struct admin_reply *reply)
{
    unsigned calls = atomic_load_explicit(&member->server->active, memory_order_relaxed);
    (void)fprintf(reply->body, "%.*s of %.*s: %s, weight %u, %u call%s in progress\n",
                  SHOWN(member->server->key), SHOWN(upstream->name),
                  member_state_name(member_state(member, change->now_ms)),
                  member_weight(upstream, member), calls, calls == 1 ? "" : "s");
    warn_of_none(upstream, reply);
}

static void change_weight(const struct upstream_change *change, const struct upstream *upstream,
                          const struct upstream_member *member, uint64_t weight)
{
    standing_set_weight(change->servers, member->standing, (uint32_t)weight);
    log_event(LOG_NOTICE, "a server was given another weight by command",
              LOG_TEXT("server", member->server->key), LOG_TEXT("upstream", upstream->name),
              LOG_NUMBER("weight", member_weight(upstream, member)));
}

static void change_order(const struct upstream_change *change, const struct upstream *upstream,
                         const struct upstream_member *member, enum standing_order order)
{
    static const char *const words[] = {[STANDING_ENABLED] = "enabled",
                                        [STANDING_DRAINED] = "drained",
                                        [STANDING_DISABLED] = "disabled"};
    standing_set_order(change->servers, member->standing, order, change->now_ms);
    log_event(LOG_NOTICE, "a server was enabled, drained or disabled by command",
              LOG_TEXT("server", member->server->key), LOG_TEXT("upstream", upstream->name),
              LOG_TEXT("state", slice_from_text(words[order])));
    health_note_order(change->health, upstream);
}

/* ---- coming and going */

/* As in a configuration. */
static bool read_setting(const struct question *question, struct server_setting *setting,
                         const char **ret_wrong)
{
    uint64_t weight = 1, priority = 1, limit = 0;
    *ret_wrong = "a weight is a number from 1 to 1000";
    if (question->weight.length > 0 && (!read_weight(question->weight, &weight) || weight == 0))
        return false;
    *ret_wrong = "a priority is a number from 1 to 100, which is that of a backup";
    if (question->priority.length > 0 &&
        (!slice_to_number(question->priority, PRIORITY_BACKUP, &priority) || priority == 0))
        return false;
    *ret_wrong = "max_connections is a number from 1 to 1000000";
    if (question->max_connections.length > 0 &&
        (!slice_to_number(question->max_connections, SERVER_CONNECTIONS_MAX, &limit) || limit == 0))
        return false;
    setting->weight = (int64_t)weight;
    setting->priority = (int64_t)priority;
    setting->max_connections = (int64_t)limit;
    return true;
}

static void refuse_change(struct admin_reply *reply, enum roster_outcome outcome,
                          const struct question *question, const char *why)
{
    switch (outcome) {
    case ROSTER_NO_MEMORY:
        refuse(reply, 503, "there is no memory for another list of servers; nothing has changed");
        return;
    case ROSTER_NAMELESS:
        refuse(reply, 409,
               "servers come and go in an upstream that has a name; write one under upstreams");
        return;
    case ROSTER_IS_THERE:
        reply->status = 409;
        (void)fprintf(reply->body, "the upstream \"%.*s\" has the server %.*s already\n",
                      SHOWN(question->upstream), SHOWN(question->server));
        return;
    case ROSTER_IS_FULL:
        reply->status = 409;
        (void)fprintf(reply->body,
                      "%d servers of the upstream were added or removed live, which is the most; "
                      "write them into the configuration\n",
                      ROSTER_CHANGES_MAX);
        return;
    case ROSTER_UNFIT:
        refuse(reply, 409, why);
        return;
    case ROSTER_IS_ABSENT:
        reply->status = 404;
        (void)fprintf(reply->body, "the upstream \"%.*s\" has no server %.*s\n",
                      SHOWN(question->upstream), SHOWN(question->server));
        return;
    case ROSTER_DONE:
        break;
    }
    UNREACHABLE();
}

static void add(const struct upstream_change *change, const struct question *question,
                struct arena *arena, struct admin_reply *reply)
{
    struct server_setting setting = {0};
    const char *why = NULL;
    const struct upstream_member *member = NULL;
    if (!read_setting(question, &setting, &why)) {
        refuse(reply, 400, why);
        return;
    }
    if (!read_place(question, arena, &setting.place, reply))
        return;
    const struct upstream *upstream = find_origin(change->table, question->upstream);
    if (!upstream) {
        tell_none(reply, NULL, question);
        return;
    }
    enum roster_outcome outcome = roster_add(change->roster, upstream, &setting, &why);
    if (outcome != ROSTER_DONE) {
        refuse_change(reply, outcome, question, why);
        return;
    }
    log_event(LOG_NOTICE, "a server was added to an upstream by command",
              LOG_TEXT("server", setting.place.key), LOG_TEXT("upstream", upstream->name));
    upstream = find(change->table, question->upstream, setting.place.key, &member);
    ASSERT(upstream && member);
    tell_state(change, upstream, member, reply);
}

static void tell_removed(const struct upstream *upstream, struct slice key, unsigned calls,
                         struct admin_reply *reply)
{
    (void)fprintf(reply->body, "%.*s of %.*s: removed", SHOWN(key), SHOWN(upstream->name));
    if (calls > 0)
        (void)fprintf(reply->body, "; %u call%s in progress may end", calls, calls == 1 ? "" : "s");
    (void)fputc('\n', reply->body);
    warn_of_none(upstream_now(upstream), reply);
}

static void remove_server(const struct upstream_change *change, const struct question *question,
                          struct arena *arena, struct admin_reply *reply)
{
    const struct upstream_member *member = NULL;
    if (!find_asked(change, question, arena, &member, reply))
        return;
    /* The list that the member is of may go. */
    struct slice key = arena_copy(arena, member->server->key);
    unsigned calls = atomic_load_explicit(&member->server->active, memory_order_relaxed);
    const struct upstream *upstream = find_origin(change->table, question->upstream);
    enum roster_outcome outcome =
        key.data ? roster_remove(change->roster, upstream, key) : ROSTER_NO_MEMORY;
    if (outcome != ROSTER_DONE) {
        refuse_change(reply, outcome, question, NULL);
        return;
    }
    log_event(LOG_NOTICE, "a server was removed from an upstream by command",
              LOG_TEXT("server", key), LOG_TEXT("upstream", upstream->name));
    tell_removed(upstream, key, calls, reply);
}

static void obey(const struct upstream_change *change, const struct question *question,
                 struct arena *arena, struct admin_reply *reply)
{
    enum standing_order order = STANDING_ENABLED;
    uint64_t weight = 0;
    const struct upstream_member *member = NULL;
    if (slice_equal(question->order, SLICE("add"))) {
        add(change, question, arena, reply);
        return;
    }
    if (slice_equal(question->order, SLICE("remove"))) {
        remove_server(change, question, arena, reply);
        return;
    }
    bool is_weight = question->weight.length > 0;
    if (is_weight ? !read_weight(question->weight, &weight)
                  : !read_order(question->order, &order)) {
        refuse(reply, 400,
               is_weight ? "a weight is a number from 1 to 1000, or off for the one "
                           "of the configuration"
                         : "an order is drain, disable, enable, add or remove");
        return;
    }
    const struct upstream *upstream = find_asked(change, question, arena, &member, reply);
    if (!upstream)
        return;
    if (is_weight && !balance_takes_weights(upstream->balance)) {
        reply->status = 409;
        (void)fprintf(reply->body, "balance: %s does not go by weights that change while it runs\n",
                      balance_names[upstream->balance]);
        return;
    }
    if (is_weight)
        change_weight(change, upstream, member, weight);
    else
        change_order(change, upstream, member, order);
    tell_state(change, upstream, member, reply);
}

void upstream_change_answer(const struct upstream_change *change,
                            const struct admin_request *request, struct admin_reply *reply)
{
    struct arena arena;
    arena_init(&arena, NULL, ARENA_MAX);
    struct question question = read_question(request->query, &arena);
    if (question.wrong)
        refuse(reply, 400, question.wrong);
    else
        obey(change, &question, &arena, reply);
    arena_fini(&arena);
}

/* ---- telling */

static void show(const struct upstream_change *change, const struct question *question,
                 struct arena *arena, struct admin_reply *reply)
{
    const struct upstream_member *member = NULL;
    const struct upstream *upstream = find_asked(change, question, arena, &member, reply);
    if (upstream)
        upstream_page_print_server(reply->body, upstream, member, change->now_ms);
}

void upstream_list_answer(const struct upstream_change *change, const struct admin_request *request,
                          struct admin_reply *reply)
{
    struct arena arena;
    arena_init(&arena, NULL, ARENA_MAX);
    struct question question = read_question(request->query, &arena);
    if (question.wrong)
        refuse(reply, 400, question.wrong);
    else if (question.server.length > 0)
        show(change, &question, &arena, reply);
    else if (!upstream_page_print_table(reply->body, change->table, question.upstream,
                                        change->now_ms))
        tell_none(reply, NULL, &question);
    arena_fini(&arena);
}
