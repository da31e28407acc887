#include "main/hidden.h"

#include "control/admin_settings.h"

static void print(FILE *file, struct slice bytes)
{
    (void)fwrite(bytes.data, 1, bytes.length, file);
}

/* Position of the token, or the length. */
static size_t find(struct slice bytes, struct slice token)
{
    for (size_t at = 0; at + token.length <= bytes.length; at++) {
        if (slice_equal(slice_of(bytes.data + at, token.length), token))
            return at;
    }
    return bytes.length;
}

/* Wherever it stands, and however it is quoted: it has no byte that YAML writes in another way
 * unless somebody wants it to be. */
void hidden_print(FILE *file, const struct configuration *configuration, struct slice bytes)
{
    const struct admin_settings *admin =
        scope_group(configuration, configuration->top, &admin_group);
    struct slice rest = bytes;
    while (admin->token.length > 0) {
        size_t at = find(rest, admin->token);
        print(file, slice_until(rest, at));
        if (at == rest.length)
            return;
        print(file, SLICE("[hidden]"));
        rest = slice_from(rest, at + admin->token.length);
    }
    print(file, rest);
}

void hidden_print_source(FILE *file, const struct configuration *configuration, size_t source)
{
    hidden_print(file, configuration, configuration->sources[source].bytes);
}
