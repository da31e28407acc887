"""Servers that refuse, die, freeze, come back: every client gets a proper answer."""

import socket
import threading

import pytest

from harness.deadline import poll_until
from harness.load import Load
from harness.origin import answering, in_turn


PATIENCE = 600  # seconds; tests are over long before


@pytest.fixture
def refusing(ports):
    """An address at which nobody listens."""
    return f"127.0.0.1:{ports.take()}"


def proxy_to(*servers):
    listed = ", ".join(f'"{server}"' if isinstance(server,
                                                   str) else server[0] for server in servers)
    return (f"threads: 1\nupstreams: {{app: {{servers: [{listed}]}}}}\n"
            "sites: [{proxy: app}]\n")


def check_page(response, *secrets):
    """An error page of Weir's own: complete, and silent about what is behind it."""
    text = (response.body + response.head).decode("latin-1").lower()
    for secret in (*secrets, "127.0.0.1", "upstream", "errno", "refused", "connect("):
        assert secret.lower() not in text.replace("connection: ", ""), f"{secret} in {text}"


def test_nobody_listens(refusing, start_weir, connect):
    client = connect(start_weir(proxy_to(refusing)))
    for _ in range(3):
        response = client.ask()
        assert response.status in (502, 503)
        check_page(response, refusing)


@pytest.mark.parametrize("is_left_over", [False, True])
def test_nobody_listens_at_a_unix_socket(start_weir, connect, directory, is_left_over):
    """It is not there, or whoever made it is gone."""
    path = str(directory / "app.sock")
    if is_left_over:
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(path)
    weir = start_weir(proxy_to(f"unix:{path}"))
    response = connect(weir).ask()
    assert response.status == 502
    check_page(response, path)
    weir.wait_for_log(f"the server refuses connections server=unix:{path} ")


def test_the_page_of_head_has_no_body(refusing, start_weir, connect):
    client = connect(start_weir(proxy_to(refusing)))
    assert client.ask("HEAD").status in (502, 503)
    assert client.ask("GET").status in (502, 503)


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nX-Secret: s3cret\r\n"])
def test_a_server_that_dies_before_its_head_is_complete(start_origin, start_proxy, connect, sent,
                                                        end):
    def behaviour(connection):
        connection.read_request()
        connection.send(sent)
        connection.wait_until_read()
        getattr(connection, end)()

    response = connect(start_proxy(start_origin(behaviour))).ask()
    assert response.status == 502
    check_page(response, "s3cret")


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_server_that_dies_at_once(start_origin, start_proxy, connect, end):
    """It accepts and closes without reading; nothing was answered, nothing is known."""
    origin = start_origin(lambda connection: getattr(connection, end)())
    assert connect(start_proxy(origin)).ask("POST", body=b"x").status == 502


def test_a_server_that_dies_while_it_takes_a_large_body(start_origin, start_proxy, connect):
    def behaviour(connection):
        connection.read_request_head()
        connection.reset()

    client = connect(start_proxy(start_origin(behaviour)))
    try:
        client.send_request("POST", body=b"x" * 3000000)
    except OSError:
        pass
    assert client.read_response().status == 502


def test_all_servers_down(start_weir, connect, ports):
    weir = start_weir(proxy_to(*[f"127.0.0.1:{ports.take()}" for _ in range(3)]))
    client = connect(weir)
    for _ in range(5):
        response = client.ask("POST", body=b"x")
        assert response.status in (502, 503)
        check_page(response)


@pytest.mark.parametrize("method, body",
                         [("GET", b""), ("POST", b"x" * 1000), ("POST", [b"x", b"y"])],
                         ids=["GET", "counted POST", "chunked POST"])
def test_one_of_several_down_is_skipped(refusing, start_origin, start_weir, connect, method, body):
    """A refused connection has carried nothing: any request may go to another server."""
    origin = start_origin()
    client = connect(start_weir(proxy_to(refusing, origin.server)))
    for number in range(20):
        assert client.ask(method, f"/{number}", body=body).status == 200
    assert len(origin.requests) == 20


def test_a_server_that_comes_back_is_used_again(start_origin, start_proxy, connect):
    origin = start_origin()
    weir = start_proxy(origin)
    assert connect(weir).ask().status == 200
    origin.stop()
    assert connect(weir).ask().status in (502, 503)
    origin.start()
    poll_until(lambda: connect(weir).ask().status == 200, what="the server is used again")


def test_one_of_two_comes_back(start_origin, start_proxy, connect):
    first, second = start_origin(answering(b"a")), start_origin(answering(b"b"))
    weir = start_proxy(first, second)
    client = connect(weir)
    assert {client.ask().body for _ in range(4)} == {b"a", b"b"}
    first.stop()
    assert {client.ask().body for _ in range(10)} == {b"b"}
    first.start()
    poll_until(lambda: client.ask().body == b"a", 30, "the server is tried again")


def test_a_name_that_does_not_resolve_takes_nobody_else_down(start_origin, start_weir, connect):
    origin = start_origin()
    weir = start_weir(f"""
        sites:
          - host: good.example
            proxy: {origin.url}
          - host: bad.example
            proxy: http://no-such-name.invalid:80
    """)
    assert connect(weir).ask(host="good.example").status == 200
    bad = connect(weir)
    bad.send_request(host="bad.example")
    assert connect(weir).ask(host="good.example").status == 200
    response = bad.read_response()
    assert response.status in (502, 503, 504)
    check_page(response, "no-such-name")
    assert connect(weir).ask(host="good.example").status == 200


def test_a_name_that_does_not_resolve_is_skipped_in_its_upstream(start_origin, start_weir, connect):
    origin = start_origin()
    client = connect(start_weir(proxy_to("no-such-name.invalid:80", origin.server)))
    for _ in range(6):
        assert client.ask().status == 200


def test_names_are_resolved(start_origin, start_weir, connect):
    origin = start_origin()
    weir = start_weir(f"sites: [{{proxy: \"http://localhost:{origin.address[1]}\"}}]")
    assert connect(weir).ask().status == 200


# Round robin

def letters(client, count):
    return b" ".join(client.ask().body for _ in range(count))


def test_round_robin_is_even(start_origin, start_proxy, connect):
    origins = [start_origin(answering(letter)) for letter in (b"a", b"b", b"c")]
    assert letters(connect(start_proxy(*origins)), 6) == b"a b c a b c"


def test_round_robin_over_weights_is_smooth(start_origin, start_weir, connect):
    a, b, c = [start_origin(answering(letter)) for letter in (b"a", b"b", b"c")]
    weir = start_weir(proxy_to((f'{{address: "{a.server}", weight: 5}}',), b.server, c.server))
    client = connect(weir)
    assert letters(client, 7) == b"a a b a c a a"
    assert letters(client, 7) == b"a a b a c a a"


def test_a_list_is_an_upstream_without_a_name(start_origin, start_weir, connect):
    origins = [start_origin(answering(letter)) for letter in (b"a", b"b")]
    servers = ", ".join(f'"{origin.url}"' for origin in origins)
    client = connect(start_weir(f"threads: 1\nsites: [{{proxy: [{servers}]}}]"))
    assert letters(client, 4) == b"a b a b"


# Under load

def serve(connection):
    """The target a hundred times, in chunks."""
    while True:
        target = connection.read_request().target.encode()
        connection.answer(200, [target * 50, target * 50])


@pytest.mark.parametrize("failure", ["stop", "refuse"])
def test_a_server_killed_under_load_costs_no_wrong_answer(start_origin, start_proxy, failure):
    first, second = start_origin(serve), start_origin(serve)
    weir = start_proxy(first, second, settings="timeouts: {first_byte: 2s}")
    with Load(weir) as load:
        load.wait_for(20)
        for _ in range(3):
            getattr(first, failure)()
            load.wait_for(20)
            first.stop()
            first.start()
            load.wait_for(20)


def test_the_only_server_restarted_under_load(start_origin, start_proxy):
    origin = start_origin(serve)
    with Load(start_proxy(origin)) as load:
        for _ in range(3):
            load.wait_for(20)
            origin.stop()
            load.wait_for(5, 502)
            origin.start()
        load.wait_for(20)


def test_resets_under_load_cost_no_wrong_answer(start_origin, start_proxy):
    """Every connection of the one server is reset in the middle of its fifth answer."""
    def resets(connection):
        for _ in range(4):
            target = connection.read_request().target.encode()
            connection.answer(200, [target * 100])
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        connection.reset()

    with Load(start_proxy(start_origin(resets), start_origin(serve))) as load:
        load.wait_for(200)


def test_a_frozen_server_under_load_is_a_504_in_bounded_time(start_origin, start_proxy):
    frozen, thawed = threading.Event(), threading.Event()

    def freezes(connection):
        while True:
            target = connection.read_request().target.encode()
            if frozen.is_set():
                connection.wait(thawed)
            connection.answer(200, [target * 100])

    weir = start_proxy(start_origin(freezes), settings="timeouts: {first_byte: 200ms}")
    with Load(weir) as load:
        load.wait_for(20)
        frozen.set()
        load.wait_for(4, 504)
        frozen.clear()
        thawed.set()
        load.wait_for(20)


def test_a_late_answer_is_not_given_to_the_next_request(start_origin, start_proxy, connect):
    """The server answers after the 504: its connection must be gone by then."""
    timed_out = threading.Event()

    def late(connection):
        connection.read_request()
        connection.wait(timed_out)
        connection.answer(200, b"late")
        connection.read_request()

    origin = start_origin(in_turn(late, answering(b"next")))
    weir = start_proxy(origin, settings="timeouts: {first_byte: 1s}")
    assert connect(weir).ask().status == 504
    timed_out.set()
    assert connect(weir).ask().body == b"next"


def test_whatever_servers_do_each_client_has_its_answer(start_origin, start_weir, refusing):
    """Killed, frozen, resetting, half-open, answering 503 and 500, flapping: with `retry` each of
    them costs attempts, and no client a wrong answer or none."""
    thawed = threading.Event()

    def freezes(connection):
        connection.read_request()
        connection.wait(thawed, PATIENCE)

    def resets(connection):
        connection.read_request()
        connection.reset()

    def half_closes(connection):
        """Says that it says no more, and still listens."""
        connection.read_request()
        connection.socket.shutdown(socket.SHUT_WR)
        connection.read_to_end(PATIENCE)

    def flaps(connection):
        [serve, resets][connection.number % 2](connection)

    bad = [start_origin(behaviour) for behaviour in (
        freezes, resets, half_closes, flaps, answering(b"no", status=503),
        answering(b"no", status=500))]
    listed = ", ".join(f'"{server}"' for server in (
        refusing, *[origin.server for origin in bad], start_origin(serve).server))
    weir = start_weir(f"""
        threads: 2
        upstreams:
          app:
            servers: [{listed}]
            timeouts: {{first_byte: 2s}}
            retry: {{attempts: 8, backoff: 0ms, on: [failure, 500], budget: 100%,
                     budget_least: 10000}}
            ejection: {{max_share: 100%, time: 1h}}
        sites: [{{proxy: app}}]
    """)
    with Load(weir, clients=6) as load:
        load.wait_for(300)
    assert set(load.statuses) == {200}
    assert all(origin.requests for origin in bad)
    thawed.set()
