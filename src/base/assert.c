#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void (*assert_hook)(const char *message);

_Noreturn void assert_failed(const char *condition, const char *file, int line,
                             const char *function)
{
    char message[512];
    (void)snprintf(message, sizeof(message), "assertion failed: %s, in %s at %s:%d", condition,
                   function, file, line);
    (void)fprintf(stderr, "weir: %s\n", message);
    void (*hook)(const char *) = assert_hook;
    assert_hook = NULL;
    if (hook)
        hook(message);
    abort();
}
