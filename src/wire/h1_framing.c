/* Where a body ends is decided here and nowhere else (RFC 9112 6.3). Request smuggling lives from
 * two readers that decide this differently, so whatever leaves a choice is refused. */
#include "base/assert.h"
#include "wire/h1_int.h"

enum coding { CODING_CHUNKED, CODING_OTHER, CODING_MALFORMED };

/* RFC 9112 7: a list of codings, `chunked` at most once and last. Parameters and empty elements,
 * which the grammar has and no sender needs, are refused: disguise is what they are for. */
__attribute__((noinline)) static enum coding read_codings(struct slice list)
{
    if (slice_equal_fold(list, SLICE("chunked")))
        return CODING_CHUNKED;
    bool chunked = false;
    for (bool last = false; !last;) {
        last = slice_find(list, ',') == list.length;
        struct slice coding = slice_trim(slice_cut(&list, ','));
        if (chunked || !h1_is_token(coding))
            return CODING_MALFORMED;
        chunked = slice_equal_fold(coding, SLICE("chunked"));
    }
    return CODING_OTHER;
}

enum h1_framing_verdict h1_decide_framing(const struct fields *fields, uint64_t repeated,
                                          unsigned minor_version, enum h1_framing otherwise,
                                          enum h1_framing *ret_framing, uint64_t *ret_length)
{
    ASSERT(minor_version <= 1);
    const uint64_t length_bit = FIELD_BIT(FIELD_CONTENT_LENGTH);
    const uint64_t coding_bit = FIELD_BIT(FIELD_TRANSFER_ENCODING);
    *ret_framing = otherwise;
    *ret_length = 0;
    uint64_t present = fields->present & (length_bit | coding_bit);
    if (!present)
        return H1_FRAMED;
    if (present == (length_bit | coding_bit) || (repeated & present))
        return H1_AMBIGUOUS;
    if (present == length_bit) {
        struct slice digits = fields_find(fields, FIELD_CONTENT_LENGTH)->value;
        if (!slice_to_number(digits, INT64_MAX, ret_length))
            return H1_AMBIGUOUS;
        *ret_framing = *ret_length ? H1_FRAMING_COUNTED : H1_FRAMING_NONE;
        return H1_FRAMED;
    }
    if (minor_version == 0)
        return H1_AMBIGUOUS;
    *ret_framing = H1_FRAMING_CHUNKED;
    switch (read_codings(fields_find(fields, FIELD_TRANSFER_ENCODING)->value)) {
    case CODING_CHUNKED:
        return H1_FRAMED;
    case CODING_OTHER:
        return H1_UNKNOWN_CODING;
    case CODING_MALFORMED:
        break;
    }
    return H1_AMBIGUOUS;
}

enum body_kind h1_start_body(struct h1_body *body, enum h1_side side, enum h1_framing framing,
                             uint64_t length)
{
    ASSERT(framing != H1_FRAMING_COUNTED || length > 0);
    /* Member by member: where the compiler takes this for seldom it would clear with `rep stos`. */
    body->framing = framing;
    body->state = 0;
    body->side = (uint8_t)side;
    body->line_length = 0;
    body->overhead = 0;
    body->remaining = 0;
    body->error = ERROR_NONE;
    switch (framing) {
    case H1_FRAMING_NONE:
        return BODY_NONE;
    case H1_FRAMING_COUNTED:
        body->remaining = length;
        return BODY_COUNTED;
    case H1_FRAMING_CHUNKED:
    case H1_FRAMING_CLOSE:
        break;
    }
    return BODY_STREAM;
}
