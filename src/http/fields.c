#include "http/message.h"

static bool grow(struct fields *fields, struct arena *arena)
{
    ASSERT(fields->capacity <= UINT32_MAX / 4);
    uint32_t capacity = fields->capacity ? fields->capacity * 2 : 8;
    struct field *items = arena_alloc(arena, sizeof(*items) * capacity);
    if (!items)
        return false;
    if (fields->count)
        memcpy(items, fields->items, sizeof(*items) * fields->count);
    fields->items = items;
    fields->capacity = capacity;
    return true;
}

bool fields_reserve(struct fields *fields, struct arena *arena, uint32_t count)
{
    while (fields->capacity - fields->count < count) {
        if (!grow(fields, arena))
            return false;
    }
    return true;
}

bool fields_add(struct fields *fields, struct arena *arena, enum field_name id, struct slice name,
                struct slice value)
{
    if (fields->count == fields->capacity && !grow(fields, arena))
        return false;
    fields_put(fields, id, name, value);
    return true;
}

static bool is_there(const struct field *field)
{
    return field->name.length != 0;
}

static struct field *find(const struct fields *fields, enum field_name id)
{
    if (!(fields->present & FIELD_BIT(id)))
        return NULL;
    for (uint32_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == id && is_there(&fields->items[i]))
            return &fields->items[i];
    }
    return NULL;
}

static struct field *find_other(const struct fields *fields, struct slice name)
{
    if (!(fields->present & FIELD_BIT(FIELD_OTHER)))
        return NULL;
    for (uint32_t i = 0; i < fields->count; i++) {
        if (slice_equal_fold(fields->items[i].name, name))
            return &fields->items[i];
    }
    return NULL;
}

const struct field *fields_find(const struct fields *fields, enum field_name id)
{
    ASSERT(id != FIELD_OTHER);
    return find(fields, id);
}

const struct field *fields_find_text(const struct fields *fields, struct slice name)
{
    enum field_name id = field_name_find(name);
    return id == FIELD_OTHER ? find_other(fields, name) : find(fields, id);
}

static void remove_one(struct field *field)
{
    field->name = slice_of(NULL, 0);
}

bool fields_remove(struct fields *fields, enum field_name id)
{
    ASSERT(id != FIELD_OTHER);
    bool any = false;
    for (struct field *field = find(fields, id); field; field = find(fields, id)) {
        remove_one(field);
        any = true;
    }
    fields->present &= ~FIELD_BIT(id);
    return any;
}

static bool remove_other(struct fields *fields, struct slice name)
{
    bool any = false;
    if (!(fields->present & FIELD_BIT(FIELD_OTHER)) || slice_is_empty(name))
        return false;
    for (uint32_t i = 0; i < fields->count; i++) {
        struct field *field = &fields->items[i];
        if (field->id != FIELD_OTHER || !field_name_reads_as(field->name, name))
            continue;
        remove_one(&fields->items[i]);
        any = true;
    }
    return any;
}

bool fields_remove_text(struct fields *fields, struct slice name)
{
    enum field_name id = field_name_find(name);
    return id == FIELD_OTHER ? remove_other(fields, name) : fields_remove(fields, id);
}

bool fields_set(struct fields *fields, struct arena *arena, enum field_name id, struct slice name,
                struct slice value)
{
    ASSERT(name.length > 0);
    struct field *first = id == FIELD_OTHER ? find_other(fields, name) : find(fields, id);
    if (id == FIELD_OTHER)
        (void)remove_other(fields, name);
    else if (first)
        (void)fields_remove(fields, id);
    if (!first)
        return fields_add(fields, arena, id, name, value);
    *first = (struct field){.name = name, .value = value, .id = id};
    fields->present |= FIELD_BIT(id);
    return true;
}

bool fields_list_has(const struct fields *fields, enum field_name id, struct slice token)
{
    if (!(fields->present & FIELD_BIT(id)))
        return false;
    for (uint32_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id != id || !is_there(&fields->items[i]))
            continue;
        struct slice rest = fields->items[i].value;
        while (!slice_is_empty(rest)) {
            if (slice_equal_fold(slice_trim(slice_cut(&rest, ',')), token))
                return true;
        }
    }
    return false;
}

/* Whoever could name Host and its like in Connection could take from the server what it judges by.
 * What is hop by hop goes without being listed; Connection itself first gives up all its lists. */
static bool may_be_listed(enum field_name id)
{
    switch (id) {
    case FIELD_HOST:
    case FIELD_CONTENT_LENGTH:
    case FIELD_AUTHORIZATION:
    case FIELD_COOKIE:
        return false;
    default:
        return !(field_name_duties(id) & (FIELD_TELLS_CLIENT | FIELD_HOP_BY_HOP));
    }
}

static void remove_listed(struct fields *fields, struct slice list)
{
    while (!slice_is_empty(list)) {
        struct slice name = slice_trim(slice_cut(&list, ','));
        if (may_be_listed(field_name_find(name)))
            (void)fields_remove_text(fields, name);
    }
}

void fields_remove_hop_by_hop(struct fields *fields)
{
    if (!(fields->present & FIELD_BITS_HOP_BY_HOP))
        return;
    struct field *connection = find(fields, FIELD_CONNECTION);
    for (; connection; connection = find(fields, FIELD_CONNECTION)) {
        remove_one(connection);
        remove_listed(fields, connection->value);
    }
    fields_remove_bits(fields, FIELD_BITS_HOP_BY_HOP);
}

void fields_remove_bits(struct fields *fields, uint64_t bits)
{
    ASSERT(!(bits & FIELD_BIT(FIELD_OTHER)));
    if (!(fields->present & bits))
        return;
    for (uint32_t i = 0; i < fields->count; i++) {
        if (FIELD_BIT(fields->items[i].id) & bits)
            remove_one(&fields->items[i]);
    }
    fields->present &= ~bits;
}

__attribute__((noinline)) static void remove_disguises(struct fields *fields)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        struct field *field = &fields->items[i];
        if (field->id == FIELD_OTHER && is_there(field) && field_name_is_disguise(field->name))
            remove_one(field);
    }
}

void fields_remove_disguises(struct fields *fields)
{
    if (fields->present & FIELD_BIT(FIELD_OTHER))
        remove_disguises(fields);
}

bool field_is_trailer(const struct field *field)
{
    return !(field_name_duties(field->id) & FIELD_NOT_A_TRAILER);
}
