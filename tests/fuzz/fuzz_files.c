#include "fuzz/fuzz_files.h"

#include <string.h>

/* The file of that number; false: there are not so many. */
static bool find_file(struct slice input, uint64_t number, struct slice *ret_bytes)
{
    static const struct slice separator = {"\n%%%\n", 5};
    for (;; number--) {
        const char *end = input.length
                              ? memmem(input.data, input.length, separator.data, separator.length)
                              : NULL;
        *ret_bytes = end ? slice_until(input, (size_t)(end - input.data)) : input;
        if (number == 0)
            return true;
        if (!end)
            return false;
        input = slice_from(input, ret_bytes->length + separator.length);
    }
}

static bool read_file(void *context, struct slice path, struct arena *arena,
                      struct slice *ret_bytes, const char **ret_reason)
{
    (void)arena;
    uint64_t number = 0;
    *ret_reason = "no such file";
    return slice_to_number(path, 100, &number) &&
           find_file(*(const struct slice *)context, number, ret_bytes);
}

static bool expand_glob(void *context, struct slice pattern, struct arena *arena,
                        struct slice **ret_paths, size_t *ret_count)
{
    (void)context;
    (void)pattern;
    struct slice *paths = ARENA_ARRAY(arena, struct slice, 4);
    for (size_t i = 0; paths && i < 4; i++)
        paths[i] = slice_of(&"0123"[i], 1);
    *ret_paths = paths;
    *ret_count = 4;
    return paths;
}

static const char *environment_value(void *context, const char *name)
{
    (void)context;
    return name[0] == 'A' ? "value of $A: \"x\"" : name[0] == 'E' ? "" : NULL;
}

struct configuration_reader fuzz_files_reader(struct slice *input)
{
    return (struct configuration_reader){.context = input,
                                         .read_file = read_file,
                                         .expand_glob = expand_glob,
                                         .environment = environment_value};
}

struct slice fuzz_files_first(struct slice input)
{
    struct slice bytes = SLICE("");
    (void)find_file(input, 0, &bytes);
    return bytes;
}
