#include "conf/json_print.h"

#include "base/assert.h"
#include "conf/node.h"

enum { INDENT = 2, DIGITS_MAX = 15 };

static void begin_line(struct json_print *json)
{
    text_print(json->text, "\n%*s", (int)(INDENT * json->depth), "");
}

static char last_byte(const struct json_print *json)
{
    return json->text->length > 0 ? json->text->data[json->text->length - 1] : '\0';
}

/* What stands between this value or key and the one before. */
static void separate(struct json_print *json)
{
    char before = last_byte(json);
    if (before == ' ' || before == '\0')
        return; /* behind its key, or the first of all */
    if (before != '{' && before != '[')
        text_add_byte(json->text, ',');
    begin_line(json);
}

void json_begin(struct json_print *json, char bracket)
{
    ASSERT(bracket == '{' || bracket == '[');
    separate(json);
    text_add_byte(json->text, bracket);
    json->depth++;
}

void json_end(struct json_print *json, char bracket)
{
    ASSERT(json->depth > 0 && (bracket == '}' || bracket == ']'));
    json->depth--;
    if (last_byte(json) != '{' && last_byte(json) != '[')
        begin_line(json);
    text_add_byte(json->text, bracket);
}

static void print_string(struct text *text, struct slice bytes)
{
    text_add_byte(text, '"');
    for (size_t i = 0; i < bytes.length; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        if (byte == '"' || byte == '\\')
            text_add_byte(text, '\\');
        if (byte < 0x20)
            text_print(text, "\\u%04x", byte);
        else
            text_add_byte(text, (char)byte);
    }
    text_add_byte(text, '"');
}

void json_key(struct json_print *json, struct slice key)
{
    separate(json);
    print_string(json->text, key);
    text_add(json->text, SLICE(": "));
}

void json_string(struct json_print *json, struct slice bytes)
{
    separate(json);
    print_string(json->text, bytes);
}

void json_member(struct json_print *json, const char *key, const char *value)
{
    json_key(json, slice_from_text(key));
    json_string(json, slice_from_text(value));
}

void json_number(struct json_print *json, int64_t number)
{
    separate(json);
    text_print(json->text, "%lld", (long long)number);
}

void json_literal(struct json_print *json, struct slice literal)
{
    separate(json);
    text_add(json->text, literal);
}

/* One that every reader of JSON keeps as it is (RFC 8259, 6). */
static bool is_number(struct slice text)
{
    if (slice_starts_with(text, SLICE("-")))
        text = slice_from(text, 1);
    for (size_t i = 0; i < text.length; i++) {
        if (!ascii_is_digit(text.data[i]) || (text.data[0] == '0' && text.length > 1))
            return false;
    }
    return text.length > 0 && text.length <= DIGITS_MAX;
}

static void print_scalar(struct json_print *json, const struct node *scalar)
{
    bool is_literal = is_number(scalar->text) || slice_equal(scalar->text, SLICE("true")) ||
                      slice_equal(scalar->text, SLICE("false"));
    if (is_literal && !scalar->quoted)
        json_literal(json, scalar->text);
    else
        json_string(json, scalar->text);
}

void json_node(struct json_print *json, const struct node *node)
{
    if (node->kind == NODE_SCALAR) {
        print_scalar(json, node);
        return;
    }
    bool is_mapping = node->kind == NODE_MAPPING;
    json_begin(json, is_mapping ? '{' : '[');
    for (uint32_t i = 0; i < node->count && !text_is_cut(json->text); i++) {
        if (is_mapping)
            json_key(json, node->pairs[i].key);
        json_node(json, is_mapping ? node->pairs[i].value : node->items[i]);
    }
    json_end(json, is_mapping ? '}' : ']');
}
