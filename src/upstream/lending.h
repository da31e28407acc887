/* Lending: a loop that has no idle connection to a server, while another has one, asks that loop
 * for it by mailbox; the owner unregisters it and hands over the descriptor. A call never waits for
 * a loan: it connects meanwhile, and takes what comes first. Plain HTTP/1 connections only. */
#pragma once

#include "upstream/upstreams.h"

/* All loops of the process that may lend to each other; immutable once they run. */
struct lending_circle {
    struct upstreams **members;
    unsigned count;
};

/* Asks another loop for an idle connection to the server, where one is known to have it. The loan
 * comes to upstreams_take_loan of the borrower. False: nobody was asked. Only on the borrower's
 * loop. */
bool lending_ask(struct upstreams *borrower, struct server *server);
