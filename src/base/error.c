#include "base/error.h"

#include "base/assert.h"

static const struct {
    const char *name, *words;
    unsigned status;
    enum error_side side;
} ERRORS[ERROR_COUNT] = {
#define ERROR_ROW(name, status, side, words) {#name, words, status, ERROR_SIDE_##side},
    ERROR_CODES(ERROR_ROW)
#undef ERROR_ROW
};

unsigned error_status(enum error_code code)
{
    ASSERT(code < ERROR_COUNT);
    return ERRORS[code].status;
}

enum error_side error_side(enum error_code code)
{
    ASSERT(code < ERROR_COUNT);
    return ERRORS[code].side;
}

const char *error_words(enum error_code code)
{
    ASSERT(code < ERROR_COUNT);
    return ERRORS[code].words;
}

const char *error_name(enum error_code code)
{
    ASSERT(code < ERROR_COUNT);
    return ERRORS[code].name;
}
