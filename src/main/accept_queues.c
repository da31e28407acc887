/* What waits at listeners, as the system tells of their sockets. */
#include "control/metrics_page.h"
#include "main/worker_int.h"
#include "sys/socket.h"

/* Over the sockets of all loops. False: it is none of TCP. */
static bool measure(const struct listener *listener, struct accept_queue *ret_queue)
{
    *ret_queue = (struct accept_queue){.address = listener->address};
    ret_queue->address.port = listener->port;
    for (unsigned i = 0; i < listener->socket_count; i++) {
        uint32_t waiting, limit;
        if (!sys_accept_queue(listener->sockets[i], &waiting, &limit))
            return false;
        ret_queue->waiting += waiting;
        ret_queue->limit += limit;
    }
    return true;
}

unsigned worker_accept_queues(const struct worker *worker, struct accept_queue *ret_queues,
                              unsigned max)
{
    unsigned count = 0;
    LIST_EACH (link, &worker->listeners) {
        const struct worker_listener *listener = CONTAINER_OF(link, struct worker_listener, link);
        if (count < max && !listener->is_gone && measure(&listener->listener, &ret_queues[count]))
            count++;
    }
    return count;
}
