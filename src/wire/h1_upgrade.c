/* Upgrade (RFC 9110 7.8): what the client would speak instead. A wish for h2c is Weir's own to
 * grant, and it does not; handed on it would open a way past every rule. */
#include "base/arena.h"
#include "base/assert.h"
#include "wire/h1_int.h"

/* token [ "/" token ] */
static bool is_protocol(struct slice text)
{
    size_t slash = slice_find(text, '/');
    return h1_is_token(slice_until(text, slash)) &&
           (slash == text.length || h1_is_token(slice_from(text, slash + 1)));
}

static bool is_h2c(struct slice protocol)
{
    return slice_equal_fold(slice_until(protocol, slice_find(protocol, '/')), SLICE("h2c"));
}

/* Adds what may be asked for to `kept`. False: an element is no protocol. */
static bool add_protocols(struct text *kept, struct slice list)
{
    struct slice protocol;
    while (h1_next_element(&list, &protocol)) {
        if (!is_protocol(protocol))
            return false;
        if (is_h2c(protocol))
            continue;
        if (kept->length > 0)
            text_add(kept, SLICE(", "));
        text_add(kept, protocol);
    }
    return true;
}

static size_t list_size(const struct fields *fields)
{
    size_t size = 0;
    for (uint32_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == FIELD_UPGRADE)
            size += fields->items[i].value.length + 2;
    }
    return size;
}

/* The ordinary wish, one protocol in one line, is left where it is. */
static bool is_single(const struct request_head *head, uint64_t repeated)
{
    struct slice value = fields_find(&head->fields, FIELD_UPGRADE)->value;
    return !(repeated & FIELD_BIT(FIELD_UPGRADE)) && is_protocol(value) && !is_h2c(value);
}

__attribute__((noinline)) bool h1_read_upgrade(struct request_head *head, uint64_t repeated,
                                               struct arena *arena)
{
    struct fields *fields = &head->fields;
    if (!(fields->present & FIELD_BIT(FIELD_UPGRADE)))
        return true;
    head->wants_upgrade = is_single(head, repeated);
    if (head->wants_upgrade)
        return true;
    /* A comma without space becomes one with: at most twice as long. */
    size_t size = list_size(fields) * 2;
    char *memory = arena_alloc(arena, size);
    if (!memory)
        return false;
    struct text kept = text_over(memory, size);
    bool good = true;
    for (uint32_t i = 0; good && i < fields->count; i++) {
        if (fields->items[i].id == FIELD_UPGRADE)
            good = add_protocols(&kept, fields->items[i].value);
    }
    ASSERT(!text_is_cut(&kept));
    head->wants_upgrade = good && kept.length > 0;
    if (head->wants_upgrade)
        return fields_set(fields, arena, FIELD_UPGRADE, field_name_text(FIELD_UPGRADE),
                          text_slice(&kept));
    (void)fields_remove(fields, FIELD_UPGRADE);
    return true;
}
