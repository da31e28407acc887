/* JSON (RFC 8259) under construction, indented for people. Commas and lines come by themselves: a
 * value follows a key in an object, or another value in a list. */
#pragma once

#include "base/text.h"

struct node;

struct json_print {
    struct text *text;
    unsigned depth;
};

/* `{` or `[`, and the end of what was begun last. */
void json_begin(struct json_print *json, char bracket);
void json_end(struct json_print *json, char bracket);

void json_key(struct json_print *json, struct slice key);
void json_string(struct json_print *json, struct slice bytes);                 /* UTF-8 */
void json_member(struct json_print *json, const char *key, const char *value); /* a string */
void json_number(struct json_print *json, int64_t number);
void json_literal(struct json_print *json, struct slice literal); /* true, false, a number */

/* A tree of YAML with the types that its core schema gives to scalars without quotes (YAML 1.2.2,
 * 10.3.2), as far as configurations have them: whole numbers, true and false, texts. */
void json_node(struct json_print *json, const struct node *node);
