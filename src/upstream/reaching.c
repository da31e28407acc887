#include "upstream/reaching.h"

#include "obs/log.h"

enum { TELL_MS = 5 * 1000 }; /* of one that comes and goes, one line in that time */

/* Whether it is time for another line about the server, which is then taken. */
static bool is_time(struct server *server, uint64_t now_ms)
{
    uint64_t told_at = atomic_load_explicit(&server->reaching_told_at, memory_order_relaxed);
    return (told_at == 0 || now_ms >= told_at + TELL_MS) &&
           atomic_compare_exchange_strong_explicit(&server->reaching_told_at, &told_at, now_ms,
                                                   memory_order_relaxed, memory_order_relaxed);
}

static void tell(struct server *server, enum error_code error, uint64_t now_ms)
{
    if (atomic_load_explicit(&server->unreached_told, memory_order_relaxed) == error ||
        !is_time(server, now_ms))
        return;
    atomic_store_explicit(&server->unreached_told, error, memory_order_relaxed);
    log_event(LOG_WARNING, "a server cannot be reached; it is passed over while others can",
              LOG_TEXT("server", server->key),
              LOG_TEXT("problem", slice_from_text(error_words(error))));
}

void server_unreached(struct server_registry *registry, struct server *server,
                      enum error_code error, uint64_t now_ms)
{
    if (error_side(error) == ERROR_SIDE_SELF || error == ERROR_CONNECTIONS_FULL)
        return;
    tell(server, error, now_ms);
    server_failed(registry, server, now_ms);
}

/* What is not told now, since the last line is too young, the next connection tells. */
void server_tell_reached(struct server *server, uint64_t now_ms)
{
    if (!is_time(server, now_ms))
        return;
    atomic_store_explicit(&server->unreached_told, ERROR_NONE, memory_order_relaxed);
    log_event(LOG_NOTICE, "a server can be reached again", LOG_TEXT("server", server->key));
}
