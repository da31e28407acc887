#include "upstream/balancer.h"

#include "base/assert.h"
#include "policy/rendezvous.h"
#include "policy/slow_start.h"
#include "upstream/member.h"

#include <stdlib.h>
#include <string.h>

enum { NOWHERE = UINT32_MAX, UNKNOWN_MICROSECONDS = 1000 * 1000, DRAWS = 10 };

/* What is remembered of a member over all lists. */
struct remembered {
    uint64_t turn;   /* among equals by load the lowest goes first */
    uint32_t place;  /* in the list; NOWHERE: it is not in it */
    uint32_t server; /* its serial */
};

struct balancer {
    uint64_t serial;      /* of the upstream */
    uint64_t changes;     /* of the servers, as of the list */
    uint64_t valid_until; /* milliseconds: then a rest ends or a weight grows, and the list is made
                             anew */
    bool is_filled;       /* it was made, though it may be empty */
    bool panics;          /* those that are down are asked as well */
    uint32_t scale;       /* of the weights in the list; 0: nobody's grows */
    uint64_t phase;
    uint64_t turn; /* of the one that was chosen last */
    struct balance_list list;
    struct balance_turns turns; /* made with the list, where turns decide */
    struct remembered *members;
    uint32_t count; /* of members */
};

/* ---- life */

static bool allocate(struct balancer *balancer, uint32_t count)
{
    balancer->members = calloc(count, sizeof(*balancer->members));
    balancer->list.servers = calloc(count, sizeof(*balancer->list.servers));
    balancer->turns.order = calloc(count, sizeof(*balancer->turns.order));
    balancer->turns.groups = calloc(balance_turns_groups(count), sizeof(*balancer->turns.groups));
    return balancer->members && balancer->list.servers && balancer->turns.order &&
           balancer->turns.groups;
}

struct balancer *balancer_new(const struct upstream *upstream, uint64_t phase)
{
    ASSERT(upstream->serial > 0 && upstream->count > 1);
    struct balancer *balancer = calloc(1, sizeof(*balancer));
    if (!balancer)
        return NULL;
    balancer->serial = upstream->serial;
    balancer->phase = phase;
    if (!allocate(balancer, upstream->count)) {
        balancer_free(balancer);
        return NULL;
    }
    balancer->count = upstream->count;
    for (uint32_t i = 0; i < upstream->count; i++)
        balancer->members[i].server = upstream->members[i].server->serial;
    return balancer;
}

/* In the order of serials, so that both can be gone through side by side. */
static int compare_servers(const void *one, const void *other)
{
    uint32_t a = ((const struct remembered *)one)->server;
    uint32_t b = ((const struct remembered *)other)->server;
    return a < b ? -1 : a > b;
}

/* Who comes has its turn now, and none that it could have saved up. */
void balancer_take_over(struct balancer *balancer, const struct balancer *before)
{
    struct remembered *sorted = malloc(before->count * sizeof(*sorted));
    if (!sorted)
        return; /* all begin together */
    memcpy(sorted, before->members, before->count * sizeof(*sorted));
    qsort(sorted, before->count, sizeof(*sorted), compare_servers);
    balancer->turn = before->turn;
    for (uint32_t i = 0; i < balancer->count; i++) {
        struct remembered *member = &balancer->members[i];
        const struct remembered *known =
            bsearch(member, sorted, before->count, sizeof(*sorted), compare_servers);
        member->turn = known ? known->turn : before->turn;
    }
    free(sorted);
}

void balancer_free(struct balancer *balancer)
{
    if (!balancer)
        return;
    free(balancer->members);
    free(balancer->list.servers);
    free(balancer->turns.order);
    free(balancer->turns.groups);
    free(balancer);
}

bool balancer_is_for(const struct balancer *balancer, const struct upstream *upstream)
{
    return balancer->serial == upstream->serial;
}

/* ---- who may be asked */

/* The control loop may be a moment ahead. */
static uint64_t passed_since(uint64_t came, uint64_t now)
{
    return now > came ? now - came : 0;
}

/* What grows little by little where a server has come a short while ago. */
static uint32_t growing_weight(struct balancer *balancer, const struct upstream *upstream,
                               const struct upstream_member *member, uint32_t weight, uint64_t now)
{
    uint64_t came = member_came(member, now), passed = passed_since(came, now);
    if (came == 0 || passed >= upstream->slow_start)
        return slow_start_weight(weight, balancer->scale, SLOW_START_STEPS);
    uint64_t next = came + slow_start_next(passed, upstream->slow_start);
    if (next < balancer->valid_until)
        balancer->valid_until = next;
    return slow_start_weight(weight, balancer->scale,
                             slow_start_step(passed, upstream->slow_start));
}

static void add_member(struct balancer *balancer, const struct upstream *upstream, uint32_t member,
                       uint64_t now)
{
    uint32_t weight = member_weight(upstream, &upstream->members[member]);
    if (balancer->scale > 0)
        weight = growing_weight(balancer, upstream, &upstream->members[member], weight, now);
    balancer->members[member].place = balancer->list.count;
    balance_list_add(&balancer->list, member, weight);
}

/* Adds those of a priority that may be asked and do not rest. True: they are enough, so that no
 * other priority is needed. */
static bool add_awake(struct balancer *balancer, const struct upstream *upstream, unsigned priority,
                      uint64_t now)
{
    uint32_t meant = 0, awake = 0;
    for (uint32_t i = 0; i < upstream->count; i++) {
        const struct upstream_member *member = &upstream->members[i];
        if (member->priority != priority)
            continue;
        meant += member_serves(member, true);
        if (!member_serves(member, balancer->panics))
            continue;
        uint64_t rests_until = server_rests_until(member->server);
        if (rests_until <= now) {
            add_member(balancer, upstream, i, now);
            awake++;
        } else if (rests_until < balancer->valid_until) {
            balancer->valid_until = rests_until;
        }
    }
    return awake > 0 && (uint64_t)awake * 100 >= (uint64_t)meant * upstream->fallback_below;
}

/* The next higher one; PRIORITY_BACKUP + 1: there is none. */
static unsigned next_priority(const struct upstream *upstream, unsigned priority)
{
    unsigned next = PRIORITY_BACKUP + 1;
    for (uint32_t i = 0; i < upstream->count; i++) {
        if (upstream->members[i].priority > priority && upstream->members[i].priority < next)
            next = upstream->members[i].priority;
    }
    return next;
}

/* How much larger the weights are made, so that parts of them can be told; 0: all have theirs. */
static uint32_t find_scale(const struct upstream *upstream, uint64_t now)
{
    uint32_t largest = 0;
    bool somebody_grows = false;
    if (upstream->slow_start == 0 || !balance_takes_weights(upstream->balance))
        return 0;
    for (uint32_t i = 0; i < upstream->count; i++) {
        const struct upstream_member *member = &upstream->members[i];
        uint64_t came = member_came(member, now);
        uint32_t weight = member_weight(upstream, member);
        somebody_grows |= came > 0 && passed_since(came, now) < upstream->slow_start;
        largest = weight > largest ? weight : largest;
    }
    return somebody_grows ? slow_start_scale(largest, BALANCE_WEIGHT_MAX) : 0;
}

/* Those that may be asked and do not rest, of the first priority of which there are enough, and of
 * those before; where all rest, everybody who may be asked. */
static void fill_list(struct balancer *balancer, const struct upstream *upstream, uint64_t now)
{
    balance_list_clear(&balancer->list);
    balancer->valid_until = UINT64_MAX;
    balancer->panics = upstream_panics(upstream);
    balancer->scale = find_scale(upstream, now);
    for (uint32_t i = 0; i < upstream->count; i++)
        balancer->members[i].place = NOWHERE;
    unsigned priority = upstream->first_priority;
    while (priority <= PRIORITY_BACKUP && !add_awake(balancer, upstream, priority, now))
        priority = next_priority(upstream, priority);
    bool all_rest = balancer->list.count == 0;
    for (uint32_t i = 0; all_rest && i < upstream->count; i++) {
        if (member_serves(&upstream->members[i], balancer->panics))
            add_member(balancer, upstream, i, now);
    }
}

/* A server that fails, comes or goes changes the list of every upstream, which is rare; all other
 * questions find it as it was. */
static void refresh(struct balancer *balancer, const struct upstream *upstream,
                    const struct server_registry *servers, const struct balancer_question *question)
{
    uint64_t changes = server_registry_changes(servers);
    if (balancer->is_filled && changes == balancer->changes &&
        question->now < balancer->valid_until)
        return;
    balancer->changes = changes;
    fill_list(balancer, upstream, question->now);
    if (balancer->list.count > 0)
        balance_turns_begin(&balancer->turns, &balancer->list,
                            balancer->is_filled ? question->chance : balancer->phase);
    balancer->is_filled = true;
}

static uint32_t member_at(const struct balancer *balancer, uint32_t place)
{
    ASSERT(place < balancer->list.count);
    return balancer->list.servers[place].member;
}

static bool is_full(const struct upstream_member *member)
{
    return member->max_connections > 0 &&
           atomic_load(&member->server->active) >= member->max_connections;
}

static bool is_among(uint32_t member, const uint16_t *tried, unsigned tried_count)
{
    for (unsigned i = 0; i < tried_count; i++) {
        if (tried[i] == member)
            return true;
    }
    return false;
}

/* It was tried for this call, or has as much to do as it may. */
static bool is_passed_over(const struct upstream *upstream,
                           const struct balancer_question *question, uint32_t member)
{
    if (is_among(member, question->tried, question->tried_count))
        return true;
    return upstream->is_limited && is_full(&upstream->members[member]);
}

/* The first place from there on, and round again, of one that may be asked; NOWHERE: there is none.
 * Only where servers are full does it have to go far. */
static uint32_t free_from(const struct balancer *balancer, const struct upstream *upstream,
                          const struct balancer_question *question, uint32_t place)
{
    for (uint32_t i = 0; i < balancer->list.count; i++) {
        uint32_t at = (place + i) % balancer->list.count;
        if (!is_passed_over(upstream, question, member_at(balancer, at)))
            return at;
    }
    return NOWHERE;
}

/* ---- the ways of choosing. Somebody in the list may be asked; where the last one becomes full in
 * this moment, NOWHERE is chosen. */

static uint64_t next_chance(uint64_t *chance)
{
    *chance += 0x9e3779b97f4a7c15u;
    uint64_t mixed = (*chance ^ (*chance >> 30)) * 0xbf58476d1ce4e5b9u;
    return mixed ^ (mixed >> 31);
}

static uint32_t draw(const struct balancer *balancer, const struct upstream *upstream,
                     const struct balancer_question *question, uint64_t *chance)
{
    uint32_t place = 0;
    for (int i = 0; i < DRAWS; i++) {
        place = balance_draw(&balancer->list, next_chance(chance));
        if (!is_passed_over(upstream, question, member_at(balancer, place)))
            return place;
    }
    return free_from(balancer, upstream, question, place);
}

/* Who is asked in the place of another is drawn: so the share of one that fails or is full goes to
 * all others, and nobody loses his turn by it. */
static uint32_t choose_in_turn(struct balancer *balancer, const struct upstream *upstream,
                               const struct balancer_question *question)
{
    uint64_t chance = question->chance;
    if (question->tried_count > 0)
        return draw(balancer, upstream, question, &chance);
    uint32_t place = balance_turns_next(&balancer->turns);
    if (!is_passed_over(upstream, question, member_at(balancer, place)))
        return place;
    return draw(balancer, upstream, question, &chance);
}

uint64_t balancer_time_load(const struct server *server, uint64_t now)
{
    uint64_t calls = atomic_load_explicit(&server->active, memory_order_relaxed);
    uint64_t expected = server_expected_time(server, now);
    /* Of whom nothing is known, one call finds out; meanwhile little is hoped for. */
    if (expected == 0)
        expected = calls == 0 ? 0 : UNKNOWN_MICROSECONDS;
    uint64_t load = expected * (calls + 1);
    return load < BALANCE_LOAD_MAX ? load : BALANCE_LOAD_MAX;
}

static struct balance_candidate candidate_at(const struct balancer *balancer,
                                             const struct upstream *upstream, uint32_t place,
                                             uint64_t now)
{
    const struct balance_server *entry = &balancer->list.servers[place];
    const struct server *server = upstream->members[entry->member].server;
    uint64_t load = upstream->balance == BALANCE_LEAST_TIME
                        ? balancer_time_load(server, now)
                        : atomic_load_explicit(&server->active, memory_order_relaxed);
    return (struct balance_candidate){place, entry->weight, load,
                                      balancer->members[entry->member].turn};
}

/* Its next turn among equals is the later, the less weight it has. Who was away for long has not
 * saved up turns. */
static void take_turn(struct balancer *balancer, uint32_t place)
{
    const struct balance_server *entry = &balancer->list.servers[place];
    uint64_t *turn = &balancer->members[entry->member].turn;
    if (*turn > balancer->turn)
        balancer->turn = *turn;
    *turn = balancer->turn + balance_turn_cost(entry->weight);
}

static uint32_t choose_by_load(struct balancer *balancer, const struct upstream *upstream,
                               const struct balancer_question *question)
{
    struct balance_candidate candidates[BALANCE_EXACT_MAX];
    uint32_t count = 0, size = balancer->list.count;
    bool is_exact = size <= BALANCE_EXACT_MAX;
    uint64_t chance = question->chance;
    for (uint32_t i = 0; i < (is_exact ? size : BALANCE_SAMPLE); i++) {
        uint32_t place = is_exact ? i : balance_below(size, next_chance(&chance));
        if (!is_passed_over(upstream, question, member_at(balancer, place)))
            candidates[count++] = candidate_at(balancer, upstream, place, question->now);
    }
    uint32_t place =
        count > 0 ? balance_least(candidates, count) : free_from(balancer, upstream, question, 0);
    if (place != NOWHERE)
        take_turn(balancer, place);
    return place;
}

/* The less loaded one of two; where they are equal, the one that was drawn first. */
static uint32_t choose_by_chance(const struct balancer *balancer, const struct upstream *upstream,
                                 const struct balancer_question *question)
{
    uint64_t chance = question->chance;
    uint32_t place = draw(balancer, upstream, question, &chance);
    if (balancer->list.count == 1 || place == NOWHERE)
        return place;
    uint32_t other = balance_draw_other(&balancer->list, place, next_chance(&chance));
    if (is_passed_over(upstream, question, member_at(balancer, other)))
        return place;
    struct balance_candidate pair[] = {candidate_at(balancer, upstream, place, question->now),
                                       candidate_at(balancer, upstream, other, question->now)};
    pair[0].turn = 0;
    pair[1].turn = 1;
    return balance_least(pair, 2);
}

/* What the servers have to do, of all or of some of them. */
struct measured_load {
    uint64_t calls, weight;
};

static struct measured_load measure(const struct balancer *balancer,
                                    const struct upstream *upstream, uint64_t chance)
{
    struct measured_load load = {0};
    uint32_t size = balancer->list.count;
    uint32_t count = size <= BALANCE_EXACT_MAX ? size : BALANCE_EXACT_MAX;
    uint32_t first = balance_below(size, chance);
    for (uint32_t i = 0; i < count; i++) {
        const struct balance_server *entry = &balancer->list.servers[(first + i) % size];
        const struct server *server = upstream->members[entry->member].server;
        load.calls += atomic_load_explicit(&server->active, memory_order_relaxed);
        load.weight += entry->weight;
    }
    return load;
}

/* Whether it may have one more call: what is allowed is so many percent of its part of all calls,
 * this one included, rounded up. */
static bool is_within_limit(const struct upstream *upstream, uint32_t member,
                            const struct measured_load *all)
{
    const struct upstream_member *one = &upstream->members[member];
    uint64_t calls = atomic_load_explicit(&one->server->active, memory_order_relaxed);
    return calls * 100 * all->weight <
           (uint64_t)upstream->hash_load_limit * (all->calls + 1) * (uint64_t)one->weight;
}

/* Where nobody is within the limit, the one to which the key leads. */
static uint32_t choose_by_key(struct balancer *balancer, const struct upstream *upstream,
                              const struct balancer_question *question)
{
    ASSERT(question->has_key);
    uint32_t place = NOWHERE;
    struct measured_load all = {0};
    if (upstream->hash_load_limit > 0)
        all = measure(balancer, upstream, question->chance);
    for (unsigned attempt = 0; attempt < RENDEZVOUS_ATTEMPTS; attempt++) {
        uint32_t member = upstream->slots[rendezvous_slot(question->key, attempt)];
        if (balancer->members[member].place == NOWHERE ||
            is_passed_over(upstream, question, member))
            continue;
        if (place == NOWHERE)
            place = balancer->members[member].place;
        if (upstream->hash_load_limit == 0)
            return place;
        if (is_within_limit(upstream, member, &all))
            return balancer->members[member].place;
    }
    if (place != NOWHERE)
        return place;
    return free_from(balancer, upstream, question,
                     balance_below(balancer->list.count, question->key));
}

static uint32_t choose_place(struct balancer *balancer, const struct upstream *upstream,
                             const struct balancer_question *question)
{
    if (question->has_key)
        return choose_by_key(balancer, upstream, question);
    switch (upstream->balance) {
    case BALANCE_ROUND_ROBIN:
    case BALANCE_HASH: /* of nothing */
        return choose_in_turn(balancer, upstream, question);
    case BALANCE_LEAST_CONNECTIONS:
    case BALANCE_LEAST_TIME:
        return choose_by_load(balancer, upstream, question);
    case BALANCE_RANDOM:
        return choose_by_chance(balancer, upstream, question);
    case BALANCE_FIRST:
        return free_from(balancer, upstream, question, 0);
    }
    UNREACHABLE();
}

/* ---- the question */

/* Whether the one that is wished may be asked. A backup may: whoever was given to it stays there.
 */
static bool can_be_had(const struct balancer *balancer, const struct upstream *upstream,
                       const struct balancer_question *question)
{
    uint32_t member = question->wished;
    ASSERT(member < upstream->count);
    bool is_awake = balancer->members[member].place != NOWHERE ||
                    !server_rests(upstream->members[member].server, question->now);
    return is_awake && !is_passed_over(upstream, question, member) &&
           member_keeps(&upstream->members[member], balancer->panics);
}

/* Among those that are not in the list: who does not rest goes before who does, then whose rest
 * ends first, then the better priority, then the less busy one. */
struct elsewhere {
    uint64_t rests_until, priority, calls;
};

static bool goes_before(const struct elsewhere *one, const struct elsewhere *other)
{
    if (one->rests_until != other->rests_until)
        return one->rests_until < other->rests_until;
    if (one->priority != other->priority)
        return one->priority < other->priority;
    return one->calls < other->calls;
}

static int choose_elsewhere(const struct balancer *balancer, const struct upstream *upstream,
                            const struct balancer_question *question)
{
    int chosen = BALANCER_NONE;
    struct elsewhere best = {0};
    for (uint32_t i = 0; i < upstream->count; i++) {
        const struct server *server = upstream->members[i].server;
        if (balancer->members[i].place != NOWHERE || is_passed_over(upstream, question, i) ||
            !member_serves(&upstream->members[i], balancer->panics))
            continue;
        struct elsewhere one = {server_rests_until(server), upstream->members[i].priority,
                                atomic_load_explicit(&server->active, memory_order_relaxed)};
        if (one.rests_until <= question->now)
            one.rests_until = 0;
        if (chosen != BALANCER_NONE && !goes_before(&one, &best))
            continue;
        best = one;
        chosen = (int)i;
    }
    return chosen;
}

int balancer_choose(struct balancer *balancer, const struct upstream *upstream,
                    const struct server_registry *servers, const struct balancer_question *question)
{
    ASSERT(balancer_is_for(balancer, upstream));
    refresh(balancer, upstream, servers, question);
    if (question->has_wish && can_be_had(balancer, upstream, question))
        return question->wished;
    uint32_t place = NOWHERE;
    if (free_from(balancer, upstream, question, 0) != NOWHERE)
        place = choose_place(balancer, upstream, question);
    if (place == NOWHERE)
        return choose_elsewhere(balancer, upstream, question);
    return (int)member_at(balancer, place);
}

bool balancer_is_full(const struct upstream *upstream)
{
    return is_full(&upstream->members[0]);
}

bool balancer_has_full(const struct upstream *upstream, const uint16_t *tried, unsigned tried_count)
{
    for (uint32_t i = 0; i < upstream->count; i++) {
        if (is_full(&upstream->members[i]) && !is_among(i, tried, tried_count) &&
            member_serves(&upstream->members[i], true))
            return true;
    }
    return false;
}

bool balancer_serves(const struct upstream *upstream, const struct balancer_question *question)
{
    bool panics = upstream_panics(upstream);
    return question->has_wish ? member_keeps(&upstream->members[0], panics)
                              : member_serves(&upstream->members[0], panics);
}
