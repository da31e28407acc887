/* Lists of addresses: who is trusted, who is meant by a condition. */
#pragma once

#include "base/address.h"
#include "conf/setting.h"

struct ip_ranges {
    const struct ip_range *items;
    size_t count;
    bool unix_peers; /* peers on Unix sockets are meant too */
};

bool ip_ranges_contain(const struct ip_ranges *ranges, const struct ip *ip);

/* Reads an address, a range, `unix`, or a list of them for the setting `name`. False: what is wrong
 * was told. */
bool ip_ranges_read(struct setting_reader *reader, const char *name, const struct node *node,
                    struct ip_ranges *ret_ranges);
