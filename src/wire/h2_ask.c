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
    return h2->has_settings;
}

bool h2_may_ask(const struct h2 *h2)
{
    return !h2->error && nghttp2_session_check_request_allowed(h2->session);
}

uint32_t h2_peer_streams(const struct h2 *h2)
{
    return nghttp2_session_get_remote_settings(h2->session,
                                               NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool h2_takes_connect(const struct h2 *h2)
{
    return nghttp2_session_get_remote_settings(h2->session,
                                               NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
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

/* HTTP/2 has no use for the key (RFC 8441 5.1). */
static size_t drop_key(nghttp2_nv *pairs, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_of((const char *)pairs[i].name, pairs[i].namelen);
        if (!slice_equal_fold(name, SLICE("sec-websocket-key")))
            pairs[kept++] = pairs[i];
    }
    return kept;
}

static size_t add_method(nghttp2_nv *pairs, const struct request_head *head)
{
    if (!head->wants_upgrade) {
        pairs[0] = h2_pair(SLICE(":method"), head->method_text);
        return 1;
    }
    struct slice protocol = fields_find(&head->fields, FIELD_UPGRADE)->value;
    pairs[0] = h2_pair(SLICE(":method"), SLICE("CONNECT"));
    pairs[1] = h2_pair(SLICE(":protocol"), protocol);
    return 2;
}

/* Host is :authority (RFC 9113 8.3.1); it stands first among the fields, if at all. */
static size_t add_head(nghttp2_nv *pairs, const struct request_head *head, struct slice scheme,
                       struct slice length)
{
    const struct field *host = fields_find(&head->fields, FIELD_HOST);
    size_t count = add_method(pairs, head);
    pairs[count++] = h2_pair(SLICE(":scheme"), scheme);
    if (host)
        pairs[count++] = h2_pair(SLICE(":authority"), host->value);
    pairs[count++] = h2_pair(SLICE(":path"), head->target);
    count += h2_add_fields(pairs + count, &head->fields);
    if (head->wants_trailers)
        pairs[count++] = h2_pair(SLICE("te"), SLICE("trailers"));
    if (length.length > 0)
        pairs[count++] = h2_pair(SLICE("content-length"), length);
    return head->wants_upgrade ? drop_key(pairs, count) : count;
}

static struct h2_stream *begin(struct h2 *h2, const nghttp2_nv *pairs, size_t count, bool has_body)
{
    const nghttp2_data_provider content = {.read_callback = h2_offer_content};
    int32_t id = (int32_t)nghttp2_session_get_next_stream_id(h2->session);
    struct h2_stream *stream = h2_stream_new(h2, id);
    if (!stream)
        return NULL;
    int32_t given =
        nghttp2_submit_request(h2->session, NULL, pairs, count, has_body ? &content : NULL, stream);
    if (given < 0) {
        h2_stream_free(stream);
        return NULL;
    }
    ASSERT(given == id);
    h2_gate_ask(&h2->gate, (uint32_t)id);
    return stream;
}

struct h2_stream *h2_ask(struct h2 *h2, const struct request_head *head, struct slice scheme,
                         void *owner, struct arena *arena)
{
    char memory[20];
    struct text length = text_over(memory, sizeof(memory));
    ASSERT(h2->is_to_server && head->target.length > 0);
    nghttp2_nv *pairs = arena_alloc(arena, (head->fields.count + PSEUDO_AND_OWN) * sizeof(*pairs));
    if (!pairs || !h2_may_ask(h2))
        return NULL;
    if (announces_length(head))
        text_add_number(&length, head->body == BODY_COUNTED ? head->body_length : 0);
    size_t count = add_head(pairs, head, scheme, text_slice(&length));
    bool has_content = head->body != BODY_NONE || head->wants_upgrade;
    struct h2_stream *stream = begin(h2, pairs, count, has_content);
    if (!stream)
        return NULL;
    stream->answered = true; /* our head is under way */
    stream->is_tunnel = head->wants_upgrade;
    stream->response_ended = !has_content;
    stream->length = head->body == BODY_COUNTED ? head->body_length : 0;
    h2_own(stream, owner);
    return stream;
}

/* ---- the response */

static unsigned status_of(struct slice *rest)
{
    struct h2_pseudo pseudo;
    uint64_t status = 0;
    bool good = h2_block_read_pseudo(rest, &pseudo) && slice_to_number(pseudo.status, 599, &status);
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

void h2_take_response_head(struct h2_stream *stream, struct h2_block block)
{
    bool is_beyond = block.too_large || block.too_many;
    struct slice rest = span_slice(&block.bytes);
    bool is_good = is_beyond || h2_block_is_response(&block);
    unsigned status = is_good && !is_beyond ? status_of(&rest) : 0;
    bool is_interim = status > 0 && status < 200;
    if (!is_good || (is_interim && is_flood(stream, &block))) {
        h2_block_clear(&block);
        h2_stream_reset_malformed(stream);
    } else if (is_interim) {
        keep_interim(stream, block);
    } else {
        stream->head = block;
        stream->is_request = true;
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

/* The library holds the length against what comes. A length of zero with an end that comes later
 * may have trailers before that. */
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
}

static enum h2_head read_head(const struct h2_stream *stream, struct h2_block block,
                              enum method method, struct arena *arena, struct span *ret_bytes,
                              struct response_head *head, enum error_code *ret_error)
{
    struct slice rest = span_slice(&block.bytes);
    *ret_bytes = block.bytes;
    *head = (struct response_head){.minor_version = 1};
    *ret_error = ERROR_RESPONSE_HEAD_TOO_LARGE;
    if (block.too_large || block.too_many)
        return H2_HEAD_BAD;
    head->status = (uint16_t)status_of(&rest);
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
