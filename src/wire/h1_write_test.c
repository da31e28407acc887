#include "base/arena.h"
#include "wire/h1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct setting {
    struct arena arena;
    struct request_head request;
    struct response_head response;
};

static void add(struct fields *fields, struct arena *arena, const char *name, const char *value)
{
    struct slice text = slice_from_text(name);
    assert_true(fields_add(fields, arena, field_name_find(text), text, slice_from_text(value)));
}

static int set_up(void **state)
{
    static struct setting setting;
    setting = (struct setting){
        .request = {.method_text = SLICE("GET"), .target = SLICE("/a?b")},
        .response = {.status = 200, .reason = SLICE("OK")},
    };
    arena_init(&setting.arena, NULL, 1024 * 1024);
    add(&setting.request.fields, &setting.arena, "Host", "a");
    add(&setting.response.fields, &setting.arena, "X", "y");
    *state = &setting;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *setting = *state;
    arena_fini(&setting->arena);
    return 0;
}

/* The text must be what was expected. That it had the room is asserted where it is written. */
static void assert_text(const struct text *text, const char *expected)
{
    assert_false(text_is_cut(text));
    assert_int_equal(text->length, strlen(expected));
    assert_memory_equal(text->data, expected, text->length);
}

static void assert_request(const struct request_head *head, struct h1_write how,
                           const char *expected)
{
    char memory[512];
    struct text text = text_over(memory, h1_request_head_room(head, &how));
    h1_write_request_head(&text, head, &how);
    assert_text(&text, expected);
}

static void assert_response(const struct response_head *head, struct h1_write how,
                            const char *expected)
{
    char memory[512];
    struct text text = text_over(memory, h1_response_head_room(head, &how));
    h1_write_response_head(&text, head, &how);
    assert_text(&text, expected);
}

static void a_request_without_a_body(void **state)
{
    struct setting *setting = *state;
    assert_request(&setting->request, (struct h1_write){.peer_minor_version = 1},
                   "GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void an_empty_body_is_announced_where_it_was(void **state)
{
    struct setting *setting = *state;
    assert_request(&setting->request,
                   (struct h1_write){.announce_length = true, .peer_minor_version = 1},
                   "GET /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
}

static void the_longest_body(void **state)
{
    struct setting *setting = *state;
    assert_request(&setting->request,
                   (struct h1_write){.framing = H1_FRAMING_COUNTED,
                                     .length = UINT64_MAX,
                                     .connection = H1_CLOSE,
                                     .peer_minor_version = 1},
                   "GET /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n"
                   "Connection: close\r\n\r\n");
}

static void chunks_are_announced(void **state)
{
    struct setting *setting = *state;
    assert_request(&setting->request,
                   (struct h1_write){.framing = H1_FRAMING_CHUNKED, .peer_minor_version = 1},
                   "GET /a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void an_upgrade_names_its_protocol(void **state)
{
    struct setting *setting = *state;
    assert_request(
        &setting->request,
        (struct h1_write){
            .connection = H1_UPGRADE, .upgrade = SLICE("websocket"), .peer_minor_version = 1},
        "GET /a?b HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

static void framing_and_connection_are_never_taken_from_the_fields(void **state)
{
    struct setting *setting = *state;
    struct fields *fields = &setting->request.fields;
    add(fields, &setting->arena, "Content-Length", "99");
    add(fields, &setting->arena, "transfer-encoding", "chunked");
    add(fields, &setting->arena, "Connection", "close");
    add(fields, &setting->arena, "Keep-Alive", "5");
    add(fields, &setting->arena, "Upgrade", "h2c");
    add(fields, &setting->arena, "TE", "trailers");
    add(fields, &setting->arena, "HTTP2-Settings", "x");
    add(fields, &setting->arena, "Proxy-Connection", "close");
    add(fields, &setting->arena, "Accept", "*/*");
    assert_request(&setting->request, (struct h1_write){.peer_minor_version = 1},
                   "GET /a?b HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n");
}

static void removed_fields_are_passed_over(void **state)
{
    struct setting *setting = *state;
    struct fields *fields = &setting->request.fields;
    add(fields, &setting->arena, "X", "y");
    assert_true(fields_remove(fields, FIELD_HOST));
    assert_request(&setting->request, (struct h1_write){.peer_minor_version = 1},
                   "GET /a?b HTTP/1.1\r\nX: y\r\n\r\n");
}

/* Reads the head into the setting's response; its bytes must stay as long as that. */
static void read_response(struct setting *setting, struct slice head)
{
    const struct h1_limits limits = {.header_size = 1024, .header_count = 20, .target_length = 8};
    struct h1_scan scan = {0};
    struct h1_body body;
    bool keep_alive = false;
    assert_int_equal(h1_scan_head(head, &limits, H1_RESPONSE, &scan), H1_COMPLETE);
    assert_int_equal(h1_parse_response(head, &scan, &limits, &setting->arena, METHOD_GET,
                                       &setting->response, &body, &keep_alive),
                     ERROR_NONE);
}

/* Lines that go on as they came are copied as they stand, many in one go. */
static void lines_that_were_read_go_on_as_they_are_now(void **state)
{
    struct setting *setting = *state;
    const struct h1_write how = {
        .framing = H1_FRAMING_COUNTED, .length = 3, .peer_minor_version = 1};
    const struct slice head =
        SLICE("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nETag: 3\r\nContent-Length: 3\r\nE:5\r\nF:  6\r\n"
              "G: 7 \r\nH:\t8\r\nI: \r\nJ: 10\r\nServer: 11\r\nL: 12\r\n\r\n");
    read_response(setting, head);
    assert_response(&setting->response, how,
                    "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nETag: 3\r\nE: 5\r\nF: 6\r\nG: 7\r\nH: 8\r\n"
                    "I: \r\nJ: 10\r\nServer: 11\r\nL: 12\r\nContent-Length: 3\r\n\r\n");
    struct fields *fields = &setting->response.fields;
    assert_true(fields_remove_text(fields, SLICE("b")));
    assert_true(fields_remove_text(fields, SLICE("L")));
    assert_true(fields_set(fields, &setting->arena, FIELD_SERVER, SLICE("Server"), SLICE("other")));
    add(fields, &setting->arena, "M", "13");
    assert_response(&setting->response, how,
                    "HTTP/1.1 200 OK\r\nA: 1\r\nETag: 3\r\nE: 5\r\nF: 6\r\nG: 7\r\nH: 8\r\nI: \r\n"
                    "J: 10\r\nServer: other\r\nM: 13\r\nContent-Length: 3\r\n\r\n");
}

static void a_response_to_a_peer_of_http_1_1(void **state)
{
    struct setting *setting = *state;
    assert_response(
        &setting->response,
        (struct h1_write){.framing = H1_FRAMING_COUNTED, .length = 12, .peer_minor_version = 1},
        "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 12\r\n\r\n");
    assert_response(&setting->response,
                    (struct h1_write){.framing = H1_FRAMING_CLOSE,
                                      .connection = H1_CLOSE,
                                      .peer_minor_version = 1},
                    "HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\r\n");
}

static void a_peer_of_http_1_0_is_told_to_stay_and_not_to_close(void **state)
{
    struct setting *setting = *state;
    assert_response(&setting->response,
                    (struct h1_write){.framing = H1_FRAMING_COUNTED, .length = 12},
                    "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 12\r\n"
                    "Connection: keep-alive\r\n\r\n");
    assert_response(&setting->response,
                    (struct h1_write){.framing = H1_FRAMING_CLOSE, .connection = H1_CLOSE},
                    "HTTP/1.1 200 OK\r\nX: y\r\n\r\n");
}

static void an_empty_reason_keeps_its_space(void **state)
{
    struct setting *setting = *state;
    setting->response.reason = SLICE("");
    setting->response.status = 599;
    assert_response(&setting->response, (struct h1_write){.peer_minor_version = 1},
                    "HTTP/1.1 599 \r\nX: y\r\n\r\n");
}

/* In memory of exactly the size: a write beyond it is found. */
static struct text text_of(size_t size)
{
    char *memory = malloc(size ? size : 1);
    assert_non_null(memory);
    return text_over(memory, size);
}

static void assert_nothing(struct text *text)
{
    assert_true(text_is_cut(text));
    assert_int_equal(text->length, 0);
    free(text->data);
}

static void a_text_without_the_room_gets_nothing(void **state)
{
    struct setting *setting = *state;
    const struct h1_write how = {.peer_minor_version = 1};
    for (size_t size = 0; size < h1_request_head_room(&setting->request, &how); size++) {
        struct text text = text_of(size);
        h1_write_request_head(&text, &setting->request, &how);
        assert_nothing(&text);
    }
    for (size_t size = 0; size < h1_response_head_room(&setting->response, &how); size++) {
        struct text text = text_of(size);
        h1_write_response_head(&text, &setting->response, &how);
        assert_nothing(&text);
    }
    for (size_t size = 0; size < h1_last_chunk_room(&setting->response.fields); size++) {
        struct text text = text_of(size);
        h1_write_last_chunk(&text, &setting->response.fields);
        assert_nothing(&text);
    }
}

static void lines_without_the_room_are_not_begun(void **state)
{
    struct setting *setting = *state;
    const struct h1_write how = {.peer_minor_version = 1};
    read_response(setting, SLICE("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n"));
    for (size_t size = 0; size < h1_response_head_room(&setting->response, &how); size++) {
        struct text text = text_of(size);
        h1_write_response_head(&text, &setting->response, &how);
        assert_nothing(&text);
    }
}

static void chunk_heads_are_hexadecimal(void **state)
{
    (void)state;
    char memory[H1_CHUNK_HEAD_MAX];
    struct text text = text_over(memory, sizeof(memory));
    h1_write_chunk_head(&text, 255);
    assert_text(&text, "ff\r\n");
    text = text_over(memory, sizeof(memory));
    h1_write_chunk_head(&text, UINT64_MAX);
    assert_text(&text, "ffffffffffffffff\r\n");
}

static void the_last_chunk_brings_the_trailers(void **state)
{
    struct setting *setting = *state;
    char memory[128];
    struct text text = text_over(memory, h1_last_chunk_room(NULL));
    h1_write_last_chunk(&text, NULL);
    assert_text(&text, "0\r\n\r\n");
    struct fields *trailers = &setting->response.fields;
    text = text_over(memory, h1_last_chunk_room(trailers));
    h1_write_last_chunk(&text, trailers);
    assert_text(&text, "0\r\nX: y\r\n\r\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_request_without_a_body),
        TEST(an_empty_body_is_announced_where_it_was),
        TEST(the_longest_body),
        TEST(chunks_are_announced),
        TEST(an_upgrade_names_its_protocol),
        TEST(framing_and_connection_are_never_taken_from_the_fields),
        TEST(removed_fields_are_passed_over),
        TEST(lines_that_were_read_go_on_as_they_are_now),
        TEST(a_response_to_a_peer_of_http_1_1),
        TEST(a_peer_of_http_1_0_is_told_to_stay_and_not_to_close),
        TEST(an_empty_reason_keeps_its_space),
        TEST(a_text_without_the_room_gets_nothing),
        TEST(lines_without_the_room_are_not_begun),
        TEST(chunk_heads_are_hexadecimal),
        TEST(the_last_chunk_brings_the_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
