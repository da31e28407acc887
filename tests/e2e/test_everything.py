"""Everything that an upstream can do, at once, while its servers come and go: whatever meets whatever,
no answer is wrong, and in the end nothing is left over."""

import random
import textwrap
import threading

import pytest

from harness import http1
from harness.client import Client
from harness.deadline import poll_until
from harness.live import change, reload
from harness.load import Load
from harness.metrics import read_metrics

CONNECTIONS_MAX = 5


def serve(connection):
    while True:
        connection.answer(200, connection.read_request().target.encode() * 100)


def misbehave(connection):
    """In turn: right, refused, late, reset, over."""
    for number in range(connection.number % 5, 1000):
        body = connection.read_request().target.encode() * 100
        if number % 5 == 2:
            connection.origin.stopping.wait(0.05)
        elif number % 5 == 3:
            connection.reset()
            return
        connection.answer(503 if number % 5 == 1 else 200, body)
        if number % 5 == 4:
            return


def configuration(directory, servers, attempts=3):
    return textwrap.dedent(f"""
        threads: 3
        admin: unix:{directory}/admin
        upstreams:
          app:
            servers: [{servers}]
            balance: least_connections
            circuit_breaker: {{max_connections: {CONNECTIONS_MAX}, max_calls: 20}}
            queue: {{size: 10, timeout: 1s}}
            retry: {{attempts: {attempts}, backoff: 1ms, on: [failure, 503], budget: 100%}}
            ejection: {{failures: 3, time: 1s}}
            health: {{path: /health, interval: 100ms}}
            slow_start: 1s
          copy: {{servers: [{servers}], circuit_breaker: {{max_connections: 2}}}}
        sites:
          - proxy: app
            hedge: {{after: 5ms}}
            mirror: {{to: copy, calls: 5, timeout: 1s}}
    """)


class Bodies:
    """Clients that send bodies, of which some leave in the middle; a context."""

    def __init__(self, weir, clients=3):
        self.weir, self.stopping, self.statuses = weir, threading.Event(), set()
        self.threads = [threading.Thread(target=self._ask, args=(random.Random(number),))
                        for number in range(clients)]
        for thread in self.threads:
            thread.start()

    def _ask(self, chance):
        while not self.stopping.is_set():
            client = Client(self.weir.address)
            try:
                client.send_request("PUT", "/body", body=b"x" * chance.randrange(1, 50000))
                if chance.random() < 0.2:
                    client.reset()
                else:
                    self.statuses.add(client.read_response().status)
            except (http1.Cut, ConnectionError):
                pass
            client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a client hangs"


def serve_h2(connection):
    """The same, of many streams at once."""
    answered = set()
    while True:
        connection.read_frame()
        for stream, request in connection.streams.items():
            if request.ended and request.reset is None and stream not in answered:
                answered.add(stream)
                connection.answer(request, body=request.get(":path").encode() * 100)


@pytest.mark.parametrize("rounds", [2, pytest.param(100, marks=pytest.mark.soak)])
def test_everything_at_once(start_origin, start_h2_origin, start_weir, directory, rounds):
    first, late = start_origin(serve), start_origin(serve)
    origins = [first, start_origin(misbehave), start_h2_origin(serve_h2)]
    servers = ", ".join(f'{{address: "{origin.url}", max_connections: 8}}' for origin in origins)
    weir = start_weir(configuration(directory, servers))
    with Load(weir, clients=6) as load, Bodies(weir) as bodies:
        for number in range(rounds):
            change(weir, "add", "app", late.server, "max_connections", "4")
            load.wait_for(10)
            change(weir, "remove", "app", first.server)
            reload(weir, configuration(directory, servers, attempts=2 + number % 3))
            load.wait_for(10)
            change(weir, "add", "app", first.server, "max_connections", "8")
            change(weir, "remove", "app", late.server)
            load.wait_for(10)
    assert bodies.statuses <= {200, 502, 503, 504}

    def figure(name, **labels):
        return read_metrics(f"{directory}/admin")(name, **labels)

    poll_until(lambda: figure("weir_server_active") == 0, what="that all calls are over")
    assert figure("weir_queue_length") == 0
    assert figure("weir_upstream_connections", upstream="app") <= CONNECTIONS_MAX
    assert figure("weir_mirrors_answered_total") > 0
