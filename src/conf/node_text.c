#include "conf/node_text.h"

#include "base/assert.h"

static bool has_any(struct slice bytes, const char *wanted)
{
    for (; *wanted; wanted++) {
        if (slice_find(bytes, *wanted) < bytes.length)
            return true;
    }
    return false;
}

static void print_escaped(struct text *text, struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        if (byte == '\n')
            text_add(text, SLICE("\\n"));
        else if (byte == '\t')
            text_add(text, SLICE("\\t"));
        else if (byte < 0x20 || byte == 0x7f)
            text_print(text, "\\x%02x", byte);
        else if (byte == '"' || byte == '\\')
            text_print(text, "\\%c", byte);
        else
            text_add_byte(text, (char)byte);
    }
}

/* The text with its stretches of the environment left out. */
static void print_without_environment(struct text *text, const struct node *scalar)
{
    size_t at = 0;
    const struct node_stretch *stretch = scalar->environment;
    for (; stretch && stretch->start < stretch->end; stretch++) {
        ASSERT(stretch->end <= scalar->text.length);
        print_escaped(text, slice_from(slice_until(scalar->text, stretch->start), at));
        text_add(text, SLICE("${env...}"));
        at = stretch->end;
    }
    print_escaped(text, slice_from(scalar->text, at));
}

static bool needs_quotes(const struct node *scalar)
{
    struct slice bytes = scalar->text;
    return scalar->quoted || scalar->environment || slice_is_empty(bytes) ||
           has_any(bytes, ",[]{}\"'\\\n\t#") || slice_equal(bytes, SLICE("~"));
}

static void print_scalar(struct text *text, const struct node *scalar)
{
    if (node_is_nothing(scalar))
        return;
    bool quotes = needs_quotes(scalar);
    if (quotes)
        text_add_byte(text, '"');
    print_without_environment(text, scalar);
    if (quotes)
        text_add_byte(text, '"');
}

/* As deep as the file is, which the reader of YAML limits. */
void node_print(struct text *text, const struct node *node)
{
    if (node->kind == NODE_SCALAR) {
        print_scalar(text, node);
        return;
    }
    bool is_mapping = node->kind == NODE_MAPPING;
    text_add_byte(text, is_mapping ? '{' : '[');
    for (uint32_t i = 0; i < node->count && !text_is_cut(text); i++) {
        if (i > 0)
            text_add(text, SLICE(", "));
        if (is_mapping) {
            print_escaped(text, node->pairs[i].key);
            text_add(text, SLICE(": "));
        }
        node_print(text, is_mapping ? node->pairs[i].value : node->items[i]);
    }
    text_add_byte(text, is_mapping ? '}' : ']');
}
