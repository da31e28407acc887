#include "tls/tls_finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW = 1800000000 };

static int64_t days(int64_t count)
{
    return count * TLS_DAY_SECONDS;
}

/* Each step is told of when it comes, and how it goes on from the one before. */
static void it_comes_from_step_to_step(void **state)
{
    (void)state;
    const struct tls_finding finding = {
        .kind = TLS_FINDING_CERTIFICATE, .begins = NOW, .ends = NOW + days(90)};
    const struct {
        int64_t from;
        enum tls_step_to_end step;
    } steps[] = {{NOW - days(1), TLS_HOLDS_NOT_YET},
                 {NOW, TLS_HOLDS},
                 {finding.ends - days(14), TLS_ENDS_SOON},
                 {finding.ends - days(3), TLS_ENDS_VERY_SOON},
                 {finding.ends, TLS_HAS_ENDED},
                 {INT64_MAX, TLS_HAS_ENDED}};
    for (size_t i = 0; steps[i].from < INT64_MAX; i++) {
        int64_t next;
        assert_int_equal(tls_finding_step(&finding, steps[i].from, &next), steps[i].step);
        assert_int_equal(next, steps[i + 1].from);
        if (next < INT64_MAX)
            assert_int_equal(tls_finding_step(&finding, next - 1, &next), steps[i].step);
    }
}

static void of_a_short_time_the_second_half_is_soon_and_the_last_tenth_very_soon(void **state)
{
    (void)state;
    const struct tls_finding finding = {
        .kind = TLS_FINDING_CERTIFICATE, .begins = NOW, .ends = NOW + days(10)};
    int64_t next;
    assert_int_equal(tls_finding_step(&finding, NOW + days(5) - 1, &next), TLS_HOLDS);
    assert_int_equal(next, NOW + days(5));
    assert_int_equal(tls_finding_step(&finding, NOW + days(5), &next), TLS_ENDS_SOON);
    assert_int_equal(next, NOW + days(9));
    assert_int_equal(tls_finding_step(&finding, NOW + days(9) - 1, &next), TLS_ENDS_SOON);
    assert_int_equal(tls_finding_step(&finding, NOW + days(9), &next), TLS_ENDS_VERY_SOON);
}

/* Where nothing is said for the weeks before their end. */
static void lists_of_revocations_end_very_soon_alone(void **state)
{
    (void)state;
    const struct tls_finding finding = {
        .kind = TLS_FINDING_REVOCATIONS, .begins = NOW, .ends = NOW + days(7)};
    const int64_t very_soon = finding.ends - days(7) / 10;
    int64_t next;
    assert_int_equal(tls_finding_step(&finding, NOW, &next), TLS_HOLDS);
    assert_int_equal(next, very_soon);
    assert_int_equal(tls_finding_step(&finding, very_soon, &next), TLS_ENDS_VERY_SOON);
    assert_int_equal(next, finding.ends);
}

static void what_never_ends_is_never_told_of(void **state)
{
    (void)state;
    const struct tls_finding finding = {
        .kind = TLS_FINDING_REVOCATIONS, .begins = INT64_MAX, .ends = INT64_MAX};
    int64_t next;
    assert_int_equal(tls_finding_step(&finding, NOW, &next), TLS_HOLDS);
    assert_int_equal(next, INT64_MAX);
}

static void they_stand_in_the_order_in_which_they_were_found(void **state)
{
    (void)state;
    struct tls_findings findings = {0};
    struct arena arena;
    char file[] = "a.pem";
    arena_init(&arena, NULL, 1 << 20);
    for (file[0] = 'a'; file[0] <= 'c'; file[0]++)
        assert_true(tls_findings_add(&findings, &arena,
                                     &(struct tls_finding){.file = slice_from_text(file)}));
    assert_true(slice_equal(findings.first->file, SLICE("a.pem")));
    assert_true(slice_equal(findings.first->next->file, SLICE("b.pem")));
    assert_true(slice_equal(findings.last->file, SLICE("c.pem")));
    assert_ptr_equal(findings.first->next->next, findings.last);
    assert_null(findings.last->next);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_from_step_to_step),
        cmocka_unit_test(of_a_short_time_the_second_half_is_soon_and_the_last_tenth_very_soon),
        cmocka_unit_test(lists_of_revocations_end_very_soon_alone),
        cmocka_unit_test(what_never_ends_is_never_told_of),
        cmocka_unit_test(they_stand_in_the_order_in_which_they_were_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
