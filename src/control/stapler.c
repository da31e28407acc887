#include "control/stapler_int.h"

#include "base/assert.h"
#include "exchange/plan.h"
#include "obs/log.h"

#include <stdlib.h>

enum { RESPONDER_ARENA_MAX = 64 * 1024 };

struct stapler *stapler_new(struct loop *loop, struct server_registry *servers)
{
    struct stapler *stapler = calloc(1, sizeof(*stapler));
    if (!stapler)
        return NULL;
    stapler->loop = loop;
    stapler->servers = servers;
    map_init(&stapler->stapled);
    map_init(&stapler->responders);
    list_init(&stapler->all_stapled);
    list_init(&stapler->all_responders);
    return stapler;
}

/* ---- responders */

static void drop_responder(struct responder *responder)
{
    ASSERT(responder->under_way == 0 && list_is_empty(&responder->waiting));
    if (responder->server)
        server_unref(responder->stapler->servers, responder->server);
    list_remove(&responder->link);
    timer_fini(&responder->pace);
    arena_fini(&responder->arena);
    free(responder);
}

/* NULL: no memory, or the URL leads nowhere; which is told by the caller. */
static struct responder *add_responder(struct stapler *stapler, struct slice url)
{
    struct responder *responder = calloc(1, sizeof(*responder));
    if (!responder)
        return NULL;
    responder->stapler = stapler;
    list_init(&responder->waiting);
    list_push_back(&stapler->all_responders, &responder->link);
    timer_init(&responder->pace, stapler_on_pace);
    arena_init(&responder->arena, NULL, RESPONDER_ARENA_MAX);
    responder->url = arena_copy(&responder->arena, url);
    if (responder->url.data && fetch_place_parse(url, &responder->arena, &responder->place))
        responder->server = server_registry_get(stapler->servers, &responder->place.server);
    if (responder->server && map_set(&stapler->responders, responder->url, responder))
        return responder;
    drop_responder(responder);
    return NULL;
}

static void let_responder_go(struct responder *responder)
{
    ASSERT(responder->certificates > 0);
    if (--responder->certificates > 0)
        return;
    map_remove(&responder->stapler->responders, responder->url);
    drop_responder(responder);
}

/* ---- certificates */

static void drop(struct stapled *stapled)
{
    stapled_end(stapled);
    timer_fini(&stapled->timer);
    list_remove(&stapled->link);
    map_remove(&stapled->stapler->stapled, slice_of(stapled->digest, sizeof(stapled->digest)));
    let_responder_go(stapled->responder);
    tls_certificate_unref(stapled->certificate);
    free(stapled);
}

static struct stapled *make(struct stapler *stapler, const struct stapled_certificate *wanted)
{
    struct responder *responder = map_get(&stapler->responders, wanted->responder);
    struct stapled *stapled = calloc(1, sizeof(*stapled));
    if (stapled && !responder)
        responder = add_responder(stapler, wanted->responder);
    if (!stapled || !responder) {
        free(stapled);
        return NULL;
    }
    struct slice digest = tls_certificate_digest(wanted->certificate);
    ASSERT(digest.length == sizeof(stapled->digest));
    memcpy(stapled->digest, digest.data, sizeof(stapled->digest));
    stapled->stapler = stapler;
    stapled->responder = responder;
    stapled->certificate = wanted->certificate;
    stapled->must_staple = tls_certificate_must_staple(wanted->certificate);
    tls_certificate_ref(stapled->certificate);
    responder->certificates++;
    list_init(&stapled->waiting);
    list_push_back(&stapler->all_stapled, &stapled->link);
    timer_init(&stapled->timer, stapler_on_turn);
    return stapled;
}

/* False: it cannot be asked for. */
static bool add(struct stapler *stapler, const struct stapled_certificate *wanted)
{
    struct stapled *stapled = make(stapler, wanted);
    if (!stapled)
        return false;
    if (!map_set(&stapler->stapled, slice_of(stapled->digest, sizeof(stapled->digest)), stapled)) {
        drop(stapled);
        return false;
    }
    stapled->is_wanted = true;
    stapled_begin(stapled);
    return true;
}

/* The same, as the new snapshot has it. */
static void keep(struct stapled *stapled, const struct stapled_certificate *wanted)
{
    tls_certificate_ref(wanted->certificate);
    tls_certificate_unref(stapled->certificate);
    stapled->certificate = wanted->certificate;
    stapled->is_wanted = true;
}

void stapler_take(struct stapler *stapler, const struct snapshot *snapshot)
{
    const struct plans *plans = snapshot_get(snapshot, &plan_part);
    uint64_t missed = 0;
    LIST_EACH (link, &stapler->all_stapled)
        CONTAINER_OF(link, struct stapled, link)->is_wanted = false;
    for (const struct stapled_certificate *one = plans->stapled_certificates; one;
         one = one->next) {
        struct slice digest = tls_certificate_digest(one->certificate);
        struct stapled *known = map_get(&stapler->stapled, digest);
        if (known)
            keep(known, one);
        else
            missed += !add(stapler, one);
    }
    LIST_EACH_SAFE (link, &stapler->all_stapled) {
        struct stapled *stapled = CONTAINER_OF(link, struct stapled, link);
        if (!stapled->is_wanted)
            drop(stapled);
    }
    if (missed > 0)
        log_event(LOG_ERROR,
                  "OCSP responders cannot be asked for some certificates: there is no memory, or "
                  "the address in the certificate leads nowhere",
                  LOG_NUMBER("certificates", missed));
}

/* ---- the rest */

void stapler_count(const struct stapler *stapler, struct stapler_counts *ret_counts)
{
    int64_t now = loop_wall(stapler->loop);
    *ret_counts = (struct stapler_counts){
        .taken = stapler->taken, .refused = stapler->refused, .unanswered = stapler->unanswered};
    LIST_EACH (link, &stapler->all_stapled) {
        const struct stapled *stapled = CONTAINER_OF(link, struct stapled, link);
        ret_counts->certificates++;
        ret_counts->lacking += tls_certificate_staple_ends(stapled->certificate) <= now;
        ret_counts->revoked += stapled->is_revoked;
    }
}

void stapler_free(struct stapler *stapler)
{
    if (!stapler)
        return;
    LIST_EACH_SAFE (link, &stapler->all_stapled)
        drop(CONTAINER_OF(link, struct stapled, link));
    ASSERT(list_is_empty(&stapler->all_responders) && stapler->under_way == 0);
    map_fini(&stapler->stapled);
    map_fini(&stapler->responders);
    free(stapler);
}
