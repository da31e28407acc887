#include "http/field_name.h"
#include "base/assert.h"

static const struct {
    struct slice text;
    unsigned duties;
} NAMES[FIELD_NAME_COUNT] = {
#define FIELD_ROW(identifier, name, duties)                                                        \
    [FIELD_##identifier] = {{name, sizeof(name) - 1}, duties},
    FIELD_NAMES(FIELD_ROW)
#undef FIELD_ROW
};

enum { LENGTH_MAX = 19, LETTERS = 32 };

/* What is in the list are letters, digits and `-`: of these only capitals lack the bit 0x20. */
#define SMALL_AT(name, at)                                                                         \
    ((at) < sizeof(name) - 1 ? (name)[(at) < sizeof(name) ? (at) : 0] | 0x20 : 0)
#define SMALL_FIVE(name, at)                                                                       \
    SMALL_AT(name, at), SMALL_AT(name, (at) + 1), SMALL_AT(name, (at) + 2),                        \
        SMALL_AT(name, (at) + 3), SMALL_AT(name, (at) + 4)

static const char SMALL_NAMES[FIELD_NAME_COUNT][LENGTH_MAX + 1] = {
#define FIELD_ROW(identifier, name, duties)                                                        \
    [FIELD_##identifier] = {SMALL_FIVE(name, 0), SMALL_FIVE(name, 5), SMALL_FIVE(name, 10),        \
                            SMALL_FIVE(name, 15)},
    FIELD_NAMES(FIELD_ROW)
#undef FIELD_ROW
};

/* Length, second letter and last letter but one tell all names of the list apart. Were a new name
 * to fall on the place of another, the compiler would complain of an entry initialised twice. */
#define AT(length, second, last_but_one) ((length)*LETTERS + (((second) + (last_but_one)) & 31))

static const uint8_t CANDIDATES[(LENGTH_MAX + 1) * LETTERS] = {
    [AT(2, 'e', 't')] = FIELD_TE,
    [AT(3, 'g', 'g')] = FIELD_AGE,
    [AT(3, 'i', 'i')] = FIELD_VIA,
    [AT(4, 'a', 't')] = FIELD_DATE,
    [AT(4, 'o', 's')] = FIELD_HOST,
    [AT(4, 'a', 'r')] = FIELD_VARY,
    [AT(5, 'l', 'o')] = FIELD_ALLOW,
    [AT(5, 'a', 'g')] = FIELD_RANGE,
    [AT(6, 'c', 'p')] = FIELD_ACCEPT,
    [AT(6, 'o', 'i')] = FIELD_COOKIE,
    [AT(6, 'x', 'c')] = FIELD_EXPECT,
    [AT(6, 'r', 'm')] = FIELD_PRAGMA,
    [AT(6, 'e', 'e')] = FIELD_SERVER,
    [AT(7, 'x', 'e')] = FIELD_EXPIRES,
    [AT(7, 'e', 'e')] = FIELD_REFERER,
    [AT(7, 'e', 's')] = FIELD_REFRESH,
    [AT(7, 'r', 'e')] = FIELD_TRAILER,
    [AT(7, 'p', 'd')] = FIELD_UPGRADE,
    [AT(7, 'a', 'n')] = FIELD_WARNING,
    [AT(8, 'f', 'c')] = FIELD_IF_MATCH,
    [AT(8, 'f', 'g')] = FIELD_IF_RANGE,
    [AT(8, 'o', 'o')] = FIELD_LOCATION,
    [AT(8, 'r', 't')] = FIELD_PRIORITY,
    [AT(9, 'o', 'e')] = FIELD_FORWARDED,
    [AT(9, '-', 'i')] = FIELD_X_REAL_IP,
    [AT(10, 'o', 'o')] = FIELD_CONNECTION,
    [AT(10, 'a', 't')] = FIELD_EARLY_DATA,
    [AT(10, 'e', 'v')] = FIELD_KEEP_ALIVE,
    [AT(10, 'e', 'i')] = FIELD_SET_COOKIE,
    [AT(10, 's', 'n')] = FIELD_USER_AGENT,
    [AT(11, 'e', 'e')] = FIELD_RETRY_AFTER,
    [AT(12, 'o', 'p')] = FIELD_CONTENT_TYPE,
    [AT(12, 'a', 'd')] = FIELD_MAX_FORWARDS,
    [AT(12, '-', 'b')] = FIELD_X_POWERED_BY,
    [AT(12, '-', 'i')] = FIELD_X_REQUEST_ID,
    [AT(13, 'u', 'o')] = FIELD_AUTHORIZATION,
    [AT(13, 'a', 'o')] = FIELD_CACHE_CONTROL,
    [AT(13, 'o', 'g')] = FIELD_CONTENT_RANGE,
    [AT(13, 'f', 'c')] = FIELD_IF_NONE_MATCH,
    [AT(14, 'o', 't')] = FIELD_CONTENT_LENGTH,
    [AT(14, 't', 'g')] = FIELD_HTTP2_SETTINGS,
    [AT(15, '-', 'o')] = FIELD_X_FORWARDED_FOR,
    [AT(16, '-', 'o')] = FIELD_X_ASPNET_VERSION,
    [AT(16, 'o', 'n')] = FIELD_CONTENT_ENCODING,
    [AT(16, 'o', 'o')] = FIELD_CONTENT_LOCATION,
    [AT(16, 'r', 'o')] = FIELD_PROXY_CONNECTION,
    [AT(16, 'w', 't')] = FIELD_WWW_AUTHENTICATE,
    [AT(16, '-', 's')] = FIELD_X_FORWARDED_HOST,
    [AT(16, '-', 'r')] = FIELD_X_FORWARDED_PORT,
    [AT(17, 'f', 'c')] = FIELD_IF_MODIFIED_SINCE,
    [AT(17, 'r', 'n')] = FIELD_TRANSFER_ENCODING,
    [AT(17, '-', 't')] = FIELD_X_FORWARDED_PROTO,
    [AT(18, 'r', 't')] = FIELD_PROXY_AUTHENTICATE,
    [AT(19, 'f', 'c')] = FIELD_IF_UNMODIFIED_SINCE,
    [AT(19, 'r', 'o')] = FIELD_PROXY_AUTHORIZATION,
};

static uint64_t load_word(const char *at)
{
    uint64_t word = 0;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* Eight bytes at a time; the last step overlaps the one before. Among the bytes of a token, two
 * that differ in the bit 0x20 alone are a letter in its two cases, or never both allowed. */
static bool equal_fold_long(const char *a, const char *b, size_t length)
{
    const uint64_t same = ~(uint64_t)0x2020202020202020u;
    for (size_t i = 0; i + 8 < length; i += 8) {
        if ((load_word(a + i) ^ load_word(b + i)) & same)
            return false;
    }
    return ((load_word(a + length - 8) ^ load_word(b + length - 8)) & same) == 0;
}

static uint32_t load_half(const char *at)
{
    uint32_t half = 0;
    memcpy(&half, at, sizeof(half));
    return half;
}

/* Four to seven bytes in two steps that overlap; fewer byte by byte. */
static bool equal_fold_short(const char *a, const char *b, size_t length)
{
    uint32_t difference = 0;
    if (length >= 4)
        difference =
            (load_half(a) ^ load_half(b)) | (load_half(a + length - 4) ^ load_half(b + length - 4));
    for (size_t i = 0; length < 4 && i < length; i++)
        difference |= (unsigned char)(a[i] ^ b[i]);
    return (difference & ~(uint32_t)0x20202020u) == 0;
}

enum field_name field_name_find(struct slice name)
{
    if (name.length < 2 || name.length > LENGTH_MAX)
        return FIELD_OTHER;
    const char *text = name.data;
    enum field_name found = CANDIDATES[AT(name.length, text[1], text[name.length - 2])];
    const char *candidate = NAMES[found].text.data;
    if (found == FIELD_OTHER)
        return FIELD_OTHER;
    bool equal = name.length < 8 ? equal_fold_short(text, candidate, name.length)
                                 : equal_fold_long(text, candidate, name.length);
    return equal ? found : FIELD_OTHER;
}

/* What has one spelling where names become variables: all that is neither letter nor digit. */
static char unmarked(char byte)
{
    char small = ascii_lower(byte);
    return ascii_is_digit(byte) || (small >= 'a' && small <= 'z') ? small : '-';
}

bool field_name_reads_as(struct slice name, struct slice other)
{
    if (name.length != other.length)
        return false;
    for (size_t i = 0; i < name.length; i++) {
        if (unmarked(name.data[i]) != unmarked(other.data[i]))
            return false;
    }
    return true;
}

bool field_name_is_disguise(struct slice name)
{
    if (name.length < 2 || name.length > LENGTH_MAX)
        return false;
    char second = unmarked(name.data[1]), last_but_one = unmarked(name.data[name.length - 2]);
    struct slice known = NAMES[CANDIDATES[AT(name.length, second, last_but_one)]].text;
    if (slice_equal_fold(name, SLICE("Proxy")))
        return true;
    return field_name_reads_as(name, known) && !slice_equal_fold(name, known);
}

struct slice field_name_text(enum field_name name)
{
    ASSERT(name < FIELD_NAME_COUNT);
    return NAMES[name].text;
}

struct slice field_name_small(enum field_name name)
{
    ASSERT(name < FIELD_NAME_COUNT);
    return slice_of(SMALL_NAMES[name], NAMES[name].text.length);
}

unsigned field_name_duties(enum field_name name)
{
    ASSERT(name < FIELD_NAME_COUNT);
    return NAMES[name].duties;
}
