/* The session: what goes into the library and what comes out. Its callbacks only note what they are
 * told (h2_receive.c) or take what was queued (h2_respond.c). */
#include "base/assert.h"
#include "wire/h2_int.h"

#include <stdlib.h>
#include <string.h>

/* ---- beginning and end */

/* Ours is the gate; what the library would count by itself is let through to a multiple. What a
 * message of a client must be is checked here alone (h2_block.h, h2_receive.c). */
static nghttp2_option *new_option(bool is_to_server)
{
    nghttp2_option *option = NULL;
    if (nghttp2_option_new(&option) != 0)
        return NULL;
    nghttp2_option_set_no_auto_window_update(option, 1); /* windows open as bodies are taken */
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_no_http_messaging(option, !is_to_server);
    nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
    nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX, UINT32_MAX);
    nghttp2_option_set_max_continuations(option, 2 * H2_GATE_CONTINUATIONS_MAX);
    return option;
}

static void *on_new(size_t size, void *user)
{
    return small_new(user, size);
}

static void *on_new_cleared(size_t count, size_t size, void *user)
{
    size_t all = 0;
    return __builtin_mul_overflow(count, size, &all) ? NULL : small_new_cleared(user, all);
}

static void *on_resize(void *block, size_t size, void *user)
{
    return small_resize(user, block, size);
}

static void on_free(void *block, void *user)
{
    (void)user;
    small_free(block);
}

static nghttp2_session *new_session(struct h2 *h2)
{
    nghttp2_mem memory = {&h2->pools->small, on_new, on_free, on_new_cleared, on_resize};
    nghttp2_session *session = NULL;
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = new_option(h2->is_to_server);
    if (option && nghttp2_session_callbacks_new(&callbacks) == 0) {
        h2_set_receiving(callbacks);
        nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_send_content);
        int result = h2->is_to_server
                         ? nghttp2_session_client_new3(&session, callbacks, h2, option, &memory)
                         : nghttp2_session_server_new3(&session, callbacks, h2, option, &memory);
        if (result != 0)
            session = NULL;
    }
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    return session;
}

/* The window of the connection has room for that of each stream: who is not read holds up nobody
 * else. Priorities are those of RFC 9218. */
static bool say_settings(struct h2 *h2)
{
    const struct h2_settings *settings = &h2->settings;
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings->streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings->window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, settings->blocks.size},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
        /* Who serves must not speak of pushing (RFC 9113 6.5.2), and offers extended CONNECT. */
        h2->is_to_server ? (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0}
                         : (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
    };
    size_t count = sizeof(entries) / sizeof(entries[0]);
    uint64_t all = (uint64_t)settings->streams * settings->window;
    int32_t window = all > INT32_MAX ? INT32_MAX : (int32_t)all;
    return nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, entries, count) == 0 &&
           nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, window) == 0;
}

static struct h2 *new_h2(const struct h2_settings *settings, struct buffer_pools *pools,
                         bool is_to_server)
{
    ASSERT(settings->window >= H2_WINDOW_LEAST && settings->streams > 0);
    struct h2 *h2 = calloc(1, sizeof(*h2));
    if (!h2)
        return NULL;
    h2->pools = pools;
    h2->settings = *settings;
    list_init(&h2->news);
    list_init(&h2->streams);
    h2->is_to_server = is_to_server;
    if (is_to_server)
        h2_gate_init_to_server(&h2->gate);
    else
        h2_gate_init(&h2->gate);
    h2->session = new_session(h2);
    if (h2->session && say_settings(h2))
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
    LIST_EACH_SAFE (link, &h2->streams) {
        struct h2_stream *stream = CONTAINER_OF(link, struct h2_stream, link);
        ASSERT(!stream->owner);
        h2_stream_free(stream);
    }
    nghttp2_session_del(h2->session);
    h2_block_clear(&h2->block);
    free(h2);
}

/* ---- coming in */

static enum h2_error fail(struct h2 *h2, enum h2_error error)
{
    if (!h2->error)
        h2_terminate(h2, error);
    return h2->error;
}

/* The gate counts resets of ours when they are written. Of a peer that takes nothing none is, and
 * each stream above the limit would have one more wait. */
static bool is_flooded(const struct h2 *h2)
{
    size_t queued = nghttp2_session_get_outbound_queue_size(h2->session);
    return queued > (size_t)h2->settings.streams + H2_QUEUED_MAX;
}

enum h2_error h2_receive(struct h2 *h2, struct slice bytes, uint64_t now)
{
    enum h2_error error = H2_NO_ERROR;
    if (h2->error)
        return h2->error;
    size_t passed = h2_gate_pass(&h2->gate, &h2->settings.gate, bytes, now, &error);
    ssize_t taken = nghttp2_session_mem_recv(h2->session, (const uint8_t *)bytes.data, passed);
    if (taken == NGHTTP2_ERR_FLOODED || is_flooded(h2))
        return fail(h2, H2_ENHANCE_YOUR_CALM);
    if (taken < 0)
        return fail(h2,
                    taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? H2_PROTOCOL_ERROR : H2_INTERNAL_ERROR);
    if (error)
        return fail(h2, error);
    return h2->error;
}

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

bool h2_is_in_block(const struct h2 *h2)
{
    return h2_gate_is_in_block(&h2->gate);
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

/* ---- going out */

bool h2_has_output(const struct h2 *h2)
{
    return h2->unsent.length > 0 || nghttp2_session_want_write(h2->session);
}

static void write_unsent(struct h2 *h2, struct text *text)
{
    size_t room = text->capacity - text->length;
    struct slice part =
        slice_until(h2->unsent, h2->unsent.length < room ? h2->unsent.length : room);
    text_add(text, part);
    h2->unsent = slice_from(h2->unsent, part.length);
}

void h2_write(struct h2 *h2, struct text *text)
{
    ASSERT(!h2->text);
    write_unsent(h2, text);
    while (h2->unsent.length == 0) {
        const uint8_t *bytes = NULL;
        h2->text = text;
        ssize_t length = nghttp2_session_mem_send(h2->session, &bytes);
        h2->text = NULL;
        if (length < 0)
            (void)fail(h2, H2_INTERNAL_ERROR);
        if (length <= 0)
            return;
        h2->unsent = slice_of((const char *)bytes, (size_t)length);
        write_unsent(h2, text);
    }
}

/* ---- the end of the connection */

void h2_announce_end(struct h2 *h2)
{
    (void)nghttp2_submit_shutdown_notice(h2->session);
}

void h2_end(struct h2 *h2)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(h2->session);
    (void)nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
}

void h2_terminate(struct h2 *h2, enum h2_error error)
{
    if (!h2->error)
        h2->error = error;
    (void)nghttp2_session_terminate_session(h2->session, (uint32_t)error);
}

enum h2_error h2_reason(const struct h2 *h2)
{
    return h2->error;
}

bool h2_is_over(const struct h2 *h2)
{
    return !nghttp2_session_want_read(h2->session) && !h2_has_output(h2);
}
