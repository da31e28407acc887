/* The notation in which a setting with a reader of its own says how it is written; the reference
 * shows it, and the schema is made from it.
 *
 *     auto                     this word
 *     TEXT                     any scalar
 *     ADDRESS PATH PERCENT     texts that look like one
 *     TEMPLATE                 a text that may have variables
 *     SWITCH                   on, off, true or false
 *     1..256                   a whole number
 *     [FORM]                   a list
 *     {to: FORM, status: FORM} a mapping with these keys
 *     {*: FORM}                a mapping of names that the user chooses
 *     MAPPING                  a mapping with the settings of the record's `mapping`
 *     <servers>                what the setting of this name takes
 *     LISTENER SITE ROUTE UPSTREAM DEFAULTS UPSTREAM_DEFAULTS    a scope
 *     FORM | FORM              either
 *
 * A form may promise too much (that a TEXT names a host is left to the reader), never too little.
 */
#pragma once

#include "conf/configuration.h"
#include "conf/json_print.h"

enum { SCHEMA_NAME_MAX = 128, SCHEMA_MAPPINGS_MAX = 64 };

/* A group inside of a setting, which is a definition of its own. */
struct schema_mapping {
    const struct setting_group *group;
    char name[SCHEMA_NAME_MAX]; /* of the definition: `mapping.log.access` */
};

struct schema_print {
    struct json_print json;
    const struct vocabulary *vocabulary;
    struct schema_mapping mappings[SCHEMA_MAPPINGS_MAX];
    size_t mapping_count;
};

/* What a form permits, as members of the object that is open in the JSON; a reference is one of a
 * list, since readers of older drafts pass over what stands beside one. `phase` is of its
 * templates; `mapping` may be NULL. */
void schema_print_form(struct schema_print *print, struct slice form, enum template_phase phase,
                       const struct setting_group *mapping);

/* The same for a setting of whatever type. */
void schema_print_value(struct schema_print *print, const struct setting *setting);

/* `"$ref": "#/$defs/…"` with the kind and name of the definition, `text` and `plain` for one. */
void schema_print_reference(struct schema_print *print, const char *kind, const char *name);

/* A text that is taken apart by regular expressions. */
struct schema_text {
    const char *name;    /* of the form: `PATH` */
    const char *pattern; /* NULL: any scalar; the environment may stand in it all the same */
};

enum { SCHEMA_TEXTS = 4, SCHEMA_PHASES = TEMPLATE_END + 1 };
extern const struct schema_text schema_texts[SCHEMA_TEXTS];
extern const char *const schema_template_names[SCHEMA_PHASES];

/* The definitions of all of them, of switches and of templates. */
void schema_print_texts(struct schema_print *print);

/* The pattern of a text with the environment in it, which is not known to whoever reads the
 * schema. */
#define SCHEMA_ENVIRONMENT "\\$\\{env\\."
