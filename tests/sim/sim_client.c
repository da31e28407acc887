#include "sim/sim_client.h"

#include "base/assert.h"
#include "sim/content.h"
#include "sim/sim_server.h"

#include <errno.h>

enum client_state {
    CLIENT_ASKS,    /* sends requests and reads answers */
    CLIENT_TUNNELS, /* sends and reads the bytes of a tunnel */
    CLIENT_FROZEN,  /* does nothing more, and stays */
    CLIENT_OVER,
};

struct sim_client {
    const struct client_traits *traits;
    const struct address *address;
    struct end *end;
    enum client_state state;
    unsigned next_question, next_answer; /* of its requests */
    /* sending */
    struct writing writing;
    bool asking;    /* `next_question` is on its way */
    bool head_sent; /* of that one */
    bool waits_for_100;
    bool mute;      /* sends no further request */
    bool is_slow;   /* a head took longer than it may */
    uint64_t began; /* of the connection */
    uint64_t head_begun;
    uint64_t answer_began; /* the newest */
    uint64_t next_send, next_receive;
    /* receiving */
    struct reading reading;
    unsigned status;
    bool is_ours; /* the answer in hand is one of Weir itself */
    enum framing framing;
    uint64_t offset;
    unsigned interims;
    bool last; /* the connection ends behind this answer */
    bool in_ended;
    bool broken; /* a send told that the connection is over */
    uint64_t tunnel_got;
    uint64_t bytes; /* in both directions */
    unsigned excuses;
    struct chance chance;
    struct event wake, patience;
};

static struct {
    const struct scenario *scenario;
    struct sim_client clients[CLIENTS_MAX];
} clients;

static void on_wake(struct event *event);

static struct request *request_of(const struct sim_client *client, unsigned index)
{
    ASSERT(index < client->traits->count);
    return &ledger.requests[client->traits->first + index];
}

/* The request whose answer is awaited; NULL: none. */
static struct request *awaited(const struct sim_client *client)
{
    unsigned asked = client->next_question + (client->asking && client->head_sent ? 1 : 0);
    return client->next_answer < asked ? request_of(client, client->next_answer) : NULL;
}

static unsigned number(const struct sim_client *client)
{
    return (unsigned)(client - clients.clients) + 1;
}

#define TELL(client, words, ...) TRACE("client %u: " words, number(client), ##__VA_ARGS__)

static void wake_in(struct sim_client *client, uint64_t delay_us)
{
    bool later = client->wake.place && client->wake.at > world_now() + delay_us;
    if (client->state != CLIENT_OVER && (!client->wake.place || later))
        world_plan(&client->wake, delay_us, on_wake);
}

static void on_impatience(struct event *event)
{
    const struct sim_client *client = CONTAINER_OF(event, struct sim_client, patience);
    const struct request *request = awaited(client);
    world_fail("client %u waits for ever, for the answer to request %u", number(client),
               request ? request->id : 0);
}

/* Something moved: the wait begins anew. */
static void be_patient(struct sim_client *client)
{
    world_plan(&client->patience, clients.scenario->patience_us, on_impatience);
}

static void leave(struct sim_client *client, bool reset)
{
    TELL(client, "%s", reset ? "resets" : "closes");
    client->state = CLIENT_OVER;
    world_cancel(&client->wake);
    world_cancel(&client->patience);
    if (reset)
        end_reset(client->end);
    else
        end_close(client->end);
}

/* ---- excuses */

static unsigned excuses_of(const struct sim_client *client, const struct request *request)
{
    return client->excuses | (request ? request->excuses : 0);
}

/* A reset destroys what of earlier answers was not received yet. */
static unsigned excuses_for_cut(const struct sim_client *client, const struct request *request,
                                bool orderly)
{
    unsigned excuses = excuses_of(client, request);
    unsigned asked = client->next_question + (client->asking ? 1 : 0);
    for (unsigned i = client->next_answer; !orderly && i < asked; i++)
        excuses |= request_of(client, i)->excuses;
    return excuses;
}

/* From here on this client did something after which its connection may be cut. */
static void excuse(struct sim_client *client, unsigned excuses)
{
    client->excuses |= excuses;
}

/* ---- what Weir answers itself */

static bool is_proper_error(const struct request *request, unsigned excuses, unsigned status)
{
    static const unsigned of_client[] = {400, 405, 408, 413, 414, 417, 431, 501, 505};
    static const unsigned of_server[] = {502, 503, 504};
    for (size_t i = 0; i < sizeof(of_client) / sizeof(of_client[0]); i++) {
        if (status == of_client[i])
            return excuses & (EXCUSE_CLIENT | EXCUSE_NETWORK | EXCUSE_LIMIT);
    }
    for (size_t i = 0; i < sizeof(of_server) / sizeof(of_server[0]); i++) {
        if (status == of_server[i])
            return excuses & ~(unsigned)EXCUSE_CLIENT;
    }
    (void)request;
    return false;
}

/* What a route without a server answers; 0: it is no such route. */
static unsigned own_status(const struct request *request)
{
    switch (request->target) {
    case TARGET_FIXED:
        return 200;
    case TARGET_AWAY:
        return 302;
    case TARGET_NOBODY:
        return 404;
    case TARGET_SERVER:
        break;
    }
    return 0;
}

/* A head that takes longer than the configuration allows. */
static void notice_slow_head(struct sim_client *client)
{
    uint64_t took_ms = (world_now() - client->head_begun) / US_PER_MS;
    if (took_ms * 2 <= clients.scenario->timeouts.request_header)
        return;
    client->is_slow = true;
    excuse(client, EXCUSE_CLIENT);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* A time-out is not told before its time. */
static void check_time(const struct sim_client *client)
{
    const struct scenario_timeouts *t = &clients.scenario->timeouts;
    uint64_t due = 0;
    if (client->status == 408)
        due = least(t->request_header, t->request_body);
    else if (client->status == 504)
        due = least(least(t->connect, t->first_byte), least(t->between_bytes, t->request));
    uint64_t elapsed = (world_now() - client->began) / US_PER_MS;
    CHECK(elapsed + 2 >= due, "client %u got status %u after %llu ms", number(client),
          client->status, (unsigned long long)elapsed);
}

/* That a server closes just when its connection is used again is a race only while the close is on
 * its way: later Weir knows of it. */
static unsigned without_old_races(const struct request *request, unsigned excuses)
{
    enum { ON_ITS_WAY_US = 20 * US_PER_MS };
    bool fresh =
        request && sim_servers_last_left(request->upstream) + ON_ITS_WAY_US >= request->asked_at;
    return fresh ? excuses : excuses & ~(unsigned)EXCUSE_RACE;
}

static void check_own_answer(struct sim_client *client, const struct request *request)
{
    check_time(client);
    if (client->asking && !client->head_sent)
        notice_slow_head(client);
    unsigned excuses = without_old_races(request, excuses_of(client, request));
    unsigned expected = request && request->flaw == FLAW_NONE ? own_status(request) : 0;
    if (expected && client->status == expected)
        return;
    CHECK(is_proper_error(request, excuses, client->status),
          "client %u got status %u for request %u without a cause (excuses %u)", number(client),
          client->status, request ? request->id : 0, excuses);
}

/* ---- heads */

static enum framing answer_framing(struct sim_client *client, const struct request *request,
                                   uint64_t *ret_length)
{
    enum framing framing;
    CHECK(framing_of(client->reading.head, FRAMING_CLOSE, &framing, ret_length),
          "client %u got an answer of two readings", number(client));
    bool old = request && request->minor_version == 0;
    CHECK(!old || framing != FRAMING_CHUNKED, "client %u got chunks, and speaks HTTP/1.0",
          number(client));
    if (request && request_answer_is_bodiless(request, client->status)) {
        CHECK(client->status != 204 || framing == FRAMING_CLOSE, "a 204 announces a body");
        *ret_length = 0;
        return FRAMING_NONE;
    }
    return framing;
}

static void check_server_answer(struct sim_client *client, const struct request *request,
                                struct slice id, enum framing framing, uint64_t length)
{
    const struct request *from = ledger_find(id, "a client");
    CHECK(request && from == request, "client %u got the answer to request %u for request %u",
          number(client), from->id, request ? request->id : 0);
    CHECK(client->status == request->status, "request %u got status %u instead of %u", request->id,
          client->status, request->status);
    CHECK(framing != FRAMING_COUNTED || length == request->answer.length,
          "the answer to request %u has another length", request->id);
    CHECK(request->answer.framing != FRAMING_COUNTED || framing == FRAMING_COUNTED ||
              framing == FRAMING_NONE,
          "the answer to request %u has lost its length", request->id);
    struct slice announced = field_in(client->reading.head, "Content-Length", NULL);
    uint64_t of_another = 0;
    CHECK(framing != FRAMING_NONE || request->answer.framing != FRAMING_COUNTED ||
              (slice_to_number(announced, INT64_MAX, &of_another) &&
               of_another == request->answer.length),
          "the answer without a body to request %u has lost its length", request->id);
    CHECK(request->answer_flaw == FLAW_NONE || request->answer_flaw == FLAW_RESPONSE_CHUNK,
          "a malformed answer (%d) to request %u went on", request->answer_flaw, request->id);
}

static void on_interim(struct sim_client *client, const struct request *request)
{
    CHECK(request && request->minor_version > 0, "client %u got a 1xx that it cannot know",
          number(client));
    struct slice id = field_in(client->reading.head, "X-Sim-Id", NULL);
    CHECK(ledger_find(id, "a client") == request, "request %u got a 1xx of another", request->id);
    unsigned most = request->answer_flaw == FLAW_ENDLESS_INTERIMS ? 60 : request->interims;
    CHECK(++client->interims <= most, "request %u got too many 1xx", request->id);
    if (client->status == 100)
        client->waits_for_100 = false;
    reading_body(&client->reading, FRAMING_NONE, 0);
}

static void begin_tunnel(struct sim_client *client, struct request *request)
{
    CHECK(request->upgrades && request->status == 101, "request %u got a 101 that nobody sent",
          request->id);
    TELL(client, "has a tunnel");
    client->state = CLIENT_TUNNELS;
    client->asking = client->head_sent = false;
    client->mute = true;
    request->settled = true;
    struct queue *bytes = &client->writing.bytes;
    ASSERT(bytes->length == 0);
    writing_begin(&client->writing, FRAMING_CLOSE, request->up.length, request->up.seed,
                  chance_next(&client->chance));
}

static void on_head(struct sim_client *client)
{
    const char *head = client->reading.head;
    struct request *request = awaited(client);
    uint64_t status = 0, length = 0;
    CHECK(slice_starts_with(first_line(head), SLICE("HTTP/1.1 ")) &&
              slice_to_number(slice_of(head + 9, 3), 999, &status),
          "client %u got a malformed status line", number(client));
    client->status = (unsigned)status;
    client->answer_began = world_now();
    TELL(client, "gets status %u for request %u", client->status, request ? request->id : 0);
    if (status == 101 && request) {
        begin_tunnel(client, request);
        return;
    }
    if (status < 200) {
        on_interim(client, request);
        return;
    }
    struct slice id = field_in(head, "X-Sim-Id", NULL);
    client->framing = answer_framing(client, request, &length);
    client->is_ours = slice_is_empty(id);
    client->offset = 0;
    if (client->is_ours)
        check_own_answer(client, request);
    else
        check_server_answer(client, request, id, client->framing, length);
    struct slice connection = field_in(head, "Connection", NULL);
    bool old = request && request->minor_version == 0;
    client->last = client->framing == FRAMING_CLOSE || slice_equal(connection, SLICE("close")) ||
                   (old && !slice_equal(connection, SLICE("keep-alive")));
    client->waits_for_100 = false;
    reading_body(&client->reading, client->framing, length);
}

/* ---- bodies */

static void on_piece(struct sim_client *client)
{
    const struct request *request = awaited(client);
    struct slice piece = client->reading.piece;
    if (client->is_ours) {
        bool fixed = request && request->target == TARGET_FIXED && client->status == 200;
        CHECK(!fixed ||
                  slice_equal(piece, slice_until(slice_from(SLICE(FIXED_BODY), client->offset),
                                                 piece.length)),
              "the fixed answer is another");
    } else {
        CHECK(client->offset + piece.length <= request->answer.length &&
                  content_check(request->answer.seed, client->offset, piece) == piece.length,
              "the answer to request %u is wrong behind byte %llu", request->id,
              (unsigned long long)client->offset);
    }
    client->offset += piece.length;
}

/* The answer looks whole: it must be. */
static void check_whole(const struct sim_client *client, const struct request *request)
{
    if (client->is_ours) {
        CHECK(!request || request->target != TARGET_FIXED || client->status != 200 ||
                  request->is_head || client->offset == strlen(FIXED_BODY),
              "the fixed answer is cut, and looks whole");
        return;
    }
    uint64_t length = client->framing == FRAMING_NONE ? 0 : request->answer.length;
    CHECK(client->offset == length && request->answered,
          "the answer to request %u has %llu of %llu bytes, and looks whole", request->id,
          (unsigned long long)client->offset, (unsigned long long)length);
    if (client->framing == FRAMING_CHUNKED && request->answer.trailers &&
        request->answer.framing == FRAMING_CHUNKED) {
        unsigned count = 0;
        (void)field_in(client->reading.trailers, "X-Sim-Trailer", &count);
        CHECK(count == 1, "the answer to request %u has lost its trailer", request->id);
    }
    CHECK(request->minor_version == 0 || client->interims == request->interims,
          "request %u got %u 1xx instead of %u", request->id, client->interims, request->interims);
}

static void on_answer(struct sim_client *client)
{
    struct request *request = awaited(client);
    if (client->status < 200)
        return; /* a 1xx */
    check_whole(client, request);
    TELL(client, "has the answer to request %u", request ? request->id : 0);
    if (!request) {
        client->mute = client->last = true;
        return;
    }
    request->settled = true;
    client->interims = 0;
    client->next_answer++;
    if (client->last)
        client->mute = true;
}

/* ---- the end of what comes */

/* Whoever only asked what is malformed is told so. */
static void check_refusal(const struct sim_client *client, const struct request *request)
{
    bool only_flawed = request->flaw != FLAW_NONE && client->traits->ending == CLIENT_STAYS &&
                       !client->is_slow && excuses_of(client, request) == EXCUSE_CLIENT;
    CHECK(!only_flawed, "client %u was not told what is wrong with request %u (flaw %d)",
          number(client), request->id, request->flaw);
}

static void check_cut(const struct sim_client *client, bool orderly)
{
    const struct request *request = awaited(client);
    if (!request && client->asking && !client->last)
        check_refusal(client, request_of(client, client->next_question));
    if (!request || client->last)
        return;
    check_refusal(client, request);
    CHECK(excuses_for_cut(client, request, orderly),
          "client %u is %s, and waits for the answer to request %u", number(client),
          orderly ? "closed" : "reset", request->id);
}

static void on_in_end(struct sim_client *client, bool orderly)
{
    TELL(client, "%s", orderly ? "reads the end" : "is told of a reset");
    client->in_ended = true;
    struct request *request = awaited(client);
    bool inside = reading_is_inside(&client->reading);
    if (client->state == CLIENT_TUNNELS) {
        const struct request *tunnel = request_of(client, client->next_answer);
        CHECK(excuses_of(client, tunnel) ||
                  (orderly && tunnel->down.ended && client->tunnel_got == tunnel->down.length),
              "the tunnel of request %u ends at the client behind byte %llu of %llu", tunnel->id,
              (unsigned long long)client->tunnel_got, (unsigned long long)tunnel->down.length);
        if (!orderly || tunnel->up.ended)
            leave(client, false);
        return;
    }
    if (inside && client->reading.framing == FRAMING_CLOSE && orderly &&
        client->reading.state == READING_IN_BODY) {
        on_answer(client);
    } else if (inside) {
        CHECK(excuses_for_cut(client, request, orderly),
              "client %u: the answer to request %u is cut", number(client),
              request ? request->id : 0);
    } else {
        check_cut(client, orderly);
    }
    leave(client, false);
}

static void read_messages(struct sim_client *client)
{
    while (client->state == CLIENT_ASKS) {
        switch (reading_next(&client->reading)) {
        case READING_MORE:
            return;
        case READING_HEAD:
            on_head(client);
            break;
        case READING_PIECE:
            on_piece(client);
            break;
        case READING_END:
            on_answer(client);
            break;
        case READING_BAD:
            world_fail("client %u got a malformed answer: %s", number(client),
                       client->reading.wrong);
        }
    }
}

static void take_tunnel_bytes(struct sim_client *client)
{
    const struct request *request = request_of(client, client->next_answer);
    struct queue *bytes = &client->reading.bytes;
    queue_drop(bytes, client->reading.dropped);
    client->reading.dropped = 0;
    struct slice piece = queue_bytes(bytes);
    CHECK(client->tunnel_got + piece.length <= request->down.length &&
              content_check(request->down.seed, client->tunnel_got, piece) == piece.length,
          "the tunnel of request %u brings wrong bytes to the client behind byte %llu", request->id,
          (unsigned long long)client->tunnel_got);
    client->tunnel_got += piece.length;
    queue_drop(bytes, piece.length);
}

static void receive_some(struct sim_client *client)
{
    char memory[64 * 1024];
    size_t most = client->traits->read_piece;
    if (most > sizeof(memory))
        most = sizeof(memory);
    while (client->state <= CLIENT_TUNNELS && !client->in_ended) {
        if (world_now() < client->next_receive) {
            wake_in(client, client->next_receive - world_now());
            return;
        }
        int64_t got = end_receive(client->end, memory, most);
        if (got == -EAGAIN)
            return;
        if (got <= 0) {
            on_in_end(client, got == 0 && !client->broken);
            return;
        }
        be_patient(client);
        client->bytes += (uint64_t)got;
        client->next_receive = world_now() + client->traits->read_delay_us;
        queue_put(&client->reading.bytes, slice_of(memory, (size_t)got));
        read_messages(client);
        if (client->state == CLIENT_TUNNELS)
            take_tunnel_bytes(client);
    }
}

/* ---- sending */

static void begin_question(struct sim_client *client)
{
    struct request *request = request_of(client, client->next_question);
    TELL(client, "asks request %u: %s, flaw %d", request->id, request->method, request->flaw);
    /* To Weir the connection may have been idle since the answer before was sent. */
    if (client->answer_began && (world_now() - client->answer_began) / US_PER_MS * 2 >
                                    clients.scenario->timeouts.keep_alive)
        excuse(client, EXCUSE_CLIENT);
    client->asking = true;
    client->head_sent = false;
    client->head_begun = request->asked_at = world_now();
    excuse(client, request->flaw != FLAW_NONE ? EXCUSE_CLIENT : 0);
    writing_begin(&client->writing, request->body.framing, request->body.length, request->body.seed,
                  chance_next(&client->chance));
    client->writing.trailers = request->body.trailers ? TRAILER_LINE : NULL;
    client->writing.bad_chunk = request->flaw == FLAW_BAD_CHUNK;
    request_put_head(request, &client->writing.bytes);
}

/* The head is out: what Weir waits for from now on is the body. */
static void end_head(struct sim_client *client, struct request *request)
{
    client->head_sent = true;
    notice_slow_head(client);
    client->waits_for_100 = request->expects;
    if (request->expects)
        wake_in(client, US_PER_S / 2);
}

static void end_question(struct sim_client *client)
{
    struct request *request = request_of(client, client->next_question);
    TELL(client, "has asked request %u", request->id);
    client->asking = client->head_sent = false;
    client->next_question++;
    client->next_send = world_now() + client->traits->think_us;
    if (request->closes || request->upgrades || request->flaw != FLAW_NONE ||
        (request->minor_version == 0 && !request->keeps))
        client->mute = true;
    if ((client->mute || client->next_question == client->traits->count) &&
        client->traits->half_closes && !request->upgrades)
        end_shutdown(client->end);
}

static void end_tunnel(struct sim_client *client)
{
    struct request *request = request_of(client, client->next_answer);
    if (!request->up.ended) {
        request->up.ended = true;
        end_shutdown(client->end);
    }
    if (client->in_ended)
        leave(client, false);
}

enum step { STEP_SENDS, STEP_GOES_ON, STEP_WAITS };

/* The next bytes of the question in hand. */
static enum step continue_question(struct sim_client *client)
{
    struct request *request = request_of(client, client->next_question);
    if (client->waits_for_100 && world_now() < client->head_begun + US_PER_S) {
        wake_in(client, US_PER_S / 4);
        return STEP_WAITS;
    }
    bool more = writing_more(&client->writing);
    request->body_sent = client->writing.offset;
    request->body_ended = client->writing.ended;
    if (!more)
        end_question(client);
    return STEP_GOES_ON;
}

static enum step prepare(struct sim_client *client)
{
    if (client->writing.bytes.length > 0)
        return STEP_SENDS;
    if (client->state == CLIENT_TUNNELS)
        return writing_more(&client->writing) ? STEP_GOES_ON : STEP_WAITS;
    if (client->asking)
        return continue_question(client);
    bool may_ask = !client->mute && client->next_question < client->traits->count &&
                   client->next_question - client->next_answer <= client->traits->ahead;
    if (!may_ask)
        return STEP_WAITS;
    begin_question(client);
    return STEP_GOES_ON;
}

/* False: no more for now. */
static bool send_piece(struct sim_client *client)
{
    struct slice bytes = queue_bytes(&client->writing.bytes);
    int64_t sent = end_send(client->end, slice_until(bytes, client->traits->write_piece));
    if (sent < 0) {
        client->broken |= sent != -EAGAIN; /* the rest is told where it is read */
        if (client->broken && client->in_ended)
            leave(client, false);
        return false;
    }
    be_patient(client);
    client->bytes += (uint64_t)sent;
    queue_drop(&client->writing.bytes, (size_t)sent);
    client->next_send = world_now() + client->traits->write_delay_us;
    if (client->asking && !client->head_sent && client->writing.bytes.length == 0)
        end_head(client, request_of(client, client->next_question));
    return true;
}

static void send_some(struct sim_client *client)
{
    while (client->state != CLIENT_OVER && !client->end->shut && !client->broken) {
        if (world_now() < client->next_send) {
            wake_in(client, client->next_send - world_now());
            return;
        }
        enum step step = prepare(client);
        if (step == STEP_WAITS || (step == STEP_SENDS && !send_piece(client)))
            break;
    }
    if (client->state == CLIENT_TUNNELS && client->writing.bytes.length == 0 &&
        client->writing.ended)
        end_tunnel(client);
}

/* ---- the client's own end */

static bool wants_to_go(struct sim_client *client)
{
    const struct client_traits *traits = client->traits;
    return traits->ending != CLIENT_STAYS && client->bytes >= traits->ending_after;
}

/* A reset tells that nobody waits for an answer any more: no server should still be at work. */
static void on_long_gone(struct event *event)
{
    const struct sim_client *client = CONTAINER_OF(event, struct sim_client, patience);
    for (unsigned i = 0; i < client->traits->count; i++)
        CHECK(!sim_servers_work_on(request_of(client, i)),
              "a server is asked for request %u, and its client is long gone",
              request_of(client, i)->id);
}

static void go(struct sim_client *client)
{
    excuse(client, EXCUSE_CLIENT);
    for (unsigned i = 0; i < client->traits->count; i++)
        request_of(client, i)->excuses |= EXCUSE_CLIENT;
    if (client->traits->ending == CLIENT_FREEZES) {
        TELL(client, "freezes");
        client->state = CLIENT_FROZEN;
        world_cancel(&client->patience);
        return;
    }
    leave(client, client->traits->ending == CLIENT_RESETS);
    if (client->traits->ending == CLIENT_RESETS)
        world_plan(&client->patience, US_PER_S, on_long_gone);
}

/* Has nothing more to ask and nothing more to wait for. */
static bool is_done(const struct sim_client *client)
{
    bool asked = client->mute || client->next_question == client->traits->count;
    return client->state == CLIENT_ASKS && asked && !client->asking && !awaited(client) &&
           !reading_is_inside(&client->reading);
}

static void on_wake(struct event *event)
{
    struct sim_client *client = CONTAINER_OF(event, struct sim_client, wake);
    if (client->state > CLIENT_TUNNELS || client->end->connecting)
        return;
    receive_some(client);
    if (client->state <= CLIENT_TUNNELS)
        send_some(client);
    if (client->state <= CLIENT_TUNNELS && wants_to_go(client))
        go(client);
    else if (is_done(client))
        leave(client, false);
}

static void on_news(struct end *end)
{
    struct sim_client *client = end->owner;
    wake_in(client, chance_below(&client->chance, 200));
}

static void on_start(struct event *event)
{
    struct sim_client *client = CONTAINER_OF(event, struct sim_client, wake);
    client->end = end_connect(client->address, &client->traits->ip, on_news, client);
    client->end->forgets = chance_one_in(&client->chance, 2);
    client->began = world_now();
    TELL(client, "connects: connection %u", client->end->connection->number);
    be_patient(client);
}

void sim_clients_begin(const struct scenario *scenario, const struct address *address)
{
    clients.scenario = scenario;
    for (unsigned i = 0; i < scenario->client_count; i++) {
        struct sim_client *client = &clients.clients[i];
        *client = (struct sim_client){
            .traits = &scenario->clients[i],
            .address = address,
            .chance = chance_of(scenario->seed, 3000 + i),
            .excuses = scenario->excuses,
        };
        client->writing.ended = true;
        world_plan(&client->wake, client->traits->start_us, on_start);
    }
}

bool sim_clients_done(void)
{
    for (unsigned i = 0; i < clients.scenario->client_count; i++) {
        if (clients.clients[i].state < CLIENT_FROZEN)
            return false;
    }
    return true;
}

void sim_clients_excuse(unsigned excuses, bool delivered_too)
{
    for (unsigned i = 0; i < ledger.count; i++) {
        if (delivered_too || ledger.requests[i].deliveries == 0)
            ledger.requests[i].excuses |= excuses;
    }
}

void sim_clients_end(void)
{
    for (unsigned i = 0; i < clients.scenario->client_count; i++) {
        struct sim_client *client = &clients.clients[i];
        world_cancel(&client->wake);
        world_cancel(&client->patience);
        if (client->end && client->state != CLIENT_OVER)
            leave(client, true);
        reading_fini(&client->reading);
        writing_fini(&client->writing);
    }
}
