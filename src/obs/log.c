/* A sentence has one word of 64 bits: the second in which it was told last, and how often in that
 * second. So counting is one compare-and-swap, whichever thread tells. */
#include "obs/log.h"

#include "obs/escape.h"

#include <time.h>

enum { SENTENCES_MAX = 256 }; /* more of them share their counts */

struct sentence_count {
    _Atomic(const char *) sentence; /* NULL: free */
    _Atomic uint64_t state;         /* second << 32 | how often in it */
};

const char *const log_level_names[] = {"error", "warning", "notice", "debug", NULL};

atomic_int log_threshold = -1;
static _Atomic(struct log_sink *) current_sink;
static int64_t (*_Atomic current_clock)(void);
static struct sentence_count counts[SENTENCES_MAX];

/* ---- the line */

void log_print_time(struct text *text, int64_t wall_ms)
{
    struct tm tm;
    time_t seconds = (time_t)(wall_ms / 1000);
    (void)gmtime_r(&seconds, &tm);
    text_print(text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(wall_ms % 1000));
}

static void add_text(struct text *line, struct slice value)
{
    bool is_word = escape_is_word(value);
    if (!is_word)
        text_add_byte(line, '"');
    escape_add(line, value, LOG_TEXT_MAX);
    if (!is_word)
        text_add_byte(line, '"');
}

static void add_address(struct text *line, const struct log_field *field)
{
    char memory[ADDRESS_TEXT_MAX];
    struct text value = text_over(memory, sizeof(memory));
    if (field->kind == LOG_FIELD_IP)
        ip_print(&value, field->ip);
    else
        address_print(&value, field->address);
    add_text(line, text_slice(&value));
}

static bool has_value(const struct log_field *field)
{
    switch (field->kind) {
    case LOG_FIELD_TEXT:
        return field->text.length > 0;
    case LOG_FIELD_NUMBER:
        return true;
    case LOG_FIELD_IP:
        return field->ip->kind != ADDRESS_NONE;
    case LOG_FIELD_ADDRESS:
        return field->address->ip.kind != ADDRESS_NONE;
    }
    return false;
}

static void add_field(struct text *line, const struct log_field *field)
{
    if (!has_value(field))
        return;
    text_add_byte(line, ' ');
    text_add(line, slice_from_text(field->key));
    text_add_byte(line, '=');
    if (field->kind == LOG_FIELD_TEXT)
        add_text(line, field->text);
    else if (field->kind == LOG_FIELD_NUMBER)
        text_add_number(line, field->number);
    else
        add_address(line, field);
}

static const enum log_severity severities[LOG_LEVEL_COUNT] = {
    [LOG_ERROR] = LOG_SEVERITY_ERROR,
    [LOG_WARNING] = LOG_SEVERITY_WARNING,
    [LOG_NOTICE] = LOG_SEVERITY_NOTICE,
    [LOG_DEBUG] = LOG_SEVERITY_DEBUG,
};

static void write_line(int64_t wall_ms, enum log_level level, const char *sentence,
                       const struct log_field *fields, size_t count)
{
    char memory[LOG_LINE_MAX];
    struct text line = text_over(memory, sizeof(memory) - 1);
    log_print_time(&line, wall_ms);
    text_add_byte(&line, ' ');
    text_add(&line, slice_from_text(log_level_names[level]));
    text_add_byte(&line, ' ');
    text_add(&line, slice_from_text(sentence));
    for (size_t i = 0; i < count; i++)
        add_field(&line, &fields[i]);
    memory[line.length] = '\n';
    struct log_sink *sink = atomic_load(&current_sink);
    if (sink)
        log_sink_write(sink, severities[level], slice_of(memory, line.length + 1));
}

/* ---- floods */

static struct sentence_count *find_count(const char *sentence)
{
    size_t start = (size_t)(((uintptr_t)sentence >> 2) * 0x9E3779B97F4A7C15u >> 32);
    for (size_t i = 0; i < SENTENCES_MAX; i++) {
        struct sentence_count *count = &counts[(start + i) % SENTENCES_MAX];
        const char *known = atomic_load(&count->sentence);
        if (!known && atomic_compare_exchange_strong(&count->sentence, &known, sentence))
            return count;
        if (known == sentence)
            return count;
    }
    return &counts[start % SENTENCES_MAX];
}

static void tell_held_back(int64_t wall_ms, const char *sentence, uint64_t state)
{
    uint64_t told = state & UINT32_MAX;
    if (told <= LOG_PER_SECOND_MAX)
        return;
    const struct log_field fields[] = {
        LOG_TEXT("event", slice_from_text(sentence)),
        LOG_NUMBER("count", told - LOG_PER_SECOND_MAX),
    };
    write_line(wall_ms, LOG_WARNING, "the same happened more often than is told", fields, 2);
}

/* Counts one event; false: there were enough of it in this second. */
static bool may_be_told(const char *sentence, int64_t wall_ms)
{
    struct sentence_count *count = find_count(sentence);
    uint64_t second = (uint64_t)(wall_ms / 1000) << 32;
    uint64_t before = atomic_load(&count->state), after;
    do {
        after = before >> 32 == second >> 32 ? before + 1 : second + 1;
    } while (!atomic_compare_exchange_weak(&count->state, &before, after));
    if (after == second + 1)
        tell_held_back(wall_ms, sentence, before);
    return (after & UINT32_MAX) <= LOG_PER_SECOND_MAX;
}

void log_tell_held_back(void)
{
    int64_t (*clock)(void) = atomic_load(&current_clock);
    int64_t wall_ms = clock ? clock() : 0;
    uint64_t second = (uint64_t)(wall_ms / 1000);
    for (size_t i = 0; clock && i < SENTENCES_MAX; i++) {
        uint64_t state = atomic_load(&counts[i].state);
        bool is_over = state >> 32 != second && (state & UINT32_MAX) > LOG_PER_SECOND_MAX;
        if (is_over && atomic_compare_exchange_strong(&counts[i].state, &state, second << 32))
            tell_held_back(wall_ms, atomic_load(&counts[i].sentence), state);
    }
}

/* ---- */

void log_write_event(enum log_level level, const char *sentence, const struct log_field *fields,
                     size_t count)
{
    int64_t (*clock)(void) = atomic_load(&current_clock);
    if (!clock)
        return;
    int64_t wall_ms = clock();
    if (level == LOG_DEBUG || may_be_told(sentence, wall_ms))
        write_line(wall_ms, level, sentence, fields, count);
}

void log_start(struct log_sink *sink, enum log_level level, int64_t (*wall_ms)(void))
{
    atomic_store(&current_sink, sink);
    atomic_store(&current_clock, wall_ms);
    atomic_store(&log_threshold, (int)level);
}

void log_stop(void)
{
    atomic_store(&log_threshold, -1);
    atomic_store(&current_sink, NULL);
    atomic_store(&current_clock, NULL);
}
