#include "conf/schema_form.h"

#include "base/assert.h"
#include "conf/number_pattern.h"
#include "conf/setting_int.h"

enum { PATTERN_MAX = 8192 };

static const struct {
    const char *form, *name;
} scopes[] = {
    {"LISTENER", "listener"}, {"SITE", "site"},         {"ROUTE", "route"},
    {"UPSTREAM", "upstream"}, {"DEFAULTS", "defaults"}, {"UPSTREAM_DEFAULTS", "upstream_defaults"},
};

static bool is(struct slice form, const char *word)
{
    return slice_equal(form, slice_from_text(word));
}

void schema_print_reference(struct schema_print *print, const char *kind, const char *name)
{
    char memory[2 * SCHEMA_NAME_MAX];
    struct text text = text_over(memory, sizeof(memory));
    text_print(&text, "#/$defs/%s%s%s", kind, *kind ? "." : "", name);
    ASSERT(!text_is_cut(&text));
    json_key(&print->json, SLICE("$ref"));
    json_string(&print->json, text_slice(&text));
}

/* ---- numbers, durations, sizes */

/* The texts of one unit: `[1-9][0-9]s|`. */
static void print_unit(struct text *pattern, const struct setting *setting, struct slice name,
                       int64_t size)
{
    int64_t least = setting->min > 0 ? (setting->min + size - 1) / size : 0;
    int64_t most = setting->max < INT64_MAX ? setting->max / size : INT64_MAX;
    if (least > most || setting->max < 0)
        return;
    number_pattern_print(pattern, least, most);
    text_add(pattern, name);
    text_add_byte(pattern, '|');
}

/* As texts, in quotes or with a unit. */
static void print_quantity_pattern(struct schema_print *print, const struct setting *setting)
{
    char memory[PATTERN_MAX];
    struct text pattern = text_over(memory, sizeof(memory));
    const char *unit = NULL;
    int64_t size = 0;
    text_add(&pattern, SLICE("^(?:"));
    for (size_t i = 0; setting_unit(setting->type, i, &unit, &size); i++)
        print_unit(&pattern, setting, slice_from_text(unit), size);
    if (setting->min < 0) {
        text_add_byte(&pattern, '-');
        number_pattern_print(&pattern, setting->max < 0 ? -setting->max : 0, -setting->min);
        text_add_byte(&pattern, '|');
    }
    if (setting->min <= 0)
        text_add(&pattern, setting->type == SETTING_DURATION ? SLICE("0|off|") : SLICE("off|"));
    ASSERT(!text_is_cut(&pattern) && pattern.data[pattern.length - 1] == '|');
    pattern.length--;
    text_add(&pattern, SLICE(")$|" SCHEMA_ENVIRONMENT));
    json_key(&print->json, SLICE("pattern"));
    json_string(&print->json, text_slice(&pattern));
}

/* As numbers of JSON; a duration has a unit, unless it is nothing. */
static void print_integer(struct schema_print *print, const struct setting *setting)
{
    bool has_unit = setting->type == SETTING_DURATION;
    json_begin(&print->json, '{');
    json_member(&print->json, "type", "integer");
    json_key(&print->json, SLICE("minimum"));
    json_number(&print->json, has_unit ? 0 : setting->min);
    if (has_unit || setting->max < INT64_MAX) {
        json_key(&print->json, SLICE("maximum"));
        json_number(&print->json, has_unit ? 0 : setting->max);
    }
    json_end(&print->json, '}');
}

static void print_quantity(struct schema_print *print, const struct setting *setting)
{
    json_key(&print->json, SLICE("anyOf"));
    json_begin(&print->json, '[');
    if (setting->type != SETTING_DURATION || setting->min <= 0)
        print_integer(print, setting);
    json_begin(&print->json, '{');
    json_member(&print->json, "type", "string");
    print_quantity_pattern(print, setting);
    json_end(&print->json, '}');
    json_end(&print->json, ']');
}

/* `1..256`. */
static void print_range(struct schema_print *print, struct slice form)
{
    size_t dots = slice_find(form, '.');
    uint64_t least = 0, most = 0;
    bool good = slice_to_number(slice_until(form, dots), INT64_MAX, &least) &&
                slice_to_number(slice_from(form, dots + 2), INT64_MAX, &most);
    ASSERT(good && least > 0 && least <= most);
    const struct setting range = {
        .type = SETTING_NUMBER, .min = (int64_t)least, .max = (int64_t)most};
    print_quantity(print, &range);
}

/* ---- one form */

/* What the forms inside of a form have in common. */
struct context {
    enum template_phase phase;
    const struct setting_group *mapping;
};

static void print_form(struct schema_print *print, struct slice form,
                       const struct context *context);

/* Takes what stands before the next `separator` that is in no bracket. */
static struct slice take_part(struct slice *rest, char separator)
{
    size_t depth = 0, end = 0;
    for (; end < rest->length; end++) {
        char byte = rest->data[end];
        if (depth == 0 && byte == separator)
            break;
        depth += byte == '[' || byte == '{';
        ASSERT(depth > 0 || (byte != ']' && byte != '}'));
        depth -= byte == ']' || byte == '}';
    }
    ASSERT(depth == 0);
    struct slice part = slice_trim(slice_until(*rest, end));
    *rest = slice_from(*rest, end < rest->length ? end + 1 : end);
    return part;
}

static void print_object(struct schema_print *print, const char *key, struct slice form,
                         const struct context *context)
{
    json_key(&print->json, slice_from_text(key));
    json_begin(&print->json, '{');
    print_form(print, form, context);
    json_end(&print->json, '}');
}

static void print_type(struct schema_print *print, const char *type)
{
    json_member(&print->json, "type", type);
}

/* `{to: TEMPLATE, status: 300..399}` without its braces, or `{*: TEXT}`. */
static void print_mapping(struct schema_print *print, struct slice inside,
                          const struct context *context)
{
    print_type(print, "object");
    if (slice_starts_with(inside, SLICE("*:"))) {
        print_object(print, "additionalProperties", slice_trim(slice_from(inside, 2)), context);
        return;
    }
    json_key(&print->json, SLICE("properties"));
    json_begin(&print->json, '{');
    while (inside.length > 0) {
        struct slice pair = take_part(&inside, ','), key = slice_cut(&pair, ':');
        json_key(&print->json, key);
        json_begin(&print->json, '{');
        print_form(print, slice_trim(pair), context);
        json_end(&print->json, '}');
    }
    json_end(&print->json, '}');
    json_key(&print->json, SLICE("additionalProperties"));
    json_literal(&print->json, SLICE("false"));
}

/* The definition of a group inside of a setting, which was found before (schema.c). */
static void print_group(struct schema_print *print, const struct setting_group *group)
{
    for (size_t i = 0; i < print->mapping_count; i++) {
        if (print->mappings[i].group == group) {
            schema_print_reference(print, "mapping", print->mappings[i].name);
            return;
        }
    }
    UNREACHABLE();
}

/* `TEXT`, `TEMPLATE`, `SITE`: words in capitals. */
static void print_kind(struct schema_print *print, struct slice form, const struct context *context)
{
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if (is(form, scopes[i].form)) {
            schema_print_reference(print, "scope", scopes[i].name);
            return;
        }
    }
    for (size_t i = 0; i < SCHEMA_TEXTS; i++) {
        if (is(form, schema_texts[i].name)) {
            schema_print_reference(print, "text", schema_texts[i].name);
            return;
        }
    }
    if (is(form, "MAPPING"))
        print_group(print, context->mapping);
    else if (is(form, "SWITCH"))
        schema_print_reference(print, "text", "SWITCH");
    else if (is(form, "TEMPLATE"))
        schema_print_reference(print, "template", schema_template_names[context->phase]);
    else
        UNREACHABLE();
}

static void print_named(struct schema_print *print, struct slice name)
{
    char memory[SCHEMA_NAME_MAX];
    struct text text = text_over(memory, sizeof(memory) - 1);
    text_add(&text, name);
    memory[text.length] = '\0';
    schema_print_reference(print, "", memory);
}

static bool is_kind(struct slice form)
{
    return form.data[0] >= 'A' && form.data[0] <= 'Z';
}

static bool is_range(struct slice form)
{
    return ascii_is_digit(form.data[0]) && memmem(form.data, form.length, "..", 2);
}

static bool is_word(struct slice form)
{
    return !is_kind(form) && !is_range(form) && !strchr("[{<", form.data[0]);
}

static void print_part(struct schema_print *print, struct slice part, const struct context *context)
{
    ASSERT(part.length > 0);
    struct slice inside =
        part.length > 2 ? slice_until(slice_from(part, 1), part.length - 2) : part;
    if (part.data[0] == '[') {
        print_type(print, "array");
        print_object(print, "items", inside, context);
    } else if (part.data[0] == '{') {
        print_mapping(print, inside, context);
    } else if (part.data[0] == '<') {
        print_named(print, inside);
    } else if (is_range(part)) {
        print_range(print, part);
    } else if (is_kind(part)) {
        print_kind(print, part, context);
    } else {
        json_key(&print->json, SLICE("const"));
        json_string(&print->json, part);
    }
}

/* The environment may stand for any word. */
static void print_either(struct schema_print *print, struct slice form,
                         const struct context *context)
{
    bool has_word = false;
    json_key(&print->json, SLICE("anyOf"));
    json_begin(&print->json, '[');
    while (form.length > 0) {
        struct slice part = take_part(&form, '|');
        has_word |= is_word(part);
        json_begin(&print->json, '{');
        print_part(print, part, context);
        json_end(&print->json, '}');
    }
    if (has_word) {
        json_begin(&print->json, '{');
        schema_print_reference(print, "text", "environment");
        json_end(&print->json, '}');
    }
    json_end(&print->json, ']');
}

static void print_form(struct schema_print *print, struct slice form, const struct context *context)
{
    struct slice rest = form, part = take_part(&rest, '|');
    if (rest.length == 0 && !is_word(part))
        print_part(print, part, context);
    else
        print_either(print, form, context);
}

void schema_print_form(struct schema_print *print, struct slice form, enum template_phase phase,
                       const struct setting_group *mapping)
{
    const struct context context = {phase, mapping};
    bool is_bare_reference = is_kind(form) || form.data[0] == '<';
    if (is_bare_reference)
        print_either(print, form, &context);
    else
        print_form(print, form, &context);
}

/* ---- settings of all types */

static bool looks_like_number(const char *word)
{
    return word[strspn(word, "0123456789.")] == '\0';
}

/* A choice that looks like a number may be one for whoever reads the file. */
static void print_choice(struct schema_print *print, const char *choice)
{
    json_string(&print->json, slice_from_text(choice));
    if (looks_like_number(choice))
        json_literal(&print->json, slice_from_text(choice));
}

/* One that has no `off` is taken back by it (setting.h). */
static void print_choices(struct schema_print *print, const char *const *choices)
{
    bool has_off = false;
    json_key(&print->json, SLICE("anyOf"));
    json_begin(&print->json, '[');
    json_begin(&print->json, '{');
    json_key(&print->json, SLICE("enum"));
    json_begin(&print->json, '[');
    for (size_t i = 0; choices[i]; i++) {
        print_choice(print, choices[i]);
        has_off |= strcmp(choices[i], "off") == 0;
    }
    if (!has_off)
        print_choice(print, "off");
    json_end(&print->json, ']');
    json_end(&print->json, '}');
    json_begin(&print->json, '{');
    schema_print_reference(print, "text", "environment");
    json_end(&print->json, '}');
    json_end(&print->json, ']');
}

void schema_print_value(struct schema_print *print, const struct setting *setting)
{
    const char *form = NULL;
    switch (setting->type) {
    case SETTING_NUMBER:
    case SETTING_DURATION:
    case SETTING_SIZE:
        print_quantity(print, setting);
        return;
    case SETTING_CHOICE:
        print_choices(print, setting->choices);
        return;
    case SETTING_SWITCH:
        form = "SWITCH";
        break;
    case SETTING_TEXT:
        form = "TEXT";
        break;
    case SETTING_TEMPLATE:
        form = "TEMPLATE";
        break;
    case SETTING_CUSTOM:
        form = setting->form;
        break;
    }
    ASSERT(form && *form);
    schema_print_form(print, slice_from_text(form), setting->phase, setting->mapping);
}
