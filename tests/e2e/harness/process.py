"""What the kernel tells of a process, and limits on it."""

import os
import pathlib
import re
import resource

import pytest

TICKS = os.sysconf("SC_CLK_TCK")


def pss_kib(pid):
    """Proportional set size: its memory, with its share of what it shares."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)[1])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid):
    """User and system time."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def loops_cpu_seconds(pid):
    """Of each thread that is a loop, finer than a tick."""
    return [int((task / "schedstat").read_text().split()[0]) / 1e9
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            if (task / "comm").read_text() == "weir-loop\n"]


def limit_descriptors(pid, count):
    """From now on the process opens nothing while it has so many open. Returns the old limit."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, hard))
    return soft


def need_descriptors(count):
    """Skips the test where a process may not have so many open."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY and most < count:
        pytest.skip(f"needs {count} descriptors in one process; the system allows {most}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count if most < 0 else most, most))
