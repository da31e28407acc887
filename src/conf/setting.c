/* Texts to values, and the words for values that are none. */
#include "conf/setting.h"

#include "base/arena.h"
#include "base/assert.h"
#include "conf/setting_int.h"

#include <stdio.h>

struct unit {
    const char *name;
    int64_t size;
};

static const struct unit durations[] = {{"ms", 1},   {"s", SECOND}, {"m", MINUTE},
                                        {"h", HOUR}, {"d", DAY},    {NULL, 0}};
static const struct unit sizes[] = {
    {"", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}, {NULL, 0}};
static const struct unit numbers[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(enum setting_type type)
{
    return type == SETTING_DURATION ? durations : type == SETTING_SIZE ? sizes : numbers;
}

bool setting_unit(enum setting_type type, size_t index, const char **ret_name, int64_t *ret_size)
{
    const struct unit *unit = &units_of(type)[index];
    *ret_name = unit->name;
    *ret_size = unit->size;
    return unit->name != NULL;
}

void setting_print_value(struct text *text, const struct setting *setting, int64_t value)
{
    const struct unit *units = units_of(setting->type), *best = units;
    ASSERT(setting->min <= setting->max);
    if (value == 0) {
        text_add(text, setting->type == SETTING_NUMBER ? SLICE("0") : SLICE("off"));
        return;
    }
    for (const struct unit *unit = units; unit->name; unit++) {
        if (value % unit->size == 0)
            best = unit;
    }
    text_print(text, "%lld%s", (long long)(value / best->size), best->name);
}

static const char *written(struct diagnostics *diagnostics, const struct setting *setting,
                           int64_t value)
{
    char memory[32];
    struct text text = text_over(memory, sizeof(memory));
    setting_print_value(&text, setting, value);
    return diagnostics_text(diagnostics, "%.*s", (int)text.length, text.data);
}

const char *setting_example(struct diagnostics *diagnostics, const char *name, const char *example)
{
    return example ? diagnostics_text(diagnostics, "for example \"%s: %s\"", name, example) : NULL;
}

static const char *type_words(const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_SWITCH:
        return "on or off";
    case SETTING_NUMBER:
        return "a number";
    case SETTING_DURATION:
        return "a duration";
    case SETTING_SIZE:
        return "a size";
    case SETTING_TEXT:
    case SETTING_CHOICE:
    case SETTING_TEMPLATE:
    case SETTING_CUSTOM:
        break;
    }
    return "a text";
}

const char *setting_hidden_cure(const struct node *node)
{
    if (node->kind == NODE_SCALAR && node->commented)
        return "what stands behind # is a comment; a value with # must be in quotes";
    if (node->kind == NODE_SCALAR && node->anchored)
        return "what begins with & is an anchor in YAML; a value that begins with & must be in "
               "quotes";
    return NULL;
}

bool setting_refuse(struct setting_reader *reader, const char *name, const char *wanted,
                    const char *example, const struct node *node)
{
    const char *cure = setting_example(reader->diagnostics, name, example);
    const char *hidden = setting_hidden_cure(node);
    if (node_is_nothing(node))
        diagnostics_error(reader->diagnostics, node->position, hidden ? hidden : cure,
                          "\"%s\" has no value", name);
    else
        diagnostics_error(reader->diagnostics, node->position, cure, "\"%s\" is %s, but here is %s",
                          name, wanted, node_kind_words(node));
    return false;
}

void setting_refuse_braced(struct diagnostics *diagnostics, const struct node_pair *pair)
{
    char memory[256];
    struct text address = text_over(memory, sizeof(memory));
    text_print(&address, pair->value->tight ? "%.*s:%.*s" : "%.*s%.*s", SHOWN(pair->key),
               SHOWN(pair->value->text));
    diagnostics_take_back(diagnostics, pair->key_position);
    diagnostics_error(diagnostics, pair->key_position,
                      diagnostics_text(diagnostics,
                                       "write it without braces, several in brackets: [%.*s, …]",
                                       SHOWN(text_slice(&address))),
                      "the address of a server stands in braces, which are for settings");
}

const char *setting_list_cure(struct diagnostics *diagnostics, struct slice text)
{
    char memory[512];
    struct text list = text_over(memory, sizeof(memory));
    if (slice_find(text, ',') == text.length)
        return NULL;
    for (struct slice rest = text; rest.data;) {
        size_t comma = slice_find(rest, ',');
        struct slice item = slice_trim(slice_until(rest, comma));
        /* Brackets take these only in quotes, and so do colons at the beginning. */
        bool needs_quotes = memchr(":*&!@%", item.length ? item.data[0] : ',', 6) ||
                            slice_find(item, '[') < item.length;
        if (item.length == 0 || slice_find(item, '"') < item.length)
            return NULL;
        text_add(&list, list.length ? SLICE(", ") : SLICE(""));
        text_print(&list, needs_quotes ? "\"%.*s\"" : "%.*s", SHOWN(item));
        rest = comma < rest.length ? slice_from(rest, comma + 1) : (struct slice){0};
    }
    if (text_is_cut(&list))
        return "several are a list in brackets";
    return diagnostics_text(diagnostics, "several are a list: [%.*s]", (int)list.length, memory);
}

const char *setting_listen_cure(struct diagnostics *diagnostics, struct slice text)
{
    uint64_t port = 0;
    const char *list = setting_list_cure(diagnostics, text);
    if (slice_to_number(text, UINT16_MAX, &port))
        return diagnostics_text(diagnostics, "write \":%.*s\" for all addresses of this machine",
                                SHOWN(text));
    return list
               ? list
               : "write it as \":80\", \"127.0.0.1:8080\", \"[::1]:80\" or \"unix:/run/weir.sock\"";
}

static bool read_switch(struct setting_reader *reader, const struct setting *setting,
                        const struct node *node, bool *ret_switch)
{
    static const char *const on[] = {"on", "true"}, *const off[] = {"off", "false"};
    for (size_t i = 0; i < 2; i++) {
        if (slice_equal(node->text, slice_from_text(on[i])))
            return *ret_switch = true;
        if (slice_equal(node->text, slice_from_text(off[i]))) {
            *ret_switch = false;
            return true;
        }
    }
    diagnostics_error(reader->diagnostics, node->position,
                      diagnostics_text(reader->diagnostics, "write \"%s: on\" or \"%s: off\"",
                                       setting->name, setting->name),
                      "\"%s\" is on or off, not \"%.*s\"", setting->name, SHOWN(node->text));
    return false;
}

/* `1h30m`: the sum of its parts, or 0 where some of it is none. */
static int64_t sum_of_parts(const struct unit *units, struct slice text)
{
    int64_t sum = 0;
    while (text.length > 0) {
        size_t digits = 0, end = 0;
        uint64_t count = 0;
        while (digits < text.length && ascii_is_digit(text.data[digits]))
            digits++;
        for (end = digits; end < text.length && !ascii_is_digit(text.data[end]);)
            end++;
        struct slice name = slice_until(slice_from(text, digits), end - digits);
        const struct unit *unit = units;
        while (unit->name && !slice_equal(name, slice_from_text(unit->name)))
            unit++;
        if (!unit->name || !slice_to_number(slice_until(text, digits), UINT16_MAX, &count))
            return 0;
        sum += (int64_t)count * unit->size;
        text = slice_from(text, end);
    }
    return sum;
}

/* `30` where `30s` is meant, `16K` and `16 kb` where `16KiB` is. */
static const char *unit_cure(struct setting_reader *reader, const struct setting *setting,
                             struct slice number, struct slice unit)
{
    if (setting->type == SETTING_DURATION && unit.length == 0)
        return diagnostics_text(reader->diagnostics, "write the unit: %.*ss", SHOWN(number));
    unit = slice_trim(unit);
    bool is_word = !unit.length || !ascii_is_digit(unit.data[unit.length - 1]);
    for (const struct unit *known = units_of(setting->type); is_word && unit.length && known->name;
         known++) {
        if (known->name[0] && ascii_lower(known->name[0]) == ascii_lower(unit.data[0]))
            return diagnostics_text(reader->diagnostics, "write %.*s%s", SHOWN(number),
                                    known->name);
    }
    return setting_example(reader->diagnostics, setting->name, setting->example);
}

static bool refuse_number(struct setting_reader *reader, const struct setting *setting,
                          const struct node *node, struct slice number, struct slice unit)
{
    int64_t sum = setting->type == SETTING_DURATION ? sum_of_parts(durations, node->text) : 0;
    const char *cure = sum ? diagnostics_text(reader->diagnostics, "in one number: %s",
                                              written(reader->diagnostics, setting, sum))
                       : number.length
                           ? unit_cure(reader, setting, number, unit)
                           : setting_example(reader->diagnostics, setting->name, setting->example);
    bool lacks_unit = number.length && unit.length == 0;
    const char *kinds = setting->type == SETTING_DURATION ? " (ms, s, m, h, d)"
                        : setting->type == SETTING_SIZE   ? " (bytes, KiB, MiB, GiB)"
                                                          : "";
    if (lacks_unit)
        diagnostics_error(reader->diagnostics, node->position, cure,
                          "the duration \"%.*s\" has no unit", SHOWN(node->text));
    else
        diagnostics_error(reader->diagnostics, node->position, cure, "\"%s\" is %s%s, not \"%.*s\"",
                          setting->name, type_words(setting), kinds, SHOWN(node->text));
    return false;
}

static bool check_limits(struct setting_reader *reader, const struct setting *setting,
                         const struct node *node, int64_t value)
{
    if (value >= setting->min && value <= setting->max && value < INT64_MAX)
        return true;
    bool is_less = value < setting->min;
    if (value == 0 && is_less && node_is_word(node, "off"))
        diagnostics_error(reader->diagnostics, node->position,
                          setting_example(reader->diagnostics, setting->name, setting->example),
                          "\"%s\" cannot be off", setting->name);
    else
        diagnostics_error(reader->diagnostics, node->position,
                          diagnostics_text(reader->diagnostics, "it is at %s %s",
                                           is_less ? "least" : "most",
                                           written(reader->diagnostics, setting,
                                                   is_less ? setting->min : setting->max)),
                          "\"%s\" is too %s", setting->name, is_less ? "small" : "large");
    return false;
}

/* Number and unit multiplied; too large for 64 bits is as large as can be. */
static bool multiply(struct slice number, const struct unit *unit, int64_t *ret_value)
{
    uint64_t count = 0;
    for (size_t i = 0; i < number.length; i++) {
        if (!ascii_is_digit(number.data[i]))
            return false;
    }
    if (!slice_to_number(number, (uint64_t)(INT64_MAX / unit->size), &count))
        *ret_value = INT64_MAX;
    else
        *ret_value = (int64_t)count * unit->size;
    return number.length > 0;
}

static bool read_number(struct setting_reader *reader, const struct setting *setting,
                        const struct node *node, int64_t *ret_number)
{
    struct slice text = node->text;
    bool is_negative = setting->min < 0 && slice_starts_with(text, SLICE("-"));
    if (is_negative)
        text = slice_from(text, 1);
    size_t digits = 0;
    while (digits < text.length && ascii_is_digit(text.data[digits]))
        digits++;
    struct slice number = slice_until(text, digits), name = slice_from(text, digits);
    int64_t value = 0;
    bool found = node_is_word(node, "off");
    for (const struct unit *unit = units_of(setting->type); !found && unit->name; unit++)
        found = slice_equal(name, slice_from_text(unit->name)) && multiply(number, unit, &value);
    /* Nothing of nothing needs no unit. */
    found |= setting->type == SETTING_DURATION && slice_equal(text, SLICE("0"));
    if (!found)
        return refuse_number(reader, setting, node, number, name);
    if (!check_limits(reader, setting, node, is_negative ? -value : value))
        return false;
    *ret_number = is_negative ? -value : value;
    return true;
}

static size_t count_choices(const char *const *choices)
{
    ASSERT(choices);
    size_t count = 0;
    while (choices[count])
        count++;
    return count;
}

/* `a, b or c`, in the diagnostics. */
static const char *list_choices(struct diagnostics *diagnostics, const char *const *choices)
{
    char memory[512];
    struct text text = text_over(memory, sizeof(memory) - 1);
    size_t count = count_choices(choices);
    for (size_t i = 0; i < count; i++) {
        text_add(&text, slice_from_text(choices[i]));
        text_add(&text, i + 2 < count ? SLICE(", ") : i + 1 < count ? SLICE(" or ") : SLICE(""));
    }
    memory[text.length] = '\0';
    return diagnostics_text(diagnostics, "%s", memory);
}

static bool read_choice(struct setting_reader *reader, const struct setting *setting,
                        const struct node *node, int *ret_choice)
{
    size_t count = count_choices(setting->choices);
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(node->text, slice_from_text(setting->choices[i]))) {
            *ret_choice = (int)i;
            return true;
        }
    }
    const char *meant = did_you_mean(node->text, setting->choices, count);
    const char *choices = list_choices(reader->diagnostics, setting->choices);
    diagnostics_error(reader->diagnostics, node->position,
                      meant ? diagnostics_text(reader->diagnostics, "did you mean \"%s\"?", meant)
                            : diagnostics_text(reader->diagnostics, "write %s", choices),
                      "\"%s\" is %s, not \"%.*s\"", setting->name, choices, SHOWN(node->text));
    return false;
}

/* `$0` to `$9` are let through; whoever knows the pattern checks them (template_captures). */
enum { CAPTURES_MAX = 10 };

static bool read_template(struct setting_reader *reader, const struct setting *setting,
                          const struct node *node, const struct template **ret_template)
{
    const struct template *template = template_compile(
        node, setting->phase, CAPTURES_MAX, reader->variables, reader->arena, reader->diagnostics);
    if (template)
        *ret_template = template;
    return template != NULL;
}

static bool read_scalar(struct setting_reader *reader, const struct setting *setting,
                        const struct node *node, void *field)
{
    switch (setting->type) {
    case SETTING_SWITCH:
        return read_switch(reader, setting, node, field);
    case SETTING_NUMBER:
    case SETTING_DURATION:
    case SETTING_SIZE:
        return read_number(reader, setting, node, field);
    case SETTING_TEXT:
        *(struct slice *)field = node->text;
        return true;
    case SETTING_CHOICE:
        return read_choice(reader, setting, node, field);
    case SETTING_TEMPLATE:
        return read_template(reader, setting, node, field);
    case SETTING_CUSTOM:
        break;
    }
    UNREACHABLE();
}

static bool read_custom(const struct setting_reader *reader, const struct setting *setting,
                        const struct node *node, void *ret_field)
{
    struct setting_reader inner = *reader;
    inner.setting = setting;
    return setting->read(&inner, node, ret_field);
}

/* `off` for a text, a template or a choice that has no such word. */
static bool is_taken_back(const struct setting *setting, const struct node *node)
{
    if (!node_is_word(node, "off"))
        return false;
    if (setting->type == SETTING_TEXT || setting->type == SETTING_TEMPLATE)
        return true;
    for (size_t i = 0; setting->type == SETTING_CHOICE && setting->choices[i]; i++) {
        if (strcmp(setting->choices[i], "off") == 0)
            return false;
    }
    return setting->type == SETTING_CHOICE;
}

bool setting_read(struct setting_reader *reader, const struct setting *setting,
                  const struct node *node, void *ret_field)
{
    ASSERT((setting->type == SETTING_CUSTOM) == (setting->read != NULL));
    if (setting->type == SETTING_CUSTOM) {
        if (node_is_nothing(node))
            return setting_refuse(reader, setting->name, "", setting->example, node);
        return read_custom(reader, setting, node, ret_field);
    }
    if (node->kind != NODE_SCALAR || node_is_nothing(node))
        return setting_refuse(reader, setting->name, type_words(setting), setting->example, node);
    if (is_taken_back(setting, node))
        return setting_read_default(reader, setting, ret_field);
    return read_scalar(reader, setting, node, ret_field);
}

bool setting_read_default(struct setting_reader *reader, const struct setting *setting,
                          void *ret_field)
{
    ASSERT(setting->size > 0);
    memset(ret_field, 0, setting->size);
    if (!setting->standard)
        return true;
    /* In the arena, because custom readers may keep it. */
    struct node *node = ARENA_NEW(reader->arena, struct node);
    if (!node)
        return false;
    node->kind = NODE_SCALAR;
    node->text = slice_from_text(setting->standard);
    if (setting->type == SETTING_CUSTOM)
        return read_custom(reader, setting, node, ret_field);
    return read_scalar(reader, setting, node, ret_field);
}

bool setting_read_defaults(struct setting_reader *reader, const struct setting_group *group,
                           void *ret_group)
{
    ASSERT(group->count <= SETTINGS_PER_GROUP_MAX);
    memset(ret_group, 0, group->size);
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *setting = &group->settings[i];
        ASSERT(setting->offset + setting->size <= group->size);
        if (!setting_read_default(reader, setting, (char *)ret_group + setting->offset))
            return false;
    }
    return true;
}

const struct setting *setting_find(const struct setting_group *group, struct slice name)
{
    for (size_t i = 0; i < group->count; i++) {
        if (slice_equal(slice_from_text(group->settings[i].name), name))
            return &group->settings[i];
    }
    return NULL;
}

/* What the group has, where that is short enough to be read; or NULL. */
static const char *list_keys(struct diagnostics *diagnostics, const struct setting_group *group)
{
    char memory[256];
    struct text text = text_over(memory, sizeof(memory));
    size_t length = 0;
    for (size_t i = 0; i < group->count; i++)
        length += strlen(group->settings[i].name) + strlen(", ");
    if (length > sizeof(memory) || !*group->name)
        return NULL;
    for (size_t i = 0; i < group->count; i++) {
        text_add(&text, i ? SLICE(", ") : SLICE(""));
        text_add(&text, slice_from_text(group->settings[i].name));
    }
    return diagnostics_text(diagnostics, "\"%s\" has: %.*s", group->name, (int)text.length, memory);
}

static void refuse_key(struct setting_reader *reader, const struct setting_group *group,
                       const struct node_pair *pair)
{
    const char *names[SETTINGS_PER_GROUP_MAX];
    for (size_t i = 0; i < group->count; i++)
        names[i] = group->settings[i].name;
    const char *meant = did_you_mean(pair->key, names, group->count);
    diagnostics_error(reader->diagnostics, pair->key_position,
                      meant ? diagnostics_text(reader->diagnostics, "did you mean \"%s\"?", meant)
                            : list_keys(reader->diagnostics, group),
                      "unknown key \"%.*s\"", SHOWN(pair->key));
}

bool setting_read_mapping(struct setting_reader *reader, const struct setting_group *group,
                          const struct node *mapping, void *ret_group)
{
    if (mapping->kind != NODE_MAPPING)
        return setting_refuse(reader, group->name, "a mapping", NULL, mapping);
    if (!setting_read_defaults(reader, group, ret_group))
        return false;
    struct setting_reader inner = *reader;
    inner.inherited = NULL;
    bool good = true;
    for (uint32_t i = 0; i < mapping->count; i++) {
        const struct node_pair *pair = &mapping->pairs[i];
        const struct setting *setting = setting_find(group, pair->key);
        if (!setting)
            refuse_key(reader, group, pair);
        good &= setting &&
                setting_read(&inner, setting, pair->value, (char *)ret_group + setting->offset);
    }
    if (good && group->check) {
        size_t before = diagnostics_errors(reader->diagnostics);
        group->check(ret_group, mapping, reader->diagnostics);
        good = diagnostics_errors(reader->diagnostics) == before;
    }
    return good;
}

bool setting_read_texts(struct setting_reader *reader, const char *name, const char *example,
                        const struct node *node, struct slice **ret_texts, size_t *ret_count)
{
    bool is_list = node->kind == NODE_SEQUENCE && node->count > 0;
    size_t count = is_list ? node->count : 1;
    struct slice *texts = ARENA_ARRAY(reader->arena, struct slice, count);
    bool good = texts != NULL;
    for (size_t i = 0; texts && i < count; i++) {
        const struct node *item = is_list ? node->items[i] : node;
        if (item->kind == NODE_SCALAR && !node_is_nothing(item))
            texts[i] = item->text;
        else
            good = setting_refuse(reader, name, "a text or a list of texts", example, item);
    }
    if (!good)
        return false;
    *ret_texts = texts;
    *ret_count = count;
    return true;
}
