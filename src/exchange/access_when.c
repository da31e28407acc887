/* `when` and `sample`: which exchanges have a line. */
#include "base/arena.h"
#include "exchange/access_settings_int.h"

#define EXAMPLE "{status: [5xx, 404]}"

/* ---- statuses */

static void add_status(struct access_conditions *conditions, unsigned status)
{
    conditions->statuses[status / 64] |= UINT64_C(1) << (status % 64);
}

static bool read_status_text(struct slice text, struct access_conditions *conditions)
{
    uint64_t number = 0;
    bool is_class = text.length == 3 && slice_equal(slice_from(text, 1), SLICE("xx"));
    if (is_class && text.data[0] >= '1' && text.data[0] <= '5') {
        unsigned first = (unsigned)(text.data[0] - '0') * 100;
        for (unsigned status = first; status < first + 100; status++)
            add_status(conditions, status);
        return true;
    }
    if (text.length != 3 || !slice_to_number(text, ACCESS_STATUS_MAX, &number) || number < 100)
        return false;
    add_status(conditions, (unsigned)number);
    return true;
}

static bool read_one_status(struct setting_reader *reader, const struct node *node,
                            struct access_conditions *conditions)
{
    if (node->kind == NODE_SCALAR && read_status_text(node->text, conditions))
        return true;
    diagnostics_error(reader->diagnostics, node->position,
                      "write a status, 404, or a class of them, 5xx",
                      node->kind == NODE_SCALAR ? "\"%.*s\" is no status" : "this is no status%.*s",
                      SHOWN(node->text));
    return false;
}

static bool read_status(struct setting_reader *reader, const struct node *node, void *field)
{
    struct access_conditions *conditions = field;
    bool is_list = node->kind == NODE_SEQUENCE && node->count > 0, good = true;
    for (uint32_t i = 0; i < (is_list ? node->count : 1); i++)
        good &= read_one_status(reader, is_list ? node->items[i] : node, conditions);
    conditions->has_status = true;
    return good;
}

/* ---- the conditions */

static bool read_not(struct setting_reader *reader, const struct node *node, void *field);

static const struct setting when_rows[] = {
    {.name = "status",
     .type = SETTING_CUSTOM,
     .offset = 0,
     .size = offsetof(struct access_conditions, slower_than),
     .read = read_status,
     .form = "TEXT | [TEXT]",
     .summary = "What the client was told: a status, a class of them, or a list.",
     .example = "[5xx, 404]"},
    {.name = "slower_than",
     .type = SETTING_DURATION,
     .offset = offsetof(struct access_conditions, slower_than),
     .size = sizeof(int64_t),
     .min = 1,
     .max = DAY,
     .standard = NULL,
     .summary = "Longer from the head of the request to the end.",
     .example = "1s"},
    {.name = "not",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct access_conditions, not_any),
     .size = sizeof(const struct access_when *),
     .read = read_not,
     .form = "MAPPING | [MAPPING]",
     .mapping = &access_when_group,
     .summary = "What stands inside does not hold as a whole; of a list, none does.",
     .example = "{status: 2xx}"},
};

const struct setting_group access_when_group = {
    .name = "when",
    .settings = when_rows,
    .count = sizeof(when_rows) / sizeof(when_rows[0]),
    .size = sizeof(struct access_conditions),
    .summary = "Which exchanges have a line.",
};

static bool read_conditions(struct setting_reader *reader, const char *name,
                            const struct node *node, struct access_conditions *conditions)
{
    if (node->kind != NODE_MAPPING || node->count == 0)
        return setting_refuse(reader, name, "a mapping of conditions, or a list of them", EXAMPLE,
                              node);
    return setting_read_mapping(reader, &access_when_group, node, conditions);
}

static const struct access_when *read_any(struct setting_reader *reader, const char *name,
                                          const struct node *node)
{
    bool is_list = node->kind == NODE_SEQUENCE && node->count > 0, good = true;
    uint32_t count = is_list ? node->count : 1;
    struct access_when *when = ARENA_NEW(reader->arena, struct access_when);
    struct access_conditions *items = ARENA_ARRAY(reader->arena, struct access_conditions, count);
    if (!when || !items)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        good &= read_conditions(reader, name, is_list ? node->items[i] : node, &items[i]);
    *when = (struct access_when){.items = items, .count = count};
    return good ? when : NULL;
}

static bool read_not(struct setting_reader *reader, const struct node *node, void *field)
{
    const struct access_when **not_any = field;
    *not_any = read_any(reader, "not", node);
    return *not_any != NULL;
}

bool access_read_when(struct setting_reader *reader, const struct node *node, void *field)
{
    const struct access_when **when = field;
    *when = NULL;
    if (node_is_word(node, "off"))
        return true;
    *when = read_any(reader, "when", node);
    return *when != NULL;
}

static bool conditions_hold(const struct access_conditions *conditions, unsigned status,
                            uint64_t milliseconds)
{
    if (conditions->has_status &&
        (status > ACCESS_STATUS_MAX || !(conditions->statuses[status / 64] >> (status % 64) & 1)))
        return false;
    if (conditions->slower_than && milliseconds <= (uint64_t)conditions->slower_than)
        return false;
    return !conditions->not_any || !access_when_holds(conditions->not_any, status, milliseconds);
}

bool access_when_holds(const struct access_when *when, unsigned status, uint64_t milliseconds)
{
    for (uint32_t i = 0; i < when->count; i++) {
        if (conditions_hold(&when->items[i], status, milliseconds))
            return true;
    }
    return false;
}

/* ---- sample */

enum { PERCENT_DIGITS_MAX = 4, WHOLE = 100 * 10000 }; /* parts of a million */

/* In parts of a million; 0: it is no percentage. */
static uint64_t read_percent(struct slice text)
{
    if (!slice_ends_with(text, SLICE("%")))
        return 0;
    text = slice_until(text, text.length - 1);
    size_t point = slice_find(text, '.');
    uint64_t whole = 0, parts = 0, unit = WHOLE / 100;
    if (!slice_to_number(slice_until(text, point), 100, &whole))
        return 0;
    if (point < text.length) {
        struct slice fraction = slice_from(text, point + 1);
        if (fraction.length > PERCENT_DIGITS_MAX || !slice_to_number(fraction, 9999, &parts))
            return 0;
        for (size_t i = fraction.length; i < PERCENT_DIGITS_MAX; i++)
            parts *= 10;
    }
    parts += whole * unit;
    return parts <= WHOLE ? parts : 0;
}

bool access_read_sample(struct setting_reader *reader, const struct node *node, void *field)
{
    bool is_off = node_is_word(node, "off");
    uint64_t parts = is_off ? WHOLE : node->kind == NODE_SCALAR ? read_percent(node->text) : 0;
    if (parts > 0) {
        *(uint64_t *)field = parts * ACCESS_SAMPLE_ALL / WHOLE;
        return true;
    }
    diagnostics_error(reader->diagnostics, node->position,
                      "for example \"sample: 10%\", or off for every exchange",
                      "\"sample\" is more than 0%% and at most 100%%");
    return false;
}
