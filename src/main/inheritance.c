#include "main/inheritance.h"

#include "main/estate.h"
#include "sys/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int write_all(const struct inheritance *inheritance, int file)
{
    int error = estate_begin(file);
    if (!error)
        error = upgrade_write(inheritance->upgrade, file);
    if (!error)
        error = crew_write(inheritance->crew, file);
    if (!error)
        error = service_write(inheritance->service, file);
    return error ? error : opening_write(inheritance->opening, file);
}

int inheritance_write(const struct inheritance *inheritance)
{
    int file = sys_memory_file((struct slice){0});
    int error = file < 0 ? file : write_all(inheritance, file);
    if (!error)
        sys_rewind(file);
    else if (file >= 0)
        sys_close(file);
    return error ? error : file;
}

/* False: one is not open, or has never been. */
static bool pass_all(const struct inheritance *inheritance, int estate, bool are_passed)
{
    bool passed = kept_listeners_pass(&inheritance->opening->listeners, are_passed);
    passed &= crew_pass(inheritance->crew, are_passed);
    return sys_pass_descriptor(estate, are_passed) && passed;
}

int inheritance_leave(const struct inheritance *inheritance)
{
    char number[16];
    const char *program = inheritance->upgrade->program;
    const char *const arguments[] = {program, "run", "-c", inheritance->path, NULL};
    int estate = inheritance_write(inheritance);
    if (estate < 0)
        return estate;
    (void)snprintf(number, sizeof(number), "%d", estate);
    int error = -EBADF;
    if (pass_all(inheritance, estate, true) && setenv(UPGRADE_ESTATE_VARIABLE, number, 1) == 0)
        error = sys_program_become(program, arguments);
    (void)unsetenv(UPGRADE_ESTATE_VARIABLE);
    (void)pass_all(inheritance, estate, false);
    sys_close(estate);
    return error;
}

int inheritance_find(void)
{
    int estate = -1;
    struct slice number = slice_from_text(getenv(UPGRADE_ESTATE_VARIABLE));
    bool is_there = estate_take_int(&number, &estate);
    (void)unsetenv(UPGRADE_ESTATE_VARIABLE);
    return is_there ? estate : -1;
}

static bool read_record(const struct inheritance *inheritance, struct slice key, struct slice value)
{
    if (slice_equal(key, SLICE("worker")))
        return crew_read(inheritance->crew, value);
    return upgrade_read(inheritance->upgrade, key, value) &&
           service_read(inheritance->service, key, value) &&
           opening_read(inheritance->opening, key, value);
}

bool inheritance_read_bytes(const struct inheritance *inheritance, struct slice rest)
{
    struct slice key, value;
    enum estate_step step = ESTATE_END;
    bool good = estate_open(&rest);
    while (good && (step = estate_next(&rest, &key, &value)) == ESTATE_RECORD)
        good = read_record(inheritance, key, value);
    return good && step == ESTATE_END;
}

bool inheritance_read(const struct inheritance *inheritance, int estate)
{
    struct arena arena;
    struct slice bytes = {0};
    arena_init(&arena, NULL, 2 * (size_t)ESTATE_BYTES_MAX);
    bool good = sys_read_opened(estate, ESTATE_BYTES_MAX, &arena, &bytes) == 0 &&
                inheritance_read_bytes(inheritance, bytes);
    slice_cleanse(bytes); /* there are keys in it */
    arena_fini(&arena);
    return good;
}

bool inheritance_take(const struct inheritance *inheritance, int estate)
{
    bool good = inheritance_read(inheritance, estate) && pass_all(inheritance, estate, false);
    inheritance->opening->has_served = good;
    sys_close(estate);
    return good;
}
