#include "http/message.h"

enum method method_find(struct slice name)
{
#define METHOD_CASE(method)                                                                        \
    if (slice_equal(name, SLICE(#method)))                                                         \
        return METHOD_##method;
    METHOD_CASE(GET)
    METHOD_CASE(HEAD)
    METHOD_CASE(POST)
    METHOD_CASE(PUT)
    METHOD_CASE(DELETE)
    METHOD_CASE(CONNECT)
    METHOD_CASE(OPTIONS)
    METHOD_CASE(TRACE)
    METHOD_CASE(PATCH)
#undef METHOD_CASE
    return METHOD_OTHER;
}

bool method_is_idempotent(enum method method)
{
    switch (method) {
    case METHOD_GET:
    case METHOD_HEAD:
    case METHOD_PUT:
    case METHOD_DELETE:
    case METHOD_OPTIONS:
    case METHOD_TRACE:
        return true;
    case METHOD_OTHER:
    case METHOD_POST:
    case METHOD_CONNECT:
    case METHOD_PATCH:
        break;
    }
    return false;
}
