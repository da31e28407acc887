#include "control/upstream_page.h"

#include "control/admin.h"
#include "upstream/commons.h"
#include "upstream/edition.h"
#include "upstream/health_settings.h"
#include "upstream/member.h"
#include "upstream/probe.h"

enum { REASON_MAX = 240 };

/* ---- why it is as it is */

static void print_problem(struct text *text, const struct standing *standing)
{
    text_print(text, "%s", probe_words((enum probe_problem)standing->problem));
    if (standing->problem_status > 0)
        text_print(text, ": %u", standing->problem_status);
    if (standing->problem == PROBE_TLS)
        text_print(text, ": %s", error_words((enum error_code)standing->problem_tls));
}

static struct slice reason_of(const struct upstream_member *member, uint64_t now_ms, char *memory)
{
    struct text text = text_over(memory, REASON_MAX);
    uint64_t rests_until = server_rests_until(member->server);
    switch (member_state(member, now_ms)) {
    case MEMBER_UP:
    case MEMBER_STATES:
        break;
    case MEMBER_RESTS:
        text_print(&text, "it failed, and is passed over for %llu s",
                   (unsigned long long)(rests_until - now_ms + 999) / 1000);
        break;
    case MEMBER_DOWN:
        print_problem(&text, member->standing);
        break;
    case MEMBER_DRAINED:
    case MEMBER_DISABLED:
        text_add(&text, SLICE("by command"));
        break;
    }
    return text_slice(&text);
}

static unsigned active_of(const struct server *server)
{
    return atomic_load_explicit(&server->active, memory_order_relaxed);
}

/* ---- JSON */

static void print_milliseconds(FILE *file, const char *key, bool is_known, double value)
{
    if (is_known)
        (void)fprintf(file, ", \"%s\": %.3f", key, value);
    else
        (void)fprintf(file, ", \"%s\": null", key);
}

static void print_json_server(FILE *file, const struct upstream *upstream,
                              const struct upstream_member *member, uint64_t now_ms)
{
    char memory[REASON_MAX];
    static const char *const chosen[] = {[SERVER_CHOSE_NOTHING] = "null",
                                         [SERVER_CHOSE_H1] = "\"http/1.1\"",
                                         [SERVER_CHOSE_H2] = "\"h2\""};
    const struct server *server = member->server;
    const struct standing *standing = member->standing;
    struct slice reason = reason_of(member, now_ms, memory);
    uint32_t latency = server_latency(server);
    (void)fputs("{\"server\": ", file);
    admin_print_json(file, server->key);
    (void)fprintf(
        file, ", \"weight\": %u, \"priority\": %u, \"backup\": %s, \"max_connections\": %u",
        member_weight(upstream, member), member->priority,
        member->priority == PRIORITY_BACKUP ? "true" : "false", (unsigned)member->max_connections);
    (void)fprintf(
        file, ", \"state\": \"%s\", \"reason\": ", member_state_name(member_state(member, now_ms)));
    if (slice_is_empty(reason))
        (void)fputs("null", file);
    else
        admin_print_json(file, reason);
    (void)fprintf(file, ", \"changed_live\": %s, \"added_live\": %s, \"active\": %u, \"idle\": %u",
                  standing_is_changed(standing) ? "true" : "false",
                  member->is_added ? "true" : "false", active_of(server), server_idle(server));
    print_milliseconds(file, "latency_ms", latency > 0, (double)latency / 1000);
    print_milliseconds(file, "check_ms", standing->patient && standing->passed > 0,
                       (double)standing->probe_took);
    (void)fprintf(file, ", \"chosen\": %s}", chosen[server_chosen(server)]);
}

/* null: none opens, as no share of failures is set. */
static const char *circuit_of(const struct upstream *upstream)
{
    if (!upstream->breaker || upstream->breaker->failure_rate == 0)
        return "null";
    return breaker_is_open(&upstream->commons->breaker, upstream->breaker) ? "\"open\""
                                                                           : "\"closed\"";
}

static void print_json_upstream(FILE *file, const struct upstream *upstream, uint64_t now_ms)
{
    (void)fputs("\n    {\"upstream\": ", file);
    admin_print_json(file, upstream->name);
    (void)fprintf(file, ", \"balance\": \"%s\", \"panics\": %s, \"circuit\": %s, \"waiting\": %u",
                  balance_names[upstream->balance], upstream_panics(upstream) ? "true" : "false",
                  circuit_of(upstream),
                  atomic_load_explicit(&upstream->commons->waiting, memory_order_relaxed));
    (void)fputs(", \"servers\": [", file);
    for (uint32_t i = 0; i < upstream->count; i++) {
        (void)fputs(i > 0 ? ",\n      " : "\n      ", file);
        print_json_server(file, upstream, &upstream->members[i], now_ms);
    }
    (void)fputs("]}", file);
}

void upstream_page_print_json(FILE *file, const struct upstream_table *table, uint64_t now_ms)
{
    const struct upstream *upstream = upstream_first(table);
    for (bool is_first = true; upstream; upstream = upstream->next, is_first = false) {
        if (!is_first)
            (void)fputc(',', file);
        print_json_upstream(file, upstream_now(upstream), now_ms);
    }
}

/* ---- a table */

struct widths {
    int upstream, server;
};

static void widen(int *width, struct slice text)
{
    enum { WIDTH_MAX = 60 };
    int length = text.length < WIDTH_MAX ? (int)text.length : WIDTH_MAX;
    if (*width < length)
        *width = length;
}

static bool is_asked_for(const struct upstream *upstream, struct slice name)
{
    return slice_is_empty(name) || slice_equal(upstream->name, name);
}

static void print_row(FILE *file, const struct widths *widths, const struct upstream *upstream,
                      const struct upstream_member *member, uint64_t now_ms)
{
    char memory[REASON_MAX], latency[32] = "-";
    const struct server *server = member->server;
    uint32_t microseconds = server_latency(server);
    struct slice reason = reason_of(member, now_ms, memory);
    if (microseconds > 0)
        (void)snprintf(latency, sizeof(latency), "%.1f ms", (double)microseconds / 1000);
    (void)fprintf(file, "%-*.*s  %-*.*s  %-8s  %6u%s  %6u  %5u  %9s%s%.*s\n", widths->upstream,
                  SHOWN(upstream->name), widths->server, SHOWN(server->key),
                  member_state_name(member_state(member, now_ms)), member_weight(upstream, member),
                  member->is_added                        ? "+"
                  : standing_is_changed(member->standing) ? "*"
                                                          : " ",
                  active_of(server), server_idle(server), latency, reason.length > 0 ? "  " : "",
                  SHOWN(reason));
}

bool upstream_page_print_table(FILE *file, const struct upstream_table *table, struct slice name,
                               uint64_t now_ms)
{
    struct widths widths = {8, 6};
    uint32_t found = 0;
    const struct upstream *upstream;
    for (upstream = upstream_first(table); upstream; upstream = upstream->next) {
        if (!is_asked_for(upstream, name))
            continue;
        found++;
        widen(&widths.upstream, upstream->name);
        const struct upstream *now = upstream_now(upstream);
        for (uint32_t i = 0; i < now->count; i++)
            widen(&widths.server, now->members[i].server->key);
    }
    if (found == 0)
        return slice_is_empty(name);
    (void)fprintf(file, "%-*s  %-*s  %-8s  %6s   %6s  %5s  %9s\n", widths.upstream, "upstream",
                  widths.server, "server", "state", "weight", "active", "idle", "latency");
    for (upstream = upstream_first(table); upstream; upstream = upstream->next) {
        const struct upstream *now = upstream_now(upstream);
        for (uint32_t i = 0; is_asked_for(upstream, name) && i < now->count; i++)
            print_row(file, &widths, now, &now->members[i], now_ms);
    }
    return true;
}

/* ---- one server */

static void print_checks(FILE *file, const struct upstream *upstream,
                         const struct standing *standing)
{
    if (!health_is_checked(upstream->health)) {
        (void)fputs("checks          none\n", file);
        return;
    }
    (void)fprintf(file, "checks          %llu passed, %llu failed\n",
                  (unsigned long long)standing->passed, (unsigned long long)standing->failed);
    if (standing->passed > 0)
        (void)fprintf(file, "check took      %llu ms\n", (unsigned long long)standing->probe_took);
}

void upstream_page_print_server(FILE *file, const struct upstream *upstream,
                                const struct upstream_member *member, uint64_t now_ms)
{
    char memory[REASON_MAX];
    const struct server *server = member->server;
    struct slice reason = reason_of(member, now_ms, memory);
    uint32_t latency = server_latency(server);
    (void)fprintf(file, "upstream        %.*s\nserver          %.*s\nstate           %s\n",
                  SHOWN(upstream->name), SHOWN(server->key),
                  member_state_name(member_state(member, now_ms)));
    if (reason.length > 0)
        (void)fprintf(file, "reason          %.*s\n", SHOWN(reason));
    if (member->is_added)
        (void)fputs("added           by command\n", file);
    (void)fprintf(file, "weight          %u", member_weight(upstream, member));
    if (member_weight(upstream, member) != (uint32_t)member->weight)
        (void)fprintf(file, " by command; %s %d",
                      member->is_added ? "it was added with" : "the configuration says",
                      (int)member->weight);
    (void)fprintf(file, "\npriority        %u\nbackup          %s\nmax_connections ",
                  member->priority, member->priority == PRIORITY_BACKUP ? "on" : "off");
    if (member->max_connections > 0)
        (void)fprintf(file, "%u\n", member->max_connections);
    else
        (void)fputs("off\n", file);
    (void)fprintf(file, "active          %u\nidle            %u\n", active_of(server),
                  server_idle(server));
    if (latency > 0)
        (void)fprintf(file, "latency         %.3f ms\n", (double)latency / 1000);
    if (server_chosen(server) != SERVER_CHOSE_NOTHING)
        (void)fprintf(file, "chosen          %s\n",
                      server_chosen(server) == SERVER_CHOSE_H2 ? "h2" : "http/1.1");
    print_checks(file, upstream, member->standing);
}
