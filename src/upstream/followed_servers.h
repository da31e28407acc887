/* What the records of a followed name mean as servers. Pure. */
#pragma once

#include "sys/dns_answer.h"
#include "upstream/roster.h"

/* What the line of the configuration says of them. */
struct followed_line {
    struct slice host;
    bool is_service; /* SRV records say where they are */
    bool is_tls, is_h2;
};

_Static_assert((int)DNS_RECORDS_MAX <= (int)ROSTER_ANSWERS_MAX, "the roster takes all");

/* One for each record, with their keys in `arena`; the records are in order of priority, as they
 * are in an answer. Priorities of SRV records become 1, 2, ... and the last ones share one where
 * there are too many; weights, which go to 65535 and of which 0 is least (RFC 2782), ours from 1 to
 * 1000. False: no memory. */
bool followed_servers(const struct followed_line *line, const struct dns_record *records,
                      uint32_t count, struct arena *arena,
                      struct roster_answer ret_servers[DNS_RECORDS_MAX]);
