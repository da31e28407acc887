#include "upstream/followed_servers.h"

#include "base/assert.h"

enum { WEIGHT_MAX = 1000, PRIORITY_LAST = PRIORITY_BACKUP - 1 };

static uint32_t find_heaviest(const struct dns_record *records, uint32_t count)
{
    uint32_t heaviest = 0;
    for (uint32_t i = 0; i < count; i++)
        heaviest = records[i].weight > heaviest ? records[i].weight : heaviest;
    return heaviest;
}

static uint32_t weight_of(const struct dns_record *record, uint32_t heaviest)
{
    uint32_t weight = record->weight;
    if (heaviest > WEIGHT_MAX)
        weight = weight * WEIGHT_MAX / heaviest;
    return weight > 0 ? weight : 1;
}

bool followed_servers(const struct followed_line *line, const struct dns_record *records,
                      uint32_t count, struct arena *arena,
                      struct roster_answer ret_servers[DNS_RECORDS_MAX])
{
    ASSERT(count <= DNS_RECORDS_MAX);
    uint32_t heaviest = find_heaviest(records, count);
    uint8_t priority = 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct dns_record *record = &records[i];
        struct roster_answer *server = &ret_servers[i];
        *server =
            (struct roster_answer){.place = {.is_tls = line->is_tls,
                                             .is_h2 = line->is_h2,
                                             .fixed = {.ip = record->ip, .port = record->port}}};
        struct slice host = line->is_service ? slice_from_text(record->host) : line->host;
        if (!server_place_of_name(host, arena, &server->place))
            return false;
        if (!line->is_service)
            continue;
        bool is_next = i > 0 && records[i - 1].priority != record->priority;
        priority = (uint8_t)(priority + (is_next && priority < PRIORITY_LAST));
        server->priority = priority;
        server->weight = weight_of(record, heaviest);
    }
    return true;
}
