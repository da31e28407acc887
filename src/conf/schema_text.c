/* The scalars of a schema: kinds of texts, and texts with variables. */
#include "base/assert.h"
#include "conf/schema_form.h"

enum { PATTERN_MAX = 8192 };

const struct schema_text schema_texts[SCHEMA_TEXTS] = {
    {"TEXT", NULL},
    {"ADDRESS", "^(?:unix:.+|.*:[0-9]+)$"},
    {"PATH", "^[/~]"},
    {"PERCENT", "^[0-9]+(?:\\.[0-9]{1,4})?%$"},
};

const char *const schema_template_names[SCHEMA_PHASES] = {
    [TEMPLATE_REQUEST] = "request",
    [TEMPLATE_RESPONSE] = "response",
    [TEMPLATE_END] = "end",
};

/* ---- kinds of texts */

/* Whatever scalar YAML has but `null`. Patterns are asked of texts alone. */
static void print_scalar_types(struct json_print *json)
{
    json_key(json, SLICE("type"));
    json_begin(json, '[');
    json_string(json, SLICE("string"));
    json_string(json, SLICE("number"));
    json_string(json, SLICE("boolean"));
    json_end(json, ']');
}

static void print_text(struct json_print *json, const struct schema_text *kind)
{
    char memory[PATTERN_MAX];
    struct text pattern = text_over(memory, sizeof(memory) - 1);
    char name[SCHEMA_NAME_MAX];
    struct text key = text_over(name, sizeof(name));
    text_print(&key, "text.%s", kind->name);
    json_key(json, text_slice(&key));
    json_begin(json, '{');
    if (kind->pattern) {
        text_print(&pattern, "%s|%s", kind->pattern, SCHEMA_ENVIRONMENT);
        ASSERT(!text_is_cut(&pattern));
        json_member(json, "type", "string");
        json_key(json, SLICE("pattern"));
        json_string(json, text_slice(&pattern));
    } else {
        print_scalar_types(json);
    }
    json_end(json, '}');
}

static void print_environment(struct json_print *json)
{
    json_key(json, SLICE("text.environment"));
    json_begin(json, '{');
    json_member(json, "type", "string");
    json_member(json, "pattern", SCHEMA_ENVIRONMENT);
    json_end(json, '}');
}

static void print_switch(struct json_print *json)
{
    static const char *const words[] = {"on", "off", "true", "false"};
    json_key(json, SLICE("text.SWITCH"));
    json_begin(json, '{');
    json_key(json, SLICE("anyOf"));
    json_begin(json, '[');
    json_begin(json, '{');
    json_key(json, SLICE("enum"));
    json_begin(json, '[');
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        json_string(json, slice_from_text(words[i]));
    json_literal(json, SLICE("true"));
    json_literal(json, SLICE("false"));
    json_end(json, ']');
    json_end(json, '}');
    json_begin(json, '{');
    json_member(json, "$ref", "#/$defs/text.environment");
    json_end(json, '}');
    json_end(json, ']');
    json_end(json, '}');
}

/* ---- templates */

/* Names of variables that are known in the phase: those with an argument, or those without. Dots
 * are themselves. */
static void print_variables(struct text *pattern, const struct vocabulary *vocabulary,
                            enum template_phase phase, bool with_argument)
{
    bool is_first = true;
    text_add(pattern, SLICE("(?:"));
    for (size_t i = 0; i < vocabulary->variables->count; i++) {
        const struct variable *variable = &vocabulary->variables->items[i];
        struct slice name = slice_from_text(variable->name);
        if (variable->phase > phase || slice_ends_with(name, SLICE(".")) != with_argument)
            continue;
        text_add(pattern, is_first ? SLICE("") : SLICE("|"));
        is_first = false;
        for (size_t j = 0; j < name.length; j++)
            text_print(pattern, name.data[j] == '.' ? "\\%c" : "%c", name.data[j]);
    }
    text_add(pattern, SLICE(")"));
}

/* The same rules as in template.c: the longest name that fits, `$$`, `$1`, and braces. */
static void print_template(struct schema_print *print, const char *name, enum template_phase phase)
{
    char memory[PATTERN_MAX];
    struct text pattern = text_over(memory, sizeof(memory));
    text_add(&pattern, SLICE("^(?:[^$]|\\$(?:\\$|[0-9]|"));
    print_variables(&pattern, print->vocabulary, phase, false);
    text_add(&pattern, SLICE("(?![A-Za-z0-9_])|"));
    print_variables(&pattern, print->vocabulary, phase, true);
    text_add(&pattern, SLICE("[A-Za-z0-9_]|\\{(?:env\\.[^}]*|[0-9]|"));
    print_variables(&pattern, print->vocabulary, phase, false);
    text_add_byte(&pattern, '|');
    print_variables(&pattern, print->vocabulary, phase, true);
    text_add(&pattern, SLICE("[A-Za-z0-9_](?:[-.A-Za-z0-9_]*[A-Za-z0-9_])?)\\}))*$"));
    ASSERT(!text_is_cut(&pattern));
    char key[SCHEMA_NAME_MAX];
    struct text text = text_over(key, sizeof(key));
    text_print(&text, "template.%s", name);
    json_key(&print->json, text_slice(&text));
    json_begin(&print->json, '{');
    print_scalar_types(&print->json);
    json_key(&print->json, SLICE("pattern"));
    json_string(&print->json, text_slice(&pattern));
    json_end(&print->json, '}');
}

void schema_print_texts(struct schema_print *print)
{
    for (size_t i = 0; i < SCHEMA_TEXTS; i++)
        print_text(&print->json, &schema_texts[i]);
    print_environment(&print->json);
    print_switch(&print->json);
    for (size_t i = 0; i < SCHEMA_PHASES; i++)
        print_template(print, schema_template_names[i], (enum template_phase)i);
}
