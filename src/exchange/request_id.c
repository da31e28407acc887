#include "exchange/request_id.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "http/byte_class.h"
#include "sys/clock.h"

/* ---- the setting */

#define EXAMPLE "{header: X-Request-Id, response: on}"

static bool check_header(const struct slice name)
{
    for (size_t i = 0; i < name.length; i++) {
        if (!byte_is(name.data[i], BYTE_TOKEN))
            return false;
    }
    return name.length > 0;
}

static const struct setting mapping_rows[] = {
    {.name = "header",
     .type = SETTING_TEXT,
     .offset = offsetof(struct request_id_setting, header),
     .size = sizeof(struct slice),
     .standard = "X-Request-Id",
     .summary = "The field in which the id comes and goes on.",
     .example = "X-Correlation-Id"},
    {.name = "response",
     .type = SETTING_SWITCH,
     .offset = offsetof(struct request_id_setting, answer),
     .size = sizeof(bool),
     .standard = "off",
     .summary = "Whether the client is told of it as well.",
     .example = "on"},
};

static const struct setting_group mapping_group = {
    .name = "request_id",
    .settings = mapping_rows,
    .count = sizeof(mapping_rows) / sizeof(mapping_rows[0]),
    .size = sizeof(struct request_id_setting),
    .summary = "The id of an exchange.",
};

static bool read_request_id(struct setting_reader *reader, const struct node *node, void *field)
{
    struct request_id_setting *setting = field;
    *setting = (struct request_id_setting){.is_off = node_is_word(node, "off")};
    if (setting->is_off || node_is_word(node, "on"))
        return true;
    if (node->kind != NODE_MAPPING)
        return setting_refuse(reader, "request_id", "on, off or a mapping", EXAMPLE, node);
    if (!setting_read_mapping(reader, &mapping_group, node, setting))
        return false;
    enum field_name known = field_name_find(setting->header);
    if (check_header(setting->header) && (known == FIELD_OTHER || known == FIELD_X_REQUEST_ID))
        return true;
    const struct node *header = node_find(node, SLICE("header"));
    diagnostics_error(reader->diagnostics, header ? header->position : node->position,
                      "write X-Request-Id or another name that means nothing else",
                      "an id cannot stand in a header field \"%.*s\"", SHOWN(setting->header));
    return false;
}

static const struct setting rows[] = {
    {.name = "request_id",
     .type = SETTING_CUSTOM,
     .offset = 0,
     .size = sizeof(struct request_id_setting),
     .read = read_request_id,
     .standard = "on",
     .form = "on | off | MAPPING",
     .mapping = &mapping_group,
     .scopes = SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE,
     .summary = "The id of an exchange, which servers are told in X-Request-Id: on, off, or "
                "{header, response}.",
     .example = EXAMPLE},
};

const struct setting_group request_id_group = {
    .name = "",
    .settings = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .size = sizeof(struct request_id_setting),
    .summary = "The id of an exchange.",
};

/* ---- making */

/* Eight digits at once, a byte for each: `0` and upwards, and from ten on those from `a`. */
static uint64_t to_digits(uint32_t word)
{
    const uint64_t ones = 0x0101010101010101;
    uint64_t high = word >> 4 & 0x0F0F0F0F, low = word & 0x0F0F0F0F, nibbles = high << 32 | low;
    uint64_t from_ten = (nibbles + 6 * ones) >> 4 & ones;
    return nibbles + '0' * ones + from_ten * ('a' - '0' - 10);
}

void request_id_seed(struct loop_context *context)
{
    struct request_id_source *ids = &context->ids;
    uint32_t chance[2];
    sys_random(chance, sizeof(chance));
    sys_random(&ids->count, sizeof(ids->count));
    ids->digits[0] = to_digits(chance[0]);
    ids->digits[1] = to_digits(chance[1]);
}

/* SplitMix64. Each number comes once, and tells nobody how many came before: the ids have to
 * differ, not to be secret. */
static uint64_t next_number(struct request_id_source *ids)
{
    uint64_t number = ids->count += 0x9e3779b97f4a7c15u;
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9u;
    number = (number ^ number >> 27) * 0x94d049bb133111ebu;
    return number ^ number >> 31;
}

enum { MADE_LENGTH = 2 * sizeof(uint64_t[2]) };

/* In `memory`, MADE_LENGTH bytes. */
__attribute__((always_inline)) static inline struct slice make(struct request_id_source *ids,
                                                               char *memory)
{
    uint64_t number = next_number(ids);
    const uint64_t digits[] = {to_digits((uint32_t)number), to_digits((uint32_t)(number >> 32))};
    memcpy(memory, ids->digits, sizeof(ids->digits));
    memcpy(memory + sizeof(ids->digits), digits, sizeof(digits));
    return slice_of(memory, MADE_LENGTH);
}

/* ---- taking over */

static const struct request_id_setting *setting_of(const struct exchange *exchange)
{
    return exchange->plan ? exchange->plan->request_id : exchange->hold->plans->request_id;
}

static bool is_plain_header(const struct request_id_setting *setting)
{
    return setting->header.length == 0 ||
           slice_equal_fold(setting->header, field_name_text(FIELD_X_REQUEST_ID));
}

static bool is_valid(struct slice id)
{
    for (size_t i = 0; i < id.length; i++) {
        char byte = id.data[i];
        if (!byte_is(byte, BYTE_TOKEN) && byte != '/' && byte != '=' && byte != ':' && byte != ',')
            return false;
    }
    return id.length > 0 && id.length <= REQUEST_ID_MAX;
}

/* What a trusted peer has sent. */
COLD static struct slice find_sent(const struct exchange *exchange)
{
    const struct request_id_setting *setting = setting_of(exchange);
    struct slice none = slice_of(NULL, 0);
    if (!exchange->client_target.data || !setting || setting->is_off)
        return none;
    const struct fields *fields = &exchange->request.fields;
    const struct field *field = is_plain_header(setting)
                                    ? fields_find(fields, FIELD_X_REQUEST_ID)
                                    : fields_find_text(fields, setting->header);
    return field && is_valid(field->value) ? field->value : none;
}

struct slice request_id(struct exchange *exchange)
{
    if (!exchange->id.data && exchange->peer_is_trusted)
        exchange->id = find_sent(exchange);
    if (!exchange->id.data) {
        char *memory = arena_alloc(&exchange->arena, MADE_LENGTH);
        exchange->id = memory ? make(&exchange->context->ids, memory) : SLICE("");
    }
    return exchange->id;
}

/* ---- telling */

/* Nothing of that name is there, and nobody has asked for the id: it is made where it is sent. */
static void add_line(struct exchange *exchange, char *line)
{
    ASSERT(!exchange->id.data);
    char *value = slice_put(line, SLICE("X-Request-Id: "));
    exchange->id = make(&exchange->context->ids, value);
    fields_put_line(&exchange->request.fields, FIELD_X_REQUEST_ID, line, value,
                    value + MADE_LENGTH);
}

COLD static bool set_field(struct exchange *exchange, const struct request_id_setting *setting,
                           struct fields *fields)
{
    bool is_plain = is_plain_header(setting);
    struct slice name = is_plain ? field_name_text(FIELD_X_REQUEST_ID) : setting->header;
    return fields_set(fields, &exchange->arena, is_plain ? FIELD_X_REQUEST_ID : FIELD_OTHER, name,
                      exchange->id);
}

bool request_id_send(struct exchange *exchange, char *line)
{
    const struct request_id_setting *setting = exchange->plan->request_id;
    if (setting->is_off)
        return true;
    struct fields *fields = &exchange->request.fields;
    if (setting->header.length > 0 || exchange->id.data || fields_find(fields, FIELD_X_REQUEST_ID))
        return request_id(exchange).length > 0 && set_field(exchange, setting, fields);
    add_line(exchange, line);
    return true;
}

void request_id_clean_trailers(struct exchange *exchange)
{
    const struct request_id_setting *setting = exchange->plan->request_id;
    if (!setting->is_off && !is_plain_header(setting)) /* that one is known to be no trailer */
        (void)fields_remove_text(&exchange->request_trailers, setting->header);
}

void request_id_answer(struct exchange *exchange)
{
    const struct request_id_setting *setting = setting_of(exchange);
    if (!setting || !setting->answer)
        return;
    /* Without memory the response goes without it. */
    if (request_id(exchange).length > 0)
        (void)set_field(exchange, setting, &exchange->response.fields);
}
