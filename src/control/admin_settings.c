#include "control/admin_settings.h"

#include "base/text.h"
#include "http/byte_class.h"

#define EXAMPLE "{address: \"127.0.0.1:9900\", hosts: [admin.example.com]}"

static bool read_address(struct setting_reader *reader, const struct node *node, void *field)
{
    if (node->kind == NODE_SCALAR && address_parse(node->text, field))
        return true;
    diagnostics_error(reader->diagnostics, node->position,
                      "write it as 127.0.0.1:9900 or unix:/run/weir-admin.sock, or write off",
                      "this is no address for the admin side");
    return false;
}

static bool is_token(struct slice token)
{
    for (size_t i = 0; i < token.length; i++) {
        char byte = token.data[i];
        if (!byte_is(byte, BYTE_UNRESERVED) && byte != '+' && byte != '/' && byte != '=')
            return false;
    }
    return token.length >= ADMIN_TOKEN_LEAST && token.length <= ADMIN_TOKEN_MOST;
}

static bool read_token(struct setting_reader *reader, const struct node *node, void *field)
{
    struct slice *token = field;
    *token = node->kind == NODE_SCALAR ? node->text : SLICE("");
    if (is_token(*token))
        return true;
    diagnostics_error(reader->diagnostics, node->position,
                      "for example what \"openssl rand -hex 16\" prints, from the environment: "
                      "${env.WEIR_TOKEN}",
                      "a token has %d to %d letters, digits and -._~+/=", ADMIN_TOKEN_LEAST,
                      ADMIN_TOKEN_MOST);
    return false;
}

static bool read_hosts(struct setting_reader *reader, const struct node *node, void *field)
{
    struct admin_hosts *hosts = field;
    if (!setting_read_texts(reader, "hosts", "admin.example.com", node, &hosts->names,
                            &hosts->count))
        return false;
    if (hosts->count <= ADMIN_HOSTS_MAX)
        return true;
    diagnostics_error(reader->diagnostics, node->position, "leave some away",
                      "the admin side has more than %d hosts", ADMIN_HOSTS_MAX);
    return false;
}

static const struct setting mapping_rows[] = {
    {.name = "address",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct admin_settings, address),
     .size = sizeof(struct address),
     .read = read_address,
     .form = "ADDRESS",
     .summary = "Where it listens: an address or a Unix socket.",
     .example = "\"127.0.0.1:9900\""},
    {.name = "token",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct admin_settings, token),
     .size = sizeof(struct slice),
     .read = read_token,
     .form = "TEXT",
     .summary = "Who sends it as `Authorization: Bearer TOKEN` may change something over TCP; "
                "without it nobody may.",
     .example = "\"${env.WEIR_TOKEN}\""},
    {.name = "hosts",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct admin_settings, hosts),
     .size = sizeof(struct admin_hosts),
     .read = read_hosts,
     .form = "TEXT | [TEXT]",
     .summary = "Host names by which it may be called over TCP, beside `localhost` and addresses.",
     .example = "admin.example.com"},
};

static const struct setting_group mapping_group = {
    .name = "admin",
    .settings = mapping_rows,
    .count = sizeof(mapping_rows) / sizeof(mapping_rows[0]),
    .size = sizeof(struct admin_settings),
    .summary = "The admin side.",
};

static struct position position_of(const struct node *mapping, struct slice key)
{
    const struct node *node = node_find(mapping, key);
    return node ? node->position : mapping->position;
}

static bool read_admin(struct setting_reader *reader, const struct node *node, void *field)
{
    struct admin_settings *settings = field;
    *settings = (struct admin_settings){.is_off = node_is_word(node, "off")};
    bool good = settings->is_off || node_is_word(node, "on");
    if (!good && node->kind == NODE_MAPPING)
        good = setting_read_mapping(reader, &mapping_group, node, settings);
    else if (!good)
        good = read_address(reader, node, &settings->address);
    settings->position = position_of(node, SLICE("address"));
    settings->token_position = position_of(node, SLICE("token"));
    return good;
}

static bool is_of_this_machine(const struct ip *ip)
{
    return ip->kind == ADDRESS_NONE || ip->kind == ADDRESS_UNIX || ip_is_loopback(ip);
}

/* The admin side speaks plain HTTP: on a network, whoever sees the traffic has the token. */
static void warn_of_plain_token(const void *group, const struct node *node,
                                struct diagnostics *diagnostics)
{
    const struct admin_settings *settings = group;
    (void)node;
    if (settings->token.length > 0 && !is_of_this_machine(&settings->address.ip))
        diagnostics_warning(diagnostics, settings->position,
                            "listen on 127.0.0.1 or a Unix socket, or leave the token away: then "
                            "it can only be read",
                            "the token goes over the network as plain text");
}

static const struct setting rows[] = {
    {.name = "admin",
     .type = SETTING_CUSTOM,
     .offset = 0,
     .size = sizeof(struct admin_settings),
     .read = read_admin,
     .standard = "on",
     .form = "on | off | ADDRESS | MAPPING",
     .mapping = &mapping_group,
     .scopes = SCOPE_TOP,
     .summary = "Where status, metrics and commands are answered: an address, on, off, or "
                "{address, token, hosts}; otherwise on a Unix socket of its own.",
     .example = EXAMPLE},
};

const struct setting_group admin_group = {
    .name = "",
    .settings = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .size = sizeof(struct admin_settings),
    .check = warn_of_plain_token,
    .summary = "The admin side.",
};

bool admin_default_address(struct slice file, uint32_t user, const char *runtime,
                           struct address *ret_address)
{
    *ret_address = (struct address){.ip = {.kind = ADDRESS_UNIX}};
    struct text path = text_over(ret_address->path, ADDRESS_PATH_MAX);
    text_add(&path, user == 0 ? SLICE("/run") : runtime ? slice_from_text(runtime) : SLICE("/tmp"));
    text_print(&path, "/weir-%u-", user);
    text_add_hex(&path, slice_hash(file, 0));
    text_add(&path, SLICE(".sock"));
    ret_address->path[path.length] = '\0';
    return !text_is_cut(&path);
}
