#include "conf/node.h"

#include "base/assert.h"
#include "conf/utf8.h"

const struct node *node_find(const struct node *mapping, struct slice key)
{
    if (!mapping || mapping->kind != NODE_MAPPING)
        return NULL;
    for (uint32_t i = 0; i < mapping->count; i++) {
        if (slice_equal(mapping->pairs[i].key, key))
            return mapping->pairs[i].value;
    }
    return NULL;
}

static bool has_same_pairs(const struct node *a, const struct node *b)
{
    for (uint32_t i = 0; i < a->count; i++) {
        const struct node *other = node_find(b, a->pairs[i].key);
        if (!other || !node_equal(a->pairs[i].value, other))
            return false;
    }
    return true;
}

bool node_equal(const struct node *a, const struct node *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == NODE_SCALAR)
        return a->quoted == b->quoted && slice_equal(a->text, b->text);
    if (a->kind == NODE_MAPPING)
        return has_same_pairs(a, b);
    for (uint32_t i = 0; i < a->count; i++) {
        if (!node_equal(a->items[i], b->items[i]))
            return false;
    }
    return true;
}

bool node_is_nothing(const struct node *node)
{
    return node->kind == NODE_SCALAR && !node->quoted && node->text.length == 0;
}

bool node_is_braced_address(const struct node_pair *pair)
{
    uint64_t port;
    if (pair->value->kind != NODE_SCALAR)
        return false;
    if (pair->value->tight)
        return slice_to_number(pair->value->text, UINT16_MAX, &port);
    size_t colon = slice_find_last(pair->key, ':');
    return node_is_nothing(pair->value) && colon < pair->key.length &&
           (slice_to_number(slice_from(pair->key, colon + 1), UINT16_MAX, &port) ||
            slice_starts_with(slice_from(pair->key, colon), SLICE("://")));
}

bool node_is_word(const struct node *node, const char *word)
{
    return node->kind == NODE_SCALAR && !node->quoted &&
           slice_equal(node->text, slice_from_text(word));
}

bool node_is_percent(const struct node *node, uint32_t max, uint32_t *ret_percent)
{
    uint64_t percent = 0;
    if (node->kind != NODE_SCALAR || !slice_ends_with(node->text, SLICE("%")) ||
        !slice_to_number(slice_until(node->text, node->text.length - 1), max, &percent))
        return false;
    *ret_percent = (uint32_t)percent;
    return true;
}

struct position node_position_at(const struct node *scalar, size_t offset)
{
    ASSERT(scalar->kind == NODE_SCALAR);
    struct position position = scalar->position;
    if (scalar->verbatim) {
        size_t characters = utf8_count(slice_until(scalar->text, offset));
        position.column += (uint32_t)characters + (scalar->quoted ? 1 : 0);
    }
    return position;
}

const char *node_kind_words(const struct node *node)
{
    switch (node->kind) {
    case NODE_SCALAR:
        if (node_is_nothing(node))
            return "nothing";
        return node->text.length > 0 ? "a text" : "an empty text";
    case NODE_MAPPING:
        return "a mapping";
    case NODE_SEQUENCE:
        return node->count > 0 ? "a list" : "an empty list";
    }
    return "?";
}
