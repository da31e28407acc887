/* The message, the same under HTTP/1, 2 and 3. A codec makes heads from bytes and bytes from heads;
 * everything between sees only what stands here. Slices in a head point into the buffer from which
 * it was read or into the exchange's arena and live as long as the exchange. One loop. */
#pragma once

#include "base/arena.h"
#include "base/assert.h"
#include "base/slice.h"
#include "http/field_name.h"

struct field {
    struct slice name;  /* a token (RFC 9110 5.6.2), as it was written */
    struct slice value; /* without white space around it, only bytes of RFC 9110 5.5 */
    enum field_name id;
    bool is_line; /* `name: value` and CRLF stand around the slices in just these bytes */
};

/* The fields of a head or of a trailer section, in their order. A field that was removed has an
 * empty name and is passed over by everybody. */
struct fields {
    struct field *items; /* in the arena */
    uint32_t count, capacity;
    uint64_t present; /* bit FIELD_X is set where FIELD_X may be there: a quick "no" */
};

_Static_assert(FIELD_NAME_COUNT <= 64, "fields.present has a bit for each known name");

/* Room for `capacity` fields. False: no memory. */
static inline bool fields_init(struct fields *fields, struct arena *arena, uint32_t capacity)
{
    ASSERT(capacity <= UINT32_MAX / 4);
    struct field *items = capacity ? arena_alloc(arena, sizeof(*items) * capacity) : NULL;
    *fields = (struct fields){.items = items, .capacity = items ? capacity : 0};
    return items || capacity == 0;
}

/* Room for so many further ones, for fields_put. False: no memory. */
bool fields_reserve(struct fields *fields, struct arena *arena, uint32_t count);

/* fields_add where there is room. */
static inline void fields_put(struct fields *fields, enum field_name id, struct slice name,
                              struct slice value)
{
    ASSERT(fields->count < fields->capacity && name.length > 0);
    fields->items[fields->count++] = (struct field){.name = name, .value = value, .id = id};
    fields->present |= FIELD_BIT(id);
}

/* The same for a field that stands as a line in memory of ours: its name from `line`, `: `, its
 * value from `value` to `end`, where there is room for CRLF, which is written. Returns the place
 * behind it. Lines that adjoin go out in one piece. */
static inline char *fields_put_line(struct fields *fields, enum field_name id, const char *line,
                                    const char *value, char *end)
{
    ASSERT(line + 2 < value && value < end);
    fields_put(fields, id, slice_of(line, (size_t)(value - line) - 2),
               slice_of(value, (size_t)(end - value)));
    fields->items[fields->count - 1].is_line = true;
    return slice_put(end, SLICE("\r\n"));
}

/* Adds a field at the end; slices are kept, not copied. The table grows in the arena. `id` must be
 * that of the name. False: no memory. */
bool fields_add(struct fields *fields, struct arena *arena, enum field_name id, struct slice name,
                struct slice value);

/* The first field of that name, or NULL. */
const struct field *fields_find(const struct fields *fields, enum field_name id);

/* The same for any name, known or not. */
const struct field *fields_find_text(const struct fields *fields, struct slice name);

/* Removes every field of that name; false where there was none. By text, of a name outside the list
 * also those that a server may read as it (field_name_reads_as): who sets X-User anew must not
 * leave an X_User, nor who sets X_User an X-User. */
bool fields_remove(struct fields *fields, enum field_name id);
bool fields_remove_text(struct fields *fields, struct slice name);

/* One field of that name with that value: the first is replaced where it stands, others go. False:
 * no memory. */
bool fields_set(struct fields *fields, struct arena *arena, enum field_name id, struct slice name,
                struct slice value);

/* Whether a list field (RFC 9110 5.6.1) has the token, over all its lines, without case. */
bool fields_list_has(const struct fields *fields, enum field_name id, struct slice token);

/* Removes what speaks of one connection only: the known hop-by-hop fields and those that
 * Connection lists, save the ones that may not be named there (end-to-end fields on which safety
 * depends: Host, Content-Length, Forwarded and its like, Authorization, Cookie). RFC 9110 7.6.1. */
void fields_remove_hop_by_hop(struct fields *fields);

/* Removes every known field whose FIELD_BIT is among `bits`, which FIELD_OTHER is not. */
void fields_remove_bits(struct fields *fields, uint64_t bits);

/* Removes what a server may take for another field (field_name_is_disguise). */
void fields_remove_disguises(struct fields *fields);

/* Whether a field may stand in a trailer section (RFC 9110 6.5.1). */
bool field_is_trailer(const struct field *field);

enum method {
    METHOD_OTHER,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_CONNECT,
    METHOD_OPTIONS,
    METHOD_TRACE,
    METHOD_PATCH,
};

/* Exact: methods have case (RFC 9110 9.1). */
enum method method_find(struct slice name);

/* RFC 9110 9.2.2: may be repeated without asking. */
bool method_is_idempotent(enum method method);

/* How a body ends. Decided once, by the codec, from the whole head. */
enum body_kind {
    BODY_NONE,
    BODY_COUNTED, /* `body_length` bytes, more than none */
    BODY_STREAM,  /* until its own end: chunked, until close, until END_STREAM */
};

enum scheme { SCHEME_HTTP, SCHEME_HTTPS };

enum target_form { TARGET_ORIGIN, TARGET_ABSOLUTE, TARGET_ASTERISK };

struct request_head {
    struct slice method_text;
    enum method method;
    enum target_form target_form;
    struct slice target; /* path and query as they came, byte for byte; `*` for asterisk form */
    struct slice path;   /* of the target, as it came: from `/` to before `?` */
    struct slice query;  /* behind `?`, without it; `has_query` tells `/a` from `/a?` */
    bool has_query;
    struct slice authority; /* host and port as the client wrote them; empty in HTTP/1.0 without */
    struct slice host;      /* of the authority, without port and brackets, as written */
    uint16_t port;          /* of the authority; 0: none written */
    uint8_t major_version;  /* of HTTP: 1 or 2 */
    uint8_t minor_version;  /* of HTTP/1; 1 for later versions */
    enum body_kind body;
    uint64_t body_length;  /* BODY_COUNTED: bytes */
    bool expects_continue; /* Expect: 100-continue (RFC 9110 10.1.1) */
    bool wants_trailers;   /* TE: trailers (RFC 9110 10.1.4) */
    bool wants_upgrade;    /* a protocol other than h2c (RFC 9110 7.8); `Upgrade` holds it */
    bool says_https;       /* of itself, as target or :scheme, whatever its connection is */
    struct fields fields;  /* Host is among them */
};

struct response_head {
    uint16_t status;     /* 100..599 */
    struct slice reason; /* may be empty */
    uint8_t minor_version;
    bool may_have_trailers; /* behind a body that is BODY_COUNTED, too (RFC 9113 8.1) */
    enum body_kind body;
    uint64_t body_length;
    struct fields fields;
};

/* The standard words for a status, `Unknown` for others. */
struct slice status_reason(unsigned status);
