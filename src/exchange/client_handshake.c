/* How a client's connection comes to TLS: in the time that the listener gives, with the certificate
 * of the site that it names. */
#include "base/assert.h"
#include "exchange/client_int.h"
#include "obs/log.h"

static void count(struct client *client)
{
    struct loop_counts *counts = &client->context->counts;
    counter_add(&counts->tls_handshakes, 1);
    if (tls_is_resumed(client->transport.tls))
        counter_add(&counts->tls_resumed, 1);
}

/* Who has sent a recording never comes to the end of the handshake. */
static void count_early_data(struct client *client)
{
    enum tls_early_outcome outcome = tls_early_outcome(client->transport.tls);
    if (outcome != TLS_EARLY_NONE)
        counter_add(&client->context->counts.tls_early[outcome], 1);
}

/* Anybody can cause the others. */
static enum log_level level_of(enum tls_failure failure)
{
    return failure == TLS_FAILURE_UNFIT ? LOG_WARNING : LOG_DEBUG;
}

static void tell(struct client *client, enum tls_failure failure)
{
    const char *problem = tls_problem(client->transport.tls);
    counter_add(&client->context->counts.tls_failures[failure], 1);
    log_event(level_of(failure), tls_failure_words(failure), LOG_IP("client", &client->peer),
              LOG_TEXT("name", tls_name(client->transport.tls)),
              LOG_TEXT("problem", problem ? slice_from_text(problem) : SLICE("")));
}

/* Who speaks HTTP gets an answer that it can read; the socket is as plain as the client is. */
static void answer_plain(struct client *client)
{
    struct slice words = SLICE("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                               "Content-Length: 42\r\nConnection: close\r\n\r\n"
                               "This port speaks TLS: ask for https://...\n");
    size_t sent = 0;
    tls_free(client->transport.tls);
    client->transport.tls = NULL;
    (void)socket_send(&client->transport.socket, &words, 1, &sent);
    client_linger(client);
}

static void fail(struct client *client, enum tls_failure failure)
{
    tell(client, failure);
    if (failure == TLS_FAILURE_PLAIN)
        answer_plain(client);
    else
        client_close(client, false);
}

static const struct tls_context *choose(const struct client *client)
{
    return site_plan_choose(client->context->current->plans, client_listener(client),
                            tls_name(client->transport.tls));
}

void client_shake_hands(struct client *client)
{
    ASSERT(client->state == CLIENT_HANDSHAKE && client->transport.tls);
    enum tls_failure failure = TLS_FAILURE_NONE;
    enum tls_step step = tls_handshake(client->transport.tls, &failure);
    if (step == TLS_CHOOSE) {
        tls_choose(client->transport.tls, choose(client));
        step = tls_handshake(client->transport.tls, &failure);
        count_early_data(client);
    }
    ASSERT(step != TLS_CHOOSE);
    if (step == TLS_FAILED)
        fail(client, failure);
    if (step != TLS_DONE)
        return;
    count(client);
    if (tls_speaks_h2(client->transport.tls))
        client_begin_h2(client);
    else
        client_begin_requests(client);
}

/* What comes meanwhile are further requests, which may be no more than fit into early data. */
void client_go_on_early(struct client *client)
{
    enum read_event event = READ_PIECE;
    enum error_code error = ERROR_NONE;
    while (event == READ_PIECE && client_is_early(client))
        event = h1_reader_receive(&client->reader, &client->transport, &error);
}

void client_begin_handshake(struct client *client)
{
    ASSERT(client->state == CLIENT_IDLE && !client->transport.tls);
    struct tls_entrance *entrance = client->context->current->plans->tls;
    struct span received = span_take(&client->reader.inbound);
    ASSERT(entrance);
    client->transport.tls = tls_new(entrance, &client->transport.socket, received);
    if (!client->transport.tls) {
        counter_add(&client->context->counts.tls_failures[TLS_FAILURE_NO_MEMORY], 1);
        client_close(client, true);
        return;
    }
    if (client_listener(client)->offers_h2)
        tls_offer_h2(client->transport.tls);
    client->state = CLIENT_HANDSHAKE;
    client_shake_hands(client);
}

void client_give_up_handshake(struct client *client)
{
    ASSERT(client->state == CLIENT_HANDSHAKE);
    tell(client, TLS_FAILURE_TIMEOUT);
    client_close(client, false);
}
