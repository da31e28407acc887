#include "upstream/edition.h"

#include "base/assert.h"
#include "upstream/lending.h"
#include "upstream/queue.h"
#include "upstream/standing.h"
#include "upstream/upstream_int.h"
#include "upstream/upstreams_int.h"

#include <stdlib.h>

struct swap_letter;

/* What one loop has of an edition; a cache line apart, so that loops do not get into each other's
 * way. */
struct edition_share {
    uint64_t calls;
    struct swap_letter *letter; /* to be answered when no call is left; NULL: it holds still */
    char apart[48];
};

struct edition {
    struct server_registry *servers;
    struct arena arena;            /* what is made of the members */
    const struct upstream *origin; /* in whose place it stands */
    struct edition_share *shares;  /* by the index of the loop */
    unsigned share_count;
    struct upstream upstream;
};

/* What each loop is told of a swap, and answers when no call of it is under the list before. */
struct swap_letter {
    struct message message;
    struct swap *swap;
    struct upstreams *to;
};

struct swap {
    struct list link;        /* of the table's */
    struct edition *before;  /* goes with it; NULL: that was the snapshot's own list */
    atomic_uint holds;       /* loops that have not answered */
    struct server **leavers; /* their idle connections are closed; the list before names them */
    uint32_t leaver_count;
    struct swap_letter letters[];
};

/* Snapshots are immutable but for this. */
static void put(const struct upstream *upstream, struct edition *edition)
{
    struct upstream *place = (struct upstream *)(uintptr_t)upstream;
    atomic_store_explicit(&place->edition, edition, memory_order_release);
}

static struct edition *get(const struct upstream *upstream)
{
    return atomic_load_explicit(&upstream->edition, memory_order_acquire);
}

/* ---- calls */

static struct edition *newest(const struct upstream *upstream)
{
    const struct edition *edition = get(upstream);
    return edition ? get(edition->origin) : NULL;
}

const struct upstream *upstream_now(const struct upstream *upstream)
{
    const struct edition *edition = newest(upstream);
    return edition ? &edition->upstream : upstream;
}

/* NULL: of who belongs to no loop that serves, as a rehearsal does, which is over within an event
 * of the control loop. */
static struct edition_share *share_of(struct edition *edition, const struct upstreams *upstreams)
{
    if (!upstreams->circle)
        return NULL;
    ASSERT(upstreams->index < edition->share_count);
    return &edition->shares[upstreams->index];
}

static const struct upstream *hold(struct edition *edition, const struct upstreams *upstreams)
{
    struct edition_share *share = share_of(edition, upstreams);
    if (share)
        share->calls++;
    return &edition->upstream;
}

const struct upstream *edition_hold(const struct upstream *upstream, struct upstreams *upstreams)
{
    return hold(newest(upstream), upstreams);
}

static void answer(struct swap_letter *letter)
{
    unsigned before = atomic_fetch_sub_explicit(&letter->swap->holds, 1, memory_order_acq_rel);
    ASSERT(before > 0);
}

void edition_let_go(const struct upstream *upstream, struct upstreams *upstreams)
{
    struct edition *edition = get(upstream);
    ASSERT(upstream == &edition->upstream);
    struct edition_share *share = share_of(edition, upstreams);
    if (!share)
        return;
    ASSERT(share->calls > 0);
    if (--share->calls == 0 && share->letter)
        answer(share->letter);
}

/* ---- life */

static bool set_queue(struct upstream *upstream, const struct snapshot *snapshot)
{
    upstream->queue = NULL;
    return queue_set(upstream, snapshot, upstream->scope, NULL);
}

/* What the snapshot's upstream says of all its members, whoever they are. */
static void copy_settings(struct upstream *upstream, const struct upstream *origin)
{
    memcpy(upstream, origin, offsetof(struct upstream, members));
    upstream->next = NULL;
    upstream->slots = NULL;
    upstream->sticky = NULL;
    upstream->session = NULL;
    upstream->is_limited = false;
    upstream->first_priority = PRIORITY_BACKUP;
    upstream->count = 0;
    upstream->serial = upstream_next_serial();
}

static bool fill(struct edition *edition, const struct snapshot *snapshot,
                 const struct server_setting *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!upstream_add_member(&edition->upstream, edition->servers, items[i]))
            return false;
    }
    return upstream_set_members(&edition->upstream, &edition->arena, snapshot) &&
           set_queue(&edition->upstream, snapshot);
}

static struct edition *allocate(size_t members, unsigned loops)
{
    struct edition *edition =
        calloc(1, sizeof(*edition) + members * sizeof(struct upstream_member));
    if (!edition)
        return NULL;
    edition->shares = calloc(loops > 0 ? loops : 1, sizeof(*edition->shares));
    if (!edition->shares) {
        free(edition);
        return NULL;
    }
    edition->share_count = loops;
    arena_init(&edition->arena, NULL, SIZE_MAX / 2);
    return edition;
}

struct edition *edition_new(const struct upstream *upstream, const struct snapshot *snapshot,
                            const struct server_setting *const *items, size_t count,
                            const struct lending_circle *circle)
{
    ASSERT(count <= UPSTREAM_SERVERS_MAX);
    struct edition *edition = allocate(count, circle->count);
    if (!edition)
        return NULL;
    edition->servers = ((const struct live *)snapshot->live)->servers;
    edition->origin = upstream;
    copy_settings(&edition->upstream, upstream);
    put(&edition->upstream, edition);
    if (fill(edition, snapshot, items, count))
        return edition;
    edition_free(edition);
    return NULL;
}

void edition_free(struct edition *edition)
{
    if (!edition)
        return;
    upstream_release_members(&edition->upstream, edition->servers);
    arena_fini(&edition->arena);
    free(edition->shares);
    free(edition);
}

const struct upstream *edition_upstream(const struct edition *edition)
{
    return &edition->upstream;
}

/* ---- swapping */

static void on_letter(struct loop *loop, struct message *message)
{
    struct swap_letter *letter = CONTAINER_OF(message, struct swap_letter, message);
    struct swap *swap = letter->swap;
    ASSERT(upstreams_loop(letter->to) == loop);
    for (uint32_t i = 0; i < swap->leaver_count; i++)
        upstreams_close_idle_to(letter->to, swap->leavers[i]);
    struct edition_share *share = swap->before ? share_of(swap->before, letter->to) : NULL;
    if (share && share->calls > 0)
        share->letter = letter;
    else
        answer(letter);
}

static int compare_pointers(const void *one, const void *other)
{
    uintptr_t a = (uintptr_t) * (struct server *const *)one;
    uintptr_t b = (uintptr_t) * (struct server *const *)other;
    return a < b ? -1 : a > b;
}

/* Lists may be long, so those who stay are sorted. Who leaves is found again as somebody new,
 * should it come back. False: no memory. */
static bool note_leavers(struct swap *swap, const struct upstream *before,
                         const struct upstream *after)
{
    struct server **stay = calloc(after->count > 0 ? after->count : 1, sizeof(struct server *));
    if (!stay)
        return false;
    for (uint32_t i = 0; i < after->count; i++)
        stay[i] = after->members[i].server;
    qsort(stay, after->count, sizeof(struct server *), compare_pointers);
    for (uint32_t i = 0; i < before->count; i++) {
        const struct upstream_member *member = &before->members[i];
        if (bsearch(&member->server, stay, after->count, sizeof(struct server *), compare_pointers))
            continue;
        swap->leavers[swap->leaver_count++] = member->server;
        standing_leave(member->standing);
    }
    free(stay);
    return true;
}

static struct swap *swap_new(const struct lending_circle *circle, uint32_t leavers_max)
{
    struct swap *swap = calloc(1, sizeof(*swap) + circle->count * sizeof(struct swap_letter));
    if (!swap)
        return NULL;
    swap->leavers = calloc(leavers_max > 0 ? leavers_max : 1, sizeof(struct server *));
    if (!swap->leavers) {
        free(swap);
        return NULL;
    }
    list_init(&swap->link);
    atomic_store(&swap->holds, circle->count);
    for (unsigned i = 0; i < circle->count; i++)
        swap->letters[i] = (struct swap_letter){
            .message = {.deliver = on_letter}, .swap = swap, .to = circle->members[i]};
    return swap;
}

/* With the list before, where loops have been told. */
static void swap_free(struct swap *swap)
{
    list_remove(&swap->link);
    edition_free(swap->before);
    free(swap->leavers);
    free(swap);
}

bool edition_swap(struct upstream_table *table, const struct upstream *upstream,
                  struct edition *edition, const struct lending_circle *circle)
{
    ASSERT(edition->origin == upstream);
    const struct upstream *before = upstream_now(upstream);
    struct swap *swap = swap_new(circle, before->count);
    if (!swap)
        return false;
    if (!note_leavers(swap, before, &edition->upstream)) {
        swap_free(swap);
        return false;
    }
    swap->before = get(upstream);
    list_push_back(upstream_swaps(table), &swap->link);
    put(upstream, edition);
    for (unsigned i = 0; i < circle->count; i++)
        loop_send(upstreams_loop(circle->members[i]), &swap->letters[i].message);
    return true;
}

void edition_put(const struct upstream *upstream, struct edition *edition)
{
    ASSERT(edition->origin == upstream && !get(upstream));
    put(upstream, edition);
}

void editions_tidy(struct upstream_table *table)
{
    LIST_EACH_SAFE (link, upstream_swaps(table)) {
        struct swap *swap = CONTAINER_OF(link, struct swap, link);
        if (atomic_load_explicit(&swap->holds, memory_order_acquire) == 0)
            swap_free(swap);
    }
}

void editions_fini(struct upstream_table *table)
{
    LIST_EACH_SAFE (link, upstream_swaps(table))
        swap_free(CONTAINER_OF(link, struct swap, link));
    const struct upstream *upstream = upstream_first(table);
    for (; upstream; upstream = upstream->next)
        edition_free(get(upstream));
}
