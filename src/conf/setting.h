/* Settings, declared once. One record says everything about a setting: the field it fills, how it
 * is written, its default, its limits, where it may stand, one sentence and an example. A group is
 * the records that fill one struct; it stands beside the code that obeys it. Struct, parser,
 * checks, defaults, inheritance and the reference all come from the records.
 *
 *     #define TIMEOUT_SETTINGS(S)                                                             \
 *         S(connect, DURATION, "5s", 1, HOUR, SCOPE_ROUTE | SCOPE_UPSTREAM, "How long …", "2s")
 *     struct timeouts { TIMEOUT_SETTINGS(SETTING_FIELD) };
 *     #define TIMEOUT_RECORD(...) SETTING_ROW(struct timeouts, __VA_ARGS__)
 *     static const struct setting settings[] = {TIMEOUT_SETTINGS(TIMEOUT_RECORD)};
 *
 * (net/timeouts.c is the whole of it.) All of it is constant data, held to its own rules by
 * main/vocabulary_test.c. */
#pragma once

#include "base/slice.h"
#include "conf/diagnostics.h"
#include "conf/node.h"
#include "conf/template.h"

struct arena;
struct setting_group;
struct configuration;
struct configuration_reader;

/* Where a mapping of settings stands. A scope inherits from those around it: route from route from
 * site from `defaults` from top; upstream from `defaults.upstream` from top; listener from top.
 * The last two are kinds of scopes, not for records: what may stand in a site or route, or in an
 * upstream, and is not single, may stand in its defaults. */
enum scope_kind {
    SCOPE_TOP = 1,
    SCOPE_LISTENER = 2,
    SCOPE_SITE = 4,
    SCOPE_ROUTE = 8,
    SCOPE_UPSTREAM = 16,
    SCOPE_DEFAULTS = 32,
    SCOPE_UPSTREAM_DEFAULTS = 64,
};

/* `off` (without quotes) takes back what was inherited: a number, duration or size becomes 0 where
 * `min` is 0 (and is an error elsewhere), a text, choice or template its default. A custom reader
 * decides for itself. */
enum setting_type {
    SETTING_SWITCH,   /* bool: on/off, true/false */
    SETTING_NUMBER,   /* int64_t */
    SETTING_DURATION, /* int64_t in milliseconds: 250ms, 5s, 2m, 1h, 1d */
    SETTING_SIZE,     /* int64_t in bytes: 512, 16KiB, 1MiB, 1GiB */
    SETTING_TEXT,     /* struct slice */
    SETTING_CHOICE,   /* int: index in `choices` */
    SETTING_TEMPLATE, /* const struct template *; NULL: none */
    SETTING_CUSTOM,   /* whatever `read` fills */
};

/* What a reader of a custom setting is given. */
struct setting_reader {
    struct arena *arena; /* for what outlives the call: that of the configuration */
    struct diagnostics *diagnostics;
    const struct variable_table *variables;
    const struct setting *setting; /* that is read: its name and example, for several that share a
                                      reader */
    const void *inherited; /* the field's value in the scope around, to add to; NULL: none */
    const struct configuration *configuration; /* being loaded; for setting_read_file */
    const struct configuration_reader *files;
};

/* Reads `node` into `field`. Everything wrong is told to the diagnostics; false when something
 * was. */
typedef bool setting_read_fn(struct setting_reader *reader, const struct node *node, void *field);

struct setting {
    const char *name; /* the key */
    enum setting_type type;
    uint16_t offset, size;      /* of the field in the group's struct */
    const char *standard;       /* the default, as it would be written; NULL: zeroes */
    int64_t min, max;           /* NUMBER, DURATION (milliseconds), SIZE */
    const char *const *choices; /* CHOICE: ends with NULL */
    setting_read_fn *read;      /* CUSTOM */
    const char *form;           /* CUSTOM: how it is written (schema_form.h); NULL elsewhere */
    const struct setting_group *mapping; /* CUSTOM: of the MAPPING in its form */
    enum template_phase phase;           /* TEMPLATE: which variables it may use */
    unsigned scopes;                     /* in which it may stand: bits of enum scope_kind */
    bool single;                         /* is not inherited: a condition or an action */
    bool action;         /* what a site or route does: proxy, redirect, respond; single too */
    bool names_files;    /* CUSTOM: each text in it but `off` is a path for setting_read_file, */
    const char *word;    /* and but for this word, where there is one */
    const char *summary; /* one sentence */
    const char *example; /* a value as it would be written */
};

enum { SETTINGS_PER_GROUP_MAX = 32 };

struct setting_group {
    const char *name; /* the key of the mapping; "" where its settings stand in the scope itself */
    const struct setting *settings;
    uint16_t count; /* of settings, at most SETTINGS_PER_GROUP_MAX */
    uint16_t size;  /* of the struct */
    const char *summary;

    /* What the records cannot say, once per scope in which something of the group was written and
     * all of it could be read. `node` is the group's mapping, or with the name "" the scope's.
     * NULL: nothing more to check. */
    void (*check)(const void *group, const struct node *node, struct diagnostics *diagnostics);
};

/* Fields and records from one list. Rows: name, TYPE, default, min, max, scopes, summary, example;
 * rows of other kinds (CHOICE, TEMPLATE, CUSTOM) are written out as designated initialisers. */
#define SETTING_C_SWITCH                bool
#define SETTING_C_NUMBER                int64_t
#define SETTING_C_DURATION              int64_t
#define SETTING_C_SIZE                  int64_t
#define SETTING_C_TEXT                  struct slice
#define SETTING_C_TEMPLATE              const struct template *

#define SETTING_FIELD(field, kind, ...) SETTING_C_##kind field;
#define SETTING_ROW(owner, field, kind, standard_, min_, max_, scopes_, summary_, example_)        \
    {.name = #field,                                                                               \
     .type = SETTING_##kind,                                                                       \
     .offset = offsetof(owner, field),                                                             \
     .size = sizeof(((owner *)0)->field),                                                          \
     .standard = standard_,                                                                        \
     .min = min_,                                                                                  \
     .max = max_,                                                                                  \
     .scopes = scopes_,                                                                            \
     .summary = summary_,                                                                          \
     .example = example_},

enum { /* durations in milliseconds */
       SECOND = 1000,
       MINUTE = 60 * SECOND,
       HOUR = 60 * MINUTE,
       DAY = 24 * HOUR,
};

/* For readers of custom settings: */

/* Reads one value as the record says (its type, limits, choices). */
bool setting_read(struct setting_reader *reader, const struct setting *setting,
                  const struct node *node, void *ret_field);

/* Fills a group's struct with the defaults of its records. False: no memory. */
bool setting_read_defaults(struct setting_reader *reader, const struct setting_group *group,
                           void *ret_group);

/* Reads a mapping inside of a setting (a server of an upstream, say) by the records of a group of
 * its own: defaults first, then what is written, then the group's check. Scopes do not count. */
bool setting_read_mapping(struct setting_reader *reader, const struct setting_group *group,
                          const struct node *mapping, void *ret_group);

/* Reads a text, or a list of at least one, into the reader's arena. `name` and `example` are for
 * the words of errors. */
bool setting_read_texts(struct setting_reader *reader, const char *name, const char *example,
                        const struct node *node, struct slice **ret_texts, size_t *ret_count);

/* The cure for a text that was refused because it is several, as in `a.com, b.com`: the same in
 * brackets. NULL where it has no comma, or something else than a text stands around one. */
const char *setting_list_cure(struct diagnostics *diagnostics, struct slice text);

/* The cure for a text that is no address to listen on. */
const char *setting_listen_cure(struct diagnostics *diagnostics, struct slice text);

/* Tells that the key is an address in braces (node_is_braced_address), in the place of what was
 * told of it before. */
void setting_refuse_braced(struct diagnostics *diagnostics, const struct node_pair *pair);

/* Where something stands in the place of a value, which YAML takes for none, and the node is
 * nothing: a comment, or an anchor. What would be right; NULL: nothing stands there. */
const char *setting_hidden_cure(const struct node *node);

/* Tells that `name` is `wanted` (`a list`, `a text or a list`), but something else is here. Returns
 * false, for readers to return. */
bool setting_refuse(struct setting_reader *reader, const char *name, const char *wanted,
                    const char *example, const struct node *node);

/* The bytes of the file that a scalar names, as seen from where the file with the scalar lies, in
 * the reader's arena; the record has `names_files`. False: it cannot be read or is larger than
 * `max` bytes, which was told, or there is no memory. */
bool setting_read_file(struct setting_reader *reader, const struct node *node, size_t max,
                       struct slice *ret_bytes);

/* The path that a scalar names, as seen from there. Data is NULL: no memory. */
struct slice setting_path(struct setting_reader *reader, const struct node *node);

/* The same of a file that is watched: it is read again when it changes. For who tells by himself
 * what is wrong with it, later or not at all. NULL: it was read; else what is wrong, in the
 * reader's arena, and what to do in `*ret_cure`, which lives for ever, as told by
 * setting_read_file. */
const char *setting_try_watched(struct setting_reader *reader, struct slice path, size_t max,
                                struct slice *ret_bytes, const char **ret_cure);

/* The files that a pattern stands for, as seen from where the file with `node` lies, sorted; there
 * may be none. It is watched, too. False: no memory. */
bool setting_find_watched(struct setting_reader *reader, const struct node *node,
                          struct slice pattern, struct slice **ret_paths, size_t *ret_count);

/* The bytes of a file that the configuration does not name, such as one of the system, at an
 * absolute path, read once for all who ask. False: it cannot be read, or is larger than `max`
 * bytes. */
bool setting_share_file(struct setting_reader *reader, struct slice path, size_t max,
                        struct slice *ret_bytes);

/* The value of a variable of the environment, or NULL. */
const char *setting_environment(struct setting_reader *reader, const char *name);
