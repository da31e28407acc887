#include "main/admin_place.h"

#include <limits.h>
#include <stdlib.h>

bool admin_place(const struct admin_settings *settings, const char *path, struct sys_opener *opener,
                 struct address *ret_address)
{
    char whole[PATH_MAX];
    *ret_address = settings->address;
    if (settings->address.ip.kind != ADDRESS_NONE)
        return true;
    if (!path || !opener->real_path(opener, path, whole, sizeof(whole)))
        return false;
    uint32_t user = opener->process > 0 ? opener->user : sys_user();
    return admin_default_address(slice_from_text(whole), user, getenv("XDG_RUNTIME_DIR"),
                                 ret_address);
}
