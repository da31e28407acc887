"""What an ordinary exchange costs of system calls: two receives and two sends, and the waits between
them (ARCHITECTURE.md). Seen from outside, by strace, on the thread of the loop."""

import collections
import contextlib
import pathlib
import re
import signal
import subprocess

import pytest

from harness.certificates import a_site
from harness.weir import is_sanitized

EXCHANGES = 400
SELDOM = EXCHANGES // 4
WAITS = {"epoll_wait", "epoll_pwait", "epoll_pwait2"}
pytestmark = pytest.mark.skipif(is_sanitized(), reason="sanitizers make calls of their own")


def loop_thread(weir):
    for task in pathlib.Path(f"/proc/{weir.process.pid}/task").iterdir():
        if (task / "comm").read_text() == "weir-loop\n":
            return int(task.name)
    raise AssertionError("there is no loop")


@contextlib.contextmanager
def counting(weir, path):
    """Gives a Counter of the calls of the loop, which is filled at the end."""
    calls = collections.Counter()
    strace = subprocess.Popen(["strace", "-p", str(loop_thread(weir)), "-o", path],
                              stderr=subprocess.PIPE, text=True)
    try:
        told = strace.stderr.readline()
        assert "attached" in told, told
        yield calls
    finally:
        strace.send_signal(signal.SIGINT)
        strace.communicate()
    for line in path.read_text().splitlines():
        if name := re.match(r"(?:<\.\.\. )?(\w+)(?:\(| resumed)", line):
            if "<unfinished" not in line:
                calls[name[1]] += 1


def ask_many(weir, client, path):
    assert client.ask().status == 200  # opens the connection to the server
    with counting(weir, path) as calls:
        for _ in range(EXCHANGES):
            assert client.ask().status == 200
    return calls


def expect_no_more(calls):
    """A receive and a send on either side, and a wait for each receive. What the loop does once a
    second, however many exchanges there are, is far less than one call for each."""
    assert {name: calls[name] for name in ["recvfrom", "sendto"]} == dict.fromkeys(
        ["recvfrom", "sendto"], 2 * EXCHANGES)
    others = {name: count for name, count in calls.items() if name not in ("recvfrom", "sendto")}
    waits = sum(others.pop(name, 0) for name in WAITS)
    assert waits <= 2 * EXCHANGES + SELDOM
    assert sum(others.values()) <= SELDOM, others


@pytest.mark.parametrize("settings", ["", "log: {access: {to: %s/access.log}}\n"],
                         ids=["as it is", "with an access log"])
def test_an_ordinary_exchange(start_origin, start_proxy, connect, directory, settings):
    weir = start_proxy(start_origin(), settings=settings.replace("%s", str(directory)))
    expect_no_more(ask_many(weir, connect(weir), directory / "calls"))


def test_an_ordinary_exchange_over_tls(authority, start_origin, start_tls, tls, directory):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site(rest=f"proxy: {start_origin().url}"), "threads: 1")
    expect_no_more(ask_many(weir, tls(weir), directory / "calls"))
