"""A request that failed is sent once more, where that is permitted, safe, and within its budget."""

import collections
import pathlib
import signal
import threading

import pytest

from harness.deadline import poll_until
from harness.load import Load
from harness.metrics import read_metrics
from harness.origin import answering, in_turn
from harness.weir import run_weir_command, write_configuration

NEVER_RESTS = "ejection: {failures: 0}"


def configuration(*servers, retry="{attempts: 3, backoff: 0ms}", more="", upstream="", threads=1):
    listed = ", ".join(f'"{server}"' for server in servers)
    return (f"threads: {threads}\n{more}"
            f"upstreams: {{app: {{servers: [{listed}], {NEVER_RESTS}, {upstream}}}}}\n"
            f"sites: [{{proxy: app, retry: {retry}}}]\n")


def resets(connection):
    connection.read_request()
    connection.reset()


def closes(connection):
    connection.read_request()


def freezes(connection):
    connection.read_request()
    connection.hold()


FAILURES = {"reset": resets, "close": closes, "503": answering(b"no", status=503),
            "freeze": freezes}


def patience(failure):
    """A timeout only where one is waited for: anybody may be slow."""
    return "timeouts: {first_byte: 1s}\n" if failure == "freeze" else ""


def targets(origin):
    return [request.target for request in origin.requests]


@pytest.mark.parametrize("failure", FAILURES)
def test_another_server_is_asked(start_origin, start_weir, connect, failure):
    bad, good = start_origin(FAILURES[failure]), start_origin(answering(b"good"))
    client = connect(start_weir(configuration(bad.server, good.server,
                                              more=patience(failure))))
    for number in range(4):
        answer = client.ask(target=f"/{number}")
        assert (answer.status, answer.body) == (200, b"good")
    assert targets(good) == ["/0", "/1", "/2", "/3"]
    assert targets(bad) == ["/0", "/2"]


@pytest.mark.parametrize("failure", FAILURES)
def test_nothing_is_repeated_where_nobody_says_so(start_origin, start_weir, connect, failure):
    bad, good = start_origin(FAILURES[failure]), start_origin(answering(b"good"))
    client = connect(start_weir(configuration(bad.server, good.server, retry="{}",
                                              more=patience(failure))))
    assert client.ask().status >= 500
    assert client.ask().status == 200
    assert len(bad.requests) == 1 == len(good.requests)


def test_the_answer_of_the_last_attempt_is_the_clients(start_origin, start_weir, connect, directory):
    origins = [start_origin(answering(letter.encode(), status=503)) for letter in "abc"]
    log = directory / "access.log"
    more = f'log: {{access: {{to: {log}, format: "$status $attempts $server"}}}}\n'
    client = connect(start_weir(configuration(*[origin.server for origin in origins], more=more)))
    answer = client.ask()
    assert answer.status == 503
    last = origins["abc".index(answer.body.decode())]
    assert [len(origin.requests) for origin in origins] == [1, 1, 1]
    poll_until(lambda: log.exists() and log.read_text().endswith("\n"), what="a line of the log")
    assert log.read_text() == f"503 3 {last.server}\n"


def test_each_attempt_may_find_a_connection_dead(start_origin, start_weir, connect):
    """And is repeated over a fresh one, which takes no attempt."""
    def dies(connection):
        connection.read_request()
        connection.answer(200, b"first")
        connection.read_request()

    bad = start_origin(in_turn(dies, answering(b"no", status=503)))
    good = start_origin(in_turn(dies, answering(b"good")))
    client = connect(start_weir(configuration(bad.server, good.server,
                                              retry="{attempts: 2, backoff: 0ms}")))
    assert [client.ask().body for _ in range(2)] == [b"first"] * 2
    answer = client.ask()
    assert (answer.status, answer.body) == (200, b"good")
    assert len(bad.requests) == len(good.requests) == 3


def test_each_server_is_told_its_own_name(start_origin, start_weir, connect):
    """Where the client says no Host, which HTTP/1.0 need not."""
    bad, good = start_origin(answering(b"no", status=503)), start_origin(answering(b"good"))
    client = connect(start_weir(configuration(bad.server, good.server, upstream="balance: first")))
    client.send_request(version="1.0", host=None)
    assert client.read_response().body == b"good"
    assert [origin.requests[0].value("Host") for origin in (bad, good)] == [bad.server, good.server]


def test_the_only_server_is_asked_again(start_origin, start_weir, connect):
    origin = start_origin(in_turn(resets, resets, answering(b"good")))
    assert connect(start_weir(configuration(origin.server))).ask().body == b"good"
    assert len(origin.requests) == 3


def test_attempts_have_an_end(start_origin, start_weir, connect):
    origin = start_origin(resets)
    assert connect(start_weir(configuration(origin.server, retry="{attempts: 8}"))).ask().status == 502
    assert len(origin.requests) == 8


def test_a_server_that_refuses_is_waited_for(start_origin, start_weir, connect, directory):
    """Nothing was sent, so that it does not matter what is asked, nor how much."""
    origin, admin = start_origin(), f"{directory}/admin"
    weir = start_weir(configuration(origin.server, retry="{attempts: 8, backoff: 500ms}",
                                    more=f"admin: unix:{admin}\n"))
    origin.stop()
    client = connect(weir)
    client.send_request("POST", body=b"x" * 100000)
    poll_until(lambda: read_metrics(admin)("weir_upstream_retries_total"), what="a second attempt")
    origin.start()
    answer = client.read_response()
    assert answer.status == 200 and len(origin.requests[0].body) == 100000


@pytest.mark.parametrize("on, repeated", [
    ("[connect]", []), ("reset", ["reset", "close"]), ("[503]", ["503"]), ("[5xx]", ["503"]),
    ("[timeout, 500]", ["freeze"]), ("[timeout, 503]", ["freeze", "503"]),
    ("failure", list(FAILURES))])
def test_only_causes_that_are_named_count(start_origin, start_weir, connect, on, repeated):
    for failure, behaviour in FAILURES.items():
        bad, good = start_origin(behaviour), start_origin()
        client = connect(start_weir(configuration(
            bad.server, good.server, retry=f"{{attempts: 2, backoff: 0ms, on: {on}}}",
            more=patience(failure))))
        assert (client.ask().status == 200) == (failure in repeated), failure


@pytest.mark.parametrize("method", ["POST", "PATCH", "BREW"])
def test_what_is_not_idempotent_is_not_repeated(start_origin, start_weir, connect, method):
    bad, good = start_origin(resets), start_origin()
    client = connect(start_weir(configuration(bad.server, good.server)))
    assert client.ask(method, body=b"x").status == 502
    assert not good.requests


BODIES = [b"", b"x", b"0123456789" * 1000, [b"a", b"bc" * 1000, b"d"]]


@pytest.mark.parametrize("method, more", [("PUT", ""), ("POST", ", non_idempotent: on")])
@pytest.mark.parametrize("body", BODIES, ids=["empty", "byte", "10 kB", "chunks"])
@pytest.mark.parametrize("failure", ["reset", "503"])
def test_a_small_body_is_sent_again(start_origin, start_weir, connect, method, more, body, failure):
    bad, good = start_origin(FAILURES[failure]), start_origin()
    client = connect(start_weir(configuration(bad.server, good.server,
                                              retry=f"{{attempts: 2, backoff: 0ms{more}}}")))
    answer = client.ask(method, body=body)
    whole = b"".join(body) if isinstance(body, list) else body
    assert answer.status == 200
    assert [request.body for request in (*bad.requests, *good.requests)] == [whole, whole]
    assert client.ask("GET").status == 200


@pytest.mark.parametrize("body", [b"x" * 1001, [b"x" * 1000, b"y"]], ids=["counted", "chunks"])
def test_a_body_that_is_not_kept_is_sent_once(start_origin, start_weir, connect, body):
    bad, good = start_origin(resets), start_origin()
    client = connect(start_weir(configuration(bad.server, good.server,
                                              retry="{attempts: 2, body: 1000}")))
    assert client.ask("PUT", body=body).status == 502
    assert not good.requests


def test_a_body_that_is_still_coming_goes_on_to_the_next(start_origin, start_weir, connect):
    def gives_up(connection):
        connection.read_request_head()
        connection.wait_for_bytes(10)
        connection.reset()

    bad, good = start_origin(gives_up), start_origin()
    client = connect(start_weir(configuration(bad.server, good.server)))
    client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
    good.wait_for_connections(1)
    client.send(b"56789")
    assert client.read_response().status == 200
    assert good.requests[0].body == b"0123456789"


def test_a_response_that_has_begun_is_not_repeated(start_origin, start_weir, connect):
    def dies(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        connection.wait_until_read()
        connection.reset()

    def hints_and_dies(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        connection.wait_until_read()
        connection.reset()

    for behaviour in (dies, hints_and_dies):
        bad, good = start_origin(behaviour), start_origin()
        client = connect(start_weir(configuration(bad.server, good.server)))
        client.send_request()
        client.read_to_end() if behaviour is dies else client.read_response()
        assert not good.requests


def test_an_unwanted_answer_leaves_its_connection_for_the_next(start_origin, start_weir, connect):
    bad, good = start_origin(answering(b"short", status=503)), start_origin()
    client = connect(start_weir(configuration(bad.server, good.server)))
    for _ in range(6):
        assert client.ask().status == 200
    assert len(bad.requests) == 3 and len(bad.connections) == 1


def test_an_unwanted_answer_without_end_is_dropped(start_origin, start_weir, connect):
    def endless(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 503 No\r\nContent-Length: 100000000\r\n\r\n")
        try:
            while True:
                connection.send(b"x" * 10000)
        except OSError:
            pass

    bad, good = start_origin(endless), start_origin()
    client = connect(start_weir(configuration(bad.server, good.server)))
    assert client.ask().status == 200


def test_the_whole_has_its_deadline(start_origin, start_weir, connect):
    origin = start_origin(resets)
    weir = start_weir(configuration(origin.server, retry="{attempts: 8, backoff: 1m}",
                                    more="defaults: {timeouts: {request: 200ms}}\n"))
    assert connect(weir).ask().status == 504
    origin.wait_for_requests()
    assert len(origin.requests) == 1


def test_a_client_that_leaves_ends_it(start_origin, start_weir, connect, directory):
    origin, admin = start_origin(resets), f"{directory}/admin"
    weir = start_weir(configuration(origin.server, retry="{attempts: 8, backoff: 1m}",
                                    more=f"admin: unix:{admin}\n"))
    client = connect(weir)
    client.send_request()
    poll_until(lambda: read_metrics(admin)("weir_upstream_retries_total") == 1, what="its pause")
    client.reset()
    poll_until(lambda: read_metrics(admin)("weir_errors_total", error="client_gone") == 1,
               what="the end of the exchange")
    assert len(origin.requests) == 1


def test_a_route_goes_before_its_upstream_and_that_before_defaults(start_origin, start_weir, connect):
    origin = start_origin(resets)
    weir = start_weir(f"""
        threads: 1
        defaults: {{retry: {{attempts: 4, backoff: 0ms}}}}
        upstreams:
          own: {{servers: ["{origin.server}"], {NEVER_RESTS}, retry: {{attempts: 2}}}}
          other: {{servers: ["{origin.server}"], {NEVER_RESTS}}}
        sites:
          - routes:
              - {{path: /upstream, proxy: own}}
              - {{path: /route, proxy: own, retry: {{attempts: 3}}}}
              - {{path: /defaults, proxy: other}}
              - {{path: /off, proxy: other, retry: {{attempts: 1}}}}
    """)
    client = connect(weir)
    for path in ("/upstream", "/route", "/defaults", "/off"):
        assert client.ask(target=path).status == 502
    assert collections.Counter(targets(origin)) == {"/upstream": 2, "/route": 3, "/defaults": 4,
                                                    "/off": 1}


@pytest.mark.parametrize("failure", ["reset", "503"])
@pytest.mark.parametrize("body", [b"", b"0123456789" * 1000])
def test_it_is_the_same_over_http2(start_origin, start_h2c, h2, failure, body):
    bad, good = start_origin(FAILURES[failure]), start_origin(answering(b"good"))
    weir = start_h2c(f"- {{proxy: ['{bad.server}', '{good.server}'], retry: {{attempts: 2}}}}")
    client = h2(weir)
    response = client.ask("PUT", "/a", body=body)
    assert (response.status, response.body) == (200, b"good")
    assert bad.requests[0].body == body == good.requests[0].body
    assert client.ask("GET", "/b").status == 200


# The budget

@pytest.mark.parametrize("threads", [1, 4])
def test_a_storm_has_its_bounds(start_origin, start_weir, threads, directory):
    """Servers that answer 503 to everything get a fifth more than clients ask, and no more."""
    origins = [start_origin(answering(b"no", status=503)) for _ in range(3)]
    weir = start_weir(configuration(
        *[origin.server for origin in origins], retry="{attempts: 8, backoff: 0ms}",
        upstream="retry: {budget: 20%, budget_least: 0}", threads=threads,
        more=f"admin: unix:{directory}/admin\n"))
    with Load(weir, clients=8) as load:
        load.wait_for(1000, status=503)
    asked = len(load.statuses)
    received = sum(len(origin.requests) for origin in origins)
    assert load.statuses.count(503) == asked
    assert asked < received <= asked * 1.2
    metrics = read_metrics(f"{directory}/admin")
    assert metrics("weir_upstream_retries_total", upstream="app") == received - asked
    assert metrics("weir_upstream_retries_refused_total", upstream="app") > 0


def test_no_server_gets_a_long_body_without_its_beginning(start_origin, start_weir, connect):
    """Of which the one that failed was to get it, straight from socket to socket."""
    asked, fails, size = threading.Event(), threading.Event(), 1024 * 1024

    def fails_late(connection):
        connection.read_request_head()
        asked.set()
        connection.wait(fails)
        connection.reset()

    bad, good = start_origin(fails_late), start_origin(answering(b"good"))
    weir = start_weir(configuration(bad.server, good.server))
    client, body = connect(weir), b"x" * size
    client.send(f"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode())
    assert asked.wait(10)
    weir.signal(signal.SIGSTOP)  # it hears of the body first, and finds that nobody takes it
    client.send(body[:size // 8])
    fails.set()
    bad.wait_until(bad.connections[0].finished.is_set, "the server has failed")
    weir.signal(signal.SIGCONT)
    client.send(body[size // 8:])
    assert client.read_response().status in (200, 502)
    assert all(len(request.body) == size for request in good.requests)
    assert all(connection.received.endswith(body) for connection in good.connections)


def test_a_reload_keeps_the_budget(start_origin, start_weir, connect, directory):
    """Which is counted where it is kept."""
    origin, admin = start_origin(answering(b"no", status=503)), f"{directory}/admin"
    text = configuration(origin.server, more=f"admin: unix:{admin}\n")
    weir = start_weir(text)
    assert connect(weir).ask().status == 503
    assert read_metrics(admin)("weir_upstream_retries_total", upstream="app") == 2
    write_configuration(pathlib.Path(weir.arguments[2]).parent, text, weir.address)
    assert run_weir_command("reload", "-c", weir.arguments[2]).returncode == 0
    assert connect(weir).ask().status == 503
    assert read_metrics(admin)("weir_upstream_retries_total", upstream="app") == 4


def test_the_body_is_kept_no_longer_than_it_may_be_needed(start_origin, start_weir, connect, directory):
    ends, size = threading.Event(), 60 * 1024

    def answers_slowly(connection):
        connection.read_request()
        connection.wait(ends)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
        connection.hold()

    def bytes_used():
        return read_metrics(f"{directory}/admin")("weir_memory_bytes", kind="buffers", state="used")

    origin = start_origin(answers_slowly)
    weir = start_weir(f"""
        threads: 1
        admin: unix:{directory}/admin
        sites: [{{proxy: "{origin.server}", retry: {{attempts: 2, body: 64KiB}}}}]
    """)
    client = connect(weir)
    client.send_request("PUT", body=b"x" * size)
    origin.wait_for_requests()
    poll_until(lambda: bytes_used() >= size, what="the body is kept")
    ends.set()
    assert client.read_response_head().status == 200
    poll_until(lambda: bytes_used() < size, what="the body is let go")
