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

bool node_is_nothing(const struct node *node)
{
    return node->kind == NODE_SCALAR && !node->quoted && node->text.length == 0;
}

bool node_is_word(const struct node *node, const char *word)
{
    return node->kind == NODE_SCALAR && !node->quoted &&
           slice_equal(node->text, slice_from_text(word));
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
        return node_is_nothing(node) ? "nothing" : "a text";
    case NODE_MAPPING:
        return "a mapping";
    case NODE_SEQUENCE:
        return node->count > 0 ? "a list" : "an empty list";
    }
    return "?";
}
