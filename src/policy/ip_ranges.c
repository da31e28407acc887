#include "policy/ip_ranges.h"

#include "base/arena.h"
#include "base/assert.h"

bool ip_ranges_contain(const struct ip_ranges *ranges, const struct ip *ip)
{
    ASSERT(ranges->count == 0 || ranges->items);
    if (ip->kind == ADDRESS_UNIX)
        return ranges->unix_peers;
    for (size_t i = 0; i < ranges->count; i++) {
        if (ip_range_contains(&ranges->items[i], ip))
            return true;
    }
    return false;
}

static void clear_bits_from(struct ip *ip, size_t bits)
{
    for (size_t bit = bits; bit < 8 * sizeof(ip->bytes); bit++)
        ip->bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

/* `10.0.0.1/8` is nearly right: one address of the range stands for it. */
static const char *cure_for(struct diagnostics *diagnostics, struct slice written)
{
    char memory[ADDRESS_TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory));
    struct slice rest = written, address = slice_cut(&rest, '/');
    uint64_t bits = 0;
    struct ip ip;
    if (!ip_parse(address, &ip) ||
        !slice_to_number(rest, ip.kind == ADDRESS_IPV4 ? 32 : 128, &bits))
        return "write an address, a range as in 10.0.0.0/8, or unix for Unix sockets";
    clear_bits_from(&ip, (size_t)bits);
    ip_print(&text, &ip);
    return diagnostics_text(diagnostics, "write \"%.*s/%u\"", (int)text.length, memory,
                            (unsigned)bits);
}

static bool read_one(struct setting_reader *reader, const char *name, const struct node *node,
                     struct ip_ranges *ranges, struct ip_range *items)
{
    if (node->kind != NODE_SCALAR || node_is_nothing(node))
        return setting_refuse(reader, name, "an address, a range, or a list of them", "10.0.0.0/8",
                              node);
    if (slice_equal(node->text, SLICE("unix"))) {
        ranges->unix_peers = true;
        return true;
    }
    if (ip_range_parse(node->text, &items[ranges->count])) {
        ranges->count++;
        return true;
    }
    const char *list = setting_list_cure(reader->diagnostics, node->text);
    diagnostics_error(reader->diagnostics, node->position,
                      list ? list : cure_for(reader->diagnostics, node->text),
                      "\"%.*s\" is neither an address nor a range", SHOWN(node->text));
    return false;
}

bool ip_ranges_read(struct setting_reader *reader, const char *name, const struct node *node,
                    struct ip_ranges *ret_ranges)
{
    bool is_list = node->kind == NODE_SEQUENCE && node->count > 0;
    uint32_t count = is_list ? node->count : 1;
    struct ip_range *items = ARENA_ARRAY(reader->arena, struct ip_range, count);
    if (!items)
        return false;
    *ret_ranges = (struct ip_ranges){.items = items};
    bool good = true;
    for (uint32_t i = 0; i < count; i++)
        good &= read_one(reader, name, is_list ? node->items[i] : node, ret_ranges, items);
    return good;
}
