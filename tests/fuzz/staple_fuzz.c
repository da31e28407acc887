/* Bytes as what a responder answers, or where one is: whatever they are, nothing is shown that its
 * authority has not signed, and no URL leads to a file. The first byte says which. */
#include "base/arena.h"
#include "control/fetch.h"
#include "tls/test_responder.h"
#include "tls/tls_responder.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1800000000 };

static void take_answer(struct slice answer)
{
    static struct test_responder responder;
    static struct tls_certificate *certificate;
    if (!certificate) {
        test_responder_init(&responder, NID_basic_constraints, "CA:FALSE");
        certificate = test_responder_certificate(&responder);
    }
    enum tls_staple_state state = tls_certificate_staple(certificate, answer, NOW);
    ASSERT(state != TLS_STAPLE_GOOD && state != TLS_STAPLE_REVOKED); /* the key is a new one */
    ASSERT(tls_staple_problem(state) && tls_certificate_staple_ends(certificate) == 0);
}

static void take_url(struct slice url)
{
    struct arena arena;
    struct fetch_place place;
    arena_init(&arena, NULL, 1024 * 1024);
    if (fetch_place_parse(url, &arena, &place))
        ASSERT(place.server.fixed.ip.kind != ADDRESS_UNIX && place.authority.length > 0 &&
               place.target.data[0] == '/');
    arena_fini(&arena);
}

static void print_question(struct slice question)
{
    char *memory = malloc(3 * (question.length / 3 + 1) * 4);
    ASSERT(memory);
    struct text text = text_over(memory, 3 * (question.length / 3 + 1) * 4);
    tls_question_print(&text, question);
    ASSERT(!text_is_cut(&text) && slice_find(text_slice(&text), '/') == text.length);
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *exact = malloc(size); /* so that a byte too far is seen */
    ASSERT(exact);
    memcpy(exact, data, size);
    struct slice rest = slice_of(exact + 1, size - 1);
    if (exact[0] == 'u')
        take_url(rest);
    else if (exact[0] == 'q')
        print_question(rest);
    else
        take_answer(rest);
    free(exact);
    return 0;
}
