#include "upstream/follower.h"

#include "base/assert.h"
#include "loop/loop.h"
#include "obs/log.h"
#include "sys/clock.h"
#include "sys/thread.h"
#include "upstream/followed_servers.h"
#include "upstream/resolver_settings.h"
#include "upstream/upstream.h"

#include <stdlib.h>

enum {
    TTL_LEAST_MS = 1000,
    TTL_MOST_MS = 3600 * 1000,
    RETRY_MS = 1000, /* after the first failure; doubles */
    RETRY_DOUBLINGS = 5,
    ASKED_MAX = 64, /* names at once */
};

struct followed_name {
    struct list link;
    struct slice key; /* of the line: by it the roster knows it */
    struct followed_line line;
    uint16_t port;
    bool is_wanted;    /* a snapshot names it */
    bool is_asked;     /* a question is under way */
    bool is_answered;  /* at least once, well or not */
    bool has_news;     /* the roster does not have the records yet */
    bool is_too_long;  /* which has been told */
    uint32_t failures; /* in a row */
    uint64_t look_up_at;
    uint32_t count;
    struct dns_record *records;
};

struct follower {
    struct loop *loop;
    struct roster *roster;
    struct sys_thread *thread; /* NULL: there was nothing to follow yet */
    struct dns *dns;           /* the thread's, once it runs */
    struct sys_lock *lock;

    /* Behind the lock. */
    struct list names;
    struct dns_settings settings;
    bool is_changed; /* the settings are others than the thread has */
    bool is_stopping;
    bool is_sent; /* the message is on its way */
    struct message message;
    uint32_t asked;
    uint64_t look_ups, failures;
};

/* ---- when to look again */

/* Some time before the records are over, so that many names do not go on being asked at once. */
static uint64_t delay_of_ttl(uint32_t seconds)
{
    uint64_t ms = (uint64_t)seconds * 1000, chance;
    ms = ms < TTL_LEAST_MS ? TTL_LEAST_MS : ms > TTL_MOST_MS ? TTL_MOST_MS : ms;
    sys_random(&chance, sizeof(chance));
    return ms - chance % (ms / 10);
}

static uint64_t delay_of_failure(uint32_t failures)
{
    ASSERT(failures > 0);
    uint32_t doublings = failures - 1 < RETRY_DOUBLINGS ? failures - 1 : RETRY_DOUBLINGS;
    return (uint64_t)RETRY_MS << doublings;
}

/* ---- names; the lock is held */

static void free_name(struct followed_name *name)
{
    list_remove(&name->link);
    free(name->records);
    free(name);
}

static struct followed_name *find_name(const struct follower *follower, struct slice key)
{
    LIST_EACH (link, &follower->names) {
        struct followed_name *name = CONTAINER_OF(link, struct followed_name, link);
        if (slice_equal(name->key, key))
            return name;
    }
    return NULL;
}

/* Nothing where there is no memory: then it is looked up after the next reload. */
static void add_name(struct follower *follower, const struct server_setting *line)
{
    const struct server_place *place = &line->place;
    struct followed_name *name = calloc(1, sizeof(*name) + place->key.length + place->host.length);
    if (!name)
        return;
    char *texts = (char *)(name + 1);
    memcpy(texts, place->key.data, place->key.length);
    memcpy(texts + place->key.length, place->host.data, place->host.length);
    name->key = slice_of(texts, place->key.length);
    name->line = (struct followed_line){
        .host = slice_of(texts + place->key.length, place->host.length),
        .is_service = line->is_service,
        .is_tls = place->is_tls,
        .is_h2 = place->is_h2,
    };
    name->port = place->port;
    name->is_wanted = true;
    list_push_back(&follower->names, &name->link);
}

static void want_name(void *context, const struct server_setting *line)
{
    struct follower *follower = context;
    ASSERT(line->is_followed && !slice_is_empty(line->place.host));
    struct followed_name *name = find_name(follower, line->place.key);
    if (!name) {
        add_name(follower, line);
        return;
    }
    name->is_wanted = true;
    name->has_news |= name->count > 0; /* the roster may have forgotten it meanwhile */
}

/* Who is asked for right now goes when the answer has come. */
static void drop_unwanted(struct follower *follower)
{
    LIST_EACH_SAFE (link, &follower->names) {
        struct followed_name *name = CONTAINER_OF(link, struct followed_name, link);
        if (!name->is_wanted && !name->is_asked)
            free_name(name);
    }
}

/* ---- what comes of a question; the lock is held */

static bool is_same_record(const struct dns_record *a, const struct dns_record *b)
{
    return a->port == b->port && a->priority == b->priority && a->weight == b->weight &&
           ip_equal(&a->ip, &b->ip) && strcmp(a->host, b->host) == 0;
}

static bool is_same(const struct followed_name *name, const struct dns_answer *answer)
{
    bool same = name->count == answer->count;
    for (uint32_t i = 0; same && i < name->count; i++)
        same = is_same_record(&name->records[i], &answer->records[i]);
    return same;
}

/* False: no memory. */
static bool keep_records(struct followed_name *name, const struct dns_answer *answer)
{
    ASSERT(answer->count > 0 && answer->count <= DNS_RECORDS_MAX);
    bool has_news = !is_same(name, answer);
    struct dns_record *records = calloc(answer->count, sizeof(*records));
    if (!records)
        return false;
    memcpy(records, answer->records, answer->count * sizeof(*records));
    free(name->records);
    name->records = records;
    name->count = answer->count;
    name->has_news |= has_news;
    return true;
}

static void tell_left_out(struct followed_name *name, const struct dns_answer *answer)
{
    if (answer->left_out > 0 && !name->is_too_long)
        log_event(LOG_WARNING, "a followed name has more addresses than are taken",
                  LOG_TEXT("name", name->line.host), LOG_NUMBER("taken", answer->count),
                  LOG_NUMBER("left_out", answer->left_out));
    name->is_too_long = answer->left_out > 0;
}

static void note_failure(struct follower *follower, struct followed_name *name, const char *problem)
{
    follower->failures++;
    if (name->failures++ == 0)
        log_event(LOG_WARNING, "a followed name cannot be looked up; trying again",
                  LOG_TEXT("name", name->line.host), LOG_TEXT("problem", slice_from_text(problem)),
                  LOG_NUMBER("servers", name->count));
    name->look_up_at = sys_monotonic_ms() + delay_of_failure(name->failures);
}

/* Where a part could not be asked for, that is told as a failure, and looked for again as after
 * one, though never later than the rest is over. */
static void take_answer(struct follower *follower, struct followed_name *name,
                        struct dns_answer *answer)
{
    dns_answer_keep(answer, name->records, name->count);
    bool is_kept = answer->count > 0 && keep_records(name, answer);
    if (!is_kept || answer->problem)
        note_failure(follower, name, answer->problem ? answer->problem : "there is no memory");
    if (!is_kept)
        return;
    tell_left_out(name, answer);
    uint64_t over_at = sys_monotonic_ms() + delay_of_ttl(answer->ttl);
    if (answer->problem) {
        name->look_up_at = over_at < name->look_up_at ? over_at : name->look_up_at;
        return;
    }
    if (name->failures > 0)
        log_event(LOG_NOTICE, "a followed name was found", LOG_TEXT("name", name->line.host),
                  LOG_NUMBER("servers", name->count));
    name->failures = 0;
    name->look_up_at = over_at;
}

static void send_news(struct follower *follower)
{
    if (follower->is_sent)
        return;
    follower->is_sent = true;
    loop_send(follower->loop, &follower->message);
}

static void take_question(struct follower *follower, struct dns_question *question)
{
    struct followed_name *name = dns_question_owner(question);
    ASSERT(name->is_asked && follower->asked > 0);
    name->is_asked = false;
    follower->asked--;
    if (!name->is_wanted) {
        free_name(name);
    } else {
        take_answer(follower, name, dns_question_answer(question));
        name->is_answered = true;
        if (name->has_news)
            send_news(follower);
        sys_lock_wake_all(follower->lock);
    }
    dns_question_free(question);
}

/* ---- the thread */

static void ask(struct follower *follower, struct followed_name *name)
{
    enum dns_kind kind = name->line.is_service ? DNS_SERVICES : DNS_ADDRESSES;
    follower->look_ups++;
    if (!dns_ask(follower->dns, kind, name->line.host, name->port, name)) {
        note_failure(follower, name, "there is no memory");
        name->is_answered = true;
        return;
    }
    name->is_asked = true;
    follower->asked++;
}

/* Asks for all that are due. Returns how long nobody else is, in milliseconds; -1: for ever. */
static int ask_due(struct follower *follower)
{
    uint64_t now = sys_monotonic_ms(), next = UINT64_MAX;
    LIST_EACH (link, &follower->names) {
        struct followed_name *name = CONTAINER_OF(link, struct followed_name, link);
        if (name->is_asked || !name->is_wanted || follower->asked == ASKED_MAX)
            continue;
        if (name->look_up_at <= now)
            ask(follower, name);
        if (!name->is_asked && name->look_up_at < next)
            next = name->look_up_at;
    }
    return next == UINT64_MAX ? -1 : next <= now ? 0 : (int)(next - now);
}

/* What others have said is not what these will say. */
static void change_settings(struct follower *follower)
{
    follower->is_changed = false;
    dns_change(follower->dns, &follower->settings);
    LIST_EACH (link, &follower->names)
        CONTAINER_OF(link, struct followed_name, link)->look_up_at = 0;
}

static void run(void *argument)
{
    struct follower *follower = argument;
    sys_lock_take(follower->lock);
    while (!follower->is_stopping) {
        if (follower->is_changed)
            change_settings(follower);
        int wait = ask_due(follower);
        sys_lock_release(follower->lock);
        struct dns_question *question = dns_wait(follower->dns, wait);
        sys_lock_take(follower->lock);
        if (question)
            take_question(follower, question);
    }
    sys_lock_release(follower->lock);
}

/* False: no memory, or the system refuses it. */
static bool start(struct follower *follower)
{
    follower->dns = dns_new(&follower->settings);
    if (follower->dns)
        follower->thread = sys_thread_start("weir-follower", run, follower);
    if (follower->thread)
        return true;
    dns_free(follower->dns);
    follower->dns = NULL;
    return false;
}

/* ---- the control loop */

/* The lock is let go while the roster works, which takes its time. Meanwhile the name stays, for
 * only this thread ceases to want it. */
static void hand_over(struct follower *follower, struct followed_name *name)
{
    struct roster_answer answers[DNS_RECORDS_MAX];
    struct arena arena;
    arena_init(&arena, NULL, SIZE_MAX / 2);
    uint32_t count = name->count;
    bool good = followed_servers(&name->line, name->records, count, &arena, answers);
    name->has_news = false;
    sys_lock_release(follower->lock);
    good = good && roster_answer(follower->roster, name->key, answers, count);
    arena_fini(&arena);
    sys_lock_take(follower->lock);
    name->has_news |= !good; /* goes with the next answer */
}

/* The lock is held. */
static void hand_over_all(struct follower *follower)
{
    if (follower->is_stopping)
        return;
    LIST_EACH (link, &follower->names) {
        struct followed_name *name = CONTAINER_OF(link, struct followed_name, link);
        if (name->has_news && name->is_wanted)
            hand_over(follower, name);
    }
}

static void on_news(struct loop *loop, struct message *message)
{
    struct follower *follower = CONTAINER_OF(message, struct follower, message);
    ASSERT(loop == follower->loop);
    sys_lock_take(follower->lock);
    follower->is_sent = false;
    hand_over_all(follower);
    sys_lock_release(follower->lock);
}

struct follower *follower_new(struct loop *loop, struct roster *roster)
{
    struct follower *follower = calloc(1, sizeof(*follower));
    struct sys_lock *lock = sys_lock_new();
    if (!follower || !lock) {
        if (lock)
            sys_lock_free(lock);
        free(follower);
        return NULL;
    }
    follower->loop = loop;
    follower->roster = roster;
    follower->lock = lock;
    follower->message.deliver = on_news;
    list_init(&follower->names);
    return follower;
}

void follower_stop(struct follower *follower)
{
    sys_lock_take(follower->lock);
    follower->is_stopping = true;
    sys_lock_release(follower->lock);
    if (!follower->thread)
        return;
    dns_wake(follower->dns);
    sys_thread_join(follower->thread);
    follower->thread = NULL;
}

void follower_free(struct follower *follower)
{
    if (!follower)
        return;
    follower_stop(follower);
    dns_free(follower->dns);
    LIST_EACH_SAFE (link, &follower->names)
        free_name(CONTAINER_OF(link, struct followed_name, link));
    sys_lock_free(follower->lock);
    free(follower);
}

/* The lock is held. */
static void take_settings(struct follower *follower, const struct snapshot *snapshot)
{
    const struct dns_settings settings = resolver_settings_of(snapshot->configuration);
    bool same = settings.timeout_ms == follower->settings.timeout_ms &&
                settings.name_server_count == follower->settings.name_server_count;
    for (uint32_t i = 0; same && i < settings.name_server_count; i++)
        same = address_equal(&settings.name_servers[i], &follower->settings.name_servers[i]);
    follower->settings = settings;
    follower->is_changed |= !same;
}

static bool is_complete(const struct follower *follower)
{
    LIST_EACH (link, &follower->names) {
        const struct followed_name *name = CONTAINER_OF(link, struct followed_name, link);
        if (name->is_wanted && !name->is_answered)
            return false;
    }
    return true;
}

void follower_take(struct follower *follower, const struct snapshot *snapshot)
{
    const struct upstream_table *table = snapshot_get(snapshot, &upstream_part);
    sys_lock_take(follower->lock);
    take_settings(follower, snapshot);
    roster_each_followed(table, want_name, follower);
    if (!list_is_empty(&follower->names) && !follower->thread && !follower->is_stopping &&
        !start(follower))
        log_event(LOG_ERROR,
                  "names cannot be followed: the system refuses a thread, memory or descriptors");
    sys_lock_release(follower->lock);
    if (follower->thread)
        dns_wake(follower->dns);
}

bool follower_await(struct follower *follower, int timeout_ms)
{
    ASSERT(timeout_ms >= 0);
    if (!follower->thread)
        return true;
    uint64_t until = sys_monotonic_ms() + (uint64_t)timeout_ms, now;
    sys_lock_take(follower->lock);
    /* Each question that ends wakes us, also those that are not the last. */
    bool is_done;
    while (!(is_done = is_complete(follower)) && (now = sys_monotonic_ms()) < until)
        (void)sys_lock_wait(follower->lock, (int)(until - now));
    sys_lock_release(follower->lock);
    return is_done;
}

void follower_hand_over(struct follower *follower)
{
    sys_lock_take(follower->lock);
    hand_over_all(follower);
    sys_lock_release(follower->lock);
}

void follower_settle(struct follower *follower, const struct snapshot *snapshot)
{
    const struct upstream_table *table = snapshot_get(snapshot, &upstream_part);
    sys_lock_take(follower->lock);
    take_settings(follower, snapshot); /* where another was refused */
    LIST_EACH (link, &follower->names)
        CONTAINER_OF(link, struct followed_name, link)->is_wanted = false;
    roster_each_followed(table, want_name, follower);
    drop_unwanted(follower);
    hand_over_all(follower);
    sys_lock_release(follower->lock);
    if (follower->thread)
        dns_wake(follower->dns);
}

void follower_count(struct follower *follower, struct follower_counts *ret_counts)
{
    sys_lock_take(follower->lock);
    *ret_counts =
        (struct follower_counts){.look_ups = follower->look_ups, .failures = follower->failures};
    LIST_EACH (link, &follower->names) {
        const struct followed_name *name = CONTAINER_OF(link, struct followed_name, link);
        ret_counts->names += name->is_wanted;
        ret_counts->failing += name->is_wanted && name->failures > 0;
    }
    sys_lock_release(follower->lock);
}
