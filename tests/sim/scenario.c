#include "sim/scenario.h"

#include "base/assert.h"

#include <stdio.h>

/* How far chance goes in this scenario. */
struct mood {
    bool gentle; /* nobody does anything wrong: every answer must be the right one */
    bool large;  /* bodies that are worth a pump */
    bool wide;   /* connections that hold much */
    bool crowd;  /* many clients, with little to ask */
    bool huge;   /* a body that takes more than one turn of a pump */
    bool servers_misbehave, clients_misbehave, servers_tire;
};

static uint32_t pick(struct chance *chance, const uint32_t *values, size_t count)
{
    return values[chance_below(chance, count)];
}

#define PICK(chance, ...)                                                                          \
    pick(chance, (const uint32_t[]){__VA_ARGS__},                                                  \
         sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static uint32_t between(struct chance *chance, uint32_t least, uint32_t most)
{
    return (uint32_t)chance_between(chance, least, most);
}

/* ---- network and faults */

static void draw_network(struct network *network, struct chance *chance, const struct mood *mood)
{
    *network = (struct network){
        .latency_us = PICK(chance, 10, 100, 1000),
        .piece = PICK(chance, 64, 600, 1460, 16 * 1024, 256 * 1024),
        .out_least = PICK(chance, 1000, 4096, 16 * 1024),
        .out_most = PICK(chance, 16 * 1024, 64 * 1024, 256 * 1024),
        .in_least = PICK(chance, 1000, 4096, 16 * 1024),
        .in_most = PICK(chance, 16 * 1024, 64 * 1024, 256 * 1024),
    };
    if (network->piece < 1000 && mood->large)
        network->piece = 1460;
    if (mood->large)
        network->in_least = 16 * 1024; /* who reads slowly shall be able to read as it wants */
    if (mood->wide) {
        network->piece = 1024 * 1024;
        network->in_most = network->out_most = 2 * 1024 * 1024;
    }
    if (mood->huge) {
        network->piece = 16 * 1024 * 1024;
        network->in_least = network->out_least = 12 * 1024 * 1024;
        network->in_most = network->out_most = 24 * 1024 * 1024;
    }
    if (!mood->gentle && chance_one_in(chance, 4)) {
        network->break_one_in = between(chance, 2, 20);
        network->break_us = PICK(chance, 1000, 10 * 1000, 100 * 1000, 2 * US_PER_S);
    }
}

static void draw_faults(struct fault_rates *faults, struct chance *chance, const struct mood *mood)
{
    *faults = (struct fault_rates){
        .receive_later = PICK(chance, 0, 0, 3, 20),
        .send_later = PICK(chance, 0, 0, 3, 20),
        .send_short = PICK(chance, 0, 0, 3, 20),
        .early_wake = PICK(chance, 0, 10),
        .pipe = PICK(chance, 0, 3),
    };
    if (mood->huge) /* it would take for ever */
        faults->receive_later = faults->send_later = faults->send_short = 0;
    if (mood->gentle || !chance_one_in(chance, 3))
        return;
    faults->accept = PICK(chance, 0, 3, 30);
    faults->connect = PICK(chance, 0, 3, 30);
    faults->watch = PICK(chance, 0, 10, 100);
    faults->memory = PICK(chance, 0, 4, 10, 100, 1000);
    faults->memory_at = chance_one_in(chance, 2) ? chance_between(chance, 1, 400) : 0;
}

static bool is_faulty(const struct fault_rates *faults)
{
    return faults->accept || faults->connect || faults->watch || faults->memory ||
           faults->memory_at;
}

/* ---- servers */

static void draw_server(struct scenario *scenario, unsigned index, struct chance *chance,
                        const struct mood *mood)
{
    struct server_traits *server = &scenario->servers[index];
    *server = (struct server_traits){
        .address = {.ip = {.kind = ADDRESS_IPV4, .bytes = {10, 1, 0, (uint8_t)(index + 1)}},
                    .port = 8000},
        .weight = between(chance, 1, 4),
        .read_piece = PICK(chance, 100, 4096, 64 * 1024),
        .write_piece = PICK(chance, 100, 4096, 64 * 1024),
    };
    if (mood->huge)
        server->read_piece = server->write_piece = 16 * 1024 * 1024;
    if (chance_one_in(chance, 4)) {
        server->address = (struct address){.ip = {.kind = ADDRESS_UNIX}};
        (void)snprintf(server->address.path, sizeof(server->address.path), "/run/%u", index + 1);
    }
    if (mood->servers_tire) {
        server->requests_most = PICK(chance, 0, 1, 2, 3);
        server->idle_us = PICK(chance, 0, 1, 500, 20 * 1000);
    }
    if (!mood->large && chance_one_in(chance, 4))
        server->read_delay_us = PICK(chance, 10, 1000, 5000);
    if (mood->large && !mood->huge && !mood->wide && chance_one_in(chance, 3)) {
        server->read_piece = 4096;
        server->read_delay_us = 50 * 1000;
    }
    if (!mood->large && chance_one_in(chance, 4))
        server->write_delay_us = PICK(chance, 10, 1000, 5000);
}

/* The first server of each upstream always accepts, or all of them may be bad. */
static void draw_habit(struct server_traits *server, struct chance *chance, const struct mood *mood)
{
    server->habit = (enum knock_habit)PICK(chance, KNOCK_ACCEPTS, KNOCK_ACCEPTS, KNOCK_REFUSES,
                                           KNOCK_IGNORES, KNOCK_CHANGES);
    if (mood->servers_misbehave && chance_one_in(chance, 3))
        server->habit = KNOCK_DROPS;
}

static void draw_servers(struct scenario *scenario, struct chance *chance, const struct mood *mood,
                         unsigned excuses[UPSTREAMS])
{
    for (unsigned upstream = 0; upstream < UPSTREAMS; upstream++) {
        unsigned count = between(chance, 1, 3);
        bool one_is_good = mood->gentle || chance_one_in(chance, 2);
        for (unsigned i = 0; i < count; i++) {
            struct server_traits *server = &scenario->servers[scenario->server_count];
            draw_server(scenario, scenario->server_count++, chance, mood);
            server->upstream = upstream;
            if (i > 0 || !one_is_good)
                draw_habit(server, chance, mood);
            if (server->habit == KNOCK_DROPS)
                excuses[upstream] |= EXCUSE_SERVER;
        }
        if (!one_is_good)
            excuses[upstream] |= EXCUSE_SERVER;
        if (mood->servers_tire)
            excuses[upstream] |= EXCUSE_RACE;
    }
}

static const char *draw_balance(struct chance *chance)
{
    static const char *const ways[] = {
        "balance: round_robin",
        "balance: least_connections",
        "balance: least_time",
        "balance: random",
        "balance: first",
        "balance: hash",
        "balance: hash\n    hash: $target\n    hash_load_limit: 120%",
    };
    return ways[chance_below(chance, sizeof(ways) / sizeof(ways[0]))];
}

/* ---- requests */

static uint64_t draw_length(struct chance *chance, const struct mood *mood)
{
    if (mood->huge && chance_one_in(chance, 4))
        return chance_between(chance, 8 * 1024 * 1024, 20 * 1024 * 1024);
    if (mood->large && chance_one_in(chance, 3))
        return chance_between(chance, 100 * 1024, 600 * 1024);
    return chance_size(chance, chance_one_in(chance, 4) ? 40 * 1024 : 2000);
}

static void draw_body(struct body_plan *body, struct chance *chance, const struct mood *mood,
                      bool may_close)
{
    body->framing = (enum framing)chance_below(chance, may_close ? 4 : 3);
    body->length = body->framing == FRAMING_NONE ? 0 : draw_length(chance, mood);
    if (body->framing == FRAMING_COUNTED && body->length == 0)
        body->framing = FRAMING_NONE; /* nobody can tell it from none */
    body->seed = chance_next(chance);
    body->trailers = body->framing == FRAMING_CHUNKED && chance_one_in(chance, 2);
}

static void draw_question(struct request *request, struct chance *chance, const struct mood *mood)
{
    static const struct {
        const char *name;
        bool is_idempotent, may_have_body;
    } methods[] = {{"GET", true, false},     {"GET", true, false},   {"HEAD", true, false},
                   {"POST", false, true},    {"PUT", true, true},    {"DELETE", true, true},
                   {"OPTIONS", true, false}, {"PATCH", false, true}, {"BREW", false, true}};
    size_t method = chance_below(chance, sizeof(methods) / sizeof(methods[0]));
    request->method = methods[method].name;
    request->is_idempotent = methods[method].is_idempotent;
    request->is_head = strcmp(request->method, "HEAD") == 0;
    request->minor_version = !chance_one_in(chance, 6);
    request->keeps = chance_one_in(chance, 2);
    request->closes = chance_one_in(chance, 10);
    request->target =
        chance_one_in(chance, 6) ? (enum target)chance_between(chance, 1, 3) : TARGET_SERVER;
    request->upstream = (unsigned)chance_below(chance, UPSTREAMS);
    static const char *const hosts[UPSTREAMS][2] = {{"one.test", "ONE.test:80"},
                                                    {"two.test", "any.where.two.test"}};
    request->host = request->target == TARGET_NOBODY
                        ? "nobody.test"
                        : hosts[request->upstream][chance_below(chance, 2)];
    if (methods[method].may_have_body)
        draw_body(&request->body, chance, mood, false);
    if (request->minor_version == 0 && request->body.framing == FRAMING_CHUNKED)
        request->body = (struct body_plan){0};
    request->expects = request->minor_version > 0 && request->body.framing != FRAMING_NONE &&
                       request->target == TARGET_SERVER && chance_one_in(chance, 4);
    request->upgrades = request->minor_version > 0 && request->body.framing == FRAMING_NONE &&
                        request->target == TARGET_SERVER && chance_one_in(chance, 8);
    if (request->upgrades)
        request->closes = false;
}

static void draw_tunnel(struct request *request, struct chance *chance, const struct mood *mood)
{
    request->status = 101;
    request->answer = (struct body_plan){0};
    request->early = request->last = request->babbles = false;
    request->up =
        (struct tunnel_plan){.length = draw_length(chance, mood), .seed = chance_next(chance)};
    request->down = (struct tunnel_plan){.length = draw_length(chance, mood),
                                         .seed = chance_next(chance),
                                         .waits = chance_one_in(chance, 2)};
}

static void draw_answer(struct request *request, struct chance *chance, const struct mood *mood)
{
    static const uint32_t statuses[] = {200, 200, 200, 201, 204, 304, 301, 404, 500};
    request->status = pick(chance, statuses, sizeof(statuses) / sizeof(statuses[0]));
    draw_body(&request->answer, chance, mood, true);
    if (request->status == 204)
        request->answer = (struct body_plan){0};
    if (request_answer_is_bodiless(request, request->status) &&
        request->answer.framing != FRAMING_COUNTED)
        request->answer = (struct body_plan){0};
    request->early = request->body.framing != FRAMING_NONE && chance_one_in(chance, 5);
    request->last = chance_one_in(chance, 6) || request->answer.framing == FRAMING_CLOSE;
    request->interims = chance_one_in(chance, 5) ? (unsigned)chance_size(chance, 6) : 0;
    if (request->expects && chance_one_in(chance, 2))
        request->interims = 1;
    request->delay_us = chance_size(chance, 20 * 1000);
    request->babbles = (request->answer.length < 500 || mood->large) &&
                       request->answer.framing != FRAMING_CLOSE && !request->early &&
                       chance_one_in(chance, 12);
    if (request->upgrades && chance_one_in(chance, 2))
        draw_tunnel(request, chance, mood);
    if (request->early && request->last)
        request->excuses |= EXCUSE_SERVER; /* its close destroys the answer on its way */
}

static void draw_misconduct(struct request *request, struct chance *chance)
{
    request->conduct = (enum conduct)chance_between(chance, CONDUCT_CLOSES, CONDUCT_SNUBS);
    if (request->conduct == CONDUCT_CLOSES && request->answer.framing == FRAMING_CLOSE)
        request->conduct = CONDUCT_RESETS; /* a close would be its proper end */
    bool has_body =
        request->answer.length > 0 && !request_answer_is_bodiless(request, request->status);
    request->babbles = false;
    request->cuts_head = !has_body || chance_one_in(chance, 4);
    request->cut_at = has_body ? chance_below(chance, request->answer.length) : 0;
    request->excuses |= EXCUSE_SERVER;
}

static void draw_answer_flaw(struct request *request, struct chance *chance)
{
    request->answer_flaw =
        (enum flaw)chance_between(chance, FLAW_REQUEST_LAST + 1, FLAW_RESPONSE_LAST);
    request->excuses |= EXCUSE_SERVER;
    request->last = true;
    if (request->answer_flaw == FLAW_UNASKED_UPGRADE) {
        if (request->upgrades)
            request->answer_flaw = FLAW_STATUS_LINE;
        else
            request->status = 101;
        request->answer = (struct body_plan){0};
    }
    bool has_chunks = request->answer.framing == FRAMING_CHUNKED &&
                      !request_answer_is_bodiless(request, request->status);
    if (request->answer_flaw == FLAW_RESPONSE_CHUNK && !has_chunks)
        request->answer_flaw = FLAW_RESPONSE_NUL;
}

static void draw_flaw(struct request *request, struct chance *chance)
{
    request->flaw = (enum flaw)chance_between(chance, FLAW_NONE + 1, FLAW_REQUEST_LAST);
    request->excuses |= EXCUSE_CLIENT;
    request->target = TARGET_SERVER;
    request->host = request->upstream ? "two.test" : "one.test";
    request->minor_version = 1;
    request->expects = request->upgrades = request->early = false;
    if (request->flaw == FLAW_BAD_CHUNK) {
        request->method = "POST";
        request->is_idempotent = request->is_head = false;
        request->body.framing = FRAMING_CHUNKED;
    } else {
        request->body = (struct body_plan){0};
    }
}

static void draw_request(struct scenario *scenario, struct chance *chance, const struct mood *mood,
                         const unsigned excuses[UPSTREAMS])
{
    ASSERT(ledger.count < REQUESTS_MAX);
    struct request *request = &ledger.requests[ledger.count++];
    *request = (struct request){.id = ledger.count};
    draw_question(request, chance, mood);
    draw_answer(request, chance, mood);
    if (mood->servers_misbehave && request->status != 101 && chance_one_in(chance, 4))
        draw_misconduct(request, chance);
    else if (mood->servers_misbehave && request->status != 101 && chance_one_in(chance, 6))
        draw_answer_flaw(request, chance);
    if (mood->clients_misbehave && chance_one_in(chance, 8))
        draw_flaw(request, chance);
    unsigned of_server = excuses[request->upstream];
    bool repeatable = request->is_idempotent && request->body.framing == FRAMING_NONE;
    if (repeatable)
        of_server &= ~(unsigned)EXCUSE_RACE;
    request->excuses |= scenario->excuses;
    if (request->target == TARGET_SERVER)
        request->excuses |= of_server;
    if (scenario->body_size > 0 && request->body.length > scenario->body_size)
        request->excuses |= EXCUSE_LIMIT;
}

/* ---- clients */

static void draw_ending(struct client_traits *client, struct chance *chance)
{
    client->ending = (enum client_ending)chance_between(chance, CLIENT_CLOSES, CLIENT_FREEZES);
    client->ending_after = chance_size(chance, 20 * 1000) + 1;
}

static void draw_client(struct scenario *scenario, struct chance *chance, const struct mood *mood,
                        const unsigned excuses[UPSTREAMS])
{
    unsigned index = scenario->client_count++;
    struct client_traits *client = &scenario->clients[index];
    *client = (struct client_traits){
        .ip = {.kind = ADDRESS_IPV4,
               .bytes = {192, 0, 2, (uint8_t)(mood->crowd ? 1 : index % 5 + 1)}},
        .start_us = (uint32_t)chance_size(chance, 50 * 1000),
        .think_us = chance_one_in(chance, 3) ? (uint32_t)chance_size(chance, 400 * 1000) : 0,
        .first = ledger.count,
        .count = mood->crowd ? 1 : (unsigned)chance_size(chance, 6) + 1,
        .ahead = chance_one_in(chance, 3) ? (unsigned)chance_below(chance, 4) : 0,
        .half_closes = chance_one_in(chance, 5),
        .read_piece = PICK(chance, 100, 4096, 64 * 1024),
        .write_piece = PICK(chance, 1, 100, 4096, 64 * 1024),
    };
    if (mood->large && client->write_piece < 4096)
        client->write_piece = 4096;
    if (mood->huge)
        client->read_piece = client->write_piece = 16 * 1024 * 1024;
    if (!mood->large && chance_one_in(chance, 4))
        client->read_delay_us = PICK(chance, 10, 1000, 5000);
    if (mood->large && !mood->huge && !mood->wide && chance_one_in(chance, 3)) {
        client->read_piece = 4096;
        client->read_delay_us = 50 * 1000; /* takes longer than a deadline between bytes */
    }
    if (!mood->large && client->write_piece > 1 && chance_one_in(chance, 4))
        client->write_delay_us = PICK(chance, 10, 1000, 5000);
    if (mood->clients_misbehave && chance_one_in(chance, 4))
        draw_ending(client, chance);
    for (unsigned i = 0; i < client->count; i++)
        draw_request(scenario, chance, mood, excuses);
}

/* ---- configuration */

static void draw_timeouts(struct scenario_timeouts *timeouts, struct chance *chance,
                          const struct mood *mood)
{
    *timeouts = (struct scenario_timeouts){
        .request_header = PICK(chance, 2000, 10000),
        .keep_alive = mood->large ? 60000 : PICK(chance, 1000, 5000, 60000),
        .request_body = PICK(chance, 3000, 30000),
        .tunnel = mood->large ? 60000 : PICK(chance, 3000, 60000),
        .connect = PICK(chance, 1000, 5000),
        .first_byte = mood->large ? 60000 : PICK(chance, 3000, 10000),
        .between_bytes = PICK(chance, 3000, 10000),
        .pool_idle = PICK(chance, 100, 1000, 30000),
        .request = PICK(chance, 0, 0, 300000, 2000),
    };
}

static void draw_retry(struct scenario *scenario, struct chance *chance)
{
    static const struct {
        const char *text;
        unsigned attempts;
    } retries[] = {
        {"{}", 1},
        {"{}", 1},
        {"{attempts: 2, backoff: off}", 2},
        {"{attempts: 3, backoff: 20ms, body: 1MiB}", 3},
        {"{attempts: 3, on: [connect, reset, timeout], body: 512}", 3},
    };
    unsigned number = (unsigned)chance_below(chance, sizeof(retries) / sizeof(retries[0]));
    scenario->retry = retries[number].text;
    scenario->attempts = retries[number].attempts;
}

static void draw_hedge(struct scenario *scenario, struct chance *chance)
{
    scenario->hedge_after = (unsigned)PICK(chance, 0, 1, 1, 10);
    scenario->attempts += scenario->hedge_after > 0;
}

/* With few places somebody may find none, with a queue or without. */
static void draw_queues(struct scenario *scenario, struct chance *chance)
{
    scenario->places = PICK(chance, 0, 0, 0, 1, 3);
    scenario->queue_timeout = PICK(chance, 10, 500, 5000);
    for (unsigned i = 0; i < UPSTREAMS; i++)
        scenario->queue_size[i] = scenario->places > 0 ? PICK(chance, 0, 2, 100) : 0;
    scenario->patience_us += 4 * (uint64_t)scenario->queue_timeout * US_PER_MS;
    if (scenario->places > 0)
        scenario->excuses |= EXCUSE_LIMIT;
}

/* With few connections somebody may find all of them in use. */
static void draw_connections(struct scenario *scenario, struct chance *chance)
{
    scenario->connections_most = PICK(chance, 0, 0, 0, 1, 2, 5);
    if (scenario->connections_most > 0)
        scenario->excuses |= EXCUSE_LIMIT;
}

static void write_servers(struct text *yaml, const struct scenario *scenario, unsigned upstream)
{
    for (unsigned i = 0; i < scenario->server_count; i++) {
        const struct server_traits *server = &scenario->servers[i];
        if (server->upstream != upstream)
            continue;
        text_add(yaml, SLICE("      - {address: \""));
        address_print(yaml, &server->address);
        text_print(yaml, "\", weight: %u%s", server->weight, server->backup ? ", backup: on" : "");
        if (scenario->places > 0)
            text_print(yaml, ", max_connections: %u", scenario->places);
        text_add(yaml, SLICE("}\n"));
    }
}

static void write_yaml(struct scenario *scenario)
{
    const struct scenario_timeouts *t = &scenario->timeouts;
    struct text yaml = text_over(scenario->yaml, YAML_MAX - 1);
    text_print(&yaml,
               "listen: [\"127.0.0.1:80\"]\n"
               "timeouts: {request_header: %ums, keep_alive: %ums, request_body: %ums,\n"
               "  tunnel: %ums, connect: %ums, first_byte: %ums, between_bytes: %ums,\n"
               "  pool_idle: %ums, request: %ums}\n",
               t->request_header, t->keep_alive, t->request_body, t->tunnel, t->connect,
               t->first_byte, t->between_bytes, t->pool_idle, t->request);
    text_print(&yaml,
               "limits: {header_size: 4KiB, header_count: 50, target_length: 2KiB,\n"
               "  requests_per_connection: %u, body_size: %llu, connections: %u,\n"
               "  connections_per_client: %u}\n",
               scenario->requests_per_connection, (unsigned long long)scenario->body_size,
               scenario->connections, scenario->connections_per_client);
    text_print(&yaml, "defaults: {retry: %s, hedge: {after: %ums}}\n", scenario->retry,
               scenario->hedge_after);
    for (unsigned i = 0; i < UPSTREAMS; i++) {
        text_print(&yaml,
                   "%s  %s:\n    %s\n    queue: {size: %u, timeout: %ums}\n"
                   "    circuit_breaker: {max_connections: %u}\n    servers:\n",
                   i == 0 ? "upstreams:\n" : "", i == 0 ? "one" : "two", scenario->balance[i],
                   scenario->queue_size[i], scenario->queue_timeout, scenario->connections_most);
        write_servers(&yaml, scenario, i);
    }
    for (unsigned i = 0; i < UPSTREAMS; i++)
        text_print(&yaml,
                   "%s  - host: %s\n"
                   "    proxy: %s\n"
                   "    routes:\n"
                   "      - path: /fixed/*\n"
                   "        respond: {status: 200, body: \"" FIXED_BODY "\"}\n"
                   "      - path: /away/*\n"
                   "        redirect: https://away.test/\n",
                   i == 0 ? "sites:\n" : "", i == 0 ? "one.test" : "[two.test, \"*.two.test\"]",
                   i == 0 ? "one" : "two");
    ASSERT(!text_is_cut(&yaml));
    yaml.data[yaml.length] = '\0';
}

/* Everything that may wait, one after the other, several times. */
static uint64_t draw_patience(const struct scenario_timeouts *t)
{
    uint64_t sum = (uint64_t)t->request_header + t->keep_alive + t->request_body + t->tunnel +
                   4 * (uint64_t)t->connect + t->first_byte + t->between_bytes + t->pool_idle;
    return (4 * sum + 120 * 1000) * US_PER_MS;
}

static void draw_mood(struct mood *mood, struct chance *chance)
{
    mood->gentle = chance_one_in(chance, 3);
    mood->large = chance_one_in(chance, 8);
    mood->crowd = !mood->large && chance_one_in(chance, 40);
    mood->wide = mood->large && chance_one_in(chance, 8);
    mood->huge = mood->large && chance_one_in(chance, 20);
    mood->servers_tire = chance_one_in(chance, 3);
    mood->servers_misbehave = !mood->gentle && chance_one_in(chance, 2);
    mood->clients_misbehave = !mood->gentle && chance_one_in(chance, 2);
}

void scenario_draw(struct scenario *scenario, uint64_t seed)
{
    struct chance chance = chance_of(seed, 1);
    struct mood mood = {0};
    unsigned excuses[UPSTREAMS] = {0};
    *scenario = (struct scenario){.seed = seed};
    ledger.count = 0;
    draw_mood(&mood, &chance);
    draw_network(&scenario->network, &chance, &mood);
    draw_faults(&scenario->faults, &chance, &mood);
    draw_timeouts(&scenario->timeouts, &chance, &mood);
    if (is_faulty(&scenario->faults) || scenario->network.break_one_in)
        scenario->excuses |= EXCUSE_NETWORK;
    if (scenario->timeouts.request == 2000)
        scenario->excuses |= EXCUSE_LIMIT;
    scenario->requests_per_connection = PICK(&chance, 2, 10000);
    scenario->body_size = chance_one_in(&chance, 6) ? 5000 : 0;
    if (chance_one_in(&chance, 8)) {
        scenario->connections = (unsigned)chance_between(&chance, 1, 6);
        scenario->connections_per_client = PICK(&chance, 0, 1, 2);
        scenario->excuses |= EXCUSE_LIMIT;
    }
    scenario->patience_us = draw_patience(&scenario->timeouts);
    struct chance apart = chance_of(seed, 2);
    draw_retry(scenario, &apart);
    draw_queues(scenario, &apart);
    draw_hedge(scenario, &apart);
    draw_connections(scenario, &apart);
    draw_servers(scenario, &chance, &mood, excuses);
    scenario->loops = (unsigned)PICK(&chance, 1, 1, 2, 3);
    unsigned clients = (unsigned)chance_size(&chance, mood.large ? 4 : 12) + 1;
    if (mood.crowd)
        clients = (unsigned)chance_between(&chance, 30, CLIENTS_MAX);
    for (unsigned i = 0; i < clients; i++)
        draw_client(scenario, &chance, &mood, excuses);
    if (chance_one_in(&chance, 6))
        scenario->drain_after_us = chance_size(&chance, 200 * 1000) + 1;
    if (chance_one_in(&chance, 2))
        scenario->abort_after_us = scenario->drain_after_us + chance_size(&chance, 100 * 1000);
    if (chance_one_in(&chance, 6))
        scenario->reload_after_us = chance_size(&chance, 100 * 1000) + 1;
    for (unsigned i = 0; i < scenario->server_count; i++)
        scenario->servers[i].backup = chance_one_in(&chance, 4);
    for (unsigned i = 0; i < UPSTREAMS; i++)
        scenario->balance[i] = draw_balance(&chance);
    if (chance_one_in(&apart, 3))
        scenario->swap_every_us = chance_size(&apart, 20 * 1000) + 1000;
    write_yaml(scenario);
}
