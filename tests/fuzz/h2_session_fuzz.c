/* What a client of HTTP/2 sends, behind its preface: a server answers what is complete, early or
 * not, and nothing that comes makes it crash, leak or hold more than its windows. How the bytes are
 * cut changes nothing of what the gate says. The first byte says how the server behaves. */
#include "wire/h2_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum h2_error ask_gate(struct slice bytes, size_t piece, size_t *ret_passed)
{
    static const struct h2_gate_limits limits = {.resets = 20, .controls = 100};
    struct h2_gate gate;
    enum h2_error error = H2_NO_ERROR;
    h2_gate_init(&gate);
    *ret_passed = 0;
    (void)h2_gate_pass(&gate, &limits, SLICE(H2_TESTING_PREFACE), 0, &error);
    while (bytes.length > 0 && !error) {
        struct slice part = slice_until(bytes, bytes.length < piece ? bytes.length : piece);
        *ret_passed += h2_gate_pass(&gate, &limits, part, 0, &error);
        bytes = slice_from(bytes, part.length);
    }
    return error;
}

static void check_gate(struct slice bytes)
{
    size_t whole, pieces;
    enum h2_error error = ask_gate(bytes, SIZE_MAX, &whole);
    ASSERT(ask_gate(bytes, 1, &pieces) == error && pieces == whole);
    ASSERT(ask_gate(bytes, 7, &pieces) == error && pieces == whole);
}

/* No field of a head may hold what could become a line of its own in HTTP/1. */
static void check_fields(const struct fields *fields)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        struct slice value = fields->items[i].value;
        for (size_t at = 0; at < value.length; at++)
            ASSERT(value.data[at] != '\r' && value.data[at] != '\n' && value.data[at] != '\0');
    }
}

static void check_requests(const struct h2_trial *trial)
{
    for (uint32_t i = 0; i < trial->count; i++) {
        const struct h2_request *request = &trial->requests[i];
        if (request->error)
            continue;
        ASSERT(request->head.target.length > 0 && request->head.authority.length > 0);
        ASSERT(request->head.body != BODY_COUNTED || !request->is_complete ||
               request->body_length == request->head.body_length);
        check_fields(&request->head.fields);
        check_fields(&request->trailers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { LENGTH_MAX = 64 * 1024 };
    static struct h2_trial trial; /* large */
    if (size < 2 || size > LENGTH_MAX)
        return -1;
    struct slice bytes = slice_of((const char *)data + 1, size - 1);
    size_t piece = data[0] & 0x7e ? data[0] & 0x7e : SIZE_MAX;
    check_gate(bytes);
    h2_trial_init(&trial);
    trial.answers_early = data[0] & 1;
    h2_trial_feed(&trial, SLICE(H2_TESTING_PREFACE));
    while (bytes.length > 0 && !trial.error) {
        struct slice part = slice_until(bytes, bytes.length < piece ? bytes.length : piece);
        h2_trial_feed(&trial, part);
        bytes = slice_from(bytes, part.length);
    }
    check_requests(&trial);
    if (data[0] & 0x80) {
        h2_announce_end(trial.h2);
        h2_end(trial.h2);
        h2_trial_feed(&trial, SLICE(""));
    }
    h2_trial_fini(&trial);
    return 0;
}
