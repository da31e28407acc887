"""Copies of requests go to another upstream; the real ones neither wait for it nor notice it."""

import threading

import pytest

from harness.deadline import poll_until
from harness.metrics import read_metrics
from harness.origin import answering, in_turn
from harness.weir import run_weir_command, write_configuration


@pytest.fixture
def start_mirrored(start_origin, start_weir, directory):
    """A Weir between a real server and a mirror: with `weir`, `real`, `mirror`, `count`."""
    class Mirrored:
        pass

    def start(mirror=None, settings="", real=None, more="", route="", server="", threads=1):
        made = Mirrored()
        made.real, made.mirror = start_origin(real or answering(b"real")), start_origin(mirror)
        made.weir = start_weir(f"""
            threads: {threads}
            admin: unix:{directory}/admin
            upstreams:
              app: {{servers: ["{made.real.server}"], {more}}}
              copy: {{servers: ["{server}{made.mirror.server}"]}}
            sites:
              - proxy: app
                mirror: {{to: copy, {settings}}}
                {route}
        """)

        def count(outcome):
            return read_metrics(f"{directory}/admin")(f"weir_mirrors_{outcome}_total", upstream="copy")

        made.count = count
        made.wait_for = lambda outcome, number: poll_until(
            lambda: count(outcome) == number, what=f"{number} {outcome}")
        return made
    return start


def test_a_copy_is_what_the_server_is_asked(start_mirrored, connect):
    made = start_mirrored(route="rewrite: {add_prefix: /v1}")
    client = connect(made.weir)
    answer = client.ask("PUT", "/a?b=c", body=b"the body", fields=[("X-Own", "1")])
    assert answer.body == b"real"
    (copy,), (real,) = made.mirror.wait_for_requests(), made.real.requests
    assert (copy.method, copy.target, copy.body) == ("PUT", "/v1/a?b=c", b"the body")
    assert copy.fields == real.fields and copy.value("X-Own") == "1"
    made.wait_for("answered", 1)  # then its connection is there for the next one
    assert client.ask("HEAD", "/again").status == 200
    made.wait_for("answered", 2)
    assert [request.method for request in made.mirror.requests] == ["PUT", "HEAD"]
    assert len(made.mirror.connections) == 1 and made.count("failed") == 0


def test_chunks_are_copied_as_a_counted_body(start_mirrored, connect):
    made = start_mirrored(settings="body: 10")
    client = connect(made.weir)
    assert client.ask("POST", body=[b"12345", b"67890"], trailers=[("X-Sum", "1")]).status == 200
    made.wait_for("answered", 1)
    assert client.ask("POST", body=[b"12345", b"67890", b"!"]).status == 200
    assert client.ask("POST", body=b"12345678901").status == 200
    made.wait_for("dropped", 2)
    (copy,) = made.mirror.requests
    assert copy.body == b"1234567890" and copy.framing == "counted"


def test_expectations_are_not_copied(start_mirrored, connect):
    def continues(connection):
        request = connection.read_request_head()
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_request_body(request)
        connection.answer(200, b"real")

    made = start_mirrored(real=continues)
    client = connect(made.weir)
    client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    assert client.read_response_head().status == 100
    client.send(b"body")
    assert client.read_response().body == b"real"
    (copy,) = made.mirror.wait_for_requests()
    assert copy.body == b"body" and not copy.has("Expect")


def test_a_frozen_mirror_costs_nothing_but_copies(start_mirrored, connect):
    def freezes(connection):
        connection.read_request()
        connection.hold()

    made = start_mirrored(freezes, settings="calls: 2, timeout: 1h")
    client = connect(made.weir)
    assert [client.ask().body for _ in range(5)] == [b"real"] * 5
    made.wait_for("dropped", 3)
    assert len(made.mirror.wait_for_requests(2)) == 2


def test_a_copy_ends_with_its_time(start_mirrored, connect):
    def trickles(connection):
        connection.read_request()
        while not connection.origin.stopping.wait(0.02):
            connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")

    made = start_mirrored(trickles, settings="timeout: 200ms")
    assert connect(made.weir).ask().body == b"real"
    made.wait_for("failed", 1)


@pytest.mark.parametrize("behaviour", [
    lambda connection: (connection.read_request(), connection.reset()),
    lambda connection: (connection.read_request(), connection.send(b"nonsense\r\n\r\n")),
    lambda connection: (connection.read_request(),
                        connection.send(b"HTTP/1.1 101 Hm\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"))],
    ids=["reset", "nonsense", "upgrade"])
def test_what_the_mirror_does_is_nobodys_business(start_mirrored, connect, behaviour):
    made = start_mirrored(behaviour)
    client = connect(made.weir)
    assert [client.ask().body for _ in range(3)] == [b"real"] * 3
    made.wait_for("failed", 3)


@pytest.mark.parametrize("method, outcome", [("GET", "answered"), ("POST", "failed")])
def test_a_dead_connection_is_replaced_where_that_is_safe(start_mirrored, connect, method, outcome):
    def leaves(connection):
        connection.read_request()
        connection.answer()
        connection.read_request()

    made = start_mirrored(in_turn(leaves, answering()))
    client = connect(made.weir)
    client.ask("GET", "/first")
    made.wait_for("answered", 1)
    assert client.ask(method, "/second").body == b"real"
    made.wait_for(outcome, 2 if outcome == "answered" else 1)
    asked = [request.target for request in made.mirror.requests]
    assert asked == ["/first", "/second"] + ["/second"] * (outcome == "answered")


def test_long_answers_are_not_read_to_their_end(start_mirrored, connect):
    def answers_for_ever(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        try:
            while not connection.origin.stopping.is_set():
                connection.send(b"x" * 65536)
        except ConnectionError:
            pass

    made = start_mirrored(answers_for_ever)
    assert connect(made.weir).ask().body == b"real"
    made.wait_for("answered", 1)


def test_a_body_that_does_not_come_is_not_copied(start_mirrored, connect):
    made = start_mirrored()
    client = connect(made.weir)
    client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
    made.real.wait_for_connections()
    client.reset()
    made.wait_for("dropped", 1)
    assert not made.mirror.connections


def test_explain_makes_no_copy(start_mirrored, connect):
    made = start_mirrored()
    words = ("explain", "--live", "-c", made.weir.arguments[2], "GET", "http://a/explained")
    assert run_weir_command(*words).returncode == 0
    assert connect(made.weir).ask(target="/asked").status == 200
    made.wait_for("answered", 1)
    assert [request.target for request in made.mirror.requests] == ["/asked"]


def test_who_looks_for_room_again_has_one_copy(start_mirrored, connect):
    """Where the one connection is idle on another loop, a server is looked for twice."""
    made = start_mirrored(more="circuit_breaker: {max_connections: 1}", threads=2)
    for number in range(12):  # each client on whatever loop
        for target, body in ((f"/{number}", b""), (f"/body/{number}", b"x")):
            answer = connect(made.weir).ask("PUT", target, body=body)
            assert answer.status in (200, 503)  # the one before may not be idle yet
    poll_until(lambda: made.count("answered") + made.count("dropped") == 24, what="24 copies or none")
    targets = [request.target for request in made.mirror.requests]
    assert len(targets) == len(set(targets)) and made.count("failed") == 0


def test_attempts_have_one_copy(start_mirrored, connect):
    made = start_mirrored(real=answering(b"no", status=503),
                          more="ejection: {failures: 0}, retry: {attempts: 3, on: 503, backoff: 1ms}")
    assert connect(made.weir).ask("PUT", body=b"x").status == 503
    assert len(made.real.requests) == 3
    made.wait_for("answered", 1)
    assert [request.body for request in made.mirror.requests] == [b"x"]


def test_a_share_is_copied_and_a_route_may_have_none(start_mirrored, connect):
    made = start_mirrored(settings="share: 50%", route="routes: [{path: /private, mirror: {to: off}}]")
    client = connect(made.weir)
    for _ in range(200):
        assert client.ask().status == 200
        assert client.ask(target="/private").status == 200
    poll_until(lambda: made.count("answered") == len(made.mirror.requests), what="all are answered")
    assert 50 < len(made.mirror.requests) < 150
    assert {request.target for request in made.mirror.requests} == {"/"}


def test_weir_stops_while_copies_are_under_way(start_mirrored, connect):
    def freezes(connection):
        connection.read_request()
        connection.hold()

    made = start_mirrored(freezes, settings="timeout: 1h")
    assert connect(made.weir).ask().body == b"real"
    made.mirror.wait_for_requests()
    made.weir.stop()


@pytest.mark.parametrize("text", ["sites: [{proxy: 'a:1', mirror: {to: nobody}}]\n",
                                  "defaults: {mirror: {to: nobody}}\nsites: [{proxy: 'a:1'}]\n"])
def test_a_mirror_that_is_not_there_is_an_error(directory, text):
    write_configuration(directory, text, ("127.0.0.1", 9))
    told = run_weir_command("check", "-c", f"{directory}/weir.yaml")
    assert told.returncode == 1 and 'there is no upstream "nobody"' in told.stderr


def test_a_copy_lives_on_over_a_reload(start_mirrored, connect):
    """Under what its exchange began with, though that is over."""
    goes_on = threading.Event()

    def waits(connection):
        connection.read_request()
        connection.wait(goes_on)
        connection.answer(200, b"late")

    made = start_mirrored(waits, settings="timeout: 1h")
    assert connect(made.weir).ask().body == b"real"
    made.mirror.wait_for_requests()
    for _ in range(2):
        assert run_weir_command("reload", "-c", made.weir.arguments[2]).returncode == 0
        assert connect(made.weir).ask(target="/after").body == b"real"
    goes_on.set()
    made.wait_for("answered", 3)


def test_copies_go_to_servers_of_http_2_as_well(start_origin, start_h2_origin, start_weir, connect):
    real, copies = start_origin(answering(b"real")), start_h2_origin()
    weir = start_weir(f'sites: [{{proxy: "{real.server}", mirror: {{to: "{copies.url}"}}}}]\n')
    body = bytes(range(250)) * 200
    client = connect(weir)
    assert client.ask("PUT", body=body).body == b"real"
    assert client.ask().body == b"real"
    copies.wait_for_requests(2)
    assert sorted(request.body for request in copies.requests) == [b"", body]
