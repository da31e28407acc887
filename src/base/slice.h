/* A slice is some bytes that belong to somebody else: pointer and length, passed by value.
 * Whoever holds a slice must know what keeps its bytes alive: a span, an arena, a snapshot, or
 * the program text. A slice is never terminated by a NUL. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *data;
    size_t length;
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})

static inline struct slice slice_of(const char *data, size_t length)
{
    return (struct slice){data, length};
}

/* `text` is terminated by a NUL; NULL gives the empty slice. */
static inline struct slice slice_from_text(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_is_empty(struct slice s)
{
    return s.length == 0;
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* The part from `start` on, and the part before `end`; both are clipped to the slice. */
static inline struct slice slice_from(struct slice s, size_t start)
{
    size_t clipped = start < s.length ? start : s.length;
    return clipped ? slice_of(s.data + clipped, s.length - clipped) : s;
}

static inline struct slice slice_until(struct slice s, size_t end)
{
    return slice_of(s.data, end < s.length ? end : s.length);
}

/* Copies the bytes to `to`, which is other memory, and returns the place behind them. Up to 32
 * bytes go without a call, in two pieces that may overlap: made for the writing of heads. */
__attribute__((always_inline)) static inline char *slice_put(char *to, struct slice from)
{
    const char *data = from.data;
    size_t length = from.length;
    if (length > 32) {
        memcpy(to, data, length);
    } else if (length >= 16) {
        memcpy(to, data, 16);
        memcpy(to + length - 16, data + length - 16, 16);
    } else if (length >= 8) {
        memcpy(to, data, 8);
        memcpy(to + length - 8, data + length - 8, 8);
    } else if (length >= 4) {
        memcpy(to, data, 4);
        memcpy(to + length - 4, data + length - 4, 4);
    } else if (length > 0) {
        to[0] = data[0];
        to[length / 2] = data[length / 2];
        to[length - 1] = data[length - 1];
    }
    return to + length;
}

/* Overwrites bytes that nobody shall read any more, in memory that may be written to. The compiler
 * does not leave it away where nobody reads them. */
void slice_cleanse(struct slice bytes);

/* Letters of ASCII compare without case, all other bytes exactly. */
bool slice_equal_fold(struct slice a, struct slice b);

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.length >= prefix.length && slice_equal(slice_until(s, prefix.length), prefix);
}

static inline bool slice_ends_with(struct slice s, struct slice suffix)
{
    return s.length >= suffix.length &&
           slice_equal(slice_from(s, s.length - suffix.length), suffix);
}

/* Position of the first `byte`, or `s.length` where there is none. */
size_t slice_find(struct slice s, char byte);

/* Position of the last `byte`, or `s.length` where there is none. */
size_t slice_find_last(struct slice s, char byte);

/* Without the spaces and tabs at both ends (OWS of RFC 9110 5.6.3). */
struct slice slice_trim(struct slice s);

/* Cuts `*rest` at the first `separator`: returns what stands before it and leaves in `*rest` what
 * stands behind it. Without a separator everything is returned and `*rest` becomes empty. */
struct slice slice_cut(struct slice *rest, char separator);

/* -1, 0 or 1 in byte order. */
int slice_compare(struct slice a, struct slice b);

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Copies the bytes to `to`, capitals as small letters. They may be the same bytes. */
void ascii_lower_copy(char *to, struct slice from);

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number in decimal digits alone: no sign, no space, at least one digit. False leaves
 * `*ret_number` as it was, as does a number above `max`. */
bool slice_to_number(struct slice s, uint64_t max, uint64_t *ret_number);

/* A stable hash of 64 bits (FNV-1a with a final mix). Not for tables that a peer can fill at will
 * unless `seed` is a secret. */
uint64_t slice_hash(struct slice s, uint64_t seed);
