/* Asks responders for certificates, and what becomes of the answers. */
#include "base/assert.h"
#include "control/stapler_int.h"
#include "obs/log.h"
#include "policy/refresh.h"

enum {
    UNDER_WAY_MAX = 32,     /* fetches in all, */
    OF_RESPONDER_MAX = 4,   /* and of one responder, */
    PACE_MS = 50,           /* which is asked no more often than so */
    FETCH_MS = 10 * 1000,   /* how long one may take */
    ANSWER_MAX = 64 * 1024, /* bytes; some 500 to 3000 are usual */
    REST_MOST_MS = 10 * 60 * 1000,
    RETRY_MOST_MS = 3600 * 1000,
    REVOKED_MS = 3600 * 1000,
    LOOK_MS = 3600 * 1000, /* how often the clock of the day is looked at, which may jump */
    GET_MAX = 255,
};

/* ---- what is told */

enum { NAMES_MAX = 200 };

static struct slice names_of(const struct stapled *stapled, char memory[NAMES_MAX])
{
    struct text text = text_over(memory, NAMES_MAX);
    tls_certificate_print_names(&text, stapled->certificate);
    return text_slice(&text);
}

/* A certificate is shown without an answer, and was not before, or must not be. */
static void see_to_lack(struct stapled *stapled)
{
    char memory[NAMES_MAX];
    int64_t ends = tls_certificate_staple_ends(stapled->certificate);
    bool must = stapled->must_staple;
    bool lacks = ends <= loop_wall(stapled->stapler->loop);
    if (lacks && !stapled->lack_is_told && must)
        log_event(LOG_ERROR,
                  "a certificate that must be shown with an answer of its OCSP responder is shown "
                  "without; clients refuse it",
                  LOG_TEXT("certificate", names_of(stapled, memory)));
    else if (lacks && !stapled->lack_is_told && ends > 0)
        log_event(LOG_WARNING,
                  "what an OCSP responder said of a certificate holds no longer; it is shown "
                  "without",
                  LOG_TEXT("certificate", names_of(stapled, memory)));
    stapled->lack_is_told = lacks && (stapled->lack_is_told || must || ends > 0);
}

static void tell_unanswered(const struct responder *responder, enum fetch_problem problem,
                            unsigned status)
{
    char memory[8];
    struct text text = text_over(memory, sizeof(memory));
    if (status > 0)
        text_add_number(&text, status);
    log_event(LOG_WARNING, "an OCSP responder does not answer; asking again",
              LOG_TEXT("responder", responder->url),
              LOG_TEXT("problem", slice_from_text(fetch_words(problem))),
              LOG_TEXT("status", text_slice(&text)),
              LOG_NUMBER("certificates", responder->certificates));
}

/* Whether it is another thing than what was wrong before. */
static bool is_news(struct stapled *stapled, const char *problem)
{
    bool is_other = stapled->told != problem;
    stapled->told = problem;
    return is_other;
}

static void tell_refused(struct stapled *stapled, const char *problem)
{
    char memory[NAMES_MAX];
    if (is_news(stapled, problem))
        log_event(LOG_WARNING,
                  "what an OCSP responder says of a certificate is not taken; asking again",
                  LOG_TEXT("certificate", names_of(stapled, memory)),
                  LOG_TEXT("responder", stapled->responder->url),
                  LOG_TEXT("problem", slice_from_text(problem)));
}

static void tell_revoked(struct stapled *stapled)
{
    char memory[NAMES_MAX];
    if (is_news(stapled, tls_staple_problem(TLS_STAPLE_REVOKED)))
        log_event(LOG_ERROR, "a certificate was revoked; get a new one",
                  LOG_TEXT("certificate", names_of(stapled, memory)),
                  LOG_TEXT("responder", stapled->responder->url));
}

static void tell_good(struct stapled *stapled)
{
    char memory[NAMES_MAX];
    if (stapled->told || stapled->lack_is_told)
        log_event(LOG_NOTICE, "an OCSP responder says that a certificate is good",
                  LOG_TEXT("certificate", names_of(stapled, memory)),
                  LOG_TEXT("responder", stapled->responder->url));
    stapled->told = NULL;
    stapled->lack_is_told = false;
}

/* ---- when it is asked next */

static void wait_for_turn(struct stapled *stapled, uint64_t pause_ms)
{
    struct loop *loop = stapled->stapler->loop;
    stapled->pause = (int64_t)(pause_ms + 999) / 1000;
    stapled->due = loop_wall(loop) + stapled->pause;
    timer_set(loop, &stapled->timer, pause_ms < LOOK_MS ? pause_ms : LOOK_MS);
}

static void go_on(struct stapler *stapler);

static void queue(struct stapled *stapled)
{
    list_push_back(&stapled->responder->waiting, &stapled->waiting);
    go_on(stapled->stapler);
}

/* The clock of the day may have been set: what is farther ahead than it ever was is due, too. */
void stapler_on_turn(struct timer *timer)
{
    struct stapled *stapled = CONTAINER_OF(timer, struct stapled, timer);
    struct loop *loop = stapled->stapler->loop;
    int64_t left = stapled->due - loop_wall(loop);
    ASSERT(!stapled->fetch);
    if (left > 0 && left <= stapled->pause)
        timer_set(loop, &stapled->timer, left < LOOK_MS / 1000 ? (uint64_t)left * 1000 : LOOK_MS);
    else
        queue(stapled);
}

void stapler_on_pace(struct timer *timer)
{
    struct responder *responder = CONTAINER_OF(timer, struct responder, pace);
    responder->rests = false;
    go_on(responder->stapler);
}

/* ---- what comes of an answer */

static void end_fetch(struct stapled *stapled)
{
    if (!stapled->fetch)
        return;
    fetch_free(stapled->fetch);
    stapled->fetch = NULL;
    ASSERT(stapled->stapler->under_way > 0 && stapled->responder->under_way > 0);
    stapled->stapler->under_way--;
    stapled->responder->under_way--;
}

static void refuse_answer(struct stapled *stapled, const char *problem)
{
    uint64_t chance = loop_chance(stapled->stapler->loop);
    stapled->stapler->refused++;
    stapled->failures++;
    tell_refused(stapled, problem);
    see_to_lack(stapled);
    wait_for_turn(stapled, refresh_retry_pause(stapled->failures, RETRY_MOST_MS, chance));
}

static void wait_for_change(struct stapled *stapled)
{
    struct loop *loop = stapled->stapler->loop;
    int64_t left = tls_certificate_staple_ends(stapled->certificate) - loop_wall(loop);
    if (left > 0)
        wait_for_turn(stapled, refresh_pause(left, loop_chance(loop)));
    else
        wait_for_turn(stapled, REVOKED_MS - loop_chance(loop) % (REVOKED_MS / 10));
}

static void take_good(struct stapled *stapled)
{
    stapled->stapler->taken++;
    stapled->failures = 0;
    stapled->is_revoked = false;
    tell_good(stapled);
    wait_for_change(stapled);
}

static void take_revoked(struct stapled *stapled)
{
    stapled->stapler->taken++;
    stapled->failures = 0;
    stapled->is_revoked = true;
    tell_revoked(stapled);
    see_to_lack(stapled);
    wait_for_change(stapled);
}

/* What was kept back on its way tells nothing while what is known holds. */
static void take_older(struct stapled *stapled)
{
    int64_t ends = tls_certificate_staple_ends(stapled->certificate);
    if (stapled->is_revoked || ends > loop_wall(stapled->stapler->loop))
        wait_for_change(stapled);
    else
        refuse_answer(stapled, tls_staple_problem(TLS_STAPLE_OLDER));
}

static void take_answer(struct stapled *stapled, struct slice answer)
{
    enum tls_staple_state state =
        tls_certificate_staple(stapled->certificate, answer, loop_wall(stapled->stapler->loop));
    if (state == TLS_STAPLE_GOOD)
        take_good(stapled);
    else if (state == TLS_STAPLE_REVOKED)
        take_revoked(stapled);
    else if (state == TLS_STAPLE_OLDER)
        take_older(stapled);
    else
        refuse_answer(stapled, tls_staple_problem(state));
}

static void note_answered(struct responder *responder)
{
    if (responder->failures > 0)
        log_event(LOG_NOTICE, "an OCSP responder answers again",
                  LOG_TEXT("responder", responder->url));
    responder->failures = 0;
}

/* All for which it is asked wait. What was under way beside this one counts for nothing more. */
static void let_rest(struct responder *responder, enum fetch_problem problem, unsigned status)
{
    struct stapler *stapler = responder->stapler;
    if (responder->rests)
        return;
    if (responder->failures++ == 0)
        tell_unanswered(responder, problem, status);
    if (problem == FETCH_REFUSED || problem == FETCH_UNREACHABLE)
        server_failed(stapler->servers, responder->server, loop_now(stapler->loop));
    responder->rests = true;
    timer_set(stapler->loop, &responder->pace,
              refresh_retry_pause(responder->failures, REST_MOST_MS, loop_chance(stapler->loop)));
    LIST_EACH (link, &stapler->all_stapled) {
        struct stapled *stapled = CONTAINER_OF(link, struct stapled, link);
        if (stapled->responder == responder)
            see_to_lack(stapled);
    }
}

/* Whether that says something of this certificate, and not of the responder as a whole. */
static bool is_of_certificate(enum fetch_problem problem, unsigned status)
{
    enum { TOO_MANY_REQUESTS = 429, SERVER_ERRORS = 500 };
    return problem == FETCH_MALFORMED || problem == FETCH_TOO_LARGE ||
           (problem == FETCH_STATUS && status < SERVER_ERRORS && status != TOO_MANY_REQUESTS);
}

static void take_failure(struct stapled *stapled, enum fetch_problem problem, unsigned status)
{
    if (is_of_certificate(problem, status)) {
        note_answered(stapled->responder);
        refuse_answer(stapled, fetch_words(problem));
        return;
    }
    stapled->stapler->unanswered++;
    let_rest(stapled->responder, problem, status);
    list_push_back(&stapled->responder->waiting, &stapled->waiting);
}

static void finish(struct stapled *stapled, enum fetch_verdict verdict)
{
    unsigned status;
    enum fetch_problem problem = fetch_problem(stapled->fetch, &status);
    if (verdict == FETCH_DONE) {
        note_answered(stapled->responder);
        take_answer(stapled, fetch_answer(stapled->fetch));
    } else {
        take_failure(stapled, problem, status);
    }
    end_fetch(stapled);
}

/* ---- asking */

/* GET where all of it is short, so that what stands in between may keep the answer (RFC 5019 5);
 * and where that was not understood, POST the next time. */
static bool print_get(struct stapled *stapled, struct slice question, struct text *target)
{
    const struct fetch_place *place = &stapled->responder->place;
    text_add(target, place->target);
    if (!slice_ends_with(place->target, SLICE("/")))
        text_add_byte(target, '/');
    tls_question_print(target, question);
    size_t length = stapled->responder->url.length - place->target.length + target->length;
    return stapled->failures % 2 == 0 && length <= GET_MAX && !text_is_cut(target) &&
           slice_find(place->target, '?') == place->target.length;
}

static void on_fetch_news(void *owner)
{
    struct stapled *stapled = owner;
    enum fetch_verdict verdict = fetch_run(stapled->fetch);
    if (verdict == FETCH_WAIT)
        return;
    finish(stapled, verdict);
    go_on(stapled->stapler);
}

/* False: no memory. */
static bool begin_fetch(struct stapled *stapled, struct slice question)
{
    char memory[TLS_RESPONDER_MAX + TLS_QUESTION_TEXT_MAX];
    struct text target = text_over(memory, sizeof(memory));
    struct stapler *stapler = stapled->stapler;
    struct responder *responder = stapled->responder;
    bool is_get = print_get(stapled, question, &target);
    const struct fetch_order order = {
        .servers = stapler->servers,
        .server = responder->server,
        .authority = responder->place.authority,
        .target = is_get ? text_slice(&target) : responder->place.target,
        .type = SLICE("application/ocsp-request"),
        .body = is_get ? SLICE("") : question,
        .answer_max = ANSWER_MAX,
        .timeout_ms = FETCH_MS,
        .first_address = responder->failures,
        .on_news = on_fetch_news,
        .owner = stapled,
    };
    stapled->fetch = fetch_new(stapler->loop, &order);
    if (!stapled->fetch)
        return false;
    stapler->under_way++;
    responder->under_way++;
    return true;
}

static void ask(struct stapled *stapled)
{
    char memory[TLS_QUESTION_MAX];
    struct text question = text_over(memory, sizeof(memory));
    ASSERT(!stapled->fetch);
    timer_set(stapled->stapler->loop, &stapled->responder->pace, PACE_MS);
    if (!tls_certificate_question(stapled->certificate, &question)) {
        refuse_answer(stapled, "the question cannot be written");
        return;
    }
    if (!begin_fetch(stapled, text_slice(&question))) {
        take_failure(stapled, FETCH_NO_MEMORY, 0);
        return;
    }
    enum fetch_verdict verdict = fetch_run(stapled->fetch);
    if (verdict != FETCH_WAIT)
        finish(stapled, verdict);
}

/* One that has not answered is tried by one question. */
static bool has_room(const struct responder *responder)
{
    uint32_t most = responder->failures > 0 ? 1 : OF_RESPONDER_MAX;
    return responder->under_way < most && !timer_is_set(&responder->pace) &&
           responder->stapler->under_way < UNDER_WAY_MAX;
}

/* One after the other, so that none keeps all the room. */
static void go_on(struct stapler *stapler)
{
    LIST_EACH (link, &stapler->all_responders) {
        struct responder *responder = CONTAINER_OF(link, struct responder, link);
        struct list *first = has_room(responder) ? list_pop_front(&responder->waiting) : NULL;
        if (first)
            ask(CONTAINER_OF(first, struct stapled, waiting));
    }
}

void stapled_begin(struct stapled *stapled)
{
    queue(stapled);
}

void stapled_end(struct stapled *stapled)
{
    list_remove(&stapled->waiting);
    end_fetch(stapled);
}
