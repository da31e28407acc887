#include "sim/ledger.h"

#include "sim/world.h"

struct ledger ledger;

struct request *ledger_find(struct slice id, const char *who)
{
    uint64_t number = 0;
    CHECK(slice_to_number(id, REQUESTS_MAX, &number) && number >= 1 && number <= ledger.count,
          "%s got a message of no request: \"%.*s\"", who, (int)id.length, id.data);
    return &ledger.requests[number - 1];
}

bool request_answer_is_bodiless(const struct request *request, unsigned status)
{
    return request->is_head || status == 204 || status == 304 || status < 200;
}

/* ---- the question */

static void put_target(const struct request *request, struct queue *bytes)
{
    static const char *const paths[] = {[TARGET_SERVER] = "/task",
                                        [TARGET_FIXED] = "/fixed",
                                        [TARGET_AWAY] = "/away",
                                        [TARGET_NOBODY] = "/nobody"};
    if (request->flaw == FLAW_CONNECT) {
        queue_put_text(bytes, "%s:80", request->host);
        return;
    }
    queue_put_text(bytes, "%s/%u", paths[request->target], request->id);
    if (request->flaw == FLAW_ENCODED_NUL)
        queue_put(bytes, SLICE("/a%00b"));
    if (request->flaw == FLAW_LONG_TARGET)
        memset(queue_grow(bytes, 3000), 'x', 3000);
    queue_put_text(bytes, "?id=%u", request->id);
}

static void put_flaw(const struct request *request, struct queue *bytes)
{
    switch (request->flaw) {
    case FLAW_BARE_LF:
        queue_put(bytes, SLICE("X-A: b\nX-B: c\r\n"));
        break;
    case FLAW_NUL:
        queue_put(bytes, SLICE("X-A: b\0c\r\n"));
        break;
    case FLAW_SPACE_BEFORE_COLON:
        queue_put(bytes, SLICE("X-A : b\r\n"));
        break;
    case FLAW_LENGTH_AND_CHUNKS:
        queue_put(bytes, SLICE("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"));
        break;
    case FLAW_TWO_LENGTHS:
        queue_put(bytes, SLICE("Content-Length: 5\r\nContent-Length: 6\r\n"));
        break;
    case FLAW_BAD_LENGTH:
        queue_put(bytes, SLICE("Content-Length: +5\r\n"));
        break;
    case FLAW_TWO_HOSTS:
        queue_put(bytes, SLICE("Host: other.test\r\n"));
        break;
    case FLAW_FOLDED:
        queue_put(bytes, SLICE("X-A: b\r\n c\r\n"));
        break;
    case FLAW_LARGE_HEAD:
        queue_put(bytes, SLICE("X-A: "));
        memset(queue_grow(bytes, 6000), 'x', 6000);
        queue_put(bytes, SLICE("\r\n"));
        break;
    case FLAW_MANY_FIELDS:
        for (int i = 0; i < 60; i++)
            queue_put_text(bytes, "X-%d: y\r\n", i);
        break;
    case FLAW_EXPECTATION:
        queue_put(bytes, SLICE("Expect: miracles\r\n"));
        break;
    case FLAW_CODING:
        queue_put(bytes, SLICE("Transfer-Encoding: gzip\r\n"));
        break;
    default:
        break;
    }
}

static void put_connection(const struct request *request, struct queue *bytes)
{
    if (request->upgrades)
        queue_put(bytes, SLICE("Connection: upgrade\r\nUpgrade: sim\r\n"));
    else if (request->closes)
        queue_put(bytes, SLICE("Connection: close, X-Hop\r\nX-Hop: by hop\r\n"));
    else if (request->keeps)
        queue_put(bytes, SLICE("Connection: keep-alive\r\n"));
}

static void put_framing(const struct body_plan *body, struct queue *bytes)
{
    if (body->framing == FRAMING_COUNTED)
        queue_put_text(bytes, "Content-Length: %llu\r\n", (unsigned long long)body->length);
    else if (body->framing == FRAMING_CHUNKED)
        queue_put(bytes, SLICE("Transfer-Encoding: chunked\r\n"));
}

void request_put_head(const struct request *request, struct queue *bytes)
{
    const char *version = request->minor_version ? "HTTP/1.1" : "HTTP/1.0";
    queue_put_text(bytes, "%s ", request->flaw == FLAW_CONNECT ? "CONNECT" : request->method);
    put_target(request, bytes);
    queue_put_text(bytes, " %s\r\n", request->flaw == FLAW_VERSION ? "HTTP/2.0" : version);
    if (request->flaw != FLAW_NO_HOST)
        queue_put_text(bytes, "Host: %s\r\n", request->host);
    queue_put_text(bytes, "X-Sim-Id: %u\r\nX-Forwarded-For: 6.6.6.6\r\n", request->id);
    put_flaw(request, bytes);
    put_connection(request, bytes);
    if (request->expects)
        queue_put(bytes, SLICE("Expect: 100-continue\r\n"));
    put_framing(&request->body, bytes);
    queue_put(bytes, SLICE("\r\n"));
}

/* ---- the answer */

static void put_answer_flaw(enum flaw flaw, struct queue *bytes)
{
    switch (flaw) {
    case FLAW_RESPONSE_LENGTHS:
        queue_put(bytes, SLICE("Content-Length: 3\r\nContent-Length: 4\r\n"));
        break;
    case FLAW_RESPONSE_BOTH:
        queue_put(bytes, SLICE("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"));
        break;
    case FLAW_RESPONSE_NUL:
        queue_put(bytes, SLICE("X-A: b\0c\r\n"));
        break;
    case FLAW_RESPONSE_FOLDED:
        queue_put(bytes, SLICE("X-A: b\r\n c\r\n"));
        break;
    case FLAW_RESPONSE_LARGE:
        queue_put(bytes, SLICE("X-A: "));
        memset(queue_grow(bytes, 6000), 'x', 6000);
        queue_put(bytes, SLICE("\r\n"));
        break;
    default:
        break;
    }
}

void request_put_answer(const struct request *request, struct queue *bytes)
{
    enum flaw flaw = request->answer_flaw;
    if (flaw == FLAW_STATUS_LINE)
        queue_put(bytes, SLICE("HTTP/1.1 banana\r\n"));
    else
        queue_put_text(bytes, "%s %u Answer\r\n",
                       flaw == FLAW_RESPONSE_VERSION ? "HTTP/3.7" : "HTTP/1.1", request->status);
    queue_put_text(bytes, "X-Sim-Id: %u\r\nServer: sim\r\n", request->id);
    if (request->status == 101)
        queue_put(bytes, SLICE("Connection: Upgrade\r\nUpgrade: sim\r\n"));
    else if (request->last)
        queue_put(bytes, SLICE("Connection: close\r\n"));
    put_answer_flaw(flaw, bytes);
    bool framed = flaw != FLAW_RESPONSE_LENGTHS && flaw != FLAW_RESPONSE_BOTH;
    if (framed && request->answer.framing != FRAMING_NONE)
        put_framing(&request->answer, bytes);
    else if (framed && !request_answer_is_bodiless(request, request->status))
        queue_put(bytes, SLICE("Content-Length: 0\r\n"));
    queue_put(bytes, SLICE("\r\n"));
}

void request_put_interim(const struct request *request, struct queue *bytes)
{
    bool asked = request->expects && request->interims == 1;
    queue_put_text(bytes, "HTTP/1.1 %s\r\nX-Sim-Id: %u\r\n\r\n",
                   asked ? "100 Continue" : "103 Early Hints", request->id);
}
