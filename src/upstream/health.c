#include "upstream/health.h"

#include "base/assert.h"
#include "loop/timer.h"
#include "obs/log.h"
#include "upstream/edition.h"
#include "upstream/health_settings.h"
#include "upstream/member.h"
#include "upstream/probe.h"

#include <stdlib.h>

enum { FIRST_SPREAD_MS = 500, RETRY_MS = 1000 };

/* A server of an upstream that is asked. */
struct patient {
    struct list link; /* of the health's */
    struct health *health;
    const struct upstream *upstream;
    struct standing *standing;
    bool stays;          /* while lists are swapped */
    struct timer timer;  /* until it is asked next */
    struct list waiting; /* among those whose turn it is, while too many probes are under way */
    struct probe *probe; /* NULL: it is not being asked */
};

/* What was told of an upstream as a whole. */
struct alarm {
    struct slice name; /* in the snapshot */
    bool panics;
};

struct health {
    struct loop *loop;
    struct server_registry *servers;
    struct snapshot *snapshot; /* NULL: nobody is asked */
    struct list patients;
    struct alarm *alarms; /* by the index of the upstream */
    uint32_t alarm_count;
    uint32_t panics;     /* of them, that are raised */
    struct list waiting; /* patients */
    uint32_t probes;     /* under way */
    uint64_t taken;      /* snapshots */
};

struct health *health_new(struct loop *loop, struct server_registry *servers)
{
    struct health *health = calloc(1, sizeof(*health));
    if (!health)
        return NULL;
    health->loop = loop;
    health->servers = servers;
    list_init(&health->waiting);
    list_init(&health->patients);
    return health;
}

/* ---- what is told */

static void judge(struct health *health, const struct upstream *upstream)
{
    if (upstream->index >= health->alarm_count)
        return;
    struct alarm *alarm = &health->alarms[upstream->index];
    const struct upstream *now = upstream_now(upstream);
    bool panics = upstream_panics(now);
    uint32_t up = 0, enabled = upstream_count_enabled(now, &up);
    if (panics == alarm->panics)
        return;
    alarm->panics = panics;
    health->panics = panics ? health->panics + 1 : health->panics - 1;
    if (panics)
        log_event(LOG_WARNING,
                  "too few servers of an upstream are up; those that are down are "
                  "asked as well",
                  LOG_TEXT("upstream", upstream->name), LOG_NUMBER("up", up),
                  LOG_NUMBER("servers", enabled));
    else
        log_event(LOG_NOTICE, "enough servers of an upstream are up again",
                  LOG_TEXT("upstream", upstream->name), LOG_NUMBER("up", up),
                  LOG_NUMBER("servers", enabled));
}

static void tell_down(const struct patient *patient)
{
    const struct standing *standing = patient->standing;
    enum probe_problem problem = (enum probe_problem)standing->problem;
    const char *cause =
        problem == PROBE_TLS ? error_words((enum error_code)standing->problem_tls) : "";
    char memory[8];
    struct text status = text_over(memory, sizeof(memory));
    if (standing->problem_status > 0)
        text_add_number(&status, standing->problem_status);
    log_event(LOG_WARNING, "a server is down; it is passed over",
              LOG_TEXT("server", standing->server->key),
              LOG_TEXT("upstream", patient->upstream->name),
              LOG_TEXT("problem", slice_from_text(probe_words(problem))),
              LOG_TEXT("status", text_slice(&status)), LOG_TEXT("cause", slice_from_text(cause)));
}

static void tell_change(const struct patient *patient)
{
    if (patient->standing->score.is_down)
        tell_down(patient);
    else
        log_event(LOG_NOTICE, "a server is up again",
                  LOG_TEXT("server", patient->standing->server->key),
                  LOG_TEXT("upstream", patient->upstream->name));
}

/* ---- asking */

static void ask_those_who_wait(struct health *health);

static void wait_for_turn(struct patient *patient, uint64_t after_ms)
{
    struct loop *loop = patient->health->loop;
    patient->standing->probe_due = loop_now(loop) + after_ms;
    timer_set(loop, &patient->timer, after_ms > 0 ? after_ms : 1);
}

static void note_failure(struct standing *standing, struct probe_failure failure)
{
    standing->problem = failure.problem;
    standing->problem_status = failure.status;
    standing->problem_tls = failure.tls;
}

static void note(struct patient *patient, enum probe_verdict verdict)
{
    struct standing *standing = patient->standing;
    const struct health_settings *settings = patient->upstream->health;
    bool passed = verdict == PROBE_PASSED;
    if (passed) {
        standing->passed++;
        standing->probe_took = probe_took(patient->probe);
    } else {
        standing->failed++;
        note_failure(standing, probe_failure(patient->probe));
    }
    if (!health_note(&standing->score, passed, (uint32_t)settings->rise, (uint32_t)settings->fall))
        return;
    standing_set_down(patient->health->servers, standing, standing->score.is_down,
                      loop_now(patient->health->loop));
    tell_change(patient);
    judge(patient->health, patient->upstream);
}

static void stop_probe(struct patient *patient)
{
    if (!patient->probe)
        return;
    probe_free(patient->probe);
    patient->probe = NULL;
    ASSERT(patient->health->probes > 0);
    patient->health->probes--;
}

static void end_probe(struct patient *patient, enum probe_verdict verdict)
{
    const struct health_settings *settings = patient->upstream->health;
    struct health *health = patient->health;
    if (verdict == PROBE_UNKNOWN) {
        log_event(LOG_WARNING,
                  "a server cannot be checked for lack of memory or descriptors; "
                  "trying again",
                  LOG_TEXT("server", patient->standing->server->key));
        wait_for_turn(patient, RETRY_MS);
    } else {
        note(patient, verdict);
        wait_for_turn(patient,
                      health_pause(&patient->standing->score, (uint64_t)settings->interval,
                                   (uint64_t)settings->fast_interval, loop_chance(health->loop)));
    }
    stop_probe(patient);
}

static void on_probe_news(void *owner)
{
    struct patient *patient = owner;
    struct health *health = patient->health;
    enum probe_verdict verdict = probe_run(patient->probe);
    if (verdict == PROBE_WAIT)
        return;
    end_probe(patient, verdict);
    ask_those_who_wait(health);
}

static void ask(struct patient *patient)
{
    ASSERT(!patient->probe);
    struct health *health = patient->health;
    const struct upstream *upstream = patient->upstream;
    const struct probe_order order = {.servers = health->servers,
                                      .server = patient->standing->server,
                                      .settings = upstream->health,
                                      .proxy_protocol =
                                          upstream->health->port > 0 ? 0 : upstream->proxy_protocol,
                                      .tls = upstream->tls,
                                      .on_news = on_probe_news,
                                      .owner = patient};
    patient->probe = probe_new(health->loop, &order);
    if (!patient->probe) {
        wait_for_turn(patient, RETRY_MS);
        return;
    }
    health->probes++;
    enum probe_verdict verdict = probe_run(patient->probe);
    if (verdict != PROBE_WAIT)
        end_probe(patient, verdict);
}

static void ask_those_who_wait(struct health *health)
{
    struct list *link;
    while (health->probes < HEALTH_PROBES_MAX && (link = list_pop_front(&health->waiting)))
        ask(CONTAINER_OF(link, struct patient, waiting));
}

static void on_turn(struct timer *timer)
{
    struct patient *patient = CONTAINER_OF(timer, struct patient, timer);
    if (standing_order_of(patient->standing) == STANDING_DISABLED) {
        wait_for_turn(patient, (uint64_t)patient->upstream->health->interval);
        return;
    }
    list_push_back(&patient->health->waiting, &patient->waiting);
    ask_those_who_wait(patient->health);
}

/* ---- a snapshot comes */

static void drop_patient(struct patient *patient)
{
    stop_probe(patient);
    list_remove(&patient->waiting);
    list_remove(&patient->link);
    timer_fini(&patient->timer);
    patient->standing->patient = NULL;
    free(patient);
}

static void drop_patients(struct health *health)
{
    LIST_EACH_SAFE (link, &health->patients)
        drop_patient(CONTAINER_OF(link, struct patient, link));
    ASSERT(health->probes == 0 && list_is_empty(&health->waiting));
}

/* Asked as soon as it would have been, and at once where nothing is known of it. False: no memory.
 */
static bool add_patient(struct health *health, const struct upstream *upstream,
                        struct standing *standing)
{
    struct patient *patient = malloc(sizeof(*patient));
    if (!patient)
        return false;
    uint64_t now = loop_now(health->loop), after = 0;
    uint64_t interval = (uint64_t)upstream->health->interval;
    *patient = (struct patient){.health = health, .upstream = upstream, .standing = standing};
    list_init(&patient->waiting);
    list_push_back(&health->patients, &patient->link);
    timer_init(&patient->timer, on_turn);
    standing->patient = patient;
    if (!standing->score.is_known)
        after = loop_chance(health->loop) % FIRST_SPREAD_MS;
    else if (standing->probe_due > now)
        after = standing->probe_due - now;
    wait_for_turn(patient, after < interval ? after : interval);
    return true;
}

static struct standing_line line_of(const struct upstream_member *member)
{
    return (struct standing_line){member->weight, member->priority, member->max_connections};
}

/* Of the members that it has now. */
static void take_lines(struct health *health, const struct upstream *origin)
{
    uint64_t now = loop_now(health->loop);
    const struct upstream *upstream = upstream_now(origin);
    for (uint32_t i = 0; i < upstream->count; i++) {
        const struct upstream_member *member = &upstream->members[i];
        const struct standing_line line = line_of(member);
        if (standing_take_line(health->servers, member->standing, &line, health->taken, now))
            log_event(LOG_NOTICE,
                      "the configuration says something else of a server; what it was "
                      "told live holds no more",
                      LOG_TEXT("server", member->server->key),
                      LOG_TEXT("upstream", upstream->name));
    }
}

/* Who is not checked any more is not down by checks either. */
static void release(struct health *health, const struct upstream *origin)
{
    const struct upstream *upstream = upstream_now(origin);
    for (uint32_t i = 0; i < upstream->count; i++) {
        struct standing *standing = upstream->members[i].standing;
        if (standing->patient || !standing->score.is_known)
            continue;
        standing->score = (struct health_score){0};
        note_failure(standing, (struct probe_failure){0});
        standing_set_down(health->servers, standing, false, loop_now(health->loop));
    }
}

/* Of the members that it has now, those that nobody asks yet. A patient is of the snapshot's
 * upstream, which stays when lists are swapped. */
static void add_patients_of(struct health *health, const struct upstream *origin)
{
    const struct upstream *upstream = upstream_now(origin);
    bool good = true;
    for (uint32_t i = 0; health_is_checked(upstream->health) && i < upstream->count; i++) {
        if (!upstream->members[i].standing->patient)
            good &= add_patient(health, origin, upstream->members[i].standing);
    }
    if (!good)
        log_event(LOG_ERROR, "there is no memory for health checks; servers are not checked");
}

static void add_patients(struct health *health, const struct upstream *first)
{
    for (const struct upstream *upstream = first; upstream; upstream = upstream->next)
        add_patients_of(health, upstream);
}

static bool panicked(const struct health *health, struct slice name)
{
    for (uint32_t i = 0; health->panics > 0 && i < health->alarm_count; i++) {
        if (health->alarms[i].panics && slice_equal(health->alarms[i].name, name))
            return true;
    }
    return false;
}

/* What was told of an upstream is not told again because of a reload. */
static void take_alarms(struct health *health, const struct upstream *first)
{
    uint32_t count = 0, panics = 0;
    for (const struct upstream *upstream = first; upstream; upstream = upstream->next)
        count = upstream->index + 1;
    struct alarm *alarms = calloc(count > 0 ? count : 1, sizeof(*alarms));
    for (const struct upstream *upstream = first; alarms && upstream; upstream = upstream->next) {
        bool panic = panicked(health, upstream->name);
        alarms[upstream->index] = (struct alarm){upstream->name, panic};
        panics += panic;
    }
    free(health->alarms);
    health->alarms = alarms;
    health->alarm_count = alarms ? count : 0;
    health->panics = panics;
}

void health_take(struct health *health, struct snapshot *snapshot)
{
    const struct upstream *first = upstream_first(snapshot_get(snapshot, &upstream_part));
    struct snapshot *before = health->snapshot;
    snapshot_ref(snapshot);
    health->snapshot = snapshot;
    health->taken++;
    drop_patients(health);
    for (const struct upstream *upstream = first; upstream; upstream = upstream->next)
        take_lines(health, upstream);
    add_patients(health, first);
    take_alarms(health, first);
    for (const struct upstream *upstream = first; upstream; upstream = upstream->next) {
        release(health, upstream);
        judge(health, upstream);
    }
    if (before)
        snapshot_unref(before);
}

/* ---- a list of members is swapped */

static void drop_leavers(struct health *health, const struct upstream *origin)
{
    const struct upstream *upstream = upstream_now(origin);
    LIST_EACH (link, &health->patients)
        CONTAINER_OF(link, struct patient, link)->stays = false;
    for (uint32_t i = 0; i < upstream->count; i++) {
        if (upstream->members[i].standing->patient)
            upstream->members[i].standing->patient->stays = true;
    }
    LIST_EACH_SAFE (link, &health->patients) {
        struct patient *patient = CONTAINER_OF(link, struct patient, link);
        if (patient->upstream == origin && !patient->stays)
            drop_patient(patient);
    }
}

void health_note_members(struct health *health, const struct upstream *upstream)
{
    const struct upstream *now = upstream_now(upstream);
    if (!health->snapshot)
        return; /* all are taken with the first one */
    for (uint32_t i = 0; i < now->count; i++) {
        const struct standing_line line = line_of(&now->members[i]);
        standing_come(health->servers, now->members[i].standing, &line, health->taken,
                      loop_now(health->loop));
    }
    drop_leavers(health, upstream);
    /* Lists without a name may share who has left. */
    add_patients(health, upstream_first(snapshot_get(health->snapshot, &upstream_part)));
    judge(health, upstream);
    ask_those_who_wait(health);
}

void health_note_order(struct health *health, const struct upstream *upstream)
{
    judge(health, upstream);
}

void health_free(struct health *health)
{
    if (!health)
        return;
    drop_patients(health);
    free(health->alarms);
    if (health->snapshot)
        snapshot_unref(health->snapshot);
    free(health);
}
