/* Requests to a server, and the heads of its responses. */
#include "base/arena.h"
#include "base/assert.h"
#include "wire/h2_int.h"

enum {
    PSEUDO_AND_OWN = 7, /* :method :protocol :scheme :authority :path, te, content-length */
    ROOM_FOR_MORE = 8,  /* fields that are added on the way to the client */
};

bool h2_has_settings(const struct h2 *h2)
{
    return h2->peer.has_spoken;
}

bool h2_may_ask(const struct h2 *h2)
{
    return !h2->error && !h2->is_terminated && !h2->has_ended && !h2->peer_ended &&
           h2->next_id <= H2_NUMBER_MASK;
}

uint32_t h2_peer_streams(const struct h2 *h2)
{
    return h2->peer.streams;
}

bool h2_takes_connect(const struct h2 *h2)
{
    return h2->peer.takes_connect;
}

uint32_t h2_stream_error(const struct h2_stream *stream)
{
    return stream->error;
}

/* ---- the request */

/* RFC 9110 8.6: methods that are expected to have a body say that it is empty. */
static bool announces_length(const struct request_head *head)
{
    bool expects =
        head->method == METHOD_POST || head->method == METHOD_PUT || head->method == METHOD_PATCH;
    return head->body == BODY_COUNTED || (head->body == BODY_NONE && expects);
}

static bool add(struct fields *list, struct arena *arena, struct slice name, struct slice value)
{
    return fields_add(list, arena, FIELD_OTHER, name, value);
}

static bool add_method(struct fields *list, struct arena *arena, const struct request_head *head)
{
    if (!head->wants_upgrade)
        return add(list, arena, SLICE(":method"), head->method_text);
    struct slice protocol = fields_find(&head->fields, FIELD_UPGRADE)->value;
    return add(list, arena, SLICE(":method"), SLICE("CONNECT")) &&
           add(list, arena, SLICE(":protocol"), protocol);
}

/* HTTP/2 has no use for the key of a WebSocket (RFC 8441 5.1). */
static bool is_asked(const struct request_head *head, const struct field *field)
{
    return h2_is_sent(field) && !(head->wants_upgrade && field->id == FIELD_OTHER &&
                                  slice_equal_fold(field->name, SLICE("sec-websocket-key")));
}

static bool add_fields(struct fields *list, struct arena *arena, const struct request_head *head)
{
    for (uint32_t i = 0; i < head->fields.count; i++) {
        const struct field *field = &head->fields.items[i];
        if (is_asked(head, field) && !fields_add(list, arena, field->id, field->name, field->value))
            return false;
    }
    return true;
}

/* All that goes. Host is :authority (RFC 9113 8.3.1); it stands first among the fields, if at all.
 */
static bool list_head(struct fields *list, struct arena *arena, const struct request_head *head,
                      struct slice scheme, struct slice length)
{
    const struct field *host = fields_find(&head->fields, FIELD_HOST);
    return fields_init(list, arena, head->fields.count + PSEUDO_AND_OWN) &&
           add_method(list, arena, head) && add(list, arena, SLICE(":scheme"), scheme) &&
           (!host || add(list, arena, SLICE(":authority"), host->value)) &&
           add(list, arena, SLICE(":path"), head->target) && add_fields(list, arena, head) &&
           (!head->wants_trailers ||
            fields_add(list, arena, FIELD_TE, SLICE("te"), SLICE("trailers"))) &&
           (length.length == 0 ||
            fields_add(list, arena, FIELD_CONTENT_LENGTH, SLICE("content-length"), length));
}

/* The head is packed, and goes. */
static void open_stream(struct h2_stream *stream, struct text *text)
{
    struct h2 *h2 = stream->h2;
    bool ends = stream->response_ended && stream->waiting == 0 && !stream->response_trailers;
    const struct h2_frame frame = {
        .stream = stream->id, .kind = H2_KIND_HEADERS, .flags = ends ? H2_FLAG_END_STREAM : 0};
    stream->end_framed = ends;
    h2_queue_end_block(h2, &frame, text);
    h2_stream_open(stream);
    h2_gate_ask(&h2->gate, stream->id);
}

static bool send_head(struct h2_stream *stream, const struct fields *list)
{
    struct h2 *h2 = stream->h2;
    struct text text;
    if (!h2_queue_begin_block(h2, h2_pack_bound(list), &text))
        return false;
    for (uint32_t i = 0; i < list->count; i++)
        h2_pack(h2, &text, &list->items[i]);
    open_stream(stream, &text);
    return true;
}

/* ---- what the server does not take yet */

static bool takes_one_more(const struct h2 *h2)
{
    return h2->open < h2->peer.streams && list_is_empty(&h2->held_back);
}

/* What is packed must go at once, so it is kept as it is. */
COLD static bool hold_back(struct h2_stream *stream, const struct fields *list)
{
    struct h2 *h2 = stream->h2;
    const struct h2_block_limits limits = {.size = (uint32_t)h2_block_size(list),
                                           .count = list->count};
    struct h2_block *block = &stream->held_back;
    block->bytes.buffer = buffer_new(h2->pools, limits.size);
    for (uint32_t i = 0; block->bytes.buffer && i < list->count; i++) {
        if (!h2_block_put(block, &limits, h2->pools, &list->items[i]))
            return false;
    }
    list_push_back(&h2->held_back, &stream->ready);
    return block->bytes.buffer != NULL;
}

static bool let_go(struct h2_stream *stream)
{
    struct h2 *h2 = stream->h2;
    struct slice rest = span_slice(&stream->held_back.bytes);
    struct field field;
    struct text text;
    if (!h2_queue_begin_block(h2, stream->held_back.size + HPACK_BLOCK_BOUND, &text))
        return false;
    while (h2_block_next(&rest, &field))
        h2_pack(h2, &text, &field);
    list_remove(&stream->ready);
    h2_block_clear(&stream->held_back);
    open_stream(stream, &text);
    h2_stream_ready(stream);
    bool ends_now = stream->response_ended && stream->waiting == 0 && !stream->end_framed;
    return !ends_now || h2_queue_end(stream);
}

void h2_let_ask(struct h2 *h2)
{
    while (!list_is_empty(&h2->held_back) && h2->open < h2->peer.streams && !h2->is_terminated &&
           !h2->peer_ended) {
        if (!let_go(CONTAINER_OF(h2->held_back.next, struct h2_stream, ready)))
            h2_terminate(h2, H2_INTERNAL_ERROR);
    }
}

/* ---- asking */

static struct h2_stream *begin(struct h2 *h2, const struct request_head *head,
                               const struct fields *list)
{
    struct h2_stream *stream = h2_stream_new(h2, h2->next_id);
    if (!stream)
        return NULL;
    stream->answered = true;       /* our head is under way */
    stream->is_incremental = true; /* a long body holds up no other */
    stream->is_tunnel = head->wants_upgrade;
    stream->is_head = head->method == METHOD_HEAD;
    stream->response_ended = head->body == BODY_NONE && !head->wants_upgrade;
    bool ends_by_length = head->body == BODY_COUNTED && head->major_version < 2;
    stream->length = ends_by_length ? head->body_length : 0;
    if (takes_one_more(h2) ? send_head(stream, list) : hold_back(stream, list)) {
        h2->next_id += 2;
        return stream;
    }
    h2_block_clear(&stream->held_back);
    list_remove(&stream->ready);
    h2_stream_free(stream);
    return NULL;
}

struct h2_stream *h2_ask(struct h2 *h2, const struct request_head *head, struct slice scheme,
                         void *owner, struct arena *arena)
{
    char memory[20];
    struct text length = text_over(memory, sizeof(memory));
    struct fields list;
    ASSERT(h2->is_to_server && head->target.length > 0);
    if (announces_length(head))
        text_add_number(&length, head->body == BODY_COUNTED ? head->body_length : 0);
    if (!h2_may_ask(h2) || !list_head(&list, arena, head, scheme, text_slice(&length)))
        return NULL;
    struct h2_stream *stream = begin(h2, head, &list);
    if (stream)
        h2_own(stream, owner);
    return stream;
}

/* ---- the response */

static unsigned status_of(struct slice digits)
{
    uint64_t status = 0;
    bool good = slice_to_number(digits, 599, &status);
    return good ? (unsigned)status : 0;
}

/* Few servers send any. Without memory it is lost; the final one is what counts. */
static void keep_interim(struct h2_stream *stream, struct h2_block block)
{
    if (!stream->interim)
        stream->interim =
            small_new_cleared(&stream->h2->pools->small, H2_INTERIM_MAX * sizeof(*stream->interim));
    if (!stream->interim) {
        h2_block_clear(&block);
        return;
    }
    uint32_t at = (stream->interim_first + stream->interim_count++) % H2_INTERIM_MAX;
    stream->interim[at] = block;
    stream->interim_size += block.size;
}

/* More interim heads than anybody takes are a flood, and so are those that are together as large as
 * one may be. */
static bool is_flood(const struct h2_stream *stream, const struct h2_block *block)
{
    bool is_large = stream->interim_size + block->size > stream->h2->settings.blocks.size;
    return stream->interim_count == H2_INTERIM_MAX || (stream->interim_count > 0 && is_large);
}

/* What its length says of the content that follows: nothing, where there is none (RFC 9110 6.4.1),
 * or a tunnel (RFC 8441 5). */
static void expect_content(struct h2_stream *stream, unsigned status)
{
    struct h2_block_facts *facts = &stream->facts;
    if (stream->is_tunnel && status >= 200 && status <= 299) {
        facts->is_counted = false;
    } else if (stream->is_head || status == 204 || status == 304) {
        facts->is_counted = true;
        facts->length = 0;
    }
}

void h2_take_response_head(struct h2_stream *stream, struct h2_block block)
{
    struct h2_block_facts facts = {0};
    bool is_beyond = block.too_large || block.too_many;
    bool is_good = is_beyond || h2_block_is_response(&block, &facts);
    unsigned status = is_good && !is_beyond ? status_of(facts.pseudo.status) : 0;
    bool is_interim = status > 0 && status < 200;
    if (!is_good || (is_interim && (stream->ended || is_flood(stream, &block)))) {
        h2_block_clear(&block);
        h2_stream_reset_malformed(stream);
    } else if (is_interim) {
        keep_interim(stream, block);
    } else {
        stream->head = block;
        stream->facts = facts;
        stream->is_request = true;
        expect_content(stream, status);
    }
}

static bool read_fields(struct slice rest, uint32_t count, struct fields *fields,
                        struct arena *arena)
{
    struct field field;
    if (!fields_init(fields, arena, count + ROOM_FOR_MORE))
        return false;
    while (h2_block_next(&rest, &field)) {
        if (!fields_add(fields, arena, field.id, field.name, field.value))
            return false;
    }
    return true;
}

/* What comes is held against the length (h2_message.c). A length of zero with an end that comes
 * later may have trailers before that. */
static void read_framing(const struct h2_stream *stream, enum method method,
                         struct response_head *head)
{
    const struct field *field = fields_find(&head->fields, FIELD_CONTENT_LENGTH);
    uint64_t length = 0;
    if (field)
        (void)slice_to_number(field->value, INT64_MAX, &length);
    bool has_none =
        method == METHOD_HEAD || head->status < 200 || head->status == 204 || head->status == 304;
    bool is_empty =
        stream->ended && list_is_empty(&stream->body) && stream->trailers.bytes.length == 0;
    if (has_none || is_empty)
        head->body = BODY_NONE;
    else
        head->body = length > 0 ? BODY_COUNTED : BODY_STREAM;
    head->body_length = head->status == 204 ? 0 : length;
    head->may_have_trailers = head->body != BODY_NONE;
}

static enum h2_head read_head(const struct h2_stream *stream, struct h2_block block,
                              enum method method, struct arena *arena, struct span *ret_bytes,
                              struct response_head *head, enum error_code *ret_error)
{
    struct h2_block_facts facts;
    *ret_bytes = block.bytes;
    *head = (struct response_head){.minor_version = 1};
    *ret_error = ERROR_RESPONSE_HEAD_TOO_LARGE;
    if (block.too_large || block.too_many)
        return H2_HEAD_BAD;
    (void)h2_block_read_facts(&block, &facts);
    struct slice rest = slice_from(span_slice(&block.bytes), facts.fields_at);
    head->status = (uint16_t)status_of(facts.pseudo.status);
    head->reason = status_reason(head->status);
    *ret_error = ERROR_OUT_OF_MEMORY;
    if (!read_fields(rest, block.count, &head->fields, arena))
        return H2_HEAD_BAD;
    read_framing(stream, method, head);
    return H2_HEAD_READY;
}

enum h2_head h2_take_response(struct h2_stream *stream, enum method method, struct arena *arena,
                              struct span *ret_bytes, struct response_head *head,
                              enum error_code *ret_error)
{
    struct h2_block block = {0};
    ASSERT(stream->h2->is_to_server);
    if (stream->interim_count > 0) {
        block = stream->interim[stream->interim_first];
        stream->interim[stream->interim_first] = (struct h2_block){0};
        stream->interim_first = (stream->interim_first + 1) % H2_INTERIM_MAX;
        stream->interim_count--;
        stream->interim_size -= block.size;
    } else if (stream->closed && !stream->ended) {
        return H2_HEAD_GONE;
    } else if (stream->is_request) {
        block = stream->head;
        stream->head.bytes = (struct span){0};
    } else {
        return stream->closed ? H2_HEAD_GONE : H2_HEAD_WAIT;
    }
    return read_head(stream, block, method, arena, ret_bytes, head, ret_error);
}
