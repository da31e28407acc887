#include "obs/syslog.h"

#include "obs/log.h"

enum { FACILITY_DAEMON = 3 };

bool syslog_is_meant(struct slice to)
{
    return slice_equal(to, SLICE("syslog")) || slice_starts_with(to, SLICE("syslog:"));
}

bool syslog_address(struct slice to, struct address *ret_address)
{
    struct slice text = slice_equal(to, SLICE("syslog")) ? SLICE("unix:/dev/log")
                                                         : slice_from(to, SLICE("syslog:").length);
    return syslog_is_meant(to) && address_parse(text, ret_address) && !address_is_any(ret_address);
}

void syslog_print_header(struct text *text, enum log_severity severity, int64_t wall_ms,
                         uint32_t process)
{
    text_print(text, "<%d>1 ", FACILITY_DAEMON * 8 + (int)severity);
    log_print_time(text, wall_ms);
    text_print(text, " - weir %u - - ", process);
}
