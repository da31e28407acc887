"""Loopback ports that nobody else has: each worker of pytest-xdist takes its own range, and two
test runs at once on one machine keep out of each other's way by a lock for each port.

The ports lie below the kernel's ephemeral range, so that no outgoing connection takes one."""

import os
import socket

FIRST, END = 10000, 32000


def _worker_range():
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    each = (END - FIRST) // workers
    return FIRST + number * each, FIRST + (number + 1) * each


class Ports:
    """Hands out ports; each stays reserved until the process ends."""

    def __init__(self):
        self._next, self._end = _worker_range()
        self._locks = []

    def take(self):
        while self._next < self._end:
            port, self._next = self._next, self._next + 1
            if self._reserve(port):
                return port
        raise RuntimeError("no free port is left in this worker's range")

    def _reserve(self, port):
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0weir-test-port-{port}")  # abstract: goes with the process
        except OSError:
            lock.close()
            return False
        if not _is_free(port):
            lock.close()
            return False
        self._locks.append(lock)
        return True


def _is_free(port):
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with socket.socket(family) as probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
