#include "main/kept_listeners.h"

#include "net/listener.h"

#include <errno.h>
#include <stdlib.h>

struct kept_listener {
    struct list link;
    struct address address;
    bool share;
    bool is_given; /* to the worker of the moment */
    int fd;
};

void kept_listeners_init(struct kept_listeners *listeners)
{
    list_init(&listeners->entries);
}

static void drop(struct kept_listener *entry)
{
    list_remove(&entry->link);
    sys_close(entry->fd);
    free(entry);
}

/* Left over from a worker that had another number of loops: a socket that is shared cannot be
 * opened beside one that is not. */
static void drop_of_other_kind(struct kept_listeners *listeners, const struct address *address,
                               bool share)
{
    LIST_EACH_SAFE (link, &listeners->entries) {
        struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        if (address_equal(&entry->address, address) && !entry->is_given && entry->share != share)
            drop(entry);
    }
}

static int open_another(struct kept_listeners *listeners, const struct address *address,
                        const struct sys_listen_options *options)
{
    struct kept_listener *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return -ENOMEM;
    int fd = sys_listen(address, options);
    if (fd < 0) {
        free(entry);
        return fd;
    }
    *entry = (struct kept_listener){
        .address = *address, .share = options->share, .is_given = true, .fd = fd};
    list_push_back(&listeners->entries, &entry->link);
    return fd;
}

int kept_listeners_get(struct kept_listeners *listeners, const struct address *address,
                       const struct sys_listen_options *options)
{
    unsigned given = 0;
    drop_of_other_kind(listeners, address, options->share);
    LIST_EACH (link, &listeners->entries) {
        struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        if (!address_equal(&entry->address, address))
            continue;
        if (!entry->is_given) {
            entry->is_given = true;
            return entry->fd;
        }
        given++;
    }
    return given < LISTENER_LOOPS_MAX ? open_another(listeners, address, options) : -EMFILE;
}

void kept_listeners_forget(struct kept_listeners *listeners, const struct address *address)
{
    bool was_kept = false;
    LIST_EACH_SAFE (link, &listeners->entries) {
        struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        if (!address_equal(&entry->address, address))
            continue;
        drop(entry);
        was_kept = true;
    }
    if (was_kept)
        sys_listen_forget(address);
}

void kept_listeners_rewind(struct kept_listeners *listeners)
{
    LIST_EACH (link, &listeners->entries)
        CONTAINER_OF(link, struct kept_listener, link)->is_given = false;
}

void kept_listeners_settle(struct kept_listeners *listeners)
{
    LIST_EACH_SAFE (link, &listeners->entries) {
        struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        if (!entry->is_given)
            drop(entry);
    }
}

void kept_listeners_fini(struct kept_listeners *listeners, bool for_good)
{
    LIST_EACH_SAFE (link, &listeners->entries) {
        struct kept_listener *entry = CONTAINER_OF(link, struct kept_listener, link);
        struct address address = entry->address;
        drop(entry);
        if (for_good)
            sys_listen_forget(&address);
    }
}
