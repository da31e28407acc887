#include "sys/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/landlock.h may be older than the system that we run on. */
struct rules {
    uint64_t files, ports, scopes;
};

enum {
    FILES_1 = (1 << 13) - 1, /* all that version 1 knows */
    FILES_2 = 1 << 13,       /* to move to other directories */
    FILES_3 = 1 << 14,       /* to cut */
    FILES_5 = 1 << 15,       /* to control devices */
    SCOPE_SIGNALS = 1 << 1,  /* version 6 */
};

/* What getaddrinfo and libc-ares read: directories, because these files are replaced as often as
 * changed, and a rule is for the file that it was made for. */
static const char *const readable[] = {
    "/etc",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/etc/resolv.conf", /* wherever the link leads */
    "/etc/hosts",
    "/dev/urandom", /* the numbers of questions to name servers, which nobody may guess */
};

static int version(void)
{
    long number = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return number < 0 ? 0 : (int)number;
}

static int make_ruleset(int version)
{
    struct rules rules = {.files = FILES_1};
    rules.files |= version >= 2 ? FILES_2 : 0;
    rules.files |= version >= 3 ? FILES_3 : 0;
    rules.files |= version >= 5 ? FILES_5 : 0;
    rules.scopes = version >= 6 ? SCOPE_SIGNALS : 0;
    /* An older system takes the longer struct as long as the rest is zero. */
    long made = syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
    return made < 0 ? -errno : (int)made;
}

/* What is not there cannot be read either. */
static void let_read(int ruleset, const char *path)
{
    struct stat status;
    struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE};
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return;
    if (fstat(rule.parent_fd, &status) == 0 && S_ISDIR(status.st_mode))
        rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
    (void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    (void)close(rule.parent_fd);
}

int sys_wall_off_files(void)
{
    int known = version();
    int ruleset = known > 0 ? make_ruleset(known) : -ENOSYS;
    if (ruleset < 0)
        return ruleset;
    for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
        let_read(ruleset, readable[i]);
    int error = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0 : -errno;
    (void)close(ruleset);
    return error;
}
