#include "sim/network.h"

#include "base/assert.h"

#include <errno.h>

static struct {
    struct network shape;
    struct chance chance;
    struct list connections, ports;
    unsigned count;
} network;

void network_begin(const struct network *shape, uint64_t seed)
{
    network.shape = *shape;
    network.chance = chance_of(seed, 1001);
    list_init(&network.connections);
    list_init(&network.ports);
    network.count = 0;
}

static void fini_end(struct end *end)
{
    world_cancel(&end->transfer);
    world_cancel(&end->resetting);
    world_cancel(&end->nudge);
    queue_fini(&end->in);
    queue_fini(&end->out);
}

void network_end(void)
{
    struct list *link;
    while ((link = list_pop_front(&network.connections))) {
        struct connection *connection = CONTAINER_OF(link, struct connection, link);
        world_cancel(&connection->outcome);
        world_cancel(&connection->breaking);
        fini_end(&connection->ends[0]);
        fini_end(&connection->ends[1]);
        sim_free(connection);
    }
}

unsigned network_connections(void)
{
    return network.count;
}

static char side_name(const struct end *end)
{
    return end == &end->connection->ends[0] ? 'a' : 'b';
}

#define TELL(end, words, ...)                                                                      \
    TRACE("connection %u%c: " words, (end)->connection->number, side_name(end), ##__VA_ARGS__)

static void tell_news(struct end *end)
{
    if (!end->closed)
        end->on_news(end);
}

/* ---- what arrives */

static uint64_t latency(void)
{
    return chance_between(&network.chance, 1, network.shape.latency_us);
}

static void on_reset(struct event *event)
{
    struct end *end = CONTAINER_OF(event, struct end, resetting);
    if (end->reset)
        return;
    TELL(end, "is reset, %zu unread, %zu not sent", end->in.length, end->out.length);
    end->reset = true;
    end->connecting = false;
    end->error = end->in_ended ? EPIPE : ECONNRESET;
    queue_drop(&end->out, end->out.length);
    if (end->forgets && end->in.length > 0) {
        queue_drop(&end->in, end->in.length);
        end->in_ended = false; /* nobody can take the rest for all */
        end->error = ECONNRESET;
    }
    world_cancel(&end->transfer);
    tell_news(end);
}

static void plan_reset(struct end *end)
{
    if (!end->reset && !end->resetting.place)
        world_plan(&end->resetting, latency(), on_reset);
}

static void on_transfer(struct event *event);

static void plan_transfer(struct end *end)
{
    bool something = end->out.length > 0 || (end->out_ended && !end->other->in_ended);
    bool room =
        end->other->in.length < end->other->in_max || end->out.length == 0 || end->other->closed;
    if (something && room && !end->reset && !end->connecting && !end->transfer.place)
        world_plan(&end->transfer, latency(), on_transfer);
}

static size_t piece_size(struct end *end)
{
    size_t room = end->other->in_max - end->other->in.length;
    if (end->glued > 0 && end->glued <= end->out.length && end->glued <= room)
        return end->glued;
    if (end->glued > 0 && end->other->in.length > 0)
        return 0; /* once there is room for all of it */
    bool tiny = chance_one_in(&network.chance, 8);
    size_t piece = chance_between(&network.chance, 1, tiny ? 16 : network.shape.piece);
    return piece < room ? piece : room;
}

static void tell_room(struct end *end)
{
    if (end->wants_room && end_is_writable(end)) {
        end->wants_room = false;
        tell_news(end);
    }
}

static void arrive(struct end *end)
{
    struct end *other = end->other;
    size_t moved = queue_move(&other->in, &end->out, piece_size(end));
    end->glued -= moved < end->glued ? moved : end->glued;
    bool ends = end->out.length == 0 && end->out_ended &&
                (end->glued > 0 || chance_one_in(&network.chance, 2) || moved == 0);
    other->in_ended |= ends;
    if (moved > 0 || ends) {
        TELL(other, "%zu bytes%s have arrived", moved, ends ? " and the end" : "");
        tell_news(other);
    }
    tell_room(end);
}

/* What arrives at an end that nobody holds is answered with a reset. */
static void on_transfer(struct event *event)
{
    struct end *end = CONTAINER_OF(event, struct end, transfer);
    if (!end->other->closed && !end->other->reset) {
        arrive(end);
    } else if (end->out.length > 0) {
        queue_drop(&end->out, end->out.length);
        plan_reset(end);
        return;
    } else if (end->other->reset) {
        return;
    } else {
        end->other->in_ended = true;
    }
    plan_transfer(end);
}

/* ---- ports */

static struct port *find_port(const struct address *address)
{
    LIST_EACH (link, &network.ports) {
        struct port *port = CONTAINER_OF(link, struct port, link);
        if (address_equal(&port->address, address))
            return port;
    }
    return NULL;
}

bool port_open(struct port *port)
{
    if (find_port(&port->address))
        return false;
    list_push_back(&network.ports, &port->link);
    return true;
}

void port_close(struct port *port)
{
    list_remove(&port->link);
}

/* ---- connecting */

static void on_break(struct event *event)
{
    struct connection *connection = CONTAINER_OF(event, struct connection, breaking);
    TELL(&connection->ends[0], "the network breaks it");
    plan_reset(&connection->ends[0]);
    plan_reset(&connection->ends[1]);
}

static void refuse(struct end *end)
{
    TELL(end, "is refused");
    end->connecting = false;
    end->reset = true;
    end->error = ECONNREFUSED;
    end->other->closed = true;
}

static void establish(struct connection *connection, struct port *port)
{
    struct end *end = &connection->ends[0], *other = &connection->ends[1];
    TELL(end, "is established");
    end->connecting = other->connecting = false;
    if (chance_one_in(&network.chance, network.shape.break_one_in))
        world_plan(&connection->breaking, chance_below(&network.chance, network.shape.break_us),
                   on_break);
    port->on_arrival(port, other);
}

/* False: there is no outcome, or it is a refusal. */
static bool decide(struct connection *connection)
{
    struct end *end = &connection->ends[0];
    struct port *port = find_port(&connection->to);
    enum port_answer answer = port ? port->on_knock(port) : PORT_REFUSES;
    if (answer == PORT_ACCEPTS)
        establish(connection, port);
    else if (answer == PORT_REFUSES)
        refuse(end);
    else
        TELL(end, "gets no answer");
    return answer == PORT_ACCEPTS;
}

static void on_outcome(struct event *event)
{
    struct connection *connection = CONTAINER_OF(event, struct connection, outcome);
    struct end *end = &connection->ends[0];
    if (end->closed)
        return;
    (void)decide(connection);
    if (!end->connecting)
        tell_news(end);
}

static void init_end(struct connection *connection, int side)
{
    const struct network *shape = &network.shape;
    connection->ends[side] = (struct end){
        .connection = connection,
        .other = &connection->ends[1 - side],
        .in_max = chance_between(&network.chance, shape->in_least, shape->in_most),
        .out_max = chance_between(&network.chance, shape->out_least, shape->out_most),
        .connecting = true,
        .fd = -1,
    };
}

static void ignore_news(struct end *end)
{
    (void)end;
}

struct end *end_connect(const struct address *address, const struct ip *from,
                        void (*on_news)(struct end *end), void *owner)
{
    struct connection *connection = sim_calloc(sizeof(*connection));
    connection->number = ++network.count;
    connection->to = *address;
    list_push_back(&network.connections, &connection->link);
    init_end(connection, 0);
    init_end(connection, 1);
    struct end *end = &connection->ends[0];
    end->ip = *from;
    end->port = (uint16_t)(10000 + connection->number % 50000);
    end->on_news = on_news;
    end->owner = owner;
    end->other->ip = address->ip;
    end->other->port = address->port;
    end->other->on_news = ignore_news;
    if (address->ip.kind != ADDRESS_UNIX) {
        world_plan(&connection->outcome, latency(), on_outcome);
        return end;
    }
    if (decide(connection))
        return end;
    end->closed = end->other->closed = true;
    return NULL;
}

/* ---- ends */

int end_take_error(struct end *end)
{
    int error = end->error;
    end->error = 0;
    return error;
}

size_t end_room(const struct end *end)
{
    return end->out_max > end->out.length ? end->out_max - end->out.length : 0;
}

/* A third of the room must be free (sk_stream_is_writeable of Linux). */
bool end_is_writable(const struct end *end)
{
    return end_room(end) >= end->out.length / 2 && end_room(end) > 0;
}

int64_t end_send(struct end *end, struct slice bytes)
{
    ASSERT(!end->closed);
    if (end->error)
        return -end_take_error(end);
    if (end->reset || end->shut)
        return -EPIPE;
    size_t room = end->connecting ? 0 : end_room(end);
    end->wants_room = room < bytes.length;
    if (room == 0)
        return -EAGAIN;
    bytes = slice_until(bytes, room);
    queue_put(&end->out, bytes);
    plan_transfer(end);
    return (int64_t)bytes.length;
}

int64_t end_receive(struct end *end, void *memory, size_t size)
{
    ASSERT(!end->closed && size > 0);
    size_t count = end->in.length < size ? end->in.length : size;
    if (count > 0) {
        memcpy(memory, queue_bytes(&end->in).data, count);
        queue_drop(&end->in, count);
        plan_transfer(end->other);
        return (int64_t)count;
    }
    if (end->in_ended)
        return 0;
    if (end->error)
        return -end_take_error(end);
    return end->reset ? 0 : -EAGAIN;
}

void end_glue(struct end *end, size_t count)
{
    end->glued = end->out.length + count;
}

void end_shutdown(struct end *end)
{
    if (end->shut || end->reset)
        return;
    TELL(end, "ends its direction");
    end->shut = end->out_ended = true;
    plan_transfer(end);
    tell_news(end);
}

void end_close(struct end *end)
{
    ASSERT(!end->closed);
    if (end->in.length > 0 && !end->reset) {
        end_reset(end);
        return;
    }
    TELL(end, "is closed");
    end->closed = end->shut = end->out_ended = true;
    if (end->connecting)
        end->reset = true;
    plan_transfer(end);
    plan_transfer(end->other);
}

void end_reset(struct end *end)
{
    ASSERT(!end->closed);
    TELL(end, "is closed with a reset");
    if (!end->reset && !end->connecting)
        plan_reset(end->other);
    end->closed = end->shut = end->reset = true;
    queue_drop(&end->out, end->out.length);
    queue_drop(&end->in, end->in.length);
    world_cancel(&end->transfer);
    world_cancel(&end->resetting);
}
