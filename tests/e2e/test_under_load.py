"""Many clients at once, clients that attack and servers that fail: small for every day, and, for
`make soak`, of a size that takes up to a minute. What is played stands in harness/scenarios.py."""

import asyncio
import functools
import signal
import time

import pytest

from harness.busy_origin import BusyOrigin, body_of
from harness.client import request_bytes
from harness.crowd import Visitor
from harness.deadline import poll_until
from harness.metrics import read_metrics
from harness.process import cpu_seconds, loops_cpu_seconds, need_descriptors, pss_kib
from harness.scenarios import (Measures, ask_too_much, attack, connect_and_reset, crowd, drip_body,
                               drip_head, exhaust_descriptors, failing_servers, frozen, killed)
from harness.weir import is_sanitized

SECONDS = 60  # of what is long
IDLE, ACTIVE, SLOW = 10000, 2000, 200
PIPES_IDLE_MAX = 16  # that a loop keeps, see net/pump.c

# What these may cost at most. A slow reader may make Weir hold 400 KiB, says
# docs/limits-and-timeouts.md.
PSS_PEAK_KIB_MAX = 4 * 1024 + IDLE + ACTIVE * 16 + SLOW * 400
LEFT_KIB_MAX, LEFT_BY_LOOP_KIB_MAX = 2048, 1024  # tables, and what the allocator keeps in pieces


@pytest.fixture
def start_busy_origin(ports, start_weir):
    """start_busy_origin() gives a back end in a process of its own; all end before Weir does."""
    origins = []

    def start():
        origins.append(BusyOrigin(("127.0.0.1", ports.take())))
        return origins[-1]

    yield start
    for origin in origins:
        origin.stop()


# Small


def test_idle_and_slow_clients_beside_active_ones(start_busy_origin, start_proxy):
    origin = start_busy_origin()
    asyncio.run(crowd(start_proxy(origin), idle=500, active=100, slow=10, seconds=1))


@pytest.mark.parametrize("failure", [killed, frozen])
def test_one_of_two_servers_fails_under_load(start_busy_origin, start_proxy, failure):
    origins = [start_busy_origin(), start_busy_origin()]
    weir = start_proxy(*origins, settings="timeouts: {first_byte: 1s, between_bytes: 1s}")
    asyncio.run(failing_servers(weir, origins, [functools.partial(failure, seconds=0.3)],
                                clients=16, tunnels=0, seconds=1))


@pytest.mark.parametrize("drip, told", [(drip_head, 408), (drip_body, 504)])
def test_who_drips_is_cut_and_nobody_else(start_busy_origin, start_proxy, drip, told):
    weir = start_proxy(start_busy_origin(), settings="""
        timeouts: {request_header: 1500ms, request: 1500ms}
    """)
    answers = asyncio.run(attack(weir, [functools.partial(drip, pause=0.1)] * 100, wanted=[told]))
    assert set(answers) <= {told}, answers


def test_floods_of_what_is_refused(start_busy_origin, start_proxy):
    weir = start_proxy(start_busy_origin(), settings="""
        limits: {header_size: 2KiB, body_size: 1KiB}
        timeouts: {request_header: 500ms}
    """)
    answers = asyncio.run(attack(weir, refused_attackers(10), wanted=[408, 413, 431]))
    assert set(answers) <= {408, 413, 431}, answers


def refused_attackers(each):
    """So many of each kind, for the limits of the test above."""
    requests = [b"GET / HTTP/1.1\r\nHost: exam",                        # 408
                request_bytes("POST", body=b"x" * 5000),                # 413
                request_bytes("POST", body=[b"x" * 5000]),              # 413
                request_bytes(fields=[("X-A", "a" * 5000)])]            # 431
    return [functools.partial(ask_too_much, request=request) for request in requests] * each


def test_clients_that_connect_and_reset(start_busy_origin, start_proxy):
    weir = start_proxy(start_busy_origin(), settings="timeouts: {pool_idle: 1s}")
    asyncio.run(attack(weir, [connect_and_reset] * 20, wanted=["reset"], seconds=1))


def test_out_of_descriptors_who_is_connected_is_served(start_busy_origin, start_proxy):
    weir = start_proxy(start_busy_origin())
    asyncio.run(exhaust_descriptors(weir, room=60, seconds=0.3))


def test_all_loops_serve_many_clients_of_one_address(start_busy_origin, start_weir):
    """And they share their connections to the server: a loop has no more than it needs."""
    origin = start_busy_origin()
    weir = start_weir(f"threads: 4\nsites: [{{proxy: \"{origin.server}\"}}]")
    asyncio.run(crowd(weir, idle=200, active=60, slow=0, seconds=1))
    times = loops_cpu_seconds(weir.process.pid)
    assert len(times) == 4 and min(times) > 0.001, times


@pytest.mark.parametrize("listener", ["TCP", "Unix"])
def test_who_has_come_before_a_stop_is_answered(start_busy_origin, start_weir, directory, listener):
    """All wait to be accepted when the stop is told; loops take them from each other, and the last
    ones are answered long after the others."""
    origin = start_busy_origin()
    weir = start_weir(f"threads: 4\nsites: [{{proxy: \"{origin.server}\"}}]",
                      str(directory / "w.sock") if listener == "Unix" else None)
    targets = ["/quick?size=100"] * 250 + ["/late?size=100&pieces=4"] * 3
    asyncio.run(stop_before_they_are_accepted(weir, targets))
    weir.wait_for_end()


async def stop_before_they_are_accepted(weir, targets):
    weir.signal(signal.SIGSTOP)
    clients = [await Visitor.open(weir.address) for _ in targets]
    for client, target in zip(clients, targets):
        await client.send(request_bytes("GET", target))
    weir.signal(signal.SIGTERM)
    weir.signal(signal.SIGCONT)
    for client, target in zip(clients, targets):
        response = await client.read_response()
        assert (response.status, response.body) == (200, body_of(target)), target
        client.close()


# Large

def check_rest(weir):
    """With nothing to do, Weir does nothing."""
    used = cpu_seconds(weir.process.pid)
    time.sleep(3)
    assert cpu_seconds(weir.process.pid) - used <= 0.03


@pytest.mark.soak
@pytest.mark.parametrize("threads", [1, 4])
def test_idle_active_and_slow_clients_for_a_minute(start_busy_origin, start_weir, directory,
                                                   threads):
    """A third of the minute each, one crowd after the other. How much memory is in use at once
    depends on who happens to meet whom, so a peak is only limited. Behind a crowd nothing is in use
    any more, and what is left is what Weir keeps for the next one, as its metrics tell, and
    little else."""
    need_descriptors(IDLE + ACTIVE * 3)
    origin, admin = start_busy_origin(), str(directory / "admin.sock")
    weir = start_weir(f"""
        admin: unix:{admin}
        threads: {threads}
        timeouts: {{keep_alive: 10m, pool_idle: 2s}}
        sites: [{{proxy: "{origin.server}"}}]
    """)
    first = Measures(weir)
    for _ in range(3):
        measures = asyncio.run(crowd(weir, IDLE, ACTIVE, SLOW, SECONDS / 3))
        asyncio.run(first.until_left(kept=2 * PIPES_IDLE_MAX * threads))
        check_rest(weir)
        poll_until(lambda: read_metrics(admin)("weir_memory_bytes", state="used") == 0, 30,
                   "nothing in use")
        if not is_sanitized():
            assert measures.pss_peak <= PSS_PEAK_KIB_MAX, measures.tell()
            spare = read_metrics(admin)("weir_memory_bytes", state="spare") / 1024
            enough = first.pss_first + spare + LEFT_KIB_MAX + LEFT_BY_LOOP_KIB_MAX * threads
            poll_until(lambda: pss_kib(weir.process.pid) <= enough, 30,
                       f"{enough} KiB and no more, {spare} of them spare")
            print(f"left behind: {pss_kib(weir.process.pid)} KiB, {spare} KiB spare")
    if threads > 1:
        assert min(loops_cpu_seconds(weir.process.pid)) > SECONDS / 200


@pytest.mark.soak
@pytest.mark.parametrize("threads", [1, 4])
def test_servers_fail_in_turn_for_a_minute(start_busy_origin, start_weir, threads):
    origins, steady = [start_busy_origin() for _ in range(3)], start_busy_origin()
    servers = ", ".join(f'"{origin.server}"' for origin in origins)
    weir = start_weir(f"""
        threads: {threads}
        timeouts: {{first_byte: 1s, between_bytes: 1s}}
        sites:
          - host: tunnel.example
            proxy: {steady.server}
          - proxy: [{servers}]
    """)
    # Frozen first: who was killed a moment ago is not asked.
    asyncio.run(failing_servers(weir, origins, [frozen, killed], clients=64, tunnels=200,
                                seconds=SECONDS))


@pytest.mark.soak
def test_thousands_drip_for_half_a_minute(start_busy_origin, start_proxy):
    need_descriptors(8000)
    weir = start_proxy(start_busy_origin(), settings="timeouts: {request_header: 5s, request: 8s}")
    attackers = [functools.partial(drip, pause=1) for drip in (drip_head, drip_body)] * 1000
    answers = asyncio.run(attack(weir, attackers, wanted=[408, 504], seconds=SECONDS / 2))
    assert set(answers) <= {408, 504}, answers


@pytest.mark.soak
def test_floods_of_what_is_refused_for_half_a_minute(start_busy_origin, start_proxy):
    weir = start_proxy(start_busy_origin(), settings="""
        limits: {header_size: 2KiB, body_size: 1KiB}
        timeouts: {request_header: 2s}
    """)
    answers = asyncio.run(attack(weir, refused_attackers(25), wanted=[408, 413, 431],
                                 seconds=SECONDS / 2))
    assert set(answers) <= {408, 413, 431}, answers


@pytest.mark.soak
@pytest.mark.parametrize("threads", [1, 4])
def test_clients_connect_and_reset_for_half_a_minute(start_busy_origin, start_weir, threads):
    origin = start_busy_origin()
    weir = start_weir(f"threads: {threads}\nsites: [{{proxy: \"{origin.server}\"}}]\n")
    asyncio.run(attack(weir, [connect_and_reset] * 200, wanted=["reset"], seconds=SECONDS / 2))


@pytest.mark.soak
def test_out_of_descriptors_for_a_while(start_busy_origin, start_proxy):
    """Who cannot accept waits without turning in circles."""
    weir = start_proxy(start_busy_origin())
    for _ in range(3):
        used = asyncio.run(exhaust_descriptors(weir, room=400, seconds=10))
        assert used < 0.5, f"{used} s of CPU in 10 s"
    check_rest(weir)
