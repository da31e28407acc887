#include "sys/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t count_entries(const char *path)
{
    DIR *directory = opendir(path);
    uint64_t count = 0;
    if (!directory)
        return 0;
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    (void)closedir(directory);
    return count;
}

/* The second number of /proc/self/statm: resident pages. */
static uint64_t resident_pages(void)
{
    char text[256];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        (void)close(fd);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    const char *second = strchr(text, ' ');
    return second ? strtoull(second, NULL, 10) : 0;
}

struct sys_usage sys_process_usage(void)
{
    uint64_t descriptors = count_entries("/proc/self/fd");
    return (struct sys_usage){
        .resident_bytes = resident_pages() * (uint64_t)sysconf(_SC_PAGESIZE),
        .descriptors = descriptors > 0 ? descriptors - 1 : 0, /* but the one to count them */
        .threads = count_entries("/proc/self/task"),
    };
}
