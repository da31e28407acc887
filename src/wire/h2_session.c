/* The session: its beginning, what is to be known of it, and its end. */
#include "base/assert.h"
#include "wire/h2_int.h"

#include <stdlib.h>

/* ---- beginning and end */

enum {
    STREAMS_AT_FIRST = 100
}; /* of a server that has not said how many it takes (RFC 9113 6.5.2) */

static char *add_setting(char *to, uint16_t id, uint32_t value)
{
    to[0] = 0;
    to[1] = (char)id;
    h2_number_write(to + 2, value);
    return to + H2_SETTING_LENGTH;
}

/* Who serves must not speak of pushing (RFC 9113 6.5.2), and offers extended CONNECT. Priorities
 * are those of RFC 9218. */
static void say_settings(struct h2 *h2)
{
    char bytes[5 * H2_SETTING_LENGTH], *to = bytes;
    const struct h2_settings *settings = &h2->settings;
    to = add_setting(to, H2_SETTING_MAX_CONCURRENT_STREAMS, settings->streams);
    to = add_setting(to, H2_SETTING_INITIAL_WINDOW_SIZE, settings->window);
    to = add_setting(to, H2_SETTING_MAX_HEADER_LIST_SIZE, settings->blocks.size);
    to = add_setting(to, H2_SETTING_NO_RFC7540_PRIORITIES, 1);
    to = h2->is_to_server ? add_setting(to, H2_SETTING_ENABLE_PUSH, 0)
                          : add_setting(to, H2_SETTING_ENABLE_CONNECT_PROTOCOL, 1);
    const struct h2_frame frame = {.length = (uint32_t)(to - bytes), .kind = H2_KIND_SETTINGS};
    h2_queue_frame(h2, &frame, slice_of(bytes, (size_t)(to - bytes)));
}

/* The window of the connection has room for that of each stream: who is not read holds up nobody
 * else. */
static void say_window(struct h2 *h2)
{
    uint64_t all = (uint64_t)h2->settings.streams * h2->settings.window;
    h2->receive_window_full = all > H2_NUMBER_MASK ? H2_NUMBER_MASK : (int64_t)all;
    h2->receive_window = h2->receive_window_full;
    h2_expect_late(h2, h2->settings.window); /* a grace for who is reset because he sent too much */
    if (h2->receive_window_full > H2_WINDOW_LEAST)
        h2_open_window(h2, 0, h2->receive_window_full - H2_WINDOW_LEAST);
}

/* A place in the table for every other stream, of which there seldom are as many as may be. */
static uint32_t table_size(uint32_t streams)
{
    enum { LEAST = 8, MOST = 1024 };
    uint32_t size = LEAST;
    while (size < streams / 2 && size < MOST)
        size *= 2;
    return size;
}

static struct h2 *new_h2(const struct h2_settings *settings, struct buffer_pools *pools,
                         bool is_to_server)
{
    ASSERT(settings->window >= H2_WINDOW_LEAST && settings->streams > 0);
    uint32_t places = table_size(settings->streams);
    struct h2 *h2 = calloc(1, sizeof(*h2) + places * sizeof(h2->table[0]));
    if (!h2)
        return NULL;
    *h2 = (struct h2){
        .pools = pools,
        .settings = *settings,
        .table_mask = places - 1,
        .peer = {.streams = STREAMS_AT_FIRST, .window = H2_WINDOW_LEAST},
        .send_window = H2_WINDOW_LEAST,
        .next_id = 1,
        .is_to_server = is_to_server,
        .owes_preface = is_to_server,
        .input.preface = is_to_server ? 0 : sizeof(H2_PREFACE) - 1,
    };
    list_init(&h2->news);
    list_init(&h2->streams);
    list_init(&h2->held_back);
    for (unsigned i = 0; i < H2_URGENCIES; i++)
        list_init(&h2->ready[i]);
    if (is_to_server)
        h2_gate_init_to_server(&h2->gate);
    else
        h2_gate_init(&h2->gate);
    hpack_decoder_init(&h2->decoder, HPACK_TABLE_SIZE, h2->pools);
    hpack_encoder_init(&h2->encoder, h2->pools);
    say_settings(h2);
    say_window(h2);
    if (!h2->error)
        return h2;
    h2_free(h2);
    return NULL;
}

struct h2 *h2_new(const struct h2_settings *settings, struct buffer_pools *pools)
{
    return new_h2(settings, pools, false);
}

struct h2 *h2_new_to_server(const struct h2_settings *settings, struct buffer_pools *pools)
{
    return new_h2(settings, pools, true);
}

void h2_free(struct h2 *h2)
{
    h2->is_terminated = true; /* nothing goes any more */
    LIST_EACH_SAFE (link, &h2->streams) {
        struct h2_stream *stream = CONTAINER_OF(link, struct h2_stream, link);
        ASSERT(!stream->owner);
        list_remove(&stream->news);
        if (stream->closed)
            h2_stream_free(stream);
        else
            h2_stream_close(stream, H2_CANCEL);
    }
    hpack_decoder_fini(&h2->decoder);
    hpack_encoder_fini(&h2->encoder);
    span_clear(&h2->input.payload);
    span_clear(&h2->joined);
    span_clear(&h2->queue.bytes);
    free(h2);
}

/* ---- what there is to be known */

struct h2_stream *h2_next_news(struct h2 *h2)
{
    for (;;) {
        struct list *link = list_pop_front(&h2->news);
        if (!link)
            return NULL;
        struct h2_stream *stream = CONTAINER_OF(link, struct h2_stream, news);
        if (stream->owner || !stream->closed)
            return stream;
        h2_stream_free(stream); /* reset before anybody saw it */
    }
}

bool h2_has_begun(const struct h2 *h2)
{
    return h2->gate.last > 0;
}

uint32_t h2_take_malformed(struct h2 *h2)
{
    uint32_t count = h2->malformed;
    h2->malformed = 0;
    return count;
}

enum h2_error h2_reason(const struct h2 *h2)
{
    return h2->error;
}

/* ---- the end of the connection */

static void say_goodbye(struct h2 *h2, uint32_t last, enum h2_error error)
{
    char bytes[8];
    const struct h2_frame frame = {.length = sizeof(bytes), .kind = H2_KIND_GOAWAY};
    h2_number_write(bytes, last);
    h2_number_write(bytes + 4, (uint32_t)error);
    h2_queue_frame(h2, &frame, slice_of(bytes, sizeof(bytes)));
}

void h2_announce_end(struct h2 *h2)
{
    say_goodbye(h2, H2_NUMBER_MASK, H2_NO_ERROR);
}

void h2_end(struct h2 *h2)
{
    say_goodbye(h2, h2->accepted, H2_NO_ERROR);
    h2->has_ended = true;
}

void h2_terminate(struct h2 *h2, enum h2_error error)
{
    if (!h2->error)
        h2->error = error;
    say_goodbye(h2, h2->accepted, error);
    h2->is_terminated = true;
}

bool h2_is_over(const struct h2 *h2)
{
    bool is_done = h2->open == 0 && (h2->has_ended || h2->peer_ended);
    return (h2->is_terminated || is_done) && !h2_has_output(h2);
}
