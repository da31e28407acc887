#include "http/message.h"

enum method method_find(struct slice name)
{
    static const struct {
        struct slice name;
        enum method method;
    } METHODS[] = {
        {{"GET", 3}, METHOD_GET},         {{"HEAD", 4}, METHOD_HEAD},
        {{"POST", 4}, METHOD_POST},       {{"PUT", 3}, METHOD_PUT},
        {{"DELETE", 6}, METHOD_DELETE},   {{"CONNECT", 7}, METHOD_CONNECT},
        {{"OPTIONS", 7}, METHOD_OPTIONS}, {{"TRACE", 5}, METHOD_TRACE},
        {{"PATCH", 5}, METHOD_PATCH},
    };
    for (size_t i = 0; i < sizeof(METHODS) / sizeof(METHODS[0]); i++) {
        if (slice_equal(METHODS[i].name, name))
            return METHODS[i].method;
    }
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
