/* Kept in an array that is always sorted: there are never many, and whoever asks gets them in
 * order without a second step. */
#include "conf/diagnostics.h"

#include "base/arena.h"
#include "base/assert.h"
#include "conf/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGE_MAX = 1024, MEMORY_MAX = 4 << 20 };

struct diagnostics {
    struct arena arena; /* of the texts */
    size_t max, kept, errors, warnings;
    size_t unkept, unkept_events;
    struct diagnostic items[];
};

struct diagnostics *diagnostics_new(size_t max)
{
    struct diagnostics *diagnostics =
        calloc(1, sizeof(*diagnostics) + max * sizeof(struct diagnostic));
    if (!diagnostics)
        return NULL;
    arena_init(&diagnostics->arena, NULL, MEMORY_MAX);
    diagnostics->max = max;
    return diagnostics;
}

void diagnostics_free(struct diagnostics *diagnostics)
{
    if (!diagnostics)
        return;
    arena_fini(&diagnostics->arena);
    free(diagnostics);
}

static bool is_before(struct position a, struct position b)
{
    bool a_is_somewhere = a.line > 0, b_is_somewhere = b.line > 0;
    if (a_is_somewhere != b_is_somewhere)
        return b_is_somewhere;
    if (a.source != b.source)
        return a.source < b.source;
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* Whether `a`, which is kept, says what `b` would. */
static bool is_same(const struct diagnostic *a, const struct diagnostic *b)
{
    return !is_before(a->position, b->position) && !is_before(b->position, a->position) &&
           a->severity == b->severity && (a->is_alone || slice_equal(a->what, b->what));
}

/* Where it belongs; false: it is there already. */
static bool find_place(const struct diagnostics *diagnostics, const struct diagnostic *item,
                       size_t *ret_place)
{
    size_t place = diagnostics->kept;
    while (place > 0 && is_before(item->position, diagnostics->items[place - 1].position))
        place--;
    *ret_place = place;
    for (; place > 0 && !is_before(diagnostics->items[place - 1].position, item->position);
         place--) {
        if (is_same(&diagnostics->items[place - 1], item))
            return false;
    }
    return true;
}

static void remove_at(struct diagnostics *diagnostics, size_t index)
{
    diagnostics->kept--;
    memmove(&diagnostics->items[index], &diagnostics->items[index + 1],
            (diagnostics->kept - index) * sizeof(struct diagnostic));
}

static void count_unkept(struct diagnostics *diagnostics, const struct diagnostic *item)
{
    if (item->is_event)
        diagnostics->unkept_events++;
    else
        diagnostics->unkept++;
}

static unsigned weight(const struct diagnostic *item)
{
    return item->severity == SEVERITY_ERROR ? 2 : !item->is_event;
}

/* Where there is no room, it takes the place of the last one of those that weigh least. */
static bool make_room(struct diagnostics *diagnostics, const struct diagnostic *item)
{
    if (diagnostics->kept < diagnostics->max)
        return true;
    for (unsigned least = 0; least < weight(item); least++) {
        for (size_t i = diagnostics->kept; i-- > 0;) {
            if (weight(&diagnostics->items[i]) != least)
                continue;
            count_unkept(diagnostics, &diagnostics->items[i]);
            remove_at(diagnostics, i);
            return true;
        }
    }
    return false;
}

/* Data is NULL where there was no memory; the diagnostic is then only counted. */
static struct slice keep_text(struct diagnostics *diagnostics, struct slice message)
{
    char memory[MESSAGE_MAX];
    struct text text = text_over(memory, sizeof(memory));
    utf8_add_printable(&text, message);
    return arena_copy(&diagnostics->arena, text_slice(&text));
}

static bool keep(struct diagnostics *diagnostics, struct diagnostic item)
{
    size_t place;
    if (!make_room(diagnostics, &item))
        return false;
    item.what = keep_text(diagnostics, item.what);
    item.cure = keep_text(diagnostics, item.cure);
    if (!item.what.data || !item.cure.data || !find_place(diagnostics, &item, &place))
        return false;
    ASSERT(place <= diagnostics->kept && diagnostics->kept < diagnostics->max);
    memmove(&diagnostics->items[place + 1], &diagnostics->items[place],
            (diagnostics->kept - place) * sizeof(struct diagnostic));
    diagnostics->items[place] = item;
    diagnostics->kept++;
    return true;
}

static void tell(struct diagnostics *diagnostics, struct diagnostic item)
{
    size_t place;
    if (!find_place(diagnostics, &item, &place))
        return;
    if (item.severity == SEVERITY_ERROR)
        diagnostics->errors++;
    else
        diagnostics->warnings++;
    if (!keep(diagnostics, item))
        count_unkept(diagnostics, &item);
}

/* `item` has what is not said in words. */
__attribute__((format(printf, 4, 0))) static void tell_printed(struct diagnostics *diagnostics,
                                                               struct diagnostic item,
                                                               const char *cure, const char *what,
                                                               va_list arguments)
{
    char message[MESSAGE_MAX];
    if (vsnprintf(message, sizeof(message), what, arguments) < 0)
        return;
    item.what = slice_from_text(message);
    item.cure = slice_from_text(cure);
    tell(diagnostics, item);
}

void diagnostics_error(struct diagnostics *diagnostics, struct position position, const char *cure,
                       const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    tell_printed(diagnostics, (struct diagnostic){.severity = SEVERITY_ERROR, .position = position},
                 cure, what, arguments);
    va_end(arguments);
}

void diagnostics_error_alone(struct diagnostics *diagnostics, struct position position,
                             const char *cure, const char *what)
{
    tell(diagnostics, (struct diagnostic){.severity = SEVERITY_ERROR,
                                          .position = position,
                                          .what = slice_from_text(what),
                                          .cure = slice_from_text(cure),
                                          .is_alone = true});
}

void diagnostics_take_back(struct diagnostics *diagnostics, struct position position)
{
    for (size_t i = diagnostics->kept; i-- > 0;) {
        const struct diagnostic *item = &diagnostics->items[i];
        if (item->severity != SEVERITY_ERROR || is_before(item->position, position) ||
            is_before(position, item->position))
            continue;
        ASSERT(diagnostics->errors > 0);
        diagnostics->errors--;
        remove_at(diagnostics, i);
    }
}

void diagnostics_warning(struct diagnostics *diagnostics, struct position position,
                         const char *cure, const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    tell_printed(diagnostics,
                 (struct diagnostic){.severity = SEVERITY_WARNING, .position = position}, cure,
                 what, arguments);
    va_end(arguments);
}

void diagnostics_event(struct diagnostics *diagnostics, struct position position, const char *cure,
                       const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    tell_printed(
        diagnostics,
        (struct diagnostic){.severity = SEVERITY_WARNING, .position = position, .is_event = true},
        cure, what, arguments);
    va_end(arguments);
}

const char *diagnostics_text(struct diagnostics *diagnostics, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    return length < 0 ? NULL : arena_copy(&diagnostics->arena, slice_from_text(message)).data;
}

size_t diagnostics_errors(const struct diagnostics *diagnostics)
{
    return diagnostics->errors;
}

size_t diagnostics_warnings(const struct diagnostics *diagnostics)
{
    return diagnostics->warnings;
}

size_t diagnostics_unkept(const struct diagnostics *diagnostics, bool events_too)
{
    return diagnostics->unkept + (events_too ? diagnostics->unkept_events : 0);
}

size_t diagnostics_count(const struct diagnostics *diagnostics)
{
    return diagnostics->kept;
}

const struct diagnostic *diagnostics_get(const struct diagnostics *diagnostics, size_t index)
{
    ASSERT(index < diagnostics->kept);
    return &diagnostics->items[index];
}
