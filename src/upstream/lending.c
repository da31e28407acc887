#include "upstream/lending.h"

#include "base/assert.h"
#include "upstream/upstreams_int.h"

#include <stdlib.h>

/* Goes to the lender and back. */
struct loan {
    struct message message;
    struct upstreams *borrower, *lender;
    struct server *server;
    struct lent_connection lent;
};

static void on_answer(struct loop *loop, struct message *message)
{
    struct loan *loan = CONTAINER_OF(message, struct loan, message);
    ASSERT(upstreams_loop(loan->borrower) == loop);
    upstreams_take_loan(loan->borrower, loan->server, &loan->lent);
    free(loan);
}

static void on_question(struct loop *loop, struct message *message)
{
    struct loan *loan = CONTAINER_OF(message, struct loan, message);
    ASSERT(loan->lent.fd < 0 && loan->borrower != loan->lender);
    ASSERT(upstreams_loop(loan->lender) == loop);
    (void)upstreams_give_idle(loan->lender, loan->server, &loan->lent);
    loan->message.deliver = on_answer;
    loop_send(upstreams_loop(loan->borrower), &loan->message);
}

/* The loop that put an idle connection to the server into its pool last, if another. */
static struct upstreams *find_lender(const struct upstreams *borrower, const struct server *server)
{
    const struct lending_circle *circle = borrower->circle;
    if (!circle || server_idle(server) == 0)
        return NULL;
    unsigned index = atomic_load_explicit(&server->idle_on, memory_order_relaxed);
    struct upstreams *lender = index < circle->count ? circle->members[index] : NULL;
    return lender == borrower ? NULL : lender;
}

bool lending_ask(struct upstreams *borrower, struct server *server)
{
    ASSERT(server);
    struct upstreams *lender = find_lender(borrower, server);
    struct loan *loan = lender ? calloc(1, sizeof(*loan)) : NULL;
    if (!loan)
        return false;
    *loan =
        (struct loan){.borrower = borrower, .lender = lender, .server = server, .lent = {.fd = -1}};
    loan->message.deliver = on_question;
    borrower->loans_asked++;
    loop_send(upstreams_loop(lender), &loan->message);
    return true;
}
