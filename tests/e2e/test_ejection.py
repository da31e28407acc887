"""Servers that can be reached and fail again and again are passed over for a while."""

import collections
import pathlib

import pytest

from harness import http1
from harness.deadline import poll_until
from harness.metrics import read_metrics
from harness.origin import answering, in_turn
from harness.weir import run_weir_command, write_configuration


def configuration(*servers, ejection="{failures: 3, time: 1h}", more=""):
    listed = ", ".join(f'"{server}"' for server in servers)
    return (f"threads: 1\n{more}upstreams: {{app: {{servers: [{listed}], ejection: {ejection}}}}}\n"
            "sites: [{proxy: app}]\n")


def resets(connection):
    connection.read_request()
    connection.reset()


def closes(connection):
    connection.read_request()


def talks_nonsense(connection):
    connection.read_request()
    connection.send(b"nonsense\r\n\r\n")


@pytest.mark.parametrize("behaviour, status", [
    (answering(b"no", status=502), 502), (answering(b"no", status=503), 503),
    (answering(b"no", status=504), 504), (resets, 502), (closes, 502), (talks_nonsense, 502),
], ids=["502", "503", "504", "reset", "close", "nonsense"])
def test_a_server_that_fails_three_times_is_asked_no_more(start_origin, start_weir, connect,
                                                          behaviour, status):
    failing, good = start_origin(behaviour), start_origin()
    weir = start_weir(configuration(failing.server, good.server))
    client = connect(weir)
    answers = collections.Counter(client.ask().status for _ in range(30))
    assert answers == {status: 3, 200: 27} and len(failing.requests) == 3
    weir.wait_for_log("a server fails again and again; it is passed over for a while.*"
                      f"{failing.server}.*seconds=3600")


def test_an_answer_that_is_a_failure_and_is_cut_counts_once(start_origin, start_weir, connect):
    def fails_twice(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nnot all of it")

    failing, good = start_origin(fails_twice), start_origin()
    weir, cut = start_weir(configuration(failing.server, good.server)), 0
    for _ in range(20):
        try:
            assert connect(weir).ask().status == 200
        except http1.Cut:
            cut += 1
    assert cut == 3 and len(failing.requests) == 3


def test_a_frozen_server_is_asked_no_more(start_origin, start_weir, connect):
    def freezes(connection):
        connection.read_request()
        connection.hold()

    failing, good = start_origin(freezes), start_origin()
    client = connect(start_weir(configuration(
        failing.server, good.server, more="timeouts: {first_byte: 300ms}\n")))
    assert {client.ask().status for _ in range(20)} == {504, 200}
    failing.wait_for_requests(3)
    failing.settle()
    assert len(failing.requests) == 3


def test_failures_and_rests_outlive_a_reload(start_origin, start_weir, connect):
    failing, good = start_origin(answering(b"no", status=503)), start_origin()
    weir = start_weir(configuration(failing.server, good.server))

    def reload(first_byte):
        write_configuration(pathlib.Path(weir.arguments[2]).parent, configuration(
            failing.server, good.server, more=f"timeouts: {{first_byte: {first_byte}}}\n"), weir.address)
        assert run_weir_command("reload", "-c", weir.arguments[2]).returncode == 0

    client = connect(weir)
    while len(failing.requests) < 2:
        client.ask()
    reload("8s")
    while len(failing.requests) < 3:
        client.ask()
    reload("9s")
    assert {client.ask().status for _ in range(10)} == {200} and len(failing.requests) == 3


@pytest.mark.parametrize("status", [404, 500, 501])
def test_other_answers_are_answers(start_origin, start_weir, connect, status):
    odd, good = start_origin(answering(b"odd", status=status)), start_origin()
    client = connect(start_weir(configuration(odd.server, good.server)))
    assert [client.ask().status for _ in range(20)] == [status, 200] * 10


def test_one_good_answer_wipes_out_what_was(start_origin, start_weir, connect):
    def flaps(connection):
        for number in range(100):
            connection.read_request()
            connection.answer(200 if number % 3 == 2 else 503, b"x")

    origin, good = start_origin(flaps), start_origin()
    client = connect(start_weir(configuration(origin.server, good.server)))
    answers = collections.Counter(client.ask().status for _ in range(60))
    assert answers == {503: 20, 200: 40}


def flaps(connection):
    for number in range(100):
        connection.read_request()
        connection.answer(503 if number % 2 else 200, b"x")


def test_a_server_that_fails_too_often_is_asked_no_more(start_origin, start_weir, connect):
    failing, good = start_origin(flaps), start_origin()
    weir = start_weir(configuration(
        failing.server, good.server,
        ejection="{failures: 3, failure_rate: 50%, window: 1h, calls: 10, time: 1h}"))
    client = connect(weir)
    answers = collections.Counter(client.ask().status for _ in range(40))
    assert answers == {503: 5, 200: 35} and len(failing.requests) == 10
    weir.wait_for_log("a server fails too often; it is passed over for a while.*"
                      f"{failing.server}.*failed_percent=50 seconds=3600")


def test_it_rests_longer_where_it_fails_as_often_again(start_origin, start_weir, connect):
    failing, good = start_origin(flaps), start_origin()
    weir = start_weir(configuration(
        failing.server, good.server,
        ejection="{failures: 0, failure_rate: 50%, window: 1h, calls: 4, time: 1s}"))
    client = connect(weir)

    def is_told_again():
        for _ in range(8):  # as often as it takes, without having worked for long in between
            client.ask()
        return "seconds=2" in weir.log

    poll_until(is_told_again, what="it rests for twice as long")


def test_who_fails_less_often_is_asked_on(start_origin, start_weir, connect):
    failing, good = start_origin(flaps), start_origin()
    client = connect(start_weir(configuration(
        failing.server, good.server, ejection="{failures: 0, failure_rate: 51%, window: 1h, calls: 4}")))
    answers = collections.Counter(client.ask().status for _ in range(40))
    assert answers == {503: 10, 200: 30}


def test_half_of_the_servers_stay(start_origin, start_weir, connect):
    origins = [start_origin(answering(b"no", status=503)) for _ in range(4)]
    client = connect(start_weir(configuration(*[origin.server for origin in origins])))
    assert {client.ask().status for _ in range(60)} == {503}
    counts = sorted(len(origin.requests) for origin in origins)
    assert counts[:2] == [3, 3] and counts[2] + counts[3] == 54


@pytest.mark.parametrize("share, resting", [("34%", 1), ("67%", 2), ("100%", 3)])
def test_so_many_rest_as_may(start_origin, start_weir, connect, share, resting):
    origins = [start_origin(answering(b"no", status=503)) for _ in range(3)]
    client = connect(start_weir(configuration(
        *[origin.server for origin in origins],
        ejection=f"{{failures: 2, time: 1h, max_share: {share}}}")))
    for _ in range(30):
        assert client.ask().status == 503
    # Where all rest, all are asked.
    assert sum(len(origin.requests) == 2 for origin in origins) == resting % 3


def test_the_only_server_is_always_asked(start_origin, start_weir, connect):
    origin = start_origin(answering(b"no", status=503))
    client = connect(start_weir(configuration(origin.server)))
    assert [client.ask().status for _ in range(20)] == [503] * 20
    assert len(origin.requests) == 20


def test_none_are_counted_where_failures_is_0(start_origin, start_weir, connect):
    failing, good = start_origin(answering(b"no", status=503)), start_origin()
    client = connect(start_weir(configuration(failing.server, good.server, ejection="{failures: 0}")))
    assert [client.ask().status for _ in range(30)] == [503, 200] * 15


def test_its_rest_ends_and_a_good_answer_brings_it_back(start_origin, start_weir, connect):
    recovers = in_turn(*[resets] * 3, answering(b"well"))
    origin, good = start_origin(recovers), start_origin(answering(b"good"))
    client = connect(start_weir(configuration(origin.server, good.server,
                                              ejection="{failures: 3, time: 1s}")))
    assert collections.Counter(client.ask().status for _ in range(6)) == {502: 3, 200: 3}
    assert client.ask().body == b"good"
    poll_until(lambda: client.ask().body == b"well", what="it is asked again")
    assert {client.ask().body for _ in range(4)} == {b"well", b"good"}


def test_it_is_counted_and_told(start_origin, start_weir, connect, directory):
    failing, good = start_origin(answering(b"no", status=503)), start_origin()
    weir = start_weir(configuration(failing.server, good.server,
                                    more=f"admin: unix:{directory}/admin\n"))
    client = connect(weir)
    for _ in range(10):
        client.ask()
    metrics = read_metrics(f"{directory}/admin")
    assert metrics("weir_server_ejections_total", server=failing.server) == 1
    assert metrics("weir_server_ejections_total", server=good.server) == 0
    told = run_weir_command("explain", "--live", "-c", weir.arguments[2], "GET", "http://a/").stdout
    assert f"{failing.server}, which rests just now" in told
