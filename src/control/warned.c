#include "control/warned.h"

enum { DAY_MS = TLS_DAY_SECONDS * 1000 };

bool warned_is_due(struct warned *warned, enum tls_step_to_end step, uint64_t now_ms)
{
    bool is_further = step > warned->step;
    bool is_reminder = step == TLS_HAS_ENDED && now_ms - warned->told_ms >= DAY_MS;
    warned->step = step;
    if (!is_further && !is_reminder)
        return false;
    warned->told_ms = now_ms;
    return true;
}
