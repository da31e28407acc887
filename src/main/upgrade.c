#include "main/upgrade.h"

#include "base/assert.h"
#include "main/estate.h"
#include "obs/log.h"
#include "sys/clock.h"
#include "sys/open.h"
#include "sys/program.h"

#include <errno.h>
#include <stdio.h>

enum {
    CHECK_MS = 60 * 1000, /* the configuration may be large, and its tests many */
    TRY_MS = 10 * 1000,
    START_MS = 30 * 1000, /* until a new worker serves */
    LEAVE_MS = 5 * 1000,
    WRITE_MS = 1000, /* how long whoever reads standard error may hold us up */
    STANDARD_ERROR = 2,
    OUTPUT_ARENA_MAX = 2 * SYS_OUTPUT_MAX,
};

void upgrade_init(struct upgrade *upgrade, const char *configuration)
{
    *upgrade = (struct upgrade){
        .configuration = configuration, .errand = {.descriptor = -1}, .output = -1};
    (void)snprintf(upgrade->from, sizeof(upgrade->from), "%s", WEIR_VERSION);
    if (!sys_own_program(upgrade->program, sizeof(upgrade->program)))
        upgrade->program[0] = '\0';
}

static void enter(struct upgrade *upgrade, enum upgrade_step step, uint64_t may_take_ms)
{
    upgrade->step = step;
    upgrade->until = sys_monotonic_ms() + may_take_ms;
}

/* ---- from supervisor to supervisor */

int upgrade_write(const struct upgrade *upgrade, int file)
{
    const struct slice program = slice_from_text(upgrade->program);
    const struct slice from = slice_from_text(upgrade->from), to = slice_from_text(upgrade->to);
    int error = estate_add(file, "program", &program, 1);
    if (!error)
        error = estate_add(file, "from", &from, 1);
    return error ? error : estate_add(file, "to", &to, 1);
}

static bool take_text(struct slice value, char *ret_text, size_t size)
{
    if (value.length >= size || slice_find(value, '\0') < value.length)
        return false;
    memcpy(ret_text, value.data, value.length);
    ret_text[value.length] = '\0';
    return true;
}

bool upgrade_read(struct upgrade *upgrade, struct slice key, struct slice value)
{
    if (slice_equal(key, SLICE("program")))
        return take_text(value, upgrade->program, sizeof(upgrade->program));
    if (slice_equal(key, SLICE("from")))
        return take_text(value, upgrade->from, sizeof(upgrade->from));
    if (slice_equal(key, SLICE("to")))
        return take_text(value, upgrade->to, sizeof(upgrade->to));
    return true;
}

void upgrade_resume(struct upgrade *upgrade)
{
    ASSERT(upgrade->step == UPGRADE_NONE);
    enter(upgrade, UPGRADE_STARTS, START_MS);
}

void upgrade_note_restart(struct upgrade *upgrade)
{
    (void)snprintf(upgrade->from, sizeof(upgrade->from), "%s", WEIR_VERSION);
}

/* ---- its beginning */

int upgrade_ask(struct upgrade *upgrade)
{
    if (upgrade->has_stopped)
        return -ESHUTDOWN;
    if (upgrade->step != UPGRADE_NONE)
        return -EBUSY;
    upgrade->step = UPGRADE_ASKED;
    return 0;
}

/* ---- its end */

static void forget_output(struct upgrade *upgrade)
{
    if (upgrade->output >= 0)
        sys_close(upgrade->output);
    upgrade->output = -1;
}

static void end(struct upgrade *upgrade, bool has_failed)
{
    forget_output(upgrade);
    upgrade->step = UPGRADE_NONE;
    upgrade->has_been = true;
    upgrade->has_failed = has_failed;
    if (!has_failed)
        memcpy(upgrade->from, upgrade->to, sizeof(upgrade->from)); /* of the next one */
}

/* With what the new program said, as far as there is room. */
static void fail_with(struct upgrade *upgrade, const char *problem, struct slice said)
{
    log_event(LOG_ERROR, "the upgrade has failed; what served before goes on",
              LOG_TEXT("problem", slice_from_text(problem)));
    struct text words = text_over(upgrade->words, sizeof(upgrade->words) - 1);
    text_add(&words, said);
    text_print(&words, "the upgrade has failed; version %s goes on: %s\n", upgrade->from, problem);
    if (text_is_cut(&words)) { /* it said too much */
        words = text_over(upgrade->words, sizeof(upgrade->words) - 1);
        text_print(&words, "the upgrade has failed; version %s goes on: %s\n", upgrade->from,
                   problem);
    }
    upgrade->words[words.length] = '\0';
    end(upgrade, true);
}

void upgrade_fail(struct upgrade *upgrade, const char *problem)
{
    if (upgrade->errand.process > 0) {
        struct sys_end ended;
        sys_child_kill(&upgrade->errand);
        while (!sys_child_take_end(&upgrade->errand, &ended)) {
            const int awaited[] = {upgrade->errand.descriptor};
            sys_await_readable(awaited, 1, -1);
        }
    }
    if (upgrade->step != UPGRADE_NONE)
        fail_with(upgrade, problem, (struct slice){0});
}

void upgrade_stop(struct upgrade *upgrade)
{
    upgrade_fail(upgrade, "Weir stops");
    upgrade->has_stopped = true;
}

void upgrade_leave(struct upgrade *upgrade)
{
    forget_output(upgrade);
    if (upgrade->errand.descriptor >= 0)
        sys_close(upgrade->errand.descriptor);
    upgrade->errand = (struct sys_child){.descriptor = -1};
}

void upgrade_serves(struct upgrade *upgrade)
{
    ASSERT(upgrade->step == UPGRADE_STARTS);
    enter(upgrade, UPGRADE_LEAVES, LEAVE_MS);
}

void upgrade_left(struct upgrade *upgrade)
{
    if (upgrade->step != UPGRADE_LEAVES)
        return;
    log_event(LOG_NOTICE, "the upgrade is done", LOG_TEXT("from", slice_from_text(upgrade->from)),
              LOG_TEXT("to", slice_from_text(upgrade->to)));
    (void)snprintf(upgrade->words, sizeof(upgrade->words), "upgraded from version %s to %s\n",
                   upgrade->from, upgrade->to);
    end(upgrade, false);
}

/* ---- the errands */

static bool start_errand(struct upgrade *upgrade, const char *const *arguments, int passed)
{
    upgrade->is_late = false;
    upgrade->output = sys_memory_file((struct slice){0});
    struct sys_run run = {upgrade->program, arguments, upgrade->output, passed};
    int error = upgrade->output < 0 ? upgrade->output : sys_program_start(&upgrade->errand, &run);
    if (!error)
        return true;
    upgrade_fail(upgrade, strerrordesc_np(-error));
    return false;
}

static void begin(struct upgrade *upgrade)
{
    log_event(LOG_NOTICE, "an upgrade begins; the new program checks the configuration",
              LOG_TEXT("program", slice_from_text(upgrade->program)));
    const char *const arguments[] = {upgrade->program, "check", "-c", upgrade->configuration, NULL};
    if (upgrade->program[0] == '\0')
        upgrade_fail(upgrade, "the system does not tell where the program lies");
    else if (start_errand(upgrade, arguments, -1))
        enter(upgrade, UPGRADE_CHECKS, CHECK_MS);
}

void upgrade_try(struct upgrade *upgrade, int estate)
{
    ASSERT(upgrade->step == UPGRADE_CHECKED);
    char option[64];
    (void)snprintf(option, sizeof(option), "--" UPGRADE_TRY_OPTION "=%d", estate);
    const char *const arguments[] = {upgrade->program, "run", option, NULL};
    if (start_errand(upgrade, arguments, estate))
        enter(upgrade, UPGRADE_TRIES, TRY_MS);
}

/* The version, where it begins as ours do. */
static bool read_greeting(struct upgrade *upgrade, struct slice said)
{
    struct slice line = slice_cut(&said, '\n');
    struct slice version = slice_from(line, sizeof(UPGRADE_GREETING) - 1);
    if (!slice_starts_with(line, SLICE(UPGRADE_GREETING)) || slice_is_empty(version) ||
        version.length > UPGRADE_VERSION_MAX)
        return false;
    memcpy(upgrade->to, version.data, version.length);
    upgrade->to[version.length] = '\0';
    return true;
}

/* A message about how it ended, or NULL where it did what it was asked. */
static const char *judge(struct upgrade *upgrade, const struct sys_end *ended, struct slice said)
{
    if (upgrade->is_late)
        return "the new program did not answer in time";
    if (ended->was_killed)
        return "the new program was ended by a signal";
    if (ended->number != 0)
        return upgrade->step == UPGRADE_CHECKS ? "the new program refuses the configuration"
                                               : "the new program cannot take over from this one";
    if (upgrade->step == UPGRADE_TRIES && !read_greeting(upgrade, said))
        return "the new program does not tell its version";
    return NULL;
}

static void finish_errand(struct upgrade *upgrade, const struct sys_end *ended)
{
    struct arena arena;
    struct slice said = {0};
    arena_init(&arena, NULL, OUTPUT_ARENA_MAX);
    sys_rewind(upgrade->output);
    (void)sys_read_opened(upgrade->output, SYS_OUTPUT_MAX, &arena, &said);
    const char *problem = judge(upgrade, ended, said);
    if (problem) {
        struct slice rest = said;
        (void)sys_write(STANDARD_ERROR, &rest, WRITE_MS);
        fail_with(upgrade, problem, said);
    } else {
        forget_output(upgrade);
        upgrade->step = upgrade->step == UPGRADE_CHECKS ? UPGRADE_CHECKED : UPGRADE_TRIED;
    }
    arena_fini(&arena);
}

void upgrade_look(struct upgrade *upgrade)
{
    struct sys_end ended;
    if (upgrade->step == UPGRADE_ASKED)
        begin(upgrade);
    if (upgrade->step == UPGRADE_LEAVES && upgrade_is_late(upgrade))
        upgrade_left(upgrade);
    if (upgrade->errand.process == 0)
        return;
    if (!upgrade->is_late && upgrade_is_late(upgrade)) {
        upgrade->is_late = true;
        sys_child_kill(&upgrade->errand);
    }
    if (sys_child_take_end(&upgrade->errand, &ended))
        finish_errand(upgrade, &ended);
}

/* ---- what is asked of it */

bool upgrade_is_late(const struct upgrade *upgrade)
{
    return sys_monotonic_ms() >= upgrade->until;
}

uint64_t upgrade_next_look(const struct upgrade *upgrade)
{
    switch (upgrade->step) {
    case UPGRADE_NONE:
        return UINT64_MAX;
    case UPGRADE_ASKED:
    case UPGRADE_CHECKED:
    case UPGRADE_TRIED:
        return 0;
    case UPGRADE_CHECKS:
    case UPGRADE_TRIES:
    case UPGRADE_STARTS:
    case UPGRADE_LEAVES:
        return upgrade->is_late ? UINT64_MAX : upgrade->until;
    }
    UNREACHABLE();
}

int upgrade_open_outcome(const struct upgrade *upgrade)
{
    bool is_under_way = upgrade->step != UPGRADE_NONE;
    const char *word = is_under_way          ? "begun"
                       : !upgrade->has_been  ? "none"
                       : upgrade->has_failed ? "failed"
                                             : "done";
    char memory[UPGRADE_WORDS_MAX + 16];
    struct text text = text_over(memory, sizeof(memory));
    text_print(&text, "%s\n", word);
    if (!is_under_way)
        text_add(&text, slice_from_text(upgrade->words));
    return sys_memory_file(text_slice(&text));
}
