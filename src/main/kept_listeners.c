#include "main/kept_listeners.h"

#include "main/estate.h"
#include "net/listener.h"
#include "obs/log.h"
#include "sys/program.h"

#include <errno.h>
#include <stdlib.h>

struct kept_listener {
    struct list link;
    struct address address;
    bool share;
    bool is_given;   /* to the worker that asks */
    bool is_fresh;   /* opened since that one began to ask */
    bool is_foreign; /* opened by whoever started Weir, whose file of a Unix socket it is, too */
    bool is_open;    /* `fd` is; otherwise it is a number that was read */
    int fd;
};

void kept_listeners_init(struct kept_listeners *listeners)
{
    list_init(&listeners->entries);
}

bool kept_listeners_have(const struct kept_listeners *listeners, const struct address *address)
{
    LIST_EACH (link, &listeners->entries) {
        if (address_equal(&CONTAINER_OF(link, struct kept_listener, link)->address, address))
            return true;
    }
    return false;
}

/* `is_left`: somebody may still accept from it. */
static void drop(struct kept_listeners *listeners, struct kept_listener *entry, bool is_left)
{
    struct address address = entry->address;
    bool is_foreign = entry->is_foreign;
    list_remove(&entry->link);
    if (entry->is_open)
        sys_close(entry->fd);
    free(entry);
    if (is_foreign || kept_listeners_have(listeners, &address))
        return;
    if (is_left)
        sys_listen_remove(&address);
    else
        sys_listen_forget(&address);
}

static bool keep(struct kept_listeners *listeners, const struct kept_listener *what)
{
    struct kept_listener *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return false;
    *entry = *what;
    list_push_back(&listeners->entries, &entry->link);
    return true;
}

static bool has_port(const struct kept_listeners *listeners, uint16_t port)
{
    bool found = false;
    LIST_EACH (link, &listeners->entries)
        found |= CONTAINER_OF(link, struct kept_listener, link)->address.port == port;
    return found;
}

static int open_another(struct kept_listeners *listeners, const struct address *address,
                        const struct sys_listen_options *options)
{
    struct sys_listen_options whole = *options;
    whole.is_first = !has_port(listeners, address->port);
    int fd = sys_listen(address, &whole);
    if (fd < 0)
        return fd;
    const struct kept_listener entry = {.address = *address,
                                        .share = options->share,
                                        .is_given = true,
                                        .is_fresh = true,
                                        .is_open = true,
                                        .fd = fd};
    if (keep(listeners, &entry))
        return fd;
    sys_close(fd);
    return -ENOMEM;
}

int kept_listeners_get(struct kept_listeners *listeners, const struct address *address,
                       const struct sys_listen_options *options)
{
    unsigned given = 0;
    bool can_be_more = true;
    LIST_EACH (link, &listeners->entries) {
        struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        if (!address_equal(&entry->address, address))
            continue;
        if (!entry->is_given) {
            entry->is_given = true;
            return entry->fd;
        }
        can_be_more &= entry->share && options->share && !entry->is_foreign;
        given++;
    }
    if (!can_be_more)
        return -EALREADY;
    return given < LISTENER_LOOPS_MAX ? open_another(listeners, address, options) : -EMFILE;
}

void kept_listeners_forget(struct kept_listeners *listeners, const struct address *address)
{
    LIST_EACH_SAFE (link, &listeners->entries) {
        struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        if (address_equal(&entry->address, address))
            drop(listeners, entry, false);
    }
}

void kept_listeners_rewind(struct kept_listeners *listeners)
{
    LIST_EACH (link, &listeners->entries) {
        struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        entry->is_given = entry->is_fresh = false;
    }
}

void kept_listeners_drop_fresh(struct kept_listeners *listeners)
{
    LIST_EACH_SAFE (link, &listeners->entries) {
        struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        entry->is_given = true;
        if (entry->is_fresh)
            drop(listeners, entry, true);
    }
}

void kept_listeners_settle(struct kept_listeners *listeners)
{
    LIST_EACH_SAFE (link, &listeners->entries) {
        struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        if (entry->is_given)
            continue;
        if (entry->is_foreign)
            log_event(LOG_WARNING,
                      "no listener has the address of a socket that Weir was started "
                      "with; it was closed",
                      LOG_ADDRESS("address", &entry->address));
        drop(listeners, entry, true);
    }
}

bool kept_listeners_add_foreign(struct kept_listeners *listeners, const struct address *address,
                                int fd)
{
    const struct kept_listener entry = {
        .address = *address, .is_foreign = true, .is_open = true, .fd = fd};
    return keep(listeners, &entry);
}

void kept_listeners_fini(struct kept_listeners *listeners, bool for_good)
{
    LIST_EACH_SAFE (link, &listeners->entries) {
        struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        entry->is_foreign |= !for_good; /* the file stays */
        drop(listeners, entry, false);
    }
}

/* ---- from supervisor to supervisor */

int kept_listeners_write(const struct kept_listeners *listeners, int file)
{
    int error = 0;
    LIST_EACH (link, &listeners->entries) {
        const struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        char memory[ADDRESS_TEXT_MAX + 32];
        struct text text = text_over(memory, sizeof(memory));
        text_print(&text, "%d %d %d ", entry->fd, entry->share, entry->is_foreign);
        address_print(&text, &entry->address);
        struct slice value = text_slice(&text);
        if (!error)
            error = estate_add(file, "listener", &value, 1);
    }
    return error;
}

bool kept_listeners_read(struct kept_listeners *listeners, struct slice value)
{
    struct kept_listener entry = {0};
    uint64_t share, is_foreign;
    if (!estate_take_int(&value, &entry.fd) || !estate_take_number(&value, 1, &share) ||
        !estate_take_number(&value, 1, &is_foreign) || !address_parse(value, &entry.address))
        return false;
    entry.share = share != 0;
    entry.is_foreign = is_foreign != 0;
    return keep(listeners, &entry);
}

bool kept_listeners_pass(struct kept_listeners *listeners, bool are_passed)
{
    bool good = true;
    LIST_EACH (link, &listeners->entries) {
        struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        entry->is_open = sys_pass_descriptor(entry->fd, are_passed);
        good &= entry->is_open;
    }
    return good;
}
