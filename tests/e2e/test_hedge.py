"""A second server is asked as well where the first one takes its time, and the first good answer is
the client's."""

import socket
import threading

import pytest

from harness.deadline import poll_until
from harness.metrics import read_metrics
from harness.origin import answering, in_turn
from harness.weir import run_weir_command, write_configuration


PATIENCE = 600  # seconds; tests are over long before


def holds(connection):
    """Until it is given up."""
    connection.read_request()
    connection.read_to_end(PATIENCE)


def wait_for_the_other(connection):
    connection.origin.other.wait_for_requests()


def wait_for_the_end_of_the_other(connection):
    other = connection.origin.other
    other.wait_until(lambda: other.requests and not other.open_connections(), "the other is over")


def fails_when_told(connection):
    """With 503, once the other server was asked."""
    connection.read_request()
    wait_for_the_other(connection)
    connection.answer(503, b"failed")
    connection.read_to_end(PATIENCE)


def answers_behind(connection):
    connection.read_request()
    wait_for_the_end_of_the_other(connection)
    connection.answer(200, b"behind")


def resets_behind(connection):
    connection.read_request()
    wait_for_the_end_of_the_other(connection)
    connection.reset()


def is_left(origin):
    origin.wait_until(lambda: not origin.open_connections(), "its connection is closed")


@pytest.fixture
def start_hedged(start_origin, start_weir, directory):
    """A Weir before two servers, of which the first is asked first: with `weir`, `first`, `second`,
    `count`, `log`."""
    class Hedged:
        pass

    def start(first, second=answering(b"second"), after="20ms", upstream="", route="", more=""):
        made = Hedged()
        made.first, made.second = start_origin(first), start_origin(second)
        made.first.other, made.second.other = made.second, made.first
        made.log = directory / "access.log"
        made.text = f"""
            threads: 1
            admin: unix:{directory}/admin
            log: {{access: {{to: {made.log}, format: "$status $attempts $server $hedge"}}}}
            upstreams:
              app: {{servers: ["{made.first.server}", "{made.second.server}"], balance: first,
                     ejection: {{failures: 0}}, {upstream}}}
            sites: [{{proxy: app, hedge: {{after: {after}}}, {route}}}]
            {more}
        """
        made.weir = start_weir(made.text)
        made.count = lambda name: read_metrics(f"{directory}/admin")(
            f"weir_upstream_hedges{name}_total", upstream="app")
        made.wait_for_line = lambda line: poll_until(
            lambda: made.log.exists() and line in made.log.read_text().splitlines(), what=line)
        return made
    return start


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_the_answer_of_the_second_server_is_the_clients(start_hedged, connect, method):
    made = start_hedged(holds)
    answer = connect(made.weir).ask(method, "/a?b", fields=[("X-Own", "1")])
    assert answer.status == 200 and answer.body == (b"" if method == "HEAD" else b"second")
    (first,), (second,) = made.first.wait_for_requests(), made.second.requests
    assert (first.method, first.target, first.fields) == (second.method, second.target, second.fields)
    made.wait_for_line(f"200 2 {made.second.server} won")
    assert (made.count(""), made.count("_won"), made.count("_refused")) == (1, 1, 0)
    # Who lost is asked no further.
    is_left(made.first)


def test_each_server_is_told_its_own_name(start_hedged, connect):
    """Where the client says no Host, which HTTP/1.0 need not."""
    made = start_hedged(holds)
    client = connect(made.weir)
    client.send_request(version="1.0", host=None)
    assert client.read_response().body == b"second"
    (first,), (second,) = made.first.wait_for_requests(), made.second.requests
    assert (first.value("Host"), second.value("Host")) == (made.first.server, made.second.server)


def test_hints_of_the_second_server_are_no_answer(start_hedged, connect):
    """The first one may still be quicker with it."""
    hinted, done = threading.Event(), threading.Event()

    def answers_behind_hints(connection):
        connection.read_request()
        connection.wait(hinted)
        connection.answer(200, b"first")

    def hints(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" * 2)
        hinted.set()
        connection.read_to_end(PATIENCE)

    made = start_hedged(answers_behind_hints, hints)
    client = connect(made.weir)
    answer = client.ask()
    assert (answer.status, answer.body) == (200, b"first")
    made.wait_for_line(f"200 2 {made.first.server} lost")
    is_left(made.second)


@pytest.mark.parametrize("kind", ["http1", "http2"])
def test_the_answer_behind_hints_may_win(start_origin, start_h2_origin, start_weir, connect, kind):
    def behaviour(connection):
        request = connection.read_request()
        if kind == "http2":
            connection.send_head(request, [(":status", "103"), ("link", "</a.css>; rel=preload")])
            connection.answer(request, 200, b"second")
        else:
            connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
            connection.answer(200, b"second")
        connection.read_to_end()

    first = start_origin(holds)
    second = start_h2_origin(behaviour) if kind == "http2" else start_origin(behaviour)
    client = connect(start_weir(f"""
        threads: 1
        upstreams:
          app: {{servers: ["{first.server}", "{second.url}"], balance: first}}
        sites: [{{proxy: app, hedge: {{after: 20ms}}}}]
    """))
    answer = client.ask()
    assert (answer.status, answer.body) == (200, b"second")


def test_who_hints_without_end_is_given_up(start_hedged, connect):
    def hints(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" * 100)

    made = start_hedged(answers_behind, hints)
    assert connect(made.weir).ask().body == b"behind"
    made.wait_for_line(f"200 2 {made.first.server} lost")


def test_the_first_server_may_still_win(start_hedged, connect):
    def answers_late(connection):
        connection.read_request()
        wait_for_the_other(connection)
        connection.answer(200, b"first")

    made = start_hedged(answers_late, holds)
    assert connect(made.weir).ask().body == b"first"
    made.wait_for_line(f"200 2 {made.first.server} lost")
    assert (made.count(""), made.count("_won")) == (1, 0)
    is_left(made.second)


def test_who_answers_in_time_is_asked_alone(start_hedged, connect):
    made = start_hedged(answering(b"first"), after="1m")
    client = connect(made.weir)
    assert [client.ask().body for _ in range(3)] == [b"first"] * 3
    made.wait_for_line(f"200 1 {made.first.server} -")
    assert not made.second.requests and made.count("") == 0


@pytest.mark.parametrize("method, body", [("POST", b""), ("PUT", b"x"), ("DELETE", b""),
                                          ("GET", b"x"), ("PATCH", b"")])
def test_what_may_change_something_is_sent_once(start_hedged, connect, method, body):
    made = start_hedged(holds, after="1ms", more="timeouts: {first_byte: 200ms}")
    assert connect(made.weir).ask(method, "/", body=body).status == 504
    made.first.wait_for_requests()
    assert len(made.first.requests) == 1 and not made.second.requests


def test_a_failure_of_the_first_is_none_while_the_second_is_asked(start_hedged, connect):
    made = start_hedged(fails_when_told, answers_behind)
    assert connect(made.weir).ask().body == b"behind"
    made.wait_for_line(f"200 2 {made.second.server} won")


def test_a_server_that_dies_meanwhile_is_given_up(start_hedged, connect):
    def dies(connection):
        connection.read_request()
        wait_for_the_other(connection)
        connection.reset()

    made = start_hedged(dies, answers_behind)
    assert connect(made.weir).ask().body == b"behind"
    made.wait_for_line(f"200 2 {made.second.server} won")


def test_a_second_server_takes_over_before_it_is_connected(authority, start_origin,
                                                           start_tls_origin, start_weir, connect):
    """It is in the middle of its handshake when the first one dies."""
    target = start_tls_origin(answering(b"second"))

    def dies(connection):
        connection.read_request()
        connection.origin.other.wait_for_connections()
        connection.reset()

    def relays(connection):
        other = connection.origin.other
        other.wait_until(lambda: other.requests and not other.open_connections(), "the first died")
        with socket.create_connection(target.address) as server:
            ways = [threading.Thread(target=copy, args=ends, daemon=True)
                    for ends in ((connection.socket, server), (server, connection.socket))]
            for way in ways:
                way.start()
            for way in ways:
                way.join(PATIENCE)

    first, second = start_origin(dies), start_origin(relays)
    first.other, second.other = second, first
    weir = start_weir(f"""
        threads: 1
        upstreams:
          app: {{servers: ["{first.server}", "https://{second.server}"], balance: first,
                 tls: {{ca: {authority.directory}/authority.pem}}}}
        timeouts: {{connect: 1m}}
        sites: [{{proxy: app, hedge: {{after: 20ms}}}}]
    """)
    assert connect(weir).ask(fields=[("Connection", "close")]).body == b"second"
    weir.stop()


def copy(source, sink):
    source.settimeout(PATIENCE)
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_a_failure_of_the_second_is_not_the_clients(start_hedged, connect):
    def fails(connection):
        connection.read_request()
        connection.answer(503, b"no")
        connection.read_to_end(PATIENCE)

    made = start_hedged(answers_behind, fails)
    assert connect(made.weir).ask().body == b"behind"
    made.wait_for_line(f"200 2 {made.first.server} lost")


def test_the_budget_bounds_them(start_hedged, connect):
    made = start_hedged(holds, after="1ms", upstream="retry: {budget: 0%, budget_least: 0}",
                        more="timeouts: {first_byte: 200ms}")
    assert connect(made.weir).ask().status == 504
    made.wait_for_line(f"504 1 {made.first.server} refused")
    assert not made.second.requests and (made.count(""), made.count("_refused")) == (0, 1)


def test_where_nobody_else_can_be_asked_nothing_is_taken(start_hedged, connect):
    made = start_hedged(holds, after="1ms", more="timeouts: {first_byte: 200ms}")
    told = run_weir_command("upstream", "disable", "app", made.second.server,
                            "-c", made.weir.arguments[2])
    assert told.returncode == 0
    assert connect(made.weir).ask().status == 504
    made.wait_for_line(f"504 1 {made.first.server} -")
    assert (made.count(""), made.count("_refused")) == (0, 0)


def test_a_client_that_leaves_ends_both(start_hedged, connect):
    made = start_hedged(holds, holds)
    client = connect(made.weir)
    client.send_request()
    made.second.wait_for_requests()
    client.reset()
    is_left(made.first)
    is_left(made.second)


def test_a_time_for_all_of_it_ends_both(start_hedged, connect):
    made = start_hedged(holds, holds, more="timeouts: {request: 300ms}")
    assert connect(made.weir).ask().status == 504
    is_left(made.first)
    is_left(made.second)
    made.wait_for_line(f"504 2 {made.first.server} lost")


def test_retries_go_on_behind_it(start_hedged, connect):
    """Both fail, and the next attempt is answered."""
    made = start_hedged(in_turn(fails_when_told, answering(b"again")), in_turn(resets_behind, holds),
                        upstream="retry: {attempts: 3, backoff: 0ms}")
    assert connect(made.weir).ask().body == b"again"
    made.wait_for_line(f"200 3 {made.first.server} won")


def test_servers_of_http_2_are_asked_as_well(start_origin, start_h2_origin, start_weir, connect):
    first, second = start_origin(holds), start_h2_origin()
    weir = start_weir(f"""
        threads: 1
        upstreams:
          app: {{servers: ["{first.server}", "h2c://{second.server}"], balance: first}}
        sites: [{{proxy: app, hedge: {{after: 20ms}}}}]
    """)
    client = connect(weir)
    assert client.ask().status == 200
    first.wait_for_requests()
    assert len(first.requests) == 1


def test_clients_that_belong_to_a_server_stay_with_it(directory):
    text = ("upstreams: {app: {servers: [\"a:1\", \"a:2\"], sticky: {cookie: c}}}\n"
            "sites: [{proxy: app, hedge: {after: 1s}}]\n")
    path = write_configuration(directory, text, ("127.0.0.1", 9))
    told = run_weir_command("check", "-c", str(path))
    assert '"hedge" does nothing where clients belong to one server' in told.stdout + told.stderr
