/* src/sys/socket.h over the virtual network. */
#include "sys/socket.h"

#include "base/assert.h"
#include "sim/sys_floor.h"

#include <errno.h>

enum { DESCRIPTORS_FIRST = 3, DESCRIPTORS_MAX = 512 };

/* ---- descriptors */

static struct descriptor table[DESCRIPTORS_MAX];
static unsigned open_count;
static struct chance floor_chance;

int descriptor_new(enum descriptor_kind kind)
{
    for (int fd = DESCRIPTORS_FIRST; fd < DESCRIPTORS_MAX; fd++) {
        if (table[fd].kind != DESCRIPTOR_FREE)
            continue;
        table[fd] = (struct descriptor){.kind = kind, .number = fd};
        list_init(&table[fd].ready);
        open_count++;
        return fd;
    }
    return -EMFILE;
}

struct descriptor *descriptor_any(int fd)
{
    CHECK(fd >= DESCRIPTORS_FIRST && fd < DESCRIPTORS_MAX && table[fd].kind != DESCRIPTOR_FREE,
          "descriptor %d is used and not open", fd);
    return &table[fd];
}

struct descriptor *descriptor_get(int fd, enum descriptor_kind kind)
{
    struct descriptor *descriptor = descriptor_any(fd);
    CHECK(descriptor->kind == kind, "descriptor %d is used as what it is not", fd);
    return descriptor;
}

void descriptor_free(int fd)
{
    struct descriptor *descriptor = descriptor_any(fd);
    list_remove(&descriptor->ready);
    descriptor->kind = DESCRIPTOR_FREE;
    open_count--;
}

unsigned descriptors_open(void)
{
    return open_count;
}

void descriptors_begin(void)
{
    floor_chance = chance_of(world_seed(), 1002);
}

void descriptors_end(void)
{
    CHECK(open_count == 0, "%u descriptors are left open", open_count);
}

void floor_enter(void)
{
    world_pass(world_now() + chance_below(&floor_chance, 3));
    if (chance_one_in(&floor_chance, 4))
        world_catch_up();
}

/* ---- sockets */

static void on_news(struct end *end)
{
    poll_tell(end->fd);
}

static int socket_new(struct end *end)
{
    int fd = descriptor_new(DESCRIPTOR_SOCKET);
    if (fd < 0)
        return fd;
    table[fd].end = end;
    end->fd = fd;
    end->on_news = on_news;
    return fd;
}

static struct end *end_of(int fd)
{
    floor_enter();
    return descriptor_get(fd, DESCRIPTOR_SOCKET)->end;
}

static void on_promised_edge(struct event *event)
{
    struct end *end = CONTAINER_OF(event, struct end, nudge);
    if (!end->closed)
        poll_tell(end->fd);
}

static void promise_edge(struct end *end)
{
    if (!end->nudge.place)
        world_plan(&end->nudge, chance_between(&floor_chance, 1, 5000), on_promised_edge);
}

static enum port_answer on_knock(struct port *port)
{
    (void)port;
    return PORT_ACCEPTS;
}

struct arrival {
    struct list link;
    struct end *end;
};

/* The kernel spreads clients by their addresses. */
static struct listening *choose_member(struct gate *gate, const struct end *end)
{
    uint64_t index = end->other->ip.bytes[3] % gate->count;
    struct list *link = gate->members.next;
    while (index-- > 0)
        link = link->next;
    return CONTAINER_OF(link, struct listening, link);
}

static void on_arrival(struct port *port, struct end *end)
{
    struct listening *listening = choose_member(port->owner, end);
    struct arrival *arrival = sim_calloc(sizeof(*arrival));
    arrival->end = end;
    list_push_back(&listening->waiting, &arrival->link);
    poll_tell(listening->fd);
}

/* The gate of an address that is shared; NULL: there is none yet. */
static struct gate *find_gate(const struct address *address)
{
    for (int fd = DESCRIPTORS_FIRST; fd < DESCRIPTORS_MAX; fd++) {
        if (table[fd].kind == DESCRIPTOR_LISTENER &&
            address_equal(&table[fd].listening->gate->port.address, address))
            return table[fd].listening->gate;
    }
    return NULL;
}

static struct gate *open_gate(const struct address *address)
{
    struct gate *gate = sim_calloc(sizeof(*gate));
    list_init(&gate->members);
    gate->port = (struct port){
        .address = *address, .owner = gate, .on_knock = on_knock, .on_arrival = on_arrival};
    bool opened = port_open(&gate->port);
    ASSERT(opened);
    return gate;
}

int sys_listen(const struct address *address, const struct sys_listen_options *options)
{
    struct gate *gate = find_gate(address);
    if (gate && !options->share)
        return -EADDRINUSE;
    if (!gate)
        gate = open_gate(address);
    struct listening *listening = sim_calloc(sizeof(*listening));
    list_init(&listening->waiting);
    listening->gate = gate;
    listening->fd = descriptor_new(DESCRIPTOR_LISTENER);
    ASSERT(listening->fd >= 0);
    list_push_back(&gate->members, &listening->link);
    gate->count++;
    table[listening->fd].listening = listening;
    return listening->fd;
}

uint16_t sys_local_port(int fd)
{
    return descriptor_get(fd, DESCRIPTOR_LISTENER)->listening->gate->port.address.port;
}

void sys_socket_ends(int fd, struct sys_ends *ret_ends)
{
    (void)fd;
    *ret_ends = (struct sys_ends){0};
}

static struct end *next_arrival(struct listening *listening)
{
    struct list *link = list_pop_front(&listening->waiting);
    if (!link)
        return NULL;
    struct arrival *arrival = CONTAINER_OF(link, struct arrival, link);
    struct end *end = arrival->end;
    sim_free(arrival);
    return end;
}

int sys_accept(int fd, struct ip *ret_peer, uint16_t *ret_port)
{
    floor_enter();
    struct listening *listening = descriptor_get(fd, DESCRIPTOR_LISTENER)->listening;
    if (list_is_empty(&listening->waiting))
        return -EAGAIN;
    if (fault_strikes(fault_rates()->accept))
        return -EMFILE;
    struct end *end = next_arrival(listening);
    if (end->reset) { /* it left before it was taken */
        end_close(end);
        return -ECONNABORTED;
    }
    int client = socket_new(end);
    if (client < 0) {
        end_reset(end);
        return client;
    }
    *ret_peer = end->other->ip;
    *ret_port = end->other->port;
    TRACE("accepted connection %ua as %d", end->connection->number, client);
    return client;
}

int sys_connect(const struct address *address, bool *ret_pending)
{
    floor_enter();
    static const int errors[] = {EMFILE, EADDRNOTAVAIL, ENETUNREACH, ENOMEM};
    if (fault_strikes(fault_rates()->connect))
        return -errors[chance_below(&floor_chance, 4)];
    struct ip here = {.kind = ADDRESS_IPV4, .bytes = {10, 0, 0, 1}};
    struct end *end = end_connect(address, &here, on_news, NULL);
    if (!end)
        return -ECONNREFUSED;
    int fd = socket_new(end);
    if (fd < 0) {
        end_reset(end);
        return fd;
    }
    *ret_pending = end->connecting;
    TRACE("connecting to a server: connection %ua is %d", end->connection->number, fd);
    return fd;
}

int sys_socket_error(int fd)
{
    return -end_take_error(end_of(fd));
}

bool sys_unsent(int fd, uint64_t *ret_count)
{
    *ret_count = end_of(fd)->out.length;
    return true;
}

ssize_t sys_receive(int fd, void *memory, size_t size)
{
    struct end *end = end_of(fd);
    if (fault_strikes(fault_rates()->receive_later)) {
        promise_edge(end);
        return -EAGAIN;
    }
    ssize_t got = (ssize_t)end_receive(end, memory, size);
    TRACE("receive on %d: %zd", fd, got);
    return got;
}

static ssize_t send_parts(struct end *end, const struct slice *parts, size_t count)
{
    if (fault_strikes(fault_rates()->send_later)) {
        promise_edge(end);
        return -EAGAIN;
    }
    bool cut_short = fault_strikes(fault_rates()->send_short);
    ssize_t total = 0;
    for (size_t i = 0; i < count; i++) {
        CHECK(parts[i].length > 0, "a send has an empty part");
        struct slice part = parts[i];
        if (cut_short)
            part = slice_until(part, chance_below(&floor_chance, part.length) + 1);
        ssize_t sent = (ssize_t)end_send(end, part);
        if (sent < 0)
            return total > 0 ? total : sent;
        total += sent;
        if (cut_short) {
            promise_edge(end);
            break;
        }
        if ((size_t)sent < part.length)
            break;
    }
    return total;
}

ssize_t sys_send(int fd, const struct slice *parts, size_t count)
{
    ASSERT(count > 0 && count <= SYS_PARTS_MAX);
    ssize_t sent = send_parts(end_of(fd), parts, count);
    TRACE("send of %zu parts on %d: %zd", count, fd, sent);
    return sent;
}

ssize_t sys_send_one(int fd, struct slice part)
{
    return sys_send(fd, &part, 1);
}

int sys_shutdown_send(int fd)
{
    struct end *end = end_of(fd);
    if (end->reset)
        return -ENOTCONN;
    end_shutdown(end);
    return 0;
}

static void release(int fd, void (*end_it)(struct end *end))
{
    struct end *end = end_of(fd);
    world_cancel(&end->nudge);
    end_it(end);
    descriptor_free(fd);
}

void sys_close_reset(int fd)
{
    release(fd, end_reset);
}

static void close_listening(struct listening *listening)
{
    struct end *end;
    while ((end = next_arrival(listening)))
        end_reset(end);
    list_remove(&listening->link);
    if (--listening->gate->count == 0) {
        port_close(&listening->gate->port);
        sim_free(listening->gate);
    }
    sim_free(listening);
}

static void close_tube(struct tube *tube)
{
    if (--tube->holders > 0)
        return;
    queue_fini(&tube->bytes);
    sim_free(tube);
}

void sys_close(int fd)
{
    struct descriptor *descriptor = descriptor_any(fd);
    if (descriptor->kind == DESCRIPTOR_SOCKET) {
        release(fd, end_close);
        return;
    }
    if (descriptor->kind == DESCRIPTOR_LISTENER)
        close_listening(descriptor->listening);
    else
        close_tube(descriptor->tube);
    descriptor_free(fd);
}

/* ---- pipes */

int sys_pipe(int ret_ends[2], size_t size)
{
    floor_enter();
    if (fault_strikes(fault_rates()->pipe))
        return -EMFILE;
    struct tube *tube = sim_calloc(sizeof(*tube));
    /* Above the limit for users a pipe stays small. */
    tube->capacity = chance_one_in(&floor_chance, 2) ? size : 64 * 1024;
    tube->holders = 2;
    for (int i = 0; i < 2; i++) {
        ret_ends[i] = descriptor_new(DESCRIPTOR_PIPE);
        ASSERT(ret_ends[i] >= 0);
        table[ret_ends[i]].tube = tube;
        table[ret_ends[i]].writes_tube = i == 1;
    }
    return 0;
}

static ssize_t fill_tube(struct end *end, struct tube *tube, size_t count)
{
    size_t room = tube->capacity - tube->bytes.length;
    if (room == 0)
        return -EAGAIN;
    if (count > room)
        count = room;
    if (chance_one_in(&floor_chance, 2)) /* pages of a pipe need not be full */
        count = chance_between(&floor_chance, 1, count);
    char *memory = queue_grow(&tube->bytes, count);
    int64_t got = end_receive(end, memory, count);
    tube->bytes.length -= count - (size_t)(got > 0 ? got : 0);
    return (ssize_t)got;
}

static ssize_t empty_tube(struct tube *tube, struct end *end, size_t count)
{
    CHECK(tube->bytes.length > 0, "an empty pipe is emptied");
    int64_t sent = end_send(end, slice_until(queue_bytes(&tube->bytes), count));
    if (sent > 0)
        queue_drop(&tube->bytes, (size_t)sent);
    return (ssize_t)sent;
}

ssize_t sys_splice(int from, int to, size_t count, bool more_follows)
{
    (void)more_follows;
    floor_enter();
    ASSERT(count > 0);
    bool fills = descriptor_any(from)->kind == DESCRIPTOR_SOCKET;
    struct end *end = descriptor_get(fills ? from : to, DESCRIPTOR_SOCKET)->end;
    struct descriptor *pipe = descriptor_get(fills ? to : from, DESCRIPTOR_PIPE);
    CHECK(pipe->writes_tube == fills, "the wrong end of a pipe is used");
    if (fault_strikes(fills ? fault_rates()->receive_later : fault_rates()->send_later)) {
        promise_edge(end);
        return -EAGAIN;
    }
    ssize_t moved = fills ? fill_tube(end, pipe->tube, count) : empty_tube(pipe->tube, end, count);
    TRACE("splice of %zu bytes from %d to %d: %zd", count, from, to, moved);
    return moved;
}

uint64_t sys_raise_descriptor_limit(void)
{
    return DESCRIPTORS_MAX;
}
