/* A tunnel whose client or server speaks HTTP/2: a stream cannot be taken off its connection, so
 * the exchange stays, with arena and snapshot, and the relay goes on with bytes of the tunnel in
 * place of bodies. Where both sides speak HTTP/1.1, tunnel.c takes the connections. */
#include "base/assert.h"
#include "exchange/exchange.h"
#include "upstream/call_websocket.h"

bool exchange_keeps_tunnel(const struct exchange *exchange)
{
    return exchange->stream->class->shares_connection || exchange->call.h2;
}

/* It is told when it begins, as every tunnel is; limits and deadlines of a request end here. */
void exchange_open_tunnel(struct exchange *exchange)
{
    ASSERT(exchange->response.status == 101 && exchange->request_flow == FLOW_ENDED);
    ASSERT(exchange->call.websocket && !exchange->is_tunnel);
    exchange->is_tunnel = true;
    exchange->request_flow = exchange->response_flow = FLOW_OPEN;
    timer_unset(&exchange->deadline);
    if (exchange->retry)
        exchange_retry_forget(exchange);
    call_open_tunnel(&exchange->call);
    exchange->stream->class->open_tunnel(exchange->stream);
    access_log_write(exchange);
    metrics_count(exchange);
    counter_add(&exchange->context->counts.tunnels_begun, 1);
    exchange_resume(exchange); /* what the client has sent ahead waits */
}

/* A side that has ended both directions may be gone before the other one is done. A client is not
 * before all that it has sent is with the server. */
enum tunnel_outcome exchange_tunnel_outcome(const struct exchange *exchange, enum io to_server,
                                            enum io to_client)
{
    ASSERT(exchange->is_tunnel);
    if (exchange->error || exchange->request_flow == FLOW_CUT ||
        exchange->response_flow == FLOW_CUT)
        return TUNNEL_IS_CUT;
    bool up = exchange->request_flow == FLOW_ENDED && to_server == IO_DONE;
    bool down = exchange->response_flow == FLOW_ENDED && to_client == IO_DONE;
    if ((up && !down && exchange->stream->class->is_gone(exchange->stream)) ||
        (down && to_server == IO_FAILED))
        return TUNNEL_IS_CUT;
    return up && down ? TUNNEL_IS_OVER : TUNNEL_GOES_ON;
}
