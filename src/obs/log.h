/* The error log: what happened, told once, as data. An event is a constant sentence and fields;
 * bytes from outside are values of fields, never part of the sentence, and are escaped here.
 *
 *     log_event(LOG_WARNING, "the server refuses connections; passed over for a while",
 *               LOG_TEXT("server", server->key), LOG_NUMBER("seconds", 5));
 *
 *     2026-11-20T19:00:00.123Z warning the server refuses connections; passed over for a while
 *     server=10.0.0.1:80 seconds=5                                            (on the same line)
 *
 * A warning says what happens next. Fields without a value (an empty text, no address) are left
 * away. The same sentence is told LOG_PER_SECOND_MAX times in a second, then how many more there
 * were; at LOG_DEBUG always. Any thread; no locks. For floors from 5 up: those below return errors
 * and never log. */
#pragma once

#include "base/address.h"
#include "base/cold.h"
#include "base/slice.h"
#include "base/text.h"
#include "obs/log_sink.h"

#include <stdatomic.h>

enum log_level {
    LOG_ERROR,   /* something that was asked for is not done */
    LOG_WARNING, /* something is wrong, and service goes on */
    LOG_NOTICE,  /* a change that whoever runs this wants to see */
    LOG_DEBUG,   /* everything, also what clients do wrong */
    LOG_LEVEL_COUNT
};

enum {
    LOG_PER_SECOND_MAX = 10,
    LOG_LINE_MAX = 2048, /* bytes of a line */
    LOG_TEXT_MAX = 512,  /* bytes of a value, escaped */
};

/* `error`, `warning`, `notice`, `debug`, and a NULL behind them. */
extern const char *const log_level_names[];

enum log_field_kind { LOG_FIELD_TEXT, LOG_FIELD_NUMBER, LOG_FIELD_IP, LOG_FIELD_ADDRESS };

struct log_field {
    const char *key; /* one word */
    enum log_field_kind kind;
    union {
        struct slice text;
        uint64_t number;
        const struct ip *ip;
        const struct address *address;
    };
};

#define LOG_TEXT(key_, slice_)                                                                     \
    ((struct log_field){.key = (key_), .kind = LOG_FIELD_TEXT, .text = (slice_)})
#define LOG_NUMBER(key_, number_)                                                                  \
    ((struct log_field){.key = (key_), .kind = LOG_FIELD_NUMBER, .number = (number_)})
#define LOG_IP(key_, ip_) ((struct log_field){.key = (key_), .kind = LOG_FIELD_IP, .ip = (ip_)})
#define LOG_ADDRESS(key_, address_)                                                                \
    ((struct log_field){.key = (key_), .kind = LOG_FIELD_ADDRESS, .address = (address_)})

/* Tells an event. `sentence` is a constant text without a full stop; events are counted by its
 * address. Fields are not evaluated where nobody wants the level. */
#define log_event(level, sentence, ...)                                                            \
    do {                                                                                           \
        if (log_wants(level)) {                                                                    \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                  \
            log_write_event((level), (sentence), log_fields_,                                      \
                            sizeof(log_fields_) / sizeof(struct log_field));                       \
        }                                                                                          \
    } while (0)

/* Behind log_event. */
extern atomic_int log_threshold;

static inline bool log_wants(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

COLD void log_write_event(enum log_level level, const char *sentence,
                          const struct log_field *fields, size_t count);

/* ---- for main/ and control/ */

/* From now on events up to `level` go to `sink`; before the first call nothing is told. `wall_ms`
 * gives milliseconds since 1970. Other threads may use the sink before for a moment longer. */
void log_start(struct log_sink *sink, enum log_level level, int64_t (*wall_ms)(void));

/* Nothing is told any more. */
void log_stop(void);

/* `2026-11-20T19:00:00.123Z` (RFC 3339). */
void log_print_time(struct text *text, int64_t wall_ms);

/* Tells how many events of past seconds were held back. About once a second, by one thread. */
void log_tell_held_back(void);
