#include "main/foreign_sockets.h"

#include "obs/log.h"
#include "sys/open.h"
#include "sys/program.h"

#include <stdlib.h>

enum { FIRST = 3, COUNT_MAX = 4096 }; /* SD_LISTEN_FDS_START */

static void take(struct kept_listeners *listeners, int fd)
{
    struct address address;
    if (!sys_pass_descriptor(fd, false))
        return; /* it is not open: there is nothing to take */
    if (sys_listening_address(fd, &address) && kept_listeners_add_foreign(listeners, &address, fd))
        return;
    log_event(LOG_WARNING, "what Weir was started with is no socket to listen on; it was closed",
              LOG_NUMBER("descriptor", (uint64_t)fd));
    sys_close(fd);
}

void foreign_sockets_take(struct kept_listeners *listeners)
{
    uint64_t count = 0, process = 0;
    (void)slice_to_number(slice_from_text(getenv("LISTEN_FDS")), COUNT_MAX, &count);
    (void)slice_to_number(slice_from_text(getenv("LISTEN_PID")), INT64_MAX, &process);
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDNAMES");
    if (process != sys_process())
        return; /* they were meant for somebody else */
    for (int fd = FIRST; fd < FIRST + (int)count; fd++)
        take(listeners, fd);
}
