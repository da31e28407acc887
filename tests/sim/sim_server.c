#include "sim/sim_server.h"

#include "base/assert.h"
#include "sim/content.h"

#include <errno.h>
#include <stdio.h>

struct sim_server {
    const struct server_traits *traits;
    struct port port;
    struct chance chance;
    unsigned knocks;
};

enum visit_state {
    VISIT_WAITS,  /* for a request */
    VISIT_READS,  /* its body */
    VISIT_THINKS, /* the answer comes after a while */
    VISIT_ANSWERS,
    VISIT_TUNNEL,
    VISIT_STALLS, /* does nothing more, and stays */
};

/* One connection to a server. */
struct visit {
    struct list link;
    struct sim_server *server;
    struct end *end;
    struct reading reading;
    struct writing writing;
    struct request *request;
    enum visit_state state;
    bool body_read; /* of the request in hand */
    bool answer_begun, answer_sent;
    uint64_t offset; /* of its body */
    uint64_t tunnel_got;
    unsigned requests;
    bool in_ended, in_orderly, over;
    bool babbled; /* sent what nobody asked for: nobody may use it any more */
    struct chance chance;
    struct event wake, answer, idle;
    uint64_t next_send;
};

static struct {
    const struct scenario *scenario;
    struct sim_server servers[SERVERS_MAX];
    struct list visits;
    uint64_t last_left[UPSTREAMS]; /* by itself, between requests */
} world_of_servers;

static void wake(struct event *event);

static void wake_in(struct visit *visit, uint64_t delay_us)
{
    if (!visit->wake.place && !visit->over)
        world_plan(&visit->wake, delay_us, wake);
}

static void tell(const struct visit *visit, const char *what)
{
    TRACE("server on connection %u: %s (request %u)", visit->end->connection->number, what,
          visit->request ? visit->request->id : 0);
}

static void check_tunnel_end(const struct visit *visit)
{
    const struct request *request = visit->request;
    CHECK(request->excuses || (request->up.ended && visit->tunnel_got == request->up.length),
          "the tunnel of request %u ends at the server behind byte %llu of %llu", request->id,
          (unsigned long long)visit->tunnel_got, (unsigned long long)request->up.length);
}

static void leave(struct visit *visit, bool reset)
{
    ASSERT(!visit->over);
    tell(visit, reset ? "resets" : "closes");
    if (visit->state == VISIT_TUNNEL && visit->in_ended && visit->in_orderly)
        check_tunnel_end(visit);
    visit->over = true;
    world_cancel(&visit->wake);
    world_cancel(&visit->answer);
    world_cancel(&visit->idle);
    if (reset)
        end_reset(visit->end);
    else
        end_close(visit->end);
    queue_fini(&visit->writing.bytes);
}

/* ---- the question */

static void check_head(const struct visit *visit, const struct request *request)
{
    const char *head = visit->reading.head;
    char expected[256];
    struct slice line = first_line(head);
    int length = snprintf(expected, sizeof(expected), "%s /task/%u?id=%u HTTP/1.1", request->method,
                          request->id, request->id);
    CHECK(slice_equal(line, slice_of(expected, (size_t)length)),
          "a server is asked \"%.*s\" instead of \"%s\"", (int)line.length, line.data, expected);
    CHECK(request->target == TARGET_SERVER && request->upstream == visit->server->traits->upstream,
          "request %u went to the wrong server", request->id);
    CHECK(request->flaw == FLAW_NONE || request->flaw == FLAW_BAD_CHUNK,
          "a malformed head (%d) of request %u reached a server", request->flaw, request->id);
    unsigned hosts = 0, forwarded = 0, hops = 0;
    struct slice host = field_in(head, "Host", &hosts);
    struct slice chain = field_in(head, "X-Forwarded-For", &forwarded);
    (void)field_in(head, "X-Hop", &hops);
    CHECK(hosts == 1 && slice_equal_fold(host, slice_from_text(request->host)),
          "request %u has another host", request->id);
    CHECK(forwarded == 1 && slice_starts_with(chain, SLICE("192.0.2.")),
          "request %u has X-Forwarded-For: %.*s", request->id, (int)chain.length, chain.data);
    CHECK(hops == 0, "a field of the connection went on with request %u", request->id);
}

static void check_delivery(struct request *request)
{
    request->deliveries++;
    /* Twice for each attempt: a connection that was kept may be dead, and a fresh one follows. */
    unsigned most = request->is_idempotent ? 2 * world_of_servers.scenario->attempts : 1;
    CHECK(request->deliveries <= most, "request %u (%s) was delivered %u times", request->id,
          request->method, request->deliveries);
}

static void end_request(struct visit *visit)
{
    struct request *request = visit->request;
    visit->body_read = true;
    tell(visit, "has the whole request");
    CHECK(visit->offset == request->body.length,
          "the body of request %u has %llu bytes instead of %llu, and looks whole", request->id,
          (unsigned long long)visit->offset, (unsigned long long)request->body.length);
    CHECK(request->body.framing == FRAMING_NONE || request->body_ended,
          "the body of request %u was cut, and looks whole", request->id);
    CHECK(request->flaw == FLAW_NONE, "malformed request %u looks whole", request->id);
    request->whole_deliveries++;
    if (request->body.framing == FRAMING_CHUNKED && request->body.trailers) {
        unsigned count = 0;
        (void)field_in(visit->reading.trailers, "X-Sim-Trailer", &count);
        CHECK(count == 1, "request %u has lost its trailer", request->id);
    }
}

static void begin_answer(struct event *event);

static void think(struct visit *visit)
{
    if (visit->state == VISIT_READS || visit->state == VISIT_WAITS)
        visit->state = VISIT_THINKS;
    if (!visit->answer_begun && !visit->answer.place)
        world_plan(&visit->answer, visit->request->delay_us, begin_answer);
}

static void interim(struct visit *visit)
{
    for (unsigned i = 0; i < visit->request->interims; i++)
        request_put_interim(visit->request, &visit->writing.bytes);
}

static void begin_request(struct visit *visit)
{
    struct slice id = field_in(visit->reading.head, "X-Sim-Id", NULL);
    struct request *request = visit->request = ledger_find(id, "a server");
    tell(visit, "is asked");
    CHECK(!visit->babbled, "request %u came over a connection with bytes left over", request->id);
    world_cancel(&visit->idle);
    check_head(visit, request);
    check_delivery(request);
    enum framing framing;
    uint64_t length;
    CHECK(framing_of(visit->reading.head, FRAMING_NONE, &framing, &length),
          "request %u has a body of two readings", request->id);
    if (request->body.framing != FRAMING_NONE)
        CHECK(framing == request->body.framing &&
                  (framing != FRAMING_COUNTED || length == request->body.length),
              "the body of request %u is framed otherwise", request->id);
    reading_body(&visit->reading, framing, length);
    visit->offset = 0;
    visit->body_read = visit->answer_begun = visit->answer_sent = false;
    visit->state = VISIT_READS;
    visit->requests++;
    writing_begin(&visit->writing, FRAMING_NONE, 0, 0, chance_next(&visit->chance));
    visit->writing.ended = true;
    interim(visit);
    if (request->early)
        think(visit);
}

static void take_body(struct visit *visit)
{
    struct slice piece = visit->reading.piece;
    struct request *request = visit->request;
    CHECK(visit->offset + piece.length <= request->body_sent,
          "the body of request %u has bytes that nobody sent", request->id);
    CHECK(content_check(request->body.seed, visit->offset, piece) == piece.length,
          "the body of request %u is wrong behind byte %llu", request->id,
          (unsigned long long)visit->offset);
    visit->offset += piece.length;
}

/* ---- the answer */

static void on_idle(struct event *event)
{
    struct visit *visit = CONTAINER_OF(event, struct visit, idle);
    wake_in(visit, 0);
}

static void answer_whole(struct visit *visit)
{
    struct request *request = visit->request;
    visit->answer_sent = true;
    tell(visit, "has answered");
    if (request->status == 101 && request->answer_flaw == FLAW_NONE) {
        visit->state = VISIT_TUNNEL;
        writing_begin(&visit->writing, FRAMING_CLOSE, request->down.length, request->down.seed,
                      chance_next(&visit->chance));
        wake_in(visit, 1);
        return;
    }
    visit->state = visit->body_read ? VISIT_WAITS : VISIT_READS;
    if (request->last) {
        leave(visit, false);
        return;
    }
    if (request->stops_reading && !visit->body_read)
        visit->state = VISIT_STALLS;
    if (visit->server->traits->idle_us > 0)
        world_plan(&visit->idle, visit->server->traits->idle_us, on_idle);
}

/* The answer with bytes behind it that arrive together with it: were they to come later, nobody
 * could tell them from the answer to the next request. Sent where there is room for all of it. */
static void babble(struct visit *visit)
{
    struct queue *bytes = &visit->writing.bytes;
    while (writing_more(&visit->writing))
        continue;
    visit->request->answered = true;
    struct slice unasked = SLICE("HTTP/1.1 200 Unasked\r\nContent-Length: 0\r\n\r\n");
    if (visit->end->out.length > 0 || end_room(visit->end) < bytes->length + unasked.length)
        return;
    queue_put(bytes, unasked);
    struct slice all = queue_bytes(bytes);
    visit->babbled = true;
    end_glue(visit->end, all.length);
    (void)end_send(visit->end, all);
    queue_drop(bytes, all.length);
}

static void begin_answer(struct event *event)
{
    struct visit *visit = CONTAINER_OF(event, struct visit, answer);
    struct request *request = visit->request;
    visit->answer_begun = true;
    visit->state = VISIT_ANSWERS;
    if (request->conduct == CONDUCT_SILENT) {
        visit->state = VISIT_STALLS;
        return;
    }
    if (request->conduct == CONDUCT_SNUBS) {
        leave(visit, false);
        return;
    }
    bool bodiless = request_answer_is_bodiless(request, request->status);
    writing_begin(&visit->writing, bodiless ? FRAMING_NONE : request->answer.framing,
                  request->answer.length, request->answer.seed, chance_next(&visit->chance));
    visit->writing.trailers = request->answer.trailers ? TRAILER_LINE : NULL;
    visit->writing.bad_chunk = request->answer_flaw == FLAW_RESPONSE_CHUNK;
    if (request->conduct != CONDUCT_WHOLE)
        visit->writing.cut_at = request->cut_at;
    for (int i = 0; request->answer_flaw == FLAW_ENDLESS_INTERIMS && i < 50; i++)
        request_put_interim(request, &visit->writing.bytes);
    size_t before = visit->writing.bytes.length;
    request_put_answer(request, &visit->writing.bytes);
    if (request->babbles)
        babble(visit);
    if (request->conduct != CONDUCT_WHOLE && request->cuts_head) {
        visit->writing.ended = true;
        visit->writing.bytes.length =
            before + chance_below(&visit->chance, visit->writing.bytes.length - before);
    }
    wake_in(visit, 1);
}

/* All that there is to be sent was sent. */
static void end_sending(struct visit *visit)
{
    struct request *request = visit->request;
    if (visit->state == VISIT_TUNNEL) {
        if (!request->down.ended && (visit->in_ended || !request->down.waits)) {
            request->down.ended = true;
            end_shutdown(visit->end);
        }
        if (visit->in_ended && request->down.ended)
            leave(visit, false);
        return;
    }
    if (visit->state != VISIT_ANSWERS)
        return;
    switch (request->conduct) {
    case CONDUCT_WHOLE:
        answer_whole(visit);
        break;
    case CONDUCT_CLOSES:
        leave(visit, false);
        break;
    case CONDUCT_RESETS:
        leave(visit, true);
        break;
    default:
        visit->state = VISIT_STALLS;
        break;
    }
}

/* False: it is over. */
static bool send_some(struct visit *visit)
{
    const struct server_traits *traits = visit->server->traits;
    if (world_now() < visit->next_send) {
        wake_in(visit, visit->next_send - world_now());
        return true;
    }
    while (visit->writing.bytes.length > 0 || writing_more(&visit->writing)) {
        if (visit->state == VISIT_ANSWERS && visit->writing.ended)
            visit->request->answered |= visit->request->conduct == CONDUCT_WHOLE;
        struct slice bytes = slice_until(queue_bytes(&visit->writing.bytes), traits->write_piece);
        int64_t sent = end_send(visit->end, bytes);
        if (sent == -EAGAIN)
            return true;
        if (sent < 0) {
            leave(visit, false);
            return false;
        }
        queue_drop(&visit->writing.bytes, (size_t)sent);
        if (traits->write_delay_us > 0) {
            visit->next_send = world_now() + traits->write_delay_us;
            wake_in(visit, traits->write_delay_us);
            return true;
        }
    }
    end_sending(visit);
    return !visit->over;
}

/* ---- tunnels */

static void take_tunnel_bytes(struct visit *visit)
{
    struct request *request = visit->request;
    struct queue *bytes = &visit->reading.bytes;
    queue_drop(bytes, visit->reading.dropped);
    visit->reading.dropped = 0;
    struct slice piece = queue_bytes(bytes);
    CHECK(visit->tunnel_got + piece.length <= request->up.length &&
              content_check(request->up.seed, visit->tunnel_got, piece) == piece.length,
          "the tunnel of request %u brings wrong bytes to the server behind byte %llu", request->id,
          (unsigned long long)visit->tunnel_got);
    visit->tunnel_got += piece.length;
    queue_drop(bytes, piece.length);
}

/* ---- receiving */

static void read_messages(struct visit *visit)
{
    while (!visit->over && visit->state != VISIT_STALLS) {
        if (visit->state == VISIT_TUNNEL) {
            take_tunnel_bytes(visit);
            return;
        }
        if (visit->reading.state == READING_IN_HEAD && visit->state != VISIT_WAITS)
            return; /* the next request, before this one was answered */
        switch (reading_next(&visit->reading)) {
        case READING_MORE:
            return;
        case READING_HEAD:
            begin_request(visit);
            break;
        case READING_PIECE:
            take_body(visit);
            break;
        case READING_END:
            end_request(visit);
            if (visit->answer_sent)
                visit->state = VISIT_WAITS;
            else
                think(visit);
            break;
        case READING_BAD:
            world_fail("a server got a malformed request: %s", visit->reading.wrong);
        }
    }
}

static bool is_upgrading(const struct visit *visit)
{
    return visit->state == VISIT_ANSWERS && visit->request->status == 101 &&
           visit->request->conduct == CONDUCT_WHOLE;
}

/* The product ended its direction, or the connection broke. */
static void on_in_end(struct visit *visit, bool orderly)
{
    visit->in_ended = true;
    visit->in_orderly = orderly;
    tell(visit, orderly ? "reads the end" : "is told of a reset");
    bool stays = orderly && (visit->state == VISIT_TUNNEL || is_upgrading(visit));
    if (!stays || (visit->state == VISIT_TUNNEL && visit->request->down.ended))
        leave(visit, false);
}

/* False: it is over. */
static bool receive_some(struct visit *visit)
{
    const struct server_traits *traits = visit->server->traits;
    char memory[64 * 1024];
    size_t most = traits->read_piece < sizeof(memory) ? traits->read_piece : sizeof(memory);
    for (;;) {
        if (visit->in_ended || visit->state == VISIT_STALLS)
            return true;
        int64_t got = end_receive(visit->end, memory, most);
        if (got == -EAGAIN)
            return true;
        if (got <= 0) {
            on_in_end(visit, got == 0);
            return !visit->over;
        }
        queue_put(&visit->reading.bytes, slice_of(memory, (size_t)got));
        read_messages(visit);
        if (visit->over)
            return false;
        if (traits->read_delay_us > 0) {
            wake_in(visit, traits->read_delay_us);
            return true;
        }
    }
}

static bool is_tired(const struct visit *visit)
{
    const struct server_traits *traits = visit->server->traits;
    bool idle =
        visit->state == VISIT_WAITS && !reading_is_inside(&visit->reading) && visit->requests > 0;
    bool many = traits->requests_most > 0 && visit->requests >= traits->requests_most;
    bool long_idle = traits->idle_us > 0 && !visit->idle.place;
    return idle && (many || long_idle);
}

static void run(struct visit *visit)
{
    if (!receive_some(visit))
        return;
    read_messages(visit);
    if (visit->over || !send_some(visit))
        return;
    read_messages(visit); /* a request that waited for the answer before it */
    if (!visit->over && is_tired(visit)) {
        world_of_servers.last_left[visit->server->traits->upstream] = world_now();
        leave(visit, false);
    }
}

static void wake(struct event *event)
{
    struct visit *visit = CONTAINER_OF(event, struct visit, wake);
    if (!visit->over)
        run(visit);
}

static void on_news(struct end *end)
{
    struct visit *visit = end->owner;
    wake_in(visit, chance_below(&visit->chance, 200));
}

/* ---- arriving */

static enum port_answer on_knock(struct port *port)
{
    struct sim_server *server = port->owner;
    server->knocks++;
    switch (server->traits->habit) {
    case KNOCK_ACCEPTS:
    case KNOCK_DROPS:
        return PORT_ACCEPTS;
    case KNOCK_REFUSES:
        return PORT_REFUSES;
    case KNOCK_IGNORES:
        return PORT_IGNORES;
    case KNOCK_CHANGES:
        return chance_one_in(&server->chance, 2) ? PORT_ACCEPTS : PORT_REFUSES;
    }
    UNREACHABLE();
}

/* What either side has closed counts no more, though its end may be on its way, or Weir's last
 * words. */
static void check_limit(unsigned upstream)
{
    unsigned count = 0, most = world_of_servers.scenario->connections_most;
    LIST_EACH (link, &world_of_servers.visits) {
        const struct visit *visit = CONTAINER_OF(link, struct visit, link);
        count += visit->server->traits->upstream == upstream && !visit->over &&
                 !visit->end->other->closed;
    }
    CHECK(most == 0 || count <= most, "%u connections are open to an upstream that may have %u",
          count, most);
}

static void on_arrival(struct port *port, struct end *end)
{
    struct sim_server *server = port->owner;
    struct visit *visit = sim_calloc(sizeof(*visit));
    visit->server = server;
    visit->end = end;
    visit->chance = chance_of(chance_next(&server->chance), 1);
    visit->writing.ended = true;
    list_push_back(&world_of_servers.visits, &visit->link);
    end->owner = visit;
    end->on_news = on_news;
    check_limit(server->traits->upstream);
    if (server->traits->habit == KNOCK_DROPS && chance_one_in(&server->chance, 2))
        leave(visit, chance_one_in(&server->chance, 2));
}

void sim_servers_open(const struct scenario *scenario)
{
    world_of_servers.scenario = scenario;
    list_init(&world_of_servers.visits);
    memset(world_of_servers.last_left, 0, sizeof(world_of_servers.last_left));
    for (unsigned i = 0; i < scenario->server_count; i++) {
        struct sim_server *server = &world_of_servers.servers[i];
        *server = (struct sim_server){
            .traits = &scenario->servers[i],
            .chance = chance_of(scenario->seed, 2000 + i),
            .port = {.address = scenario->servers[i].address,
                     .owner = server,
                     .on_knock = on_knock,
                     .on_arrival = on_arrival},
        };
        bool opened = port_open(&server->port);
        ASSERT(opened);
    }
}

bool sim_servers_work_on(const struct request *request)
{
    LIST_EACH (link, &world_of_servers.visits) {
        const struct visit *visit = CONTAINER_OF(link, struct visit, link);
        bool at_work = visit->request == request && visit->state != VISIT_WAITS;
        if (!visit->over && at_work && !visit->end->other->closed)
            return true;
    }
    return false;
}

uint64_t sim_servers_last_left(unsigned upstream)
{
    return world_of_servers.last_left[upstream];
}

unsigned sim_servers_connected(void)
{
    unsigned count = 0;
    LIST_EACH (link, &world_of_servers.visits) {
        const struct visit *visit = CONTAINER_OF(link, struct visit, link);
        if (!visit->over && !visit->end->other->closed)
            count++;
    }
    return count;
}

void sim_servers_close(void)
{
    for (unsigned i = 0; i < world_of_servers.scenario->server_count; i++)
        port_close(&world_of_servers.servers[i].port);
    struct list *link;
    while ((link = list_pop_front(&world_of_servers.visits))) {
        struct visit *visit = CONTAINER_OF(link, struct visit, link);
        if (!visit->over)
            leave(visit, true);
        reading_fini(&visit->reading);
        sim_free(visit);
    }
}
