/* From libyaml's events to a tree (yaml_tree.c). libyaml knows no limits of depth, size or aliases,
 * so they are ours; it cannot go on behind a syntax error, which is therefore always the last thing
 * of its file (yaml_words.c explains it). */
#include "conf/yaml.h"

#include "base/arena.h"
#include "base/assert.h"
#include "conf/utf8.h"
#include "conf/yaml_int.h"
#include "conf/yaml_tree.h"

#include <stdlib.h>
#include <yaml.h>

enum {
    WORTH_READING = 500, /* columns */
    CONTINUED_MAX = 16,
};

/* An unquoted value over several lines. */
struct continued {
    const struct node *scalar;
    bool looks_like_item; /* what stands in its second line; else like a key */
};

struct reading {
    const struct yaml_reader *with;
    const struct source *source;
    uint16_t index;
    struct yaml_tree tree;
    unsigned documents;
    struct slice rest; /* the source from line number `line` on, counted from 0 */
    uint32_t line;

    struct continued continued[CONTINUED_MAX];
    size_t continued_count;
    struct position quote; /* of the last text, if it is in quotes over several lines */
    struct slice tight;    /* the value of the key before, where its space is missing; else empty */
};

static struct position place(const struct reading *reading, yaml_mark_t mark)
{
    return (struct position){reading->index, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

/* What stands in the source at a place, to the end of its line. Places are asked in order, so that
 * the whole file is walked once; far out in a long line nothing is worth the walk. */
static struct slice source_at(struct reading *reading, size_t line, size_t column)
{
    if (line < reading->line || column > WORTH_READING)
        return SLICE("");
    ASSERT(reading->rest.length <= reading->source->bytes.length);
    reading->rest = source_from_line(reading->rest, (uint32_t)(line - reading->line) + 1);
    reading->line = (uint32_t)line;
    struct slice text = source_line(slice_until(reading->rest, 8 * WORTH_READING), 1);
    for (size_t i = 0; i < column && text.length; i++)
        utf8_next(&text);
    return text;
}

static void refuse_tag(struct reading *reading, const yaml_char_t *tag, struct position position)
{
    if (tag)
        diagnostics_error(reading->with->diagnostics, position,
                          "leave it out, or put the value in quotes if it begins with \"!\"",
                          "tags (%.60s) are not read", (const char *)tag);
}

/* Whether the text stands in the file as it is: on one line, and as long as what was read. */
static bool is_verbatim(const yaml_event_t *event, struct slice text)
{
    yaml_scalar_style_t style = event->data.scalar.style;
    if (event->start_mark.line != event->end_mark.line || style == YAML_LITERAL_SCALAR_STYLE ||
        style == YAML_FOLDED_SCALAR_STYLE)
        return false;
    size_t quotes = style == YAML_PLAIN_SCALAR_STYLE ? 0 : 2;
    return event->end_mark.column - event->start_mark.column == utf8_count(text) + quotes;
}

static bool is_comment(struct slice line)
{
    return slice_starts_with(slice_trim(line), SLICE("#"));
}

/* An unquoted value that swallows the next line is what YAML says, but seldom what was meant. It is
 * told at the end: where the file breaks off, the reason for that is enough. */
static void note_continued(struct reading *reading, const yaml_event_t *event,
                           const struct node *scalar)
{
    if (scalar->quoted || event->start_mark.line == event->end_mark.line ||
        reading->continued_count == CONTINUED_MAX)
        return;
    struct slice next = slice_trim(source_at(reading, event->start_mark.line + 1, 0));
    size_t colon = slice_find(next, ':');
    bool is_item = slice_starts_with(next, SLICE("- "));
    bool is_key = colon > 0 && colon < next.length && slice_find(next, ' ') > colon;
    if (is_item || is_key)
        reading->continued[reading->continued_count++] = (struct continued){scalar, is_item};
}

static void warn_of_continued(const struct reading *reading)
{
    for (size_t i = 0; i < reading->continued_count; i++)
        diagnostics_warning(reading->with->diagnostics, reading->continued[i].scalar->position,
                            reading->continued[i].looks_like_item
                                ? "if that is a further item, indent it like the one before"
                                : "if that is a key, indent it like this one, with a space behind "
                                  "its colon",
                            "this value goes on in the next line");
}

static void fill_scalar(struct reading *reading, const yaml_event_t *event, struct slice text,
                        struct node *node)
{
    yaml_mark_t start = event->start_mark;
    node->kind = NODE_SCALAR;
    node->position = place(reading, start);
    node->text = text;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->verbatim = is_verbatim(event, text);
    node->commented =
        node_is_nothing(node) && is_comment(source_at(reading, start.line, start.column));
    node->anchored = node_is_nothing(node) && event->data.scalar.anchor;
    bool spans_lines = start.line != event->end_mark.line;
    reading->quote = node->quoted && spans_lines ? node->position : (struct position){0};
}

/* `{status:301}` is to YAML one key without a value. It is told, and read as what was meant, so
 * that nothing else is told of it. */
static struct slice split_tight(struct reading *reading, const yaml_event_t *event,
                                struct slice text)
{
    const struct yaml_reader *with = reading->with;
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    size_t colon = is_plain ? yaml_tight_colon(text) : 0;
    if (colon == 0 || slice_starts_with(slice_from(text, colon), SLICE("://")))
        return text;
    struct slice behind =
        slice_trim(source_at(reading, event->end_mark.line, event->end_mark.column));
    if (behind.length == 0 || !strchr(",}", behind.data[0]))
        return text;
    yaml_tell_tight(with->diagnostics, place(reading, event->start_mark), text, colon);
    reading->tight = arena_copy(with->arena, slice_from(text, colon + 1));
    reading->tree.no_memory |= !reading->tight.data;
    return slice_until(text, colon);
}

static void on_key(struct reading *reading, const yaml_event_t *event, struct slice text)
{
    struct node node = {.kind = NODE_SCALAR};
    text = split_tight(reading, event, text);
    if (reading->tree.no_memory)
        return;
    struct slice kept = yaml_tree_key(&reading->tree, text);
    if (!kept.data) {
        reading->tree.no_memory = true;
        return;
    }
    fill_scalar(reading, event, kept, &node);
    yaml_tree_add(&reading->tree, &node, (const char *)event->data.scalar.anchor);
}

/* What YAML and all who read it take for nothing would be a name, a pattern that finds all, or a
 * file. */
static void refuse_null(struct reading *reading, const yaml_event_t *event)
{
    struct slice text = slice_of((const char *)event->data.scalar.value, event->data.scalar.length);
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && slice_equal(text, SLICE("~")))
        diagnostics_error_alone(reading->with->diagnostics, place(reading, event->start_mark),
                                "write a value, or take it out", "to YAML \"~\" is nothing");
}

static void on_value(struct reading *reading, const yaml_event_t *event, struct slice text)
{
    const struct yaml_reader *with = reading->with;
    struct node *node = ARENA_NEW(with->arena, struct node);
    bool is_tight = reading->tight.length > 0;
    struct slice kept = is_tight ? reading->tight : arena_copy(with->arena, text);
    reading->tight = SLICE("");
    if (!node || !kept.data) {
        reading->tree.no_memory = true;
        return;
    }
    fill_scalar(reading, event, kept, node);
    node->tight = is_tight;
    if (!environment_expand(node, &with->environment, with->arena, with->diagnostics)) {
        reading->tree.no_memory = true;
        return;
    }
    note_continued(reading, event, node);
    refuse_null(reading, event);
    yaml_tree_add(&reading->tree, node, (const char *)event->data.scalar.anchor);
}

static void on_scalar(struct reading *reading, const yaml_event_t *event)
{
    struct slice text = slice_of((const char *)event->data.scalar.value, event->data.scalar.length);
    refuse_tag(reading, event->data.scalar.tag, place(reading, event->start_mark));
    if (yaml_tree_awaits_key(&reading->tree))
        on_key(reading, event, text);
    else
        on_value(reading, event, text);
}

static void on_start(struct reading *reading, enum node_kind kind, const yaml_char_t *anchor,
                     const yaml_char_t *tag, yaml_mark_t mark)
{
    refuse_tag(reading, tag, place(reading, mark));
    yaml_tree_begin(&reading->tree, kind, place(reading, mark), (const char *)anchor);
}

static void on_document(struct reading *reading, const yaml_event_t *event)
{
    if (reading->documents++ == 0)
        return;
    reading->tree.gave_up = true;
    diagnostics_error(reading->with->diagnostics, place(reading, event->start_mark),
                      "one file has one document", "a second document begins here");
}

static void on_event(struct reading *reading, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        on_document(reading, event);
        break;
    case YAML_ALIAS_EVENT:
        yaml_tree_repeat(&reading->tree, place(reading, event->start_mark),
                         (const char *)event->data.alias.anchor);
        break;
    case YAML_SCALAR_EVENT:
        on_scalar(reading, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_start(reading, NODE_SEQUENCE, event->data.sequence_start.anchor,
                 event->data.sequence_start.tag, event->start_mark);
        break;
    case YAML_MAPPING_START_EVENT:
        on_start(reading, NODE_MAPPING, event->data.mapping_start.anchor,
                 event->data.mapping_start.tag, event->start_mark);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        yaml_tree_end(&reading->tree);
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

static void explain(const struct reading *reading, const yaml_parser_t *parser)
{
    const struct node *open = yaml_tree_open(&reading->tree);
    struct yaml_scene scene = {.quote = reading->quote};
    if (open)
        scene.open = open->position;
    yaml_explain(parser, reading->source, reading->index, &scene, reading->with->diagnostics);
}

static void read_events(struct reading *reading, yaml_parser_t *parser)
{
    struct yaml_tree *tree = &reading->tree;
    bool at_end = false;
    while (!at_end && !tree->gave_up && !tree->no_memory) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            tree->gave_up = true;
            tree->no_memory = parser->error == YAML_MEMORY_ERROR;
            if (!tree->no_memory)
                explain(reading, parser);
            return;
        }
        at_end = event.type == YAML_STREAM_END_EVENT;
        on_event(reading, &event);
        yaml_event_delete(&event);
    }
}

/* The root, or NULL. An empty file, or one of comments alone, is an empty mapping. */
static struct node *finish(struct reading *reading)
{
    struct yaml_tree *tree = &reading->tree;
    if (tree->gave_up || tree->no_memory)
        return NULL;
    ASSERT(!yaml_tree_open(tree));
    warn_of_continued(reading);
    if (tree->root && !node_is_nothing(tree->root))
        return tree->root;
    struct node *empty = ARENA_NEW(reading->with->arena, struct node);
    if (!empty) {
        tree->no_memory = true;
        return NULL;
    }
    empty->kind = NODE_MAPPING;
    empty->position = (struct position){reading->index, 1, 1};
    return empty;
}

struct node *yaml_read(const struct yaml_reader *reader, const struct source *source,
                       uint16_t index, bool *ret_no_memory)
{
    if (!yaml_check_bytes(source, index, reader->diagnostics))
        return NULL;
    struct slice bytes = yaml_join_surrogates(source->bytes, reader->arena);
    struct reading *reading = calloc(1, sizeof(*reading));
    yaml_parser_t parser;
    if (!bytes.data || !reading || !yaml_parser_initialize(&parser)) {
        free(reading);
        *ret_no_memory = true;
        return NULL;
    }
    reading->with = reader;
    reading->source = source;
    reading->index = index;
    reading->rest = source->bytes;
    yaml_tree_init(&reading->tree, reader->arena, reader->diagnostics);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const yaml_char_t *)bytes.data, bytes.length);
    read_events(reading, &parser);
    yaml_parser_delete(&parser);
    struct node *root = finish(reading);
    *ret_no_memory |= reading->tree.no_memory;
    yaml_tree_fini(&reading->tree);
    free(reading);
    return root;
}
