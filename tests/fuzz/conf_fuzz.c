/* Any bytes as a configuration. Whatever they are: every diagnostic lies inside of its source and
 * can be printed without a control byte, and reading the same again tells the same. An input may
 * hold several files, which are called 0, 1, 2 …: they are separated by lines of `%%%`. */
#include "base/assert.h"
#include "conf/test_vocabulary.h"
#include "conf/utf8.h"
#include "main/vocabulary.h"

#include <stdlib.h>

enum { DIAGNOSTICS_MAX = 50 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

/* Every pattern stands for the first four files. */
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

static void check_place(const struct diagnostic *diagnostic, const struct source *source)
{
    struct position position = diagnostic->position;
    struct slice from = source_from_line(source->bytes, position.line);
    ASSERT(position.column > 0);
    /* The line before it ends, so that this one begins. */
    ASSERT(position.line == 1 || from.length > 0 ||
           source_from_line(source->bytes, position.line - 1).length >
               source_line(source->bytes, position.line - 1).length);
    ASSERT(position.column <= utf8_count(source_line(source->bytes, position.line)) + 1);
}

static void check_printed(const struct diagnostic *diagnostic,
                          const struct configuration *configuration)
{
    char memory[DIAGNOSTIC_PRINTED_MAX];
    struct text text = text_over(memory, sizeof(memory));
    diagnostic_print(&text, diagnostic, configuration->sources, configuration->source_count, false);
    struct slice printed = text_slice(&text);
    ASSERT(!text_is_cut(&text));
    while (printed.length) {
        uint32_t character = utf8_next(&printed);
        ASSERT(character == '\n' || utf8_is_printable(character));
    }
}

struct loaded {
    struct configuration *configuration;
    struct diagnostics *diagnostics;
};

static struct loaded load(struct slice *input, const struct vocabulary *of)
{
    struct configuration_reader reader = {input, read_file, expand_glob, environment_value};
    struct loaded loaded = {.diagnostics = diagnostics_new(DIAGNOSTICS_MAX)};
    struct slice bytes = SLICE("");
    (void)find_file(*input, 0, &bytes);
    loaded.configuration = configuration_load(SLICE("0"), bytes, of, &reader, loaded.diagnostics);
    ASSERT(loaded.configuration);
    for (size_t i = 0; i < diagnostics_count(loaded.diagnostics); i++) {
        const struct diagnostic *diagnostic = diagnostics_get(loaded.diagnostics, i);
        ASSERT(diagnostic->position.source < loaded.configuration->source_count);
        if (diagnostic->position.line > 0)
            check_place(diagnostic, &loaded.configuration->sources[diagnostic->position.source]);
        check_printed(diagnostic, loaded.configuration);
    }
    return loaded;
}

static void unload(struct loaded *loaded)
{
    configuration_free(loaded->configuration);
    diagnostics_free(loaded->diagnostics);
}

static void check_same_scope(const struct scope *a, const struct scope *b)
{
    ASSERT(a->kind == b->kind);
    ASSERT(a->own_groups == b->own_groups);
    ASSERT(a->child_count == b->child_count);
    for (uint32_t i = 0; i < a->child_count; i++)
        check_same_scope(a->children[i], b->children[i]);
}

static void check_same(const struct loaded *a, const struct loaded *b)
{
    ASSERT(diagnostics_errors(a->diagnostics) == diagnostics_errors(b->diagnostics));
    ASSERT(diagnostics_warnings(a->diagnostics) == diagnostics_warnings(b->diagnostics));
    for (size_t i = 0; i < diagnostics_count(a->diagnostics); i++) {
        const struct diagnostic *one = diagnostics_get(a->diagnostics, i);
        const struct diagnostic *other = diagnostics_get(b->diagnostics, i);
        ASSERT(slice_equal(one->what, other->what) && slice_equal(one->cure, other->cure));
        ASSERT(one->position.line == other->position.line);
    }
    ASSERT(a->configuration->upstream_count == b->configuration->upstream_count);
    check_same_scope(a->configuration->top, b->configuration->top);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of((const char *)data, size);
    const struct vocabulary *const vocabularies[] = {&vocabulary, &test_vocabulary};
    for (size_t i = 0; i < 2; i++) {
        struct loaded once = load(&input, vocabularies[i]), again = load(&input, vocabularies[i]);
        check_same(&once, &again);
        unload(&once);
        unload(&again);
    }
    return 0;
}
