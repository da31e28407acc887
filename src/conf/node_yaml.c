/* A text stays without quotes where it had none, because `off` and "off" differ; it gets them where
 * it would be read as something else (YAML 1.1, 5.3 and 9.1). */
#include "conf/node_yaml.h"

#include "base/assert.h"
#include "conf/utf8.h"

enum { INDENT = 2, LINE_ITEMS_MAX = 16 };

static bool is_word_byte(char byte)
{
    char c = ascii_lower(byte);
    return ascii_is_digit(c) || (c >= 'a' && c <= 'z') || c == '_';
}

/* Whether it can stand without quotes anywhere. */
static bool is_simple(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (!is_word_byte(text.data[i]) && (i == 0 || !strchr("-./+", text.data[i])))
            return false;
    }
    return text.length > 0;
}

static bool is_printable(struct slice text)
{
    while (text.length > 0) {
        if (!utf8_is_printable(utf8_next(&text)))
            return false;
    }
    return true;
}

/* Whether it can stand without quotes behind `key: ` or `- `. */
static bool is_plain(struct slice text)
{
    if (text.length == 0 || text.data[text.length - 1] == ' ' || text.data[text.length - 1] == ':')
        return false;
    bool is_led = strchr("-?:", text.data[0]) && (text.length == 1 || text.data[1] == ' ');
    if (is_led || strchr(" ,[]{}#&*!|>'\"%@`", text.data[0]))
        return false;
    for (size_t i = 0; i + 1 < text.length; i++) {
        struct slice two = slice_of(text.data + i, 2);
        if (slice_equal(two, SLICE(": ")) || slice_equal(two, SLICE(" #")))
            return false;
    }
    return is_printable(text);
}

/* ---- texts */

/* What YAML or a terminal does not take (YAML 1.1, 5.1 and 5.6) is written as its code. */
static void print_escaped(struct text *text, struct slice bytes)
{
    while (bytes.length > 0) {
        struct slice before = bytes;
        uint32_t character = utf8_next(&bytes);
        if (character == '"' || character == '\\')
            text_print(text, "\\%c", (char)character);
        else if (character == '\n')
            text_add(text, SLICE("\\n"));
        else if (utf8_is_printable(character) && character != 0xFFFE && character != 0xFFFF)
            text_add(text, slice_until(before, before.length - bytes.length));
        else
            text_print(text, "\\U%08X", character);
    }
}

typedef void add_fn(struct text *text, struct slice bytes);

/* The folder of a text's file, as seen from that of the first one. */
static struct slice folder_of(const struct node_yaml *yaml, const struct node *scalar)
{
    struct slice first = yaml->sources[0].name;
    struct slice name = yaml->sources[scalar->position.source].name;
    size_t first_end = slice_find_last(first, '/'), end = slice_find_last(name, '/');
    struct slice folder = end < name.length ? slice_until(name, end + 1) : SLICE("");
    if (first_end < first.length && slice_starts_with(folder, slice_until(first, first_end + 1)))
        return slice_from(folder, first_end + 1);
    return folder;
}

static bool is_path(const struct node_yaml *yaml, const struct node *scalar)
{
    return yaml->names_files && !slice_starts_with(scalar->text, SLICE("/")) &&
           !node_is_word(scalar, "off") && !(yaml->word && node_is_word(scalar, yaml->word));
}

/* The text as it stood in the file, with its references to the environment. */
static void print_pieces(const struct node_yaml *yaml, const struct node *scalar, add_fn *add)
{
    size_t at = 0;
    const struct node_stretch *stretch = scalar->environment;
    if (is_path(yaml, scalar))
        add(yaml->text, folder_of(yaml, scalar));
    for (; stretch && stretch->start < stretch->end; stretch++) {
        ASSERT(stretch->end <= scalar->text.length && stretch->start >= at);
        add(yaml->text, slice_from(slice_until(scalar->text, stretch->start), at));
        add(yaml->text, stretch->reference);
        at = stretch->end;
    }
    add(yaml->text, slice_from(scalar->text, at));
}

/* Without quotes first, to see whether that goes. */
static void print_scalar(const struct node_yaml *yaml, const struct node *scalar, bool in_line)
{
    struct text *text = yaml->text;
    size_t start = text->length;
    if (node_is_nothing(scalar))
        return;
    print_pieces(yaml, scalar, text_add);
    struct slice bare = slice_from(text_slice(text), start);
    if (!scalar->quoted && (in_line ? is_simple(bare) : is_plain(bare)))
        return;
    text->length = start;
    text_add_byte(text, '"');
    print_pieces(yaml, scalar, print_escaped);
    text_add_byte(text, '"');
}

/* ---- values */

static void print_indent(struct text *text, unsigned indent)
{
    for (unsigned i = 0; i < indent; i++)
        text_add_byte(text, ' ');
}

static void print_bare_key(struct text *text, struct slice key)
{
    bool simple = is_simple(key);
    text_add(text, simple ? SLICE("") : SLICE("\""));
    print_escaped(text, key);
    text_add(text, simple ? SLICE(":") : SLICE("\":"));
}

void node_yaml_print_key(const struct node_yaml *yaml, struct slice key, unsigned indent)
{
    print_indent(yaml->text, indent);
    print_bare_key(yaml->text, key);
}

void node_yaml_print_place(const struct node_yaml *yaml, struct position position)
{
    text_add(yaml->text, SLICE(" # "));
    utf8_add_printable(yaml->text, yaml->sources[position.source].name);
    text_print(yaml->text, ":%u\n", position.line);
}

/* As deep as the file is, which the reader of YAML limits. */
void node_yaml_print_line(const struct node_yaml *yaml, const struct node *node)
{
    if (node->kind == NODE_SCALAR) {
        print_scalar(yaml, node, true);
        return;
    }
    bool is_mapping = node->kind == NODE_MAPPING;
    text_add_byte(yaml->text, is_mapping ? '{' : '[');
    for (uint32_t i = 0; i < node->count && !text_is_cut(yaml->text); i++) {
        text_add(yaml->text, i > 0 ? SLICE(", ") : SLICE(""));
        if (is_mapping) {
            print_bare_key(yaml->text, node->pairs[i].key);
            text_add_byte(yaml->text, ' ');
        }
        node_yaml_print_line(yaml, is_mapping ? node->pairs[i].value : node->items[i]);
    }
    text_add_byte(yaml->text, is_mapping ? '}' : ']');
}

/* Whether brackets around it change nothing of how it is written. */
static bool fits_brackets(const struct node *scalar)
{
    struct slice text = scalar->text;
    bool is_quoted_anyway = text.length > 0 && !is_plain(text);
    return scalar->quoted || (!scalar->environment && (is_simple(text) || is_quoted_anyway));
}

/* Short lists of texts of one line, and what is empty; but not where a text would need quotes only
 * because of the brackets. */
static bool fits_line(const struct node *node)
{
    bool fits = node->count == 0 || (node->kind == NODE_SEQUENCE && node->count <= LINE_ITEMS_MAX);
    for (uint32_t i = 0; fits && i < node->count; i++) {
        const struct node *item = node->items[i];
        fits = item->kind == NODE_SCALAR && item->position.line == node->items[0]->position.line &&
               item->position.source == node->items[0]->position.source && fits_brackets(item);
    }
    return fits;
}

void node_yaml_print(const struct node_yaml *yaml, const struct node *node, unsigned indent)
{
    bool in_line = node->kind == NODE_SCALAR || fits_line(node);
    if (in_line && !node_is_nothing(node))
        text_add_byte(yaml->text, ' ');
    if (node->kind == NODE_SCALAR)
        print_scalar(yaml, node, false);
    else if (in_line)
        node_yaml_print_line(yaml, node);
    node_yaml_print_place(yaml, node->position);
    for (uint32_t i = 0; !in_line && i < node->count && !text_is_cut(yaml->text); i++) {
        bool is_mapping = node->kind == NODE_MAPPING;
        if (is_mapping) {
            node_yaml_print_key(yaml, node->pairs[i].key, indent);
        } else {
            print_indent(yaml->text, indent);
            text_add_byte(yaml->text, '-');
        }
        node_yaml_print(yaml, is_mapping ? node->pairs[i].value : node->items[i], indent + INDENT);
    }
}
