#include "base/arena.h"
#include "http/message.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct setting {
    struct arena arena;
    struct fields fields;
};

static int set_up(void **state)
{
    static struct setting setting;
    arena_init(&setting.arena, NULL, 1024 * 1024);
    *state = &setting;
    return fields_init(&setting.fields, &setting.arena, 2) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct setting *setting = *state;
    arena_fini(&setting->arena);
    return 0;
}

static void add(struct setting *setting, const char *name, const char *value)
{
    struct slice text = slice_from_text(name);
    assert_true(fields_add(&setting->fields, &setting->arena, field_name_find(text), text,
                           slice_from_text(value)));
}

/* All fields that are there, as `name=value `. */
static void assert_fields(const struct setting *setting, const char *expected)
{
    char memory[1024];
    size_t length = 0;
    for (uint32_t i = 0; i < setting->fields.count; i++) {
        const struct field *field = &setting->fields.items[i];
        if (slice_is_empty(field->name))
            continue;
        memcpy(memory + length, field->name.data, field->name.length);
        length += field->name.length;
        memory[length++] = '=';
        memcpy(memory + length, field->value.data, field->value.length);
        length += field->value.length;
        memory[length++] = ' ';
    }
    memory[length] = '\0';
    assert_string_equal(memory, expected);
}

static void fields_keep_their_order_beyond_their_first_room(void **state)
{
    struct setting *setting = *state;
    add(setting, "Host", "a");
    add(setting, "X", "1");
    add(setting, "x", "2");
    add(setting, "Y", "3");
    add(setting, "Accept", "4");
    assert_fields(setting, "Host=a X=1 x=2 Y=3 Accept=4 ");
}

static void lines_of_ours_adjoin(void **state)
{
    struct setting *setting = *state;
    char memory[] = "Via: 1.1 weir..X-Real-IP: ::1..";
    char *next = fields_put_line(&setting->fields, FIELD_VIA, memory, memory + 5, memory + 13);
    assert_ptr_equal(next, memory + 15);
    next = fields_put_line(&setting->fields, FIELD_X_REAL_IP, next, next + 11, next + 14);
    assert_ptr_equal(next, memory + sizeof(memory) - 1);
    assert_string_equal(memory, "Via: 1.1 weir\r\nX-Real-IP: ::1\r\n");
    assert_fields(setting, "Via=1.1 weir X-Real-IP=::1 ");
    assert_true(setting->fields.items[0].is_line && setting->fields.items[1].is_line);
    assert_true(setting->fields.present & FIELD_BIT(FIELD_X_REAL_IP));
}

static void room_for_none_grows_as_well(void **state)
{
    struct setting *setting = *state;
    assert_true(fields_init(&setting->fields, &setting->arena, 0));
    add(setting, "Host", "a");
    assert_fields(setting, "Host=a ");
}

static void the_first_of_a_name_is_found_in_any_case(void **state)
{
    struct setting *setting = *state;
    add(setting, "x-a", "1");
    add(setting, "X-A", "2");
    add(setting, "HOST", "b");
    const struct fields *fields = &setting->fields;
    assert_true(slice_equal(fields_find_text(fields, SLICE("X-a"))->value, SLICE("1")));
    assert_true(slice_equal(fields_find_text(fields, SLICE("host"))->value, SLICE("b")));
    assert_true(slice_equal(fields_find(fields, FIELD_HOST)->value, SLICE("b")));
    assert_null(fields_find(fields, FIELD_COOKIE));
    assert_null(fields_find_text(fields, SLICE("X-B")));
    assert_null(fields_find_text(fields, SLICE("")));
}

static void removing_takes_all_of_a_name(void **state)
{
    struct setting *setting = *state;
    add(setting, "Cookie", "1");
    add(setting, "X", "2");
    add(setting, "cookie", "3");
    add(setting, "x", "4");
    assert_true(fields_remove(&setting->fields, FIELD_COOKIE));
    assert_false(fields_remove(&setting->fields, FIELD_COOKIE));
    assert_fields(setting, "X=2 x=4 ");
    assert_true(fields_remove_text(&setting->fields, SLICE("X")));
    assert_false(fields_remove_text(&setting->fields, SLICE("X")));
    assert_false(fields_remove_text(&setting->fields, SLICE("")));
    assert_fields(setting, "");
}

static void removing_takes_what_reads_like_it_as_well(void **state)
{
    struct setting *setting = *state;
    add(setting, "X_User", "1");
    add(setting, "x-user", "2");
    add(setting, "X-Users", "3");
    assert_true(fields_remove_text(&setting->fields, SLICE("X-User")));
    assert_fields(setting, "X-Users=3 ");
    add(setting, "X-User", "4");
    add(setting, "X.User", "5");
    assert_true(fields_remove_text(&setting->fields, SLICE("X_User")));
    assert_fields(setting, "X-Users=3 ");
    add(setting, "User-Agent", "6");
    assert_false(fields_remove_text(&setting->fields, SLICE("User_Agent")));
    assert_fields(setting, "X-Users=3 User-Agent=6 ");
}

static void setting_replaces_the_first_where_it_stands(void **state)
{
    struct setting *setting = *state;
    struct fields *fields = &setting->fields;
    add(setting, "Host", "a");
    add(setting, "X", "1");
    add(setting, "host", "b");
    add(setting, "x", "2");
    assert_true(fields_set(fields, &setting->arena, FIELD_HOST, SLICE("Host"), SLICE("c")));
    assert_true(fields_set(fields, &setting->arena, FIELD_OTHER, SLICE("x"), SLICE("3")));
    assert_fields(setting, "Host=c x=3 ");
    assert_true(fields_set(fields, &setting->arena, FIELD_OTHER, SLICE("Y"), SLICE("4")));
    assert_fields(setting, "Host=c x=3 Y=4 ");
    add(setting, "X_Id", "5");
    assert_true(fields_set(fields, &setting->arena, FIELD_OTHER, SLICE("X-Id"), SLICE("6")));
    assert_fields(setting, "Host=c x=3 Y=4 X-Id=6 ");
    assert_non_null(fields_find(fields, FIELD_HOST));
}

static void a_list_has_its_tokens_over_all_lines(void **state)
{
    struct setting *setting = *state;
    add(setting, "Connection", "keep-alive ,\tUpgrade");
    add(setting, "X", "close");
    add(setting, "connection", ",close,");
    const struct fields *fields = &setting->fields;
    assert_true(fields_list_has(fields, FIELD_CONNECTION, SLICE("upgrade")));
    assert_true(fields_list_has(fields, FIELD_CONNECTION, SLICE("KEEP-ALIVE")));
    assert_true(fields_list_has(fields, FIELD_CONNECTION, SLICE("close")));
    assert_false(fields_list_has(fields, FIELD_CONNECTION, SLICE("keep")));
    assert_false(fields_list_has(fields, FIELD_TE, SLICE("close")));
}

static void hop_by_hop_fields_go(void **state)
{
    struct setting *setting = *state;
    add(setting, "Host", "a");
    add(setting, "Connection", "close");
    add(setting, "Keep-Alive", "5");
    add(setting, "Proxy-Connection", "close");
    add(setting, "TE", "trailers");
    add(setting, "Transfer-Encoding", "chunked");
    add(setting, "Upgrade", "h2c");
    add(setting, "HTTP2-Settings", "x");
    add(setting, "Trailer", "X");
    add(setting, "X", "1");
    fields_remove_hop_by_hop(&setting->fields);
    assert_fields(setting, "Host=a Trailer=X X=1 ");
    assert_int_equal(setting->fields.present & FIELD_BITS_HOP_BY_HOP, 0);
    fields_remove_hop_by_hop(&setting->fields);
    assert_fields(setting, "Host=a Trailer=X X=1 ");
}

static void what_connection_lists_goes(void **state)
{
    struct setting *setting = *state;
    add(setting, "X-One", "1");
    add(setting, "Connection", "x-one, close, Accept,,x-none, connection");
    add(setting, "Accept", "2");
    add(setting, "X-Two", "3");
    add(setting, "X-Three", "4");
    add(setting, "connection", "X-Two");
    fields_remove_hop_by_hop(&setting->fields);
    assert_fields(setting, "X-Three=4 ");
}

static void what_safety_depends_on_cannot_be_listed(void **state)
{
    struct setting *setting = *state;
    add(setting, "Connection",
        "host, content-length, authorization, cookie, forwarded,"
        "x-forwarded-for, x-forwarded-proto, x-forwarded-host, x-real-ip");
    add(setting, "Host", "a");
    add(setting, "Content-Length", "1");
    add(setting, "Authorization", "b");
    add(setting, "Cookie", "c");
    add(setting, "Forwarded", "d");
    add(setting, "X-Forwarded-For", "e");
    add(setting, "X-Real-IP", "f");
    fields_remove_hop_by_hop(&setting->fields);
    assert_fields(setting, "Host=a Content-Length=1 Authorization=b Cookie=c Forwarded=d "
                           "X-Forwarded-For=e X-Real-IP=f ");
}

static void trailers_are_what_is_not_forbidden(void **state)
{
    (void)state;
    assert_true(field_is_trailer(&(struct field){.id = FIELD_OTHER}));
    assert_false(field_is_trailer(&(struct field){.id = FIELD_CONTENT_LENGTH}));
    assert_false(field_is_trailer(&(struct field){.id = FIELD_X_FORWARDED_FOR}));
    assert_false(field_is_trailer(&(struct field){.id = FIELD_SET_COOKIE}));
}

static void without_memory_nothing_is_added(void **state)
{
    struct setting *setting = *state;
    add(setting, "A", "1");
    add(setting, "B", "2");
    struct arena none;
    arena_init(&none, NULL, 0);
    assert_false(fields_add(&setting->fields, &none, FIELD_OTHER, SLICE("C"), SLICE("3")));
    assert_fields(setting, "A=1 B=2 ");
    struct fields fields;
    assert_false(fields_init(&fields, &none, 1));
    arena_fini(&none);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(fields_keep_their_order_beyond_their_first_room),
        TEST(lines_of_ours_adjoin),
        TEST(room_for_none_grows_as_well),
        TEST(the_first_of_a_name_is_found_in_any_case),
        TEST(removing_takes_all_of_a_name),
        TEST(removing_takes_what_reads_like_it_as_well),
        TEST(setting_replaces_the_first_where_it_stands),
        TEST(a_list_has_its_tokens_over_all_lines),
        TEST(hop_by_hop_fields_go),
        TEST(what_connection_lists_goes),
        TEST(what_safety_depends_on_cannot_be_listed),
        TEST(trailers_are_what_is_not_forbidden),
        TEST(without_memory_nothing_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
