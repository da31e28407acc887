/* How `log: {access: …}` is written: what a line looks like, where it goes, and which exchanges
 * have one. */
#pragma once

#include "conf/setting.h"
#include "exchange/hide_query.h"

enum access_format {
    ACCESS_OFF,
    ACCESS_COMMON,
    ACCESS_COMBINED,
    ACCESS_JSON,
    ACCESS_TEXT,   /* a text with variables */
    ACCESS_FIELDS, /* JSON with keys of the user's choice */
};

enum {
    ACCESS_FIELDS_MAX = 32,
    ACCESS_KEY_MAX = 64, /* bytes of a key */
    ACCESS_STATUS_MAX = 999,
};

struct access_field {
    struct slice key;
    const struct template *value;
};

struct access_format_setting {
    enum access_format kind;
    const struct template *text;       /* ACCESS_TEXT */
    const struct access_field *fields; /* ACCESS_FIELDS */
    uint32_t field_count;
};

/* Conditions on an exchange that is over; all that are set must hold. */
struct access_conditions {
    bool has_status;
    uint64_t statuses[ACCESS_STATUS_MAX / 64 + 1]; /* a bit for each */
    int64_t slower_than;                           /* milliseconds; 0: not asked */
    const struct access_when *not_any;             /* none of these may hold; NULL: not asked */
};

/* One of them must hold. */
struct access_when {
    const struct access_conditions *items;
    uint32_t count;
};

#define ACCESS_SAMPLE_ALL (UINT64_C(1) << 32)

struct access_setting {
    struct access_format_setting format;
    struct slice to;                /* a file's path, `stdout`, `stderr`, a syslog */
    struct position position;       /* of what it is written to */
    uint64_t sample;                /* of ACCESS_SAMPLE_ALL */
    const struct access_when *when; /* NULL: every exchange */
    struct hidden_names hidden;     /* parameters of queries */
    int secrets;                    /* index: hidden, shown */
};

/* The mapping behind `access`. */
extern const struct setting_group access_setting_group;

/* Reads `off` or the mapping into a struct access_setting. */
setting_read_fn access_setting_read;

/* Whether an exchange with that outcome is told. */
bool access_when_holds(const struct access_when *when, unsigned status, uint64_t milliseconds);
