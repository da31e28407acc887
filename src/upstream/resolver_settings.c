#include "upstream/resolver_settings.h"

enum { DNS_PORT = 53 };

/* `10.0.0.2`, `10.0.0.2:5353`, `fd00::2`, `[fd00::2]:5353`. */
static bool parse_name_server(struct slice text, struct address *ret_address)
{
    *ret_address = (struct address){.port = DNS_PORT};
    if (ip_parse(text, &ret_address->ip))
        return true;
    return address_parse(text, ret_address) && ret_address->ip.kind != ADDRESS_UNIX &&
           !address_is_any(ret_address);
}

static bool read_name_server(struct setting_reader *reader, const struct node *node,
                             struct dns_settings *dns)
{
    if (dns->name_server_count == DNS_NAME_SERVERS_MAX) {
        diagnostics_error(reader->diagnostics, node->position, "name those that answer best",
                          "there are more than %d name servers", DNS_NAME_SERVERS_MAX);
        return false;
    }
    if (node->kind == NODE_SCALAR &&
        parse_name_server(node->text, &dns->name_servers[dns->name_server_count])) {
        dns->name_server_count++;
        return true;
    }
    diagnostics_error(reader->diagnostics, node->position,
                      "write 10.0.0.2, or 127.0.0.1:5353 with another port than 53",
                      "a name server is an address with or without a port");
    return false;
}

static bool read_name_servers(struct setting_reader *reader, const struct node *node, void *field)
{
    struct dns_settings *dns = field;
    *dns = (struct dns_settings){0};
    if (node_is_word(node, "system"))
        return true;
    if (node->kind != NODE_SEQUENCE)
        return read_name_server(reader, node, dns);
    if (node->count == 0) {
        diagnostics_error(reader->diagnostics, node->position,
                          "name at least one, or write system for those of /etc/resolv.conf",
                          "there are no name servers");
        return false;
    }
    bool good = true;
    for (uint32_t i = 0; good && i < node->count; i++)
        good = read_name_server(reader, node->items[i], dns);
    return good;
}

static const struct setting settings[] = {
    {.name = "name_servers",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct resolver_settings, dns),
     .size = sizeof(struct dns_settings),
     .standard = "system",
     .read = read_name_servers,
     .form = "system | TEXT | [TEXT]",
     .scopes = SCOPE_TOP,
     .summary = "Who is asked for names of servers: addresses, with a port where it is not 53; "
                "system: as /etc/resolv.conf says.",
     .example = "[10.0.0.2, 10.0.0.3]"},
    {.name = "timeout",
     .type = SETTING_DURATION,
     .offset = offsetof(struct resolver_settings, timeout),
     .size = sizeof(int64_t),
     .standard = "2s",
     .min = 1,
     .max = 60 * 1000,
     .scopes = SCOPE_TOP,
     .summary = "How long a name server has to answer before the next one is asked; all are asked "
                "twice, the second time with twice the patience.",
     .example = "500ms"},
};

const struct setting_group resolver_group = {
    .name = "resolver",
    .settings = settings,
    .count = sizeof(settings) / sizeof(settings[0]),
    .size = sizeof(struct resolver_settings),
    .summary = "How names of servers are looked up.",
};

struct dns_settings resolver_settings_of(const struct configuration *configuration)
{
    const struct resolver_settings *own =
        scope_group(configuration, configuration->top, &resolver_group);
    struct dns_settings dns = own->dns;
    dns.timeout_ms = (uint32_t)own->timeout;
    return dns;
}
