#include "conf/reference.h"

#include "conf/configuration_int.h"
#include "conf/setting_int.h"

static void add(struct text *text, const char *words)
{
    text_add(text, slice_from_text(words));
}

void reference_print_name(struct text *text, const struct setting_group *group,
                          const struct setting *setting)
{
    if (*group->name)
        text_print(text, "%s.", group->name);
    add(text, setting->name);
}

static void print_choices(struct text *text, const char *const *choices)
{
    for (size_t i = 0; choices[i]; i++) {
        add(text, i == 0 ? "" : choices[i + 1] ? ", " : " or ");
        add(text, choices[i]);
    }
}

/* The form, with the keys of its mapping. */
static void print_form(struct text *text, const struct setting *setting)
{
    static const struct slice word = {"MAPPING", 7};
    struct slice rest = slice_from_text(setting->form);
    while (rest.length > 0) {
        const char *found = memmem(rest.data, rest.length, word.data, word.length);
        struct slice before = found ? slice_until(rest, (size_t)(found - rest.data)) : rest;
        text_add(text, before);
        if (!found)
            return;
        for (size_t i = 0; i < setting->mapping->count; i++)
            text_print(text, "%s%s", i == 0 ? "{" : ", ", setting->mapping->settings[i].name);
        text_add_byte(text, '}');
        rest = slice_from(rest, before.length + word.length);
    }
}

/* What a value is. */
static void print_type(struct text *text, const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_SWITCH:
        add(text, "on or off");
        return;
    case SETTING_NUMBER:
        add(text, "a number");
        return;
    case SETTING_DURATION:
        add(text, "a duration, with its unit: ms, s, m, h or d");
        return;
    case SETTING_SIZE:
        add(text, "a size in bytes, KiB, MiB or GiB");
        return;
    case SETTING_CHOICE:
        print_choices(text, setting->choices);
        return;
    case SETTING_TEMPLATE:
        add(text, "a text, which may have variables");
        return;
    case SETTING_TEXT:
        add(text, "a text");
        return;
    case SETTING_CUSTOM:
        print_form(text, setting);
        return;
    }
}

static bool has_limits(const struct setting *setting)
{
    return setting->type == SETTING_NUMBER || setting->type == SETTING_DURATION ||
           setting->type == SETTING_SIZE;
}

static void print_limits(struct text *text, const struct setting *setting)
{
    setting_print_value(text, setting, setting->min ? setting->min : 1);
    if (setting->max < INT64_MAX) {
        add(text, " to ");
        setting_print_value(text, setting, setting->max);
    } else {
        add(text, " and more");
    }
    if (setting->min == 0)
        add(text, ", or off");
}

void reference_describe(struct text *text, const struct setting_group *group,
                        const struct setting *setting)
{
    reference_print_name(text, group, setting);
    text_print(text, "\n    %s\n\n    value     ", setting->summary);
    print_type(text, setting);
    add(text, "\n");
    if (has_limits(setting)) {
        add(text, "    limits    ");
        print_limits(text, setting);
        add(text, "\n");
    }
    if (setting->standard)
        text_print(text, "    default   %s\n", setting->standard);
    add(text, "    stands    ");
    scope_print_places(text, setting->scopes);
    text_print(text, "\n    inherited %s\n    example   ", setting->single ? "no" : "yes");
    text_print(text, *group->name ? "%s: {%s: %s}\n" : "%s%s: %s\n", group->name, setting->name,
               setting->example);
}
