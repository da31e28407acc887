#include "main/inheritance.h"

#include "sys/channel.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A supervisor's state, as far as it is left. */
struct estate {
    struct opening opening;
    struct upgrade upgrade;
    struct crew crew;
    struct service service;
};

static struct inheritance begin(struct estate *estate)
{
    upgrade_init(&estate->upgrade, "/etc/weir/weir.yaml");
    opening_init(&estate->opening, &estate->upgrade);
    crew_init(&estate->crew);
    estate->service = (struct service){0};
    return (struct inheritance){"/etc/weir/weir.yaml", &estate->opening, &estate->upgrade,
                                &estate->crew, &estate->service};
}

static struct address address_at(const char *path)
{
    struct address address = {.ip.kind = ADDRESS_UNIX};
    (void)snprintf(address.path, sizeof(address.path), "%s", path);
    return address;
}

static void what_is_left_is_taken(void **state)
{
    (void)state;
    static struct estate left, taken;
    struct inheritance from = begin(&left), to = begin(&taken);
    struct sys_listen_options options = {.backlog = 8};
    struct address address = address_at("@inheritance-test");
    int ends[2];
    assert_int_equal(sys_channel_open(ends), 0);
    int listener = kept_listeners_get(&left.opening.listeners, &address, &options);
    assert_true(listener >= 0);
    const struct kept file = {.bytes = arena_copy(&left.opening.served.arena, SLICE("its bytes")),
                              .is_watched = true,
                              .is_before = true,
                              .stamp = UINT64_MAX};
    assert_true(kept_files_add(&left.opening.served, KEPT_FILE, SLICE("a file"), file));
    assert_true(kept_files_add(&left.opening.served, KEPT_LOG, SLICE("a log"),
                               (struct kept){.error = -ENOENT}));
    left.crew.members[1] = (struct crew_member){.role = CREW_SERVES,
                                                .child = {17, dup(0)},
                                                .channel = ends[0],
                                                .started_at = 5,
                                                .drain_ms = 7,
                                                .kill_at = UINT64_MAX};
    left.opening.terms.rights = (struct sys_rights){
        .changes_user = true, .user = 33, .group = UINT32_MAX - 1, .sandbox = true};
    left.service = (struct service){.socket = address_at("/run/notify"), .watchdog_ms = 9};
    int estate = inheritance_write(&from);
    assert_true(estate >= 0);
    assert_true(inheritance_take(&to, estate));

    assert_true(taken.opening.has_served);
    const struct kept *found = kept_files_find(&taken.opening.served, KEPT_FILE, SLICE("a file"));
    assert_true(found && found->error == 0 && slice_equal(found->bytes, SLICE("its bytes")));
    assert_true(found->is_watched && found->is_before && found->stamp == UINT64_MAX);
    found = kept_files_find(&taken.opening.served, KEPT_LOG, SLICE("a log"));
    assert_true(found && found->error == -ENOENT);
    assert_int_equal(kept_listeners_get(&taken.opening.listeners, &address, &options), listener);
    assert_int_equal(kept_listeners_get(&taken.opening.listeners, &address, &options), -EALREADY);
    const struct crew_member *member = crew_find(&taken.crew, CREW_SERVES);
    assert_non_null(member);
    assert_int_equal(member->child.process, 17);
    assert_int_equal(member->channel, ends[0]);
    assert_int_equal(member->started_at, 5);
    assert_int_equal(member->drain_ms, 7);
    assert_true(member->kill_at == UINT64_MAX);
    assert_true(address_equal(&taken.service.socket, &left.service.socket));
    assert_int_equal(taken.service.watchdog_ms, 9);
    assert_string_equal(taken.upgrade.program, left.upgrade.program);
    assert_true(taken.opening.terms.rights.changes_user);
    assert_int_equal(taken.opening.terms.rights.user, 33);
    assert_int_equal(taken.opening.terms.rights.group, UINT32_MAX - 1);
    assert_false(taken.opening.terms.rights.core_dumps);
    assert_true(taken.opening.terms.rights.sandbox);

    sys_close(ends[1]);
    crew_leave(&taken.crew);
    opening_fini(&taken.opening, true);
    kept_files_clear(&left.opening.served); /* its descriptors are the other one's now */
    crew_init(&left.crew);
}

static void expect_refused(struct slice bytes)
{
    static struct estate taken;
    struct inheritance to = begin(&taken);
    assert_false(inheritance_read_bytes(&to, bytes));
    opening_fini(&taken.opening, false);
}

static void what_is_malformed_is_refused(void **state)
{
    (void)state;
    expect_refused(SLICE(""));
    expect_refused(SLICE("weir-estate 3\n"));
    expect_refused(SLICE("weir-estate 2\nworker 1\n1\n"));
    expect_refused(SLICE("weir-estate 2\nworker 11\n9 1 2 3 4 5\n"));
    expect_refused(SLICE("weir-estate 2\nworker 11\n0 1 2 3 4 5\n"));
    expect_refused(SLICE("weir-estate 2\nworker 13\n1 1 2 3 4 5 x\n"));
    expect_refused(SLICE("weir-estate 2\nlistener 8\n7 0 0 :x\n"));
    expect_refused(SLICE("weir-estate 2\nlistener 9\n7 2 0 :80\n"));
    expect_refused(SLICE("weir-estate 2\nfile 4\nname\n"));
    expect_refused(SLICE("weir-estate 2\nfile 12\n0 0 0 0 name\n"));
    expect_refused(SLICE("weir-estate 2\nfile 6\nname\0b\n"));
    expect_refused(SLICE("weir-estate 2\nfile 10\n0 2 0 0 a\0\n"));
    expect_refused(
        SLICE("weir-estate 2\nfile 10\n0 0 0 0 a\0\nfile 10\n0 0 0 0 a\0\n")); /* twice */
    expect_refused(SLICE("weir-estate 2\ndrain 1\nx\n"));
    expect_refused(SLICE("weir-estate 2\nrights 10\n2 33 4 0 1\n"));
    expect_refused(SLICE("weir-estate 2\nrights 8\n1 33 4 0\n"));
}

static void what_is_unknown_is_passed_over(void **state)
{
    (void)state;
    static struct estate taken;
    struct inheritance to = begin(&taken);
    assert_true(inheritance_read_bytes(&to, SLICE("weir-estate 2\nlater 3\n1 2\ndrain 1\n9\n")));
    assert_int_equal(taken.opening.terms.drain_ms, 9);
    opening_fini(&taken.opening, false);
}

static void a_descriptor_that_is_not_there_is_noticed(void **state)
{
    (void)state;
    static struct estate left, taken;
    struct inheritance from = begin(&left), to = begin(&taken);
    assert_true(kept_listeners_read(&left.opening.listeners, SLICE("999 0 0 127.0.0.1:80")));
    int estate = inheritance_write(&from);
    assert_true(estate >= 0);
    assert_false(inheritance_take(&to, estate));
    opening_fini(&left.opening, false);
    opening_fini(&taken.opening, false);
}

static void the_estate_is_found_once(void **state)
{
    (void)state;
    assert_int_equal(setenv(UPGRADE_ESTATE_VARIABLE, "12", 1), 0);
    assert_int_equal(inheritance_find(), 12);
    assert_int_equal(inheritance_find(), -1);
    assert_int_equal(setenv(UPGRADE_ESTATE_VARIABLE, "nonsense", 1), 0);
    assert_int_equal(inheritance_find(), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_is_taken),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(what_is_unknown_is_passed_over),
        cmocka_unit_test(a_descriptor_that_is_not_there_is_noticed),
        cmocka_unit_test(the_estate_is_found_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
