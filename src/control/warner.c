#include "control/warner.h"

#include "base/map.h"
#include "control/warned.h"
#include "exchange/plan.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "obs/log.h"
#include "sys/clock.h"

#include <stdlib.h>

enum { LOOK_MS_MIN = 1000, LOOK_MS_MAX = 60 * 1000 };

/* A finding, and what was told of it. */
struct warning {
    const struct tls_finding *finding;
    struct slice key;     /* the same for the same thing in the next snapshot */
    struct warned warned; /* of one that holds for a time */
    bool is_told;         /* of another one */
};

/* What there is to tell of one snapshot. */
struct warnings {
    struct arena arena;
    struct map by_key;
    struct warning *items;
    size_t count;
};

/* What is counted, since there may be more than is told. The order is that of struct tls_finding.
 */
enum sentence {
    LEFT_OUT,
    NAME,
    EXPIRED,
    NOT_YET,
    SOON,
    OWN_EXPIRED,
    OWN_NOT_YET,
    OWN_SOON,
    AUTHORITIES_EXPIRED,
    AUTHORITIES_SOON,
    LIST_ENDED,
    LIST_SOON,
    SENTENCES
};

struct warner {
    struct loop *loop;
    struct warnings warnings;
    struct timer look;
    uint32_t counts[SENTENCES]; /* of this look */
};

/* ---- what is told of one */

/* Whose it is. */
static struct log_field owner_field(const struct tls_finding *finding)
{
    static const char *const keys[TLS_OWNERS] = {
        [TLS_OF_SITE] = "site", [TLS_OF_DIRECTORY] = "directory", [TLS_OF_UPSTREAM] = "upstream"};
    return LOG_TEXT(keys[finding->owner_kind], finding->owner);
}

enum { TIME_MAX = 32 };

static struct log_field time_field(const char *key, int64_t seconds, char memory[TIME_MAX])
{
    struct text text = text_over(memory, TIME_MAX);
    log_print_time(&text, seconds * 1000);
    return LOG_TEXT(key, text_slice(&text));
}

static void tell_ended(const struct tls_finding *finding, const char *sentence)
{
    char memory[TIME_MAX];
    log_event(LOG_ERROR, sentence, LOG_TEXT("file", finding->file), owner_field(finding),
              time_field("ended", finding->ends, memory));
}

static void tell_begins(const struct tls_finding *finding, const char *sentence)
{
    char memory[TIME_MAX];
    log_event(LOG_ERROR, sentence, LOG_TEXT("file", finding->file), owner_field(finding),
              time_field("begins", finding->begins, memory));
}

static void tell_ends(const struct tls_finding *finding, const char *sentence)
{
    char memory[TIME_MAX];
    int64_t left = finding->ends - sys_wall_seconds();
    log_event(LOG_WARNING, sentence, LOG_TEXT("file", finding->file), owner_field(finding),
              time_field("ends", finding->ends, memory),
              LOG_NUMBER("days", left > 0 ? (uint64_t)left / TLS_DAY_SECONDS : 0));
}

static void tell_of_site(enum sentence sentence, const struct tls_finding *finding)
{
    switch (sentence) {
    case LEFT_OUT:
        log_event(LOG_ERROR, "a certificate cannot be served and is left out",
                  LOG_TEXT("file", finding->file), owner_field(finding),
                  LOG_TEXT("problem", finding->problem), LOG_TEXT("advice", finding->cure));
        break;
    case NAME:
        log_event(LOG_WARNING,
                  "no certificate holds for a name of a site; get one that names it too",
                  LOG_TEXT("name", finding->name), owner_field(finding),
                  LOG_TEXT("names", finding->problem));
        break;
    case EXPIRED:
        tell_ended(finding, "a certificate has expired and clients refuse it; get a new one");
        break;
    case NOT_YET:
        tell_begins(finding, "a certificate does not hold yet and clients refuse it; look at the "
                             "clock of this host");
        break;
    default:
        tell_ends(finding, "a certificate expires soon; get a new one in time");
    }
}

static void tell_of_own(enum sentence sentence, const struct tls_finding *finding)
{
    if (sentence == OWN_EXPIRED)
        tell_ended(finding, "the certificate that servers are shown has expired and they refuse "
                            "it; get a new one");
    else if (sentence == OWN_NOT_YET)
        tell_begins(finding, "the certificate that servers are shown does not hold yet and they "
                             "refuse it; look at the clock of this host");
    else
        tell_ends(finding,
                  "the certificate that servers are shown expires soon; get a new one in time");
}

static void tell_of_others(enum sentence sentence, const struct tls_finding *finding)
{
    if (sentence == AUTHORITIES_EXPIRED)
        tell_ended(finding, "all authorities of a file have expired and nobody is accepted by "
                            "them; get new ones");
    else if (sentence == AUTHORITIES_SOON)
        tell_ends(finding, "all authorities of a file expire soon; add those that come after them");
    else if (sentence == LIST_ENDED)
        tell_ended(finding, "a list of revocations holds no longer and no client of its authority "
                            "is accepted; get a new one");
    else
        tell_ends(finding, "a list of revocations ceases to hold soon; get a new one in time");
}

static void tell(struct warner *warner, enum sentence sentence, const struct tls_finding *finding)
{
    if (warner->counts[sentence]++ >= WARNER_MAX)
        return;
    if (sentence < OWN_EXPIRED)
        tell_of_site(sentence, finding);
    else if (sentence < AUTHORITIES_EXPIRED)
        tell_of_own(sentence, finding);
    else
        tell_of_others(sentence, finding);
}

static void tell_how_many_more(struct warner *warner)
{
    static const char *const words[SENTENCES] = {
        [LEFT_OUT] = "certificates that are left out",
        [NAME] = "names without a certificate",
        [EXPIRED] = "expired certificates",
        [NOT_YET] = "certificates that do not hold yet",
        [SOON] = "certificates that expire soon",
        [OWN_EXPIRED] = "expired certificates towards servers",
        [OWN_NOT_YET] = "certificates towards servers that do not hold yet",
        [OWN_SOON] = "certificates towards servers that expire soon",
        [AUTHORITIES_EXPIRED] = "files of expired authorities",
        [AUTHORITIES_SOON] = "files of authorities that expire soon",
        [LIST_ENDED] = "lists of revocations that hold no longer",
        [LIST_SOON] = "lists of revocations that cease to hold soon",
    };
    for (unsigned i = 0; i < SENTENCES; i++) {
        if (warner->counts[i] > WARNER_MAX)
            log_event(LOG_WARNING, "of what is wrong with certificates there is more than is told",
                      LOG_TEXT("what", slice_from_text(words[i])),
                      LOG_NUMBER("more", warner->counts[i] - WARNER_MAX));
        warner->counts[i] = 0;
    }
}

/* ---- what is due */

/* SENTENCES: nothing is told of that step. */
static enum sentence sentence_of(enum tls_finding_kind kind, enum tls_step_to_end step)
{
    static const enum sentence soon[TLS_FINDING_KINDS] = {
        [TLS_FINDING_CERTIFICATE] = SOON,
        [TLS_FINDING_OWN] = OWN_SOON,
        [TLS_FINDING_AUTHORITIES] = AUTHORITIES_SOON,
        [TLS_FINDING_REVOCATIONS] = LIST_SOON,
    };
    static const enum sentence ended[TLS_FINDING_KINDS] = {
        [TLS_FINDING_CERTIFICATE] = EXPIRED,
        [TLS_FINDING_OWN] = OWN_EXPIRED,
        [TLS_FINDING_AUTHORITIES] = AUTHORITIES_EXPIRED,
        [TLS_FINDING_REVOCATIONS] = LIST_ENDED,
    };
    if (step == TLS_HAS_ENDED)
        return ended[kind];
    if (step == TLS_ENDS_SOON || step == TLS_ENDS_VERY_SOON)
        return soon[kind];
    if (step == TLS_HOLDS_NOT_YET && kind == TLS_FINDING_CERTIFICATE)
        return NOT_YET;
    return step == TLS_HOLDS_NOT_YET && kind == TLS_FINDING_OWN ? OWN_NOT_YET : SENTENCES;
}

static bool holds_for_a_time(const struct tls_finding *finding)
{
    return finding->kind >= TLS_FINDING_CERTIFICATE;
}

static void look_at_fixed(struct warner *warner, struct warning *warning)
{
    if (!warning->is_told)
        tell(warner, warning->finding->kind == TLS_FINDING_NAME ? NAME : LEFT_OUT,
             warning->finding);
    warning->is_told = true;
}

/* Gives when it will be at another step. */
static int64_t look_at(struct warner *warner, struct warning *warning)
{
    int64_t next;
    enum tls_step_to_end step = tls_finding_step(warning->finding, loop_wall(warner->loop), &next);
    enum sentence sentence = sentence_of(warning->finding->kind, step);
    if (warned_is_due(&warning->warned, step, loop_now(warner->loop)) && sentence != SENTENCES)
        tell(warner, sentence, warning->finding);
    return next;
}

/* Every minute at least, for the clock may be set. */
static void look(struct warner *warner)
{
    int64_t now = loop_wall(warner->loop), next = now + LOOK_MS_MAX / 1000;
    for (size_t i = 0; i < warner->warnings.count; i++) {
        struct warning *warning = &warner->warnings.items[i];
        if (!holds_for_a_time(warning->finding)) {
            look_at_fixed(warner, warning);
            continue;
        }
        int64_t due = look_at(warner, warning);
        next = due < next ? due : next;
    }
    tell_how_many_more(warner);
    int64_t wait_ms = (next - now) * 1000;
    timer_set(warner->loop, &warner->look, wait_ms > LOOK_MS_MIN ? (uint64_t)wait_ms : LOOK_MS_MIN);
}

static void on_look(struct timer *timer)
{
    look(CONTAINER_OF(timer, struct warner, look));
}

/* ---- a snapshot */

static void warnings_init(struct warnings *warnings)
{
    *warnings = (struct warnings){0};
    arena_init(&warnings->arena, NULL, SIZE_MAX / 2);
    map_init(&warnings->by_key);
}

static void warnings_fini(struct warnings *warnings)
{
    map_fini(&warnings->by_key);
    arena_fini(&warnings->arena);
}

/* Of what many sites share, each of which reads it anew, one is told. */
static struct slice key_of(struct warnings *warnings, const struct tls_finding *finding)
{
    char memory[64];
    struct text times = text_over(memory, sizeof(memory));
    text_print(&times, "%d %lld %lld", (int)finding->kind, (long long)finding->begins,
               (long long)finding->ends);
    static const struct slice between = SLICE("\0");
    struct slice parts[] = {text_slice(&times), between, finding->file,   between,
                            finding->name,      between, finding->problem};
    return arena_join(&warnings->arena, parts, sizeof(parts) / sizeof(parts[0]));
}

static size_t count_list(const struct tls_finding *finding)
{
    size_t count = 0;
    for (; finding; finding = finding->next)
        count++;
    return count;
}

/* False: no memory. */
static bool add_list(struct warnings *warnings, const struct tls_finding *finding)
{
    for (; finding; finding = finding->next) {
        struct slice key = key_of(warnings, finding);
        if (!key.data)
            return false;
        if (map_get(&warnings->by_key, key))
            continue;
        struct warning *warning = &warnings->items[warnings->count];
        *warning = (struct warning){.finding = finding, .key = key};
        if (!map_set(&warnings->by_key, key, warning))
            return false;
        warnings->count++;
    }
    return true;
}

static bool collect(struct warnings *warnings, const struct snapshot *snapshot)
{
    const struct plans *plans = snapshot_get(snapshot, &plan_part);
    const struct tls_finding *of_sites = plans->findings.first;
    const struct tls_finding *of_upstreams =
        upstream_findings(snapshot_get(snapshot, &upstream_part));
    size_t count = count_list(of_sites) + count_list(of_upstreams);
    warnings->items = ARENA_ARRAY(&warnings->arena, struct warning, count + 1);
    return warnings->items && add_list(warnings, of_sites) && add_list(warnings, of_upstreams);
}

static void take_over_what_was_told(struct warnings *warnings, const struct warnings *before)
{
    for (size_t i = 0; i < warnings->count; i++) {
        struct warning *warning = &warnings->items[i];
        const struct warning *same = map_get(&before->by_key, warning->key);
        if (!same)
            continue;
        warning->warned = same->warned;
        warning->is_told = same->is_told;
    }
}

void warner_take(struct warner *warner, const struct snapshot *snapshot, bool all_anew)
{
    struct warnings warnings;
    warnings_init(&warnings);
    if (!collect(&warnings, snapshot))
        log_event(LOG_ERROR,
                  "there is no memory to watch all certificates; not of all it will be told when "
                  "they end");
    if (!all_anew)
        take_over_what_was_told(&warnings, &warner->warnings);
    warnings_fini(&warner->warnings);
    warner->warnings = warnings;
    look(warner);
}

void warner_stop(struct warner *warner)
{
    timer_unset(&warner->look);
}

/* ---- life */

struct warner *warner_new(struct loop *loop)
{
    struct warner *warner = calloc(1, sizeof(*warner));
    if (!warner)
        return NULL;
    warner->loop = loop;
    warnings_init(&warner->warnings);
    timer_init(&warner->look, on_look);
    return warner;
}

void warner_free(struct warner *warner)
{
    if (!warner)
        return;
    timer_fini(&warner->look);
    warnings_fini(&warner->warnings);
    free(warner);
}
