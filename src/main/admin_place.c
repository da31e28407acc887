#include "main/admin_place.h"

#include "sys/open.h"

#include <limits.h>
#include <stdlib.h>

bool admin_place(const struct admin_settings *settings, const char *path,
                 struct address *ret_address)
{
    char whole[PATH_MAX];
    *ret_address = settings->address;
    if (settings->address.ip.kind != ADDRESS_NONE)
        return true;
    if (!path || !sys_real_path(path, whole, sizeof(whole)))
        return false;
    return admin_default_address(slice_from_text(whole), sys_user(), getenv("XDG_RUNTIME_DIR"),
                                 ret_address);
}
