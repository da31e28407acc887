/* The first states: which route takes the request, what its stages say, what its action is. */
#include "base/assert.h"
#include "base/cold.h"
#include "exchange/exchange.h"
#include "exchange/forwarded.h"
#include "exchange/listener_settings.h"
#include "exchange/request_id.h"
#include "exchange/sticking.h"
#include "http/uri.h"
#include "policy/path.h"

/* Path and query become the target that the server is asked for. */
static bool set_target(struct exchange *exchange)
{
    struct request_head *request = &exchange->request;
    struct slice parts[] = {exchange->path, SLICE("?"), request->query};
    request->target = arena_join(&exchange->arena, parts, request->has_query ? 3 : 1);
    request->path = exchange->path;
    return request->target.data != NULL;
}

/* False: refused. Not inlined, as is what else few exchanges need: the frames that it wants would
 * be made for all. */
__attribute__((noinline)) static bool rewrite_target(struct exchange *exchange)
{
    enum error_code error = ERROR_OUT_OF_MEMORY;
    switch (path_normalize(exchange->request.path, &exchange->arena, &exchange->path)) {
    case PATH_PLAIN:
        return true;
    case PATH_REWRITTEN:
        if (set_target(exchange))
            return true;
        break;
    case PATH_REFUSED:
        error = ERROR_BAD_TARGET;
        break;
    case PATH_NO_MEMORY:
        break;
    }
    exchange_refuse(exchange, error);
    return false;
}

/* The one form of the path, and the target that the server is asked for (plan: what any rule sees
 * is what the server gets). False: refused. */
static bool normalize_target(struct exchange *exchange)
{
    const struct request_head *request = &exchange->request;
    bool is_asterisk = request->target_form == TARGET_ASTERISK;
    exchange->path = is_asterisk ? request->target : request->path;
    exchange->path_is_bare = is_asterisk || path_is_bare(request->path);
    return exchange->path_is_bare || rewrite_target(exchange);
}

static bool normalize_host(struct exchange *exchange)
{
    struct slice host = exchange->request.host;
    if (slice_is_empty(host))
        return true;
    char *memory = arena_alloc(&exchange->arena, host.length);
    if (!memory || !host_normalize(host, memory, host.length, &exchange->host)) {
        exchange_refuse(exchange, memory ? ERROR_BAD_HOST : ERROR_OUT_OF_MEMORY);
        return false;
    }
    return true;
}

__attribute__((noinline)) static void ask_for_client(struct exchange *exchange,
                                                     const struct ip_ranges *trusted)
{
    exchange->client = client_address(&exchange->peer, trusted, &exchange->request.fields);
}

static void find_client(struct exchange *exchange)
{
    const struct ip_ranges *trusted = &exchange->hold->plans->trusted_proxies;
    exchange->peer_is_trusted = ip_ranges_contain(trusted, &exchange->peer);
    if (exchange->peer_is_trusted)
        ask_for_client(exchange, trusted);
}

/* False: no memory. */
COLD static bool tell_certificate(struct exchange *exchange, struct route_question *question)
{
    enum { SUBJECT_MAX = 4096, FINGERPRINT_SIZE = 64 + 1 }; /* printed with a NUL */
    if (!tls_has_client_certificate(exchange->tls))
        return true;
    struct client_certificate *told = ARENA_NEW(&exchange->arena, struct client_certificate);
    char *memory = arena_alloc(&exchange->arena, SUBJECT_MAX + FINGERPRINT_SIZE);
    if (!told || !memory)
        return false;
    struct text subject = text_over(memory, SUBJECT_MAX);
    struct text fingerprint = text_over(memory + SUBJECT_MAX, FINGERPRINT_SIZE);
    tls_print_client_subject(&subject, exchange->tls);
    tls_print_client_fingerprint(&fingerprint, exchange->tls);
    told->subject = text_slice(&subject);
    told->is_cut = text_is_cut(&subject);
    told->fingerprint = text_slice(&fingerprint);
    question->certificate = told;
    return true;
}

/* The path as routes compare it. False: no memory. */
__attribute__((noinline)) static bool find_match_form(struct exchange *exchange,
                                                      struct slice *ret_path)
{
    return path_match_form(exchange->path, &exchange->arena, ret_path) &&
           path_collapse(*ret_path, &exchange->arena, ret_path);
}

static inline bool put_question(struct exchange *exchange, struct route_question *ret_question)
{
    *ret_question = (struct route_question){
        .host = exchange->host,
        .path = exchange->path,
        .query = exchange->request.query,
        .scheme = exchange->scheme,
        .head = &exchange->request,
        .client = &exchange->client,
        .listener = &exchange->listener->address,
        .listener_is_private = exchange->listener->is_private,
        .arena = &exchange->arena,
    };
    if (!exchange->path_is_bare && !find_match_form(exchange, &ret_question->path))
        return false;
    return !exchange->tls || !route_table_asks_certificates(exchange->hold->plans->routes) ||
           tell_certificate(exchange, ret_question);
}

bool exchange_question(struct exchange *exchange, struct route_question *ret_question)
{
    return put_question(exchange, ret_question);
}

static enum error_code ask_table(struct exchange *exchange)
{
    struct route_question question;
    if (!put_question(exchange, &question))
        return ERROR_OUT_OF_MEMORY;
    struct route_answer answer;
    enum route_verdict verdict = route_find(exchange->hold->plans->routes, &question, &answer);
    if (verdict == ROUTE_NO_SITE)
        return ERROR_NO_SITE;
    if (verdict == ROUTE_UNDECIDED)
        return ERROR_PATTERN_TOO_COSTLY;
    exchange->site = answer.site;
    if (verdict == ROUTE_NO_ROUTE)
        return ERROR_NO_ROUTE;
    exchange->route = answer.route;
    exchange->plan = answer.route->plan;
    exchange->counts = answer.route->counts;
    for (unsigned i = 0; i < answer.capture_count; i++)
        exchange->captures[i] = answer.captures[i];
    return ERROR_NONE;
}

/* Everything that speaks of the client's connection goes, everything that tells a server who asks
 * comes. Before the stages, so that what they set stands, whatever a client names in Connection.
 * False: no memory. */
static bool prepare_head(struct exchange *exchange)
{
    struct fields *fields = &exchange->request.fields;
    const struct field *upgrade =
        exchange->request.wants_upgrade ? fields_find(fields, FIELD_UPGRADE) : NULL;
    struct slice protocol = upgrade ? upgrade->value : slice_of(NULL, 0);
    if (fields->present & FIELD_BIT(FIELD_TE))
        exchange->request.wants_trailers = fields_list_has(fields, FIELD_TE, SLICE("trailers"));
    fields_remove_hop_by_hop(fields);
    if (!fields_reserve(fields, &exchange->arena, 1 + FORWARDED_FIELDS + REQUEST_ID_FIELDS))
        return false;
    if (upgrade)
        fields_put(fields, FIELD_UPGRADE, SLICE("Upgrade"), protocol);
    char *line; /* the id goes out in one piece with what is said of the client */
    return forwarded_add(exchange, REQUEST_ID_LINE_MAX, &line) && request_id_send(exchange, line);
}

static inline bool normalize(struct exchange *exchange)
{
    ASSERT(exchange->listener && exchange->request.target.length > 0);
    exchange->client_target = exchange->request.target;
    if (!normalize_host(exchange) || !normalize_target(exchange))
        return false;
    exchange->client_path = exchange->path;
    find_client(exchange);
    forwarded_clean(exchange);
    return true;
}

/* RFC 9110 7.4: what is at an https URL is for nobody who comes without TLS; but somebody before us
 * may have ended it, whose word counts or who speaks for all that come here. That http is said over
 * TLS takes nothing from anybody: clients of gRPC behind a proxy of their own do. */
COLD static bool is_misdirected(const struct exchange *exchange)
{
    return !exchange->tls && !exchange->peer_is_trusted &&
           !exchange->listener->proxy_protocol->required;
}

bool exchange_normalize(struct exchange *exchange)
{
    return normalize(exchange);
}

enum verdict exchange_route(struct exchange *exchange)
{
    ASSERT(!exchange->plan && !exchange->has_call);
    if (!normalize(exchange))
        return GO_ON;
    enum error_code error = ask_table(exchange);
    if (!error && exchange->plan->access_log)
        exchange->access_note = access_log_note(&exchange->request);
    enum exchange_state next = EXCHANGE_STAGES;
    if (exchange->request.says_https && is_misdirected(exchange)) {
        exchange_refuse(exchange, ERROR_HTTPS_WITHOUT_TLS);
        return GO_ON;
    }
    if (exchange->site && (exchange->site->plan || exchange->tls)) {
        if (site_plan_answers(exchange))
            return GO_ON;
        if (exchange->early)
            next = EXCHANGE_HOLD;
    }
    if (!error && !prepare_head(exchange))
        error = ERROR_OUT_OF_MEMORY;
    if (error) {
        exchange->plan = NULL;
        exchange_refuse(exchange, error);
        return GO_ON;
    }
    ASSERT(exchange->plan);
    timer_set(exchange->context->loop, &exchange->deadline,
              (uint64_t)exchange->plan->timeouts->request);
    exchange_go(exchange, next);
    return GO_ON;
}

static void begin_action(struct exchange *exchange)
{
    const struct action *action = exchange->plan->action;
    if (action)
        action->start(exchange, exchange->plan);
    else
        exchange_refuse(exchange, ERROR_NO_ROUTE);
    ASSERT(exchange->state != EXCHANGE_STAGES);
}

enum verdict exchange_run_stages(struct exchange *exchange)
{
    ASSERT(exchange->plan && !exchange->has_call);
    ASSERT(exchange->stage_next <= exchange->plan->stage_count);
    const struct plan *plan = exchange->plan;
    while (exchange->stage_next < plan->stage_count) {
        const struct plan_stage *entry = &plan->stages[exchange->stage_next];
        enum stage_verdict verdict = entry->stage->on_request
                                         ? entry->stage->on_request(exchange, entry->settings)
                                         : STAGE_GO_ON;
        if (verdict == STAGE_WAIT)
            return WAIT;
        exchange->stage_next++;
        if (verdict == STAGE_ANSWER) {
            ASSERT(exchange->state == EXCHANGE_REPLY);
            return GO_ON;
        }
    }
    begin_action(exchange);
    return GO_ON;
}

/* Who stores the response for others must not give them the cookie (RFC 9111 5.2.2.7). */
void exchange_set_assignment(struct exchange *exchange, const struct assignment *assignment,
                             uint32_t choice)
{
    struct fields *fields = &exchange->response.fields;
    struct slice cookie =
        assignment_tell(assignment, choice, exchange_is_secure(exchange), &exchange->arena);
    if (cookie.data && fields_add(fields, &exchange->arena, FIELD_CACHE_CONTROL,
                                  SLICE("Cache-Control"), SLICE("private=\"Set-Cookie\"")))
        (void)fields_add(fields, &exchange->arena, FIELD_SET_COOKIE, SLICE("Set-Cookie"), cookie);
}

void exchange_tell_assignments(struct exchange *exchange)
{
    if (exchange->assigned & ASSIGNED_VARIANT)
        split_answer(exchange);
    if (exchange->assigned & ASSIGNED_SERVER)
        sticking_answer(exchange);
}

void exchange_run_response_stages(struct exchange *exchange)
{
    const struct plan *plan = exchange->plan;
    if (exchange->assigned)
        exchange_tell_assignments(exchange);
    for (uint32_t i = 0; plan && i < plan->stage_count; i++) {
        const struct plan_stage *entry = &plan->stages[i];
        if (entry->stage->on_response)
            entry->stage->on_response(exchange, entry->settings);
    }
    request_id_answer(exchange);
}

void exchange_run_trailer_stages(struct exchange *exchange)
{
    const struct plan *plan = exchange->plan;
    forwarded_clean_trailers(&exchange->request_trailers);
    request_id_clean_trailers(exchange);
    split_clean_trailers(exchange);
    for (uint32_t i = 0; i < plan->stage_count; i++) {
        const struct plan_stage *entry = &plan->stages[i];
        if (entry->stage->on_request_trailers)
            entry->stage->on_request_trailers(&exchange->request_trailers, entry->settings);
    }
}

void exchange_run_response_trailer_stages(struct exchange *exchange)
{
    const struct plan *plan = exchange->plan;
    for (uint32_t i = 0; i < plan->stage_count; i++) {
        const struct plan_stage *entry = &plan->stages[i];
        if (entry->stage->on_response_trailers)
            entry->stage->on_response_trailers(&exchange->response_trailers, entry->settings);
    }
}

/* ---- what stages see */

struct request_head *exchange_request_head(struct exchange *exchange)
{
    return &exchange->request;
}

struct response_head *exchange_response_head(struct exchange *exchange)
{
    return &exchange->response;
}

struct arena *exchange_arena(struct exchange *exchange)
{
    return &exchange->arena;
}

struct slice exchange_path(const struct exchange *exchange)
{
    return exchange->path;
}

bool exchange_set_path(struct exchange *exchange, struct slice path)
{
    ASSERT(path.length > 0);
    ASSERT(exchange->state == EXCHANGE_STAGES);
    exchange->path = path;
    return set_target(exchange);
}

struct slice exchange_expand(struct exchange *exchange, const struct template *template)
{
    return template_expand(template, exchange, exchange->captures, &exchange->arena);
}
