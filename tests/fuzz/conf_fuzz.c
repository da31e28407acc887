/* Any bytes as a configuration. Whatever they are: every diagnostic lies inside of its source and
 * can be printed without a control byte, and reading the same again tells the same. */
#include "base/assert.h"
#include "conf/test_vocabulary.h"
#include "conf/utf8.h"
#include "fuzz/fuzz_files.h"
#include "main/vocabulary.h"

enum { DIAGNOSTICS_MAX = 50 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    struct configuration_reader reader = fuzz_files_reader(input);
    struct loaded loaded = {.diagnostics = diagnostics_new(DIAGNOSTICS_MAX)};
    loaded.configuration =
        configuration_load(SLICE("0"), fuzz_files_first(*input), of, &reader, loaded.diagnostics);
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
