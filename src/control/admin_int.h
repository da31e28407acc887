/* What the files of the admin side share: connections (admin.c), answers (admin_answer.c). */
#pragma once

#include "base/arena.h"
#include "control/admin.h"
#include "http/message.h"

/* A copy of what the settings say about who may do what. */
struct admin_rules {
    char token[ADMIN_TOKEN_MOST];
    size_t token_length; /* 0: nobody may change anything over TCP */
    struct arena arena;  /* of the names */
    struct slice *hosts;
    size_t host_count;
};

/* An answer as bytes; from malloc. */
struct admin_answer {
    char *head, *body;
    size_t head_length, body_length;
};

/* What is asked, when it has been read. */
struct admin_question {
    const struct request_head *head;
    struct slice body;
    bool is_local; /* over a Unix socket */
    bool keep_alive;
};

/* Asks the endpoint, or refuses. False: no memory. */
bool admin_answer(const struct admin_rules *rules, const struct admin_endpoint *endpoints,
                  void *context, const struct admin_question *question,
                  struct admin_answer *ret_answer);

/* An answer of Weir's own: a status and a sentence. False: no memory. */
bool admin_answer_error(unsigned status, const char *sentence, struct admin_answer *ret_answer);

void admin_answer_free(struct admin_answer *answer);
