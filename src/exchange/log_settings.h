/* How `log` is written: `access` at the top and in sites and routes, `error` at the top alone. */
#pragma once

#include "conf/setting.h"
#include "exchange/access_settings.h"
#include "obs/log.h"

struct error_setting {
    struct slice to; /* the same; empty where nothing was written: standard error, at notice */
    enum log_level level;
    struct position position;
};

struct log_settings {
    struct access_setting access;
    struct error_setting error;
};

extern const struct setting_group log_group;

/* What holds where nothing was written, too. */
struct slice error_setting_to(const struct error_setting *setting);
enum log_level error_setting_level(const struct error_setting *setting);
