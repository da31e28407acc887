#include "wire/h2_priority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_priority_says_how_urgent_and_whether_in_pieces(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned urgency;
        bool is_incremental;
    } ROWS[] = {
        {"", 3, false},
        {"u=0", 0, false},
        {"u=7, i", 7, true},
        {"i,u=1", 1, true},
        {" u=2 ,\ti=?1 ", 2, true},
        {"i, i=?0", 3, false},
        {"u=1, u=5", 5, false},
        {"u=5;x=1;y, i;z", 5, true},
        {"x=\"u=0, i\", u=4", 4, false},
        {"x=\"\\\", u=0\", u=6", 6, false},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct h2_priority priority = h2_priority_read(slice_from_text(ROWS[i].text));
        assert_int_equal(priority.urgency, ROWS[i].urgency);
        assert_int_equal(priority.is_incremental, ROWS[i].is_incremental);
    }
}

static void what_is_not_understood_asks_for_nothing(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"u=8", "u",   "u=",      "u=-1", "u=33",  "u=a",
                                        "U=1", "i=1", "I",       ",",    ",,",    ";",
                                        "=",   "\"",  "x=\"u=1", "\\",   "x=\"\\"};
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        struct h2_priority priority = h2_priority_read(slice_from_text(TEXTS[i]));
        assert_int_equal(priority.urgency, 3);
        assert_false(priority.is_incremental);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_priority_says_how_urgent_and_whether_in_pieces),
        cmocka_unit_test(what_is_not_understood_asks_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
