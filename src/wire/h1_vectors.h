/* Reads the messages of tests/data/h1_*.txt, with what is expected of them. For tests.
 *
 *     - a title, with the section of the RFC in brackets
 *     > a line that ends in CRLF
 *     >> bytes with nothing behind them
 *     = words that the outcome must have; !word: none of its words may begin so
 *
 * Of bytes, \r \n \t \0 \\ and \xHH are single ones, and \{text*number} is a text repeated. */
#pragma once

#include "base/assert.h"
#include "http/byte_class.h"
#include "wire/h1_testing.h"

#include <stdio.h>

struct h1_vector {
    char title[256], expected[512];
    struct text bytes;
    char memory[8 * 1024];
};

/* Behind `\{`: text, `*`, number, `}`. What was added since `start` is the text. */
static inline const char *h1_vector_repeat(struct text *bytes, size_t start, const char *at)
{
    char *end = NULL;
    unsigned long count = strtoul(at, &end, 10);
    ASSERT(*end == '}' && count > 0);
    struct slice part = slice_from(text_slice(bytes), start);
    for (unsigned long i = 1; i < count; i++)
        text_add(bytes, part);
    return end + 1;
}

/* Behind a backslash. Returns what follows the escape. */
static inline const char *h1_vector_escape(struct text *bytes, const char *at)
{
    switch (*at) {
    case 'r':
        text_add_byte(bytes, '\r');
        return at + 1;
    case 'n':
        text_add_byte(bytes, '\n');
        return at + 1;
    case 't':
        text_add_byte(bytes, '\t');
        return at + 1;
    case '0':
        text_add_byte(bytes, '\0');
        return at + 1;
    case '\\':
        text_add_byte(bytes, '\\');
        return at + 1;
    case 'x':
        ASSERT(byte_is(at[1], BYTE_HEX) && byte_is(at[2], BYTE_HEX));
        text_add_byte(bytes, (char)(hex_value(at[1]) << 4 | hex_value(at[2])));
        return at + 3;
    default:
        break;
    }
    UNREACHABLE();
}

static inline void h1_vector_add(struct text *bytes, const char *at)
{
    size_t repeated = SIZE_MAX;
    while (*at) {
        if (at[0] == '\\' && at[1] == '{') {
            repeated = bytes->length;
            at += 2;
        } else if (*at == '*' && repeated != SIZE_MAX) {
            at = h1_vector_repeat(bytes, repeated, at + 1);
            repeated = SIZE_MAX;
        } else if (*at == '\\') {
            at = h1_vector_escape(bytes, at + 1);
        } else {
            text_add_byte(bytes, *at++);
        }
    }
}

/* The next vector of the file. False at its end. */
static inline bool h1_vector_read(FILE *file, struct h1_vector *vector)
{
    char line[4096];
    vector->bytes = text_over(vector->memory, sizeof(vector->memory));
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        const char *text = line + strspn(line, "-=> ");
        if (line[0] == '-') {
            (void)snprintf(vector->title, sizeof(vector->title), "%s", text);
        } else if (strncmp(line, ">>", 2) == 0) {
            h1_vector_add(&vector->bytes, line + (line[2] == ' ' ? 3 : 2));
        } else if (line[0] == '>') {
            h1_vector_add(&vector->bytes, line + (line[1] == ' ' ? 2 : 1));
            text_add(&vector->bytes, SLICE("\r\n"));
        } else if (line[0] == '=') {
            ASSERT(!text_is_cut(&vector->bytes));
            (void)snprintf(vector->expected, sizeof(vector->expected), "%s", text);
            return true;
        } else {
            ASSERT(line[0] == '#' || line[0] == '\0');
        }
    }
    return false;
}

/* Whether a word of the outcome is `word`, or begins with it. */
static inline bool h1_has_word(struct slice outcome, struct slice word, bool as_prefix)
{
    while (!slice_is_empty(outcome)) {
        struct slice next = slice_cut(&outcome, ' ');
        if (slice_equal(as_prefix ? slice_until(next, word.length) : next, word))
            return true;
    }
    return false;
}

/* Whether the outcome is as expected. The first word must be the first. */
static inline bool h1_is_expected(const struct h1_vector *vector, const struct h1_outcome *outcome)
{
    struct slice rest = slice_from_text(vector->expected);
    struct slice told = text_slice(&outcome->text);
    bool expected = slice_starts_with(told, slice_until(rest, slice_find(rest, ' ')));
    while (!slice_is_empty(rest)) {
        struct slice word = slice_cut(&rest, ' ');
        bool absent = slice_starts_with(word, SLICE("!"));
        expected &= absent != h1_has_word(told, absent ? slice_from(word, 1) : word, absent);
    }
    return expected;
}

static inline void h1_vector_complain(const struct h1_vector *vector, const char *how,
                                      const struct h1_outcome *outcome)
{
    (void)fprintf(stderr, "%s, %s\n  expected: %s\n  outcome:  %.*s\n", vector->title, how,
                  vector->expected, (int)outcome->text.length, outcome->text.data);
}

/* Feeds bytes in the pieces of `cuts`, and tells what became of them. */
typedef void h1_feed(struct slice bytes, struct h1_cuts cuts, struct h1_outcome *outcome);

/* Whether a vector has its outcome whole, and the same one in every split into two and byte by
 * byte. */
static inline bool h1_vector_holds(const struct h1_vector *vector, h1_feed *feed)
{
    static struct h1_outcome whole, other;
    static size_t ends[sizeof(vector->memory)];
    struct slice bytes = text_slice(&vector->bytes);
    feed(bytes, (struct h1_cuts){&bytes.length, 1}, &whole);
    if (!h1_is_expected(vector, &whole)) {
        h1_vector_complain(vector, "whole", &whole);
        return false;
    }
    for (size_t at = 0; at < bytes.length; at++) {
        ends[at] = at + 1;
        const size_t halves[] = {at, bytes.length};
        feed(bytes, (struct h1_cuts){halves, 2}, &other);
        if (!slice_equal(text_slice(&whole.text), text_slice(&other.text))) {
            h1_vector_complain(vector, "in two", &other);
            return false;
        }
    }
    feed(bytes, (struct h1_cuts){ends, bytes.length}, &other);
    if (!slice_equal(text_slice(&whole.text), text_slice(&other.text))) {
        h1_vector_complain(vector, "byte by byte", &other);
        return false;
    }
    return true;
}

/* How many vectors of a file do not hold; each is told. */
static inline unsigned h1_count_failures(const char *path, h1_feed *feed, unsigned *ret_count)
{
    static struct h1_vector vector;
    unsigned failures = 0;
    FILE *file = fopen(path, "r");
    ASSERT(file);
    for (*ret_count = 0; h1_vector_read(file, &vector); ++*ret_count)
        failures += !h1_vector_holds(&vector, feed);
    (void)fclose(file);
    return failures;
}
