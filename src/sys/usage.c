#include "sys/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of /proc/self; NULL and -1 where it could not be opened. */
static struct {
    bool is_prepared;
    DIR *descriptors, *threads;
    int memory;
} proc;

void sys_usage_prepare(void)
{
    if (proc.is_prepared)
        return;
    proc.is_prepared = true;
    proc.descriptors = opendir("/proc/self/fd");
    proc.threads = opendir("/proc/self/task");
    proc.memory = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

static uint64_t count_entries(DIR *directory)
{
    uint64_t count = 0;
    if (!directory)
        return 0;
    rewinddir(directory);
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    return count;
}

/* The second number of statm: resident pages. */
static uint64_t resident_pages(void)
{
    char text[256];
    ssize_t length = proc.memory < 0 ? -1 : pread(proc.memory, text, sizeof(text) - 1, 0);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    const char *second = strchr(text, ' ');
    return second ? strtoull(second, NULL, 10) : 0;
}

struct sys_usage sys_process_usage(void)
{
    sys_usage_prepare();
    return (struct sys_usage){
        .resident_bytes = resident_pages() * (uint64_t)sysconf(_SC_PAGESIZE),
        .descriptors = count_entries(proc.descriptors),
        .threads = count_entries(proc.threads),
    };
}
