/* What a client of HTTP/2 sends, behind its preface: a server answers what is complete, early or
 * not, and nothing that comes makes it crash, leak or hold more than its windows. How the bytes are
 * cut changes nothing of what they come to. The first byte says how the server behaves. */
#include "wire/h2_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What becomes of the bytes where nobody takes anything: a stream that nobody owns stays. */
static enum h2_error judge(struct slice bytes, size_t piece)
{
    static struct h2_trial trial; /* large */
    enum h2_error error = H2_NO_ERROR;
    h2_trial_init(&trial);
    error = h2_receive(trial.h2, SLICE(H2_TESTING_PREFACE), 0);
    while (bytes.length > 0 && !error) {
        struct slice part = slice_until(bytes, bytes.length < piece ? bytes.length : piece);
        error = h2_receive(trial.h2, part, 0);
        bytes = slice_from(bytes, part.length);
    }
    h2_trial_fini(&trial);
    return error;
}

static void check_cuts(struct slice bytes)
{
    enum h2_error error = judge(bytes, SIZE_MAX);
    ASSERT(judge(bytes, 1) == error && judge(bytes, 7) == error);
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
    check_cuts(bytes);
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
