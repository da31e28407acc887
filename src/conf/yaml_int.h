/* What yaml.c shares with yaml_words.c. */
#pragma once

#include "conf/diagnostics.h"

#include <yaml.h>

struct arena;

/* Size, UTF-8 and control characters. False: it cannot be read, which was told. */
bool yaml_check_bytes(const struct source *source, uint16_t index, struct diagnostics *diagnostics);

/* JSON writes characters above U+FFFF as two escapes, which libyaml refuses. In a file that begins
 * like JSON they become YAML's one escape; what stands behind one in its line moves by two columns.
 * Data is NULL where there was no memory. */
struct slice yaml_join_surrogates(struct slice bytes, struct arena *arena);

/* The character of a pair of escapes (`\ud83d\ude00`) that the text begins with, or 0. */
uint32_t yaml_surrogates(struct slice text);

/* What was read when libyaml knew no further; line 0 where there is nothing like it. */
struct yaml_scene {
    struct position quote; /* the last text, if it is in quotes over several lines */
    struct position open;  /* the innermost mapping or list that is not yet at its end */
};

/* Tells libyaml's error in words that help. */
void yaml_explain(const yaml_parser_t *parser, const struct source *source, uint16_t index,
                  const struct yaml_scene *scene, struct diagnostics *diagnostics);

/* `key:value`, with no space behind the colon: where the colon is; or 0. */
size_t yaml_tight_colon(struct slice text);

/* Tells that the space is missing behind the colon of this text, and how to write it. */
void yaml_tell_tight(struct diagnostics *diagnostics, struct position position, struct slice text,
                     size_t colon);
