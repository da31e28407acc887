/* Bytes as an answer of the health service: read as one, or refused; and as a service that is asked
 * for, whose question is as long as it says. */
#include "base/assert.h"
#include "wire/grpc_health.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = GRPC_HEALTH_SERVICE_MAX };

static void ask(struct slice service)
{
    char memory[INPUT_MAX + 16];
    uint64_t status = 1;
    struct text text = text_over(memory, sizeof(memory));
    grpc_health_ask(&text, service);
    ASSERT(!text_is_cut(&text) && text.length <= grpc_health_room(service));
    /* It is a message, too, in which field one is no number. */
    ASSERT(grpc_health_read(text_slice(&text), &status) && status == GRPC_HEALTH_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX)
        return 0;
    char *exact = malloc(size ? size : 1); /* so that a byte too far is seen */
    uint64_t status;
    ASSERT(exact);
    if (size)
        memcpy(exact, data, size);
    (void)grpc_health_read(slice_of(exact, size), &status);
    ask(slice_of(exact, size));
    free(exact);
    return 0;
}
