"""Servers are asked beside the traffic whether they work, and those that do not are passed over."""

import collections
import json
import pathlib
import signal

import pytest

from harness.busy_origin import BusyOrigin
from harness.deadline import poll_until
from harness.grpc_peer import NOT_SERVING, SERVICE, SERVING, GrpcServer
from harness.h2_client import CONTINUATION, END_HEADERS, END_STREAM, HEADERS
from harness.load import Load
from harness.metrics import read_metrics
from harness.origin import answering, response_bytes
from harness.tls_origin import serving
from harness.weir import run_weir_command, write_configuration

OFTEN = "interval: 100ms, fast_interval: 100ms, timeout: 5s"
ONCE = "interval: 1h"  # the first answer decides


class Sick:
    """A behaviour: requests are answered, and checks as `cure` and `infect` say."""

    def __init__(self, name, fail=None, well=True):
        self.name, self.is_well = name, well
        self.fail = fail or (lambda connection: connection.answer(500, b"no"))

    def infect(self):
        self.is_well = False

    def cure(self):
        self.is_well = True

    def __call__(self, connection):
        while True:
            request = connection.read_request_head()
            connection.read_request_body(request)
            if request.target != "/healthz" or self.is_well:
                connection.answer(200, self.name.encode())
            else:
                return self.fail(connection)


def fails_with(bytes_sent):
    return lambda connection: connection.send(bytes_sent)


def configuration(*servers, health=f"path: /healthz, {OFTEN}", upstream="", more=""):
    listed = ", ".join(f'"{server}"' for server in servers)
    return (f"threads: 1\n{more}upstreams: {{app: {{servers: [{listed}], ejection: {{failures: 0}}, "
            f"health: {{{health}}}{upstream}}}}}\nsites: [{{proxy: app}}]\n")


def status_of(weir):
    """The state and reason of each server, in the order of the file."""
    told = run_weir_command("status", "-c", weir.arguments[2])
    assert told.returncode == 0, told.stderr
    return [(server["state"], server["reason"])
            for server in json.loads(told.stdout)["upstreams"][0]["servers"]]


def told(weir):
    """All that the status tells of the first server."""
    said = run_weir_command("status", "-c", weir.arguments[2])
    return json.loads(said.stdout)["upstreams"][0]["servers"][0]


def wait_for_states(weir, *states):
    poll_until(lambda: tuple(state for state, _ in status_of(weir)) == states, what=f"{states}")


def reload(weir, text):
    write_configuration(pathlib.Path(weir.arguments[2]).parent, text, weir.address)
    told = run_weir_command("reload", "-c", weir.arguments[2])
    assert told.returncode == 0, told.stderr


def answers(client, count=20):
    return collections.Counter((answer.status, answer.body) for answer in
                               (client.ask() for _ in range(count)))


# ---- what a server is found to be

@pytest.mark.parametrize("failure, words", [
    (fails_with(response_bytes(500, b"no")), "has a status .*status=500"),
    (fails_with(response_bytes(404)), "has a status .*status=404"),
    (lambda connection: connection.reset(), "closes the connection without an answer"),
    (lambda connection: None, "closes the connection without an answer"),
    (fails_with(b"HTTP/1.1 2"), "closes the connection without an answer"),
    (fails_with(b"nonsense\r\n\r\n"), "its answer is malformed"),
    (fails_with(b"HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "is malformed"),
    (fails_with(b"HTTP/1.1 103 Early\r\n\r\n" * 40), "its answer is malformed"),
], ids=["500", "404", "reset", "close", "cut", "nonsense", "101", "endless interim answers"])
def test_a_server_that_fails_its_checks_is_passed_over_and_comes_back(start_origin, start_weir,
                                                                      connect, failure, words):
    sick = Sick("sick", failure)
    bad, good = start_origin(sick), start_origin(answering(b"good"))
    weir = start_weir(configuration(bad.server, good.server))
    client = connect(weir)
    wait_for_states(weir, "up", "up")
    bad.wait_for_requests(1)
    assert answers(client) == {(200, b"sick"): 10, (200, b"good"): 10}
    sick.infect()
    weir.wait_for_log(f"a server is down; it is passed over server={bad.server} upstream=app .*{words}")
    assert answers(client) == {(200, b"good"): 20}
    sick.cure()
    weir.wait_for_log(f"a server is up again server={bad.server} upstream=app")
    assert answers(client) == {(200, b"sick"): 10, (200, b"good"): 10}


def test_the_first_answer_decides(start_origin, start_weir, connect):
    bad, good = start_origin(Sick("sick", well=False)), start_origin(answering(b"good"))
    weir = start_weir(configuration(bad.server, good.server, health=f"path: /healthz, {ONCE}"))
    weir.wait_for_log("a server is down")
    assert answers(connect(weir)) == {(200, b"good"): 20}
    assert status_of(weir)[0] == (
        "down", "its answer has a status that health.expect does not name: 500")


def test_a_server_that_flaps_stays(start_origin, start_weir):
    def flaps(connection):
        connection.read_request()
        connection.answer(500 if connection.number % 3 else 200)

    origin = start_origin(flaps)
    weir = start_weir(configuration(origin.server, health=f"path: /, {OFTEN}"))
    origin.wait_for_requests(20)
    assert status_of(weir) == [("up", None)] and "a server is down" not in weir.log


def test_a_server_that_is_killed_and_started_again(ports, start_weir, connect):
    servers = [BusyOrigin(("127.0.0.1", ports.take())) for _ in range(2)]
    try:
        weir = start_weir(configuration(*(server.server for server in servers),
                                        health=f"path: /, {OFTEN}"))
        client = connect(weir)
        servers[0].kill()
        weir.wait_for_log("a server is down.*(it refuses connections|without an answer)")
        assert {client.ask(target="/a?size=10").status for _ in range(20)} == {200}
        servers[0].start()
        weir.wait_for_log("a server is up again")
        assert {client.ask(target="/a?size=10").status for _ in range(20)} == {200}
    finally:
        for server in servers:
            server.stop()


def test_a_server_that_is_frozen(ports, start_weir, connect):
    """The system still accepts for it, so that only an answer tells."""
    servers = [BusyOrigin(("127.0.0.1", ports.take())) for _ in range(2)]
    try:
        weir = start_weir(configuration(*(server.server for server in servers),
                                        health="path: /, interval: 100ms, timeout: 1s, fall: 2"))
        wait_for_states(weir, "up", "up")
        servers[0].freeze()
        weir.wait_for_log("a server is down.*it does not answer in health.timeout")
        client = connect(weir)
        assert {client.ask(target="/a?size=10").status for _ in range(20)} == {200}
        servers[0].thaw()
        weir.wait_for_log("a server is up again")
    finally:
        for server in servers:
            server.process.send_signal(signal.SIGCONT)
            server.stop()


def test_an_answer_that_drips_in_is_late(start_origin, start_weir):
    def drips(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nX: ")
        connection.hold()

    origin = start_origin(drips)
    weir = start_weir(configuration(origin.server, health="path: /, timeout: 100ms"))
    weir.wait_for_log("a server is down.*it does not answer in health.timeout")


def test_a_name_without_an_address(start_weir):
    weir = start_weir(configuration("nowhere.invalid:80"))
    weir.wait_for_log("a server is down.*its name has no address")


# ---- what is asked

def test_what_a_server_is_asked(start_origin, start_weir):
    origin = start_origin()
    start_weir(configuration(origin.server, health=f"""
        path: "/ready?deep=1", method: OPTIONS, host: app.internal,
        headers: {{X-Check: "of weir", User-Agent: me}}, {ONCE}"""))
    request = origin.wait_for_requests()[0]
    assert (request.method, request.target) == ("OPTIONS", "/ready?deep=1")
    assert request.value("Host") == "app.internal" and request.value("X-Check") == "of weir"
    assert request.value("User-Agent") == "me" and request.value("Connection") == "close"


def test_what_it_is_asked_otherwise(start_origin, start_weir):
    origin = start_origin()
    start_weir(configuration(origin.server, health=f"path: /healthz, {ONCE}"))
    request = origin.wait_for_requests()[0]
    assert (request.method, request.target) == ("GET", "/healthz")
    assert request.value("Host") == origin.server
    assert request.value("User-Agent") == "weir (health check)"


def test_each_server_is_asked_once_for_all_threads(start_origin, start_weir):
    origin = start_origin()
    start_weir(configuration(origin.server, health=f"path: /healthz, {ONCE}").replace(
        "threads: 1", "threads: 4"))
    origin.wait_for_requests()
    origin.settle()
    assert len(origin.requests) == 1


def test_a_port_of_its_own(start_origin, start_weir):
    origin, checks = start_origin(), start_origin()
    weir = start_weir(configuration(
        origin.server, health=f"path: /healthz, port: {checks.address[1]}, {ONCE}"))
    assert checks.wait_for_requests()[0].value("Host") == origin.server
    checks.settle()
    wait_for_states(weir, "up")
    assert not origin.connections


def test_connecting_is_enough_where_tcp_is_said(start_origin, start_weir):
    origin = start_origin(lambda connection: connection.hold())
    weir = start_weir(configuration(origin.server, health=f"type: tcp, {OFTEN}"))
    connections = origin.wait_for_connections(3)
    assert {bytes(connection.received) for connection in connections} == {b""}
    wait_for_states(weir, "up")
    origin.refuse()
    weir.wait_for_log("a server is down.*it refuses connections")


def test_a_unix_socket(start_origin, start_weir, directory):
    origin = start_origin(Sick("sick", well=False), address=f"{directory}/app")
    weir = start_weir(configuration(origin.server, health=f"path: /healthz, {ONCE}"))
    weir.wait_for_log("a server is down.*status=500")
    assert origin.requests[0].value("Host") == "localhost"


@pytest.mark.parametrize("version, header", [
    ("v1", b"PROXY UNKNOWN\r\n"), ("v2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")])
def test_a_server_behind_the_proxy_protocol(start_origin, start_weir, version, header):
    def speaks(connection):
        assert connection.read_exactly(len(header)) == header
        connection.read_request()
        connection.answer(200)

    origin = start_origin(speaks)
    weir = start_weir(configuration(origin.server, health=f"path: /healthz, {ONCE}",
                                    upstream=f", proxy_protocol: {version}"))
    origin.wait_for_requests()
    wait_for_states(weir, "up")


@pytest.mark.parametrize("kind", ["path: /healthz", "type: tcp"])
@pytest.mark.parametrize("tls, state, reason", [
    ("ca: {files}/authority.pem", "up", None),
    ("ca: {files}/other.pem", "down", "TLS with it fails: "),
    ("ca: {files}/authority.pem, name: other.internal", "down", "TLS with it fails: "),
])
def test_a_server_over_tls(start_tls_origin, start_weir, authority, kind, tls, state, reason):
    origin = start_tls_origin(lambda connection: connection.answer(200) if connection.read_request()
                              else None)
    authority.make("other", ["other.internal"])
    tls = tls.replace("{files}", str(authority.directory))
    weir = start_weir(configuration(origin.url, health=f"{kind}, {ONCE}", upstream=f", tls: {{{tls}}}"))
    poll_until(lambda: told(weir)["check_ms"] is not None or told(weir)["state"] == "down",
               what="the check")
    assert told(weir)["state"] == state and (told(weir)["reason"] or "").startswith(reason or "")
    if state == "up" and kind != "type: tcp":
        assert origin.wait_for_requests()[0].value("Host") == origin.server
    origin.failures.clear()  # who does not trust it says so in the handshake


def test_a_server_that_does_not_speak_tls(start_origin, start_weir, authority):
    origin = start_origin(lambda connection: connection.wait_for_bytes())
    weir = start_weir(configuration(f"https://{origin.server}", health=f"path: /, {ONCE}",
                                    upstream=f", tls: {{ca: {authority.directory}/authority.pem}}"))
    weir.wait_for_log('a server is down.*problem="TLS with it fails" cause=".*"')


@pytest.mark.parametrize("expect, status, state", [
    ("200", 200, "up"), ("200", 204, "down"), ("2xx", 299, "up"), ("[200, 401-403]", 402, "up"),
    ("[200, 401-403]", 404, "down"), ("200-399", 302, "up"), ("5xx", 503, "up")])
def test_which_statuses_are_good(start_origin, start_weir, expect, status, state):
    origin = start_origin(answering(status=status))
    weir = start_weir(configuration(origin.server, health=f"path: /, expect: {expect}, {ONCE}"))
    origin.wait_for_requests()
    wait_for_states(weir, state)


LONG = b"x" * 70000


@pytest.mark.parametrize("body, answer, state", [
    ("ready", response_bytes(200, b"all is ready now"), "up"),
    ("ready", response_bytes(200, b"not yet"), "down"),
    ("ready", response_bytes(200, b""), "down"),
    ("ready", response_bytes(200, [b"re", b"ad", b"y"]), "up"),
    ("ready", b"HTTP/1.1 200 OK\r\n\r\nready until it closes", "up"),
    ("ready", response_bytes(200, b"ready" + LONG), "up"),
    ("ready", response_bytes(200, LONG + b"ready"), "down"),
    ("'~^status=(ok|fine)$'", response_bytes(200, b"status=fine"), "up"),
    ("'~^status=(ok|fine)$'", response_bytes(200, b"status=bad"), "down"),
    ("ready", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nready", "down"),
    ("ready", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", "down"),
], ids=range(11))
def test_what_the_body_holds(start_origin, start_weir, body, answer, state):
    def answers_so(connection):
        connection.read_request()
        connection.send(answer)

    origin = start_origin(answers_so)
    weir = start_weir(configuration(origin.server, health=f"path: /, body: {body}, {ONCE}"))
    origin.wait_for_requests()
    wait_for_states(weir, state)


# ---- too few are left

def test_where_all_are_down_all_are_asked_and_that_is_told_once(start_origin, start_weir, connect):
    sick = [Sick(name) for name in ("one", "two")]
    origins = [start_origin(each) for each in sick]
    weir = start_weir(configuration(*(origin.server for origin in origins)))
    wait_for_states(weir, "up", "up")
    for each in sick:
        each.infect()
    weir.wait_for_log("too few servers of an upstream are up; those that are down are asked as "
                      "well upstream=app up=0 servers=2")
    client = connect(weir)
    assert answers(client) == {(200, b"one"): 10, (200, b"two"): 10}
    assert '"panics": true' in run_weir_command("status", "-c", weir.arguments[2]).stdout
    reload(weir, configuration(*(origin.server for origin in origins)))
    sick[0].cure()
    weir.wait_for_log("enough servers of an upstream are up again upstream=app up=1 servers=2")
    assert answers(client) == {(200, b"one"): 20}
    assert weir.log.count("too few servers of an upstream are up") == 1


def test_the_only_server_is_asked_though_it_is_down(start_origin, start_weir, connect):
    weir = start_weir(configuration(start_origin(Sick("sick", well=False)).server,
                                    health=f"path: /healthz, {ONCE}"))
    weir.wait_for_log("too few servers")
    assert answers(connect(weir)) == {(200, b"sick"): 20}


@pytest.mark.parametrize("count", [1, 2])
def test_without_panic_nobody_is_asked(start_origin, start_weir, connect, count):
    origins = [start_origin(Sick("sick", well=False)) for _ in range(count)]
    weir = start_weir(configuration(*(origin.server for origin in origins),
                                    health=f"path: /healthz, panic: off, {ONCE}"))
    wait_for_states(weir, *["down"] * count)
    assert {answer[0] for answer in answers(connect(weir))} == {503}
    assert {request.target for origin in origins for request in origin.requests} == {"/healthz"}


def test_below_a_share_all_are_asked(start_origin, start_weir, connect):
    origins = [start_origin(Sick(name, well=name == "c")) for name in "abc"]
    weir = start_weir(configuration(*(origin.server for origin in origins),
                                    health=f"path: /healthz, panic: 50%, {ONCE}"))
    weir.wait_for_log("too few servers of an upstream are up.*up=1 servers=3")
    assert answers(connect(weir), 30) == {(200, name): 10 for name in (b"a", b"b", b"c")}


def test_a_backup_goes_before_one_that_is_down(start_origin, start_weir, connect):
    bad, backup = start_origin(Sick("sick", well=False)), start_origin(answering(b"backup"))
    weir = start_weir(f"""
        threads: 1
        upstreams:
          app:
            servers: ["{bad.server}", {{address: "{backup.server}", backup: on}}]
            health: {{path: /healthz, {ONCE}}}
        sites: [{{proxy: app}}]
    """)
    weir.wait_for_log("a server is down")
    assert answers(connect(weir)) == {(200, b"backup"): 20}


# ---- over a reload

def test_what_is_known_stays_over_a_reload(start_origin, start_weir, connect):
    bad, good = start_origin(Sick("sick", well=False)), start_origin(answering(b"good"))
    weir = start_weir(configuration(bad.server, good.server, health=f"path: /healthz, {ONCE}"))
    weir.wait_for_log("a server is down")
    good.wait_for_requests()
    wait_for_states(weir, "down", "up")
    reload(weir, configuration(good.server, bad.server, health=f"path: /healthz, {ONCE}, fall: 9"))
    assert [state for state, _ in status_of(weir)] == ["up", "down"]
    assert answers(connect(weir)) == {(200, b"good"): 20}
    assert len(bad.requests) == 1 and weir.log.count("a server is down") == 1


def test_who_is_not_checked_any_more_is_up(start_origin, start_weir, connect):
    bad, good = start_origin(Sick("sick", well=False)), start_origin(answering(b"good"))
    weir = start_weir(configuration(bad.server, good.server, health=f"path: /healthz, {ONCE}"))
    weir.wait_for_log("a server is down")
    reload(weir, configuration(bad.server, good.server, health="type: off"))
    assert [state for state, _ in status_of(weir)] == ["up", "up"]
    assert answers(connect(weir)) == {(200, b"sick"): 10, (200, b"good"): 10}


def test_a_server_that_comes_back_into_the_file_is_asked_anew(start_origin, start_weir):
    sick = Sick("sick", well=False)
    bad, good = start_origin(sick), start_origin(answering(b"good"))
    both = configuration(bad.server, good.server, health=f"path: /healthz, {ONCE}")
    weir = start_weir(both)
    weir.wait_for_log("a server is down")
    reload(weir, configuration(good.server, health=f"path: /healthz, {ONCE}"))
    sick.cure()
    reload(weir, both)
    bad.wait_for_requests(2)
    wait_for_states(weir, "up", "up")


def test_a_reload_asks_nobody_before_it_is_time(start_origin, start_weir):
    """Who comes with each reload is asked at once; who stays is not asked again for that."""
    stays, *come = [start_origin() for _ in range(4)]
    once = f"path: /healthz, {ONCE}, fast_interval: 1h, timeout: 1m"
    weir = start_weir(configuration(stays.server, health=once))

    def all_are_checked():
        told = run_weir_command("status", "-c", weir.arguments[2])
        return all(server["check_ms"] is not None
                   for server in json.loads(told.stdout)["upstreams"][0]["servers"])

    poll_until(all_are_checked, what="the first check")
    for count in range(1, 4):
        reload(weir, configuration(stays.server, *[origin.server for origin in come[:count]],
                                   health=once))
        poll_until(all_are_checked, what="the check of who has come")
    assert [len(origin.requests) for origin in (stays, *come)] == [1, 1, 1, 1]


def test_reloads_in_the_middle_of_checks(start_origin, start_weir):
    """Under several threads, with clients, while servers go up and down."""
    sick = Sick("sick")
    bad, good = start_origin(sick), start_origin(answering(b"good"))
    text = configuration(bad.server, good.server, health=f"path: /healthz, {OFTEN}, rise: 1, fall: 1")
    weir = start_weir(text.replace("threads: 1", "threads: 3"))
    with Load(weir, clients=3, bodies=(b"sick", b"good")) as load:
        for number in range(6):
            (sick.cure if number % 2 else sick.infect)()
            reload(weir, text.replace("threads: 1", "threads: 3").replace("5s", f"{5 + number}s"))
            wait_for_states(weir, "up" if number % 2 else "down", "up")
        load.wait_for(10)
    load.check_all_well()


# ---- slow start

def test_who_comes_back_gets_its_share_little_by_little(start_origin, start_weir, connect):
    sick = Sick("sick")
    bad, good = start_origin(sick), start_origin(answering(b"good"))
    weir = start_weir(configuration(bad.server, good.server, upstream=", slow_start: 1h"))
    client = connect(weir)
    wait_for_states(weir, "up", "up")
    assert answers(client) == {(200, b"sick"): 10, (200, b"good"): 10}  # from the beginning
    sick.infect()
    weir.wait_for_log("a server is down")
    sick.cure()
    weir.wait_for_log("a server is up again")
    assert 9 <= answers(client, 210)[(200, b"sick")] <= 11


def test_who_is_new_in_the_file_gets_its_share_little_by_little(start_origin, start_weir, connect):
    first, second = start_origin(answering(b"first")), start_origin(answering(b"second"))
    weir = start_weir(configuration(first.server, health="type: off", upstream=", slow_start: 1h"))
    reload(weir, configuration(first.server, second.server, health="type: off",
                               upstream=", slow_start: 1h"))
    assert 9 <= answers(connect(weir), 210)[(200, b"second")] <= 11


# ---- what is told

def test_metrics_and_explain_tell(start_origin, start_weir, directory):
    bad, good = start_origin(Sick("sick", well=False)), start_origin()
    weir = start_weir(configuration(bad.server, good.server, health=f"path: /healthz, {ONCE}",
                                    more=f"admin: unix:{directory}/admin\n"))
    weir.wait_for_log("a server is down")
    good.wait_for_requests()

    def count(server, outcome):
        return read_metrics(f"{directory}/admin")("weir_health_checks_total", upstream="app",
                                                  server=server, outcome=outcome)

    poll_until(lambda: count(good.server, "passed") == 1, what="the other one's check")
    assert count(bad.server, "failed") == 1 and count(bad.server, "passed") == 0
    metrics = read_metrics(f"{directory}/admin")
    assert metrics("weir_server_up", upstream="app", server=bad.server) == 0
    assert metrics("weir_server_up", upstream="app", server=good.server) == 1
    assert metrics("weir_upstream_panics", upstream="app") == 0
    told = run_weir_command("explain", "--live", "-c", weir.arguments[2], "GET", "http://a/").stdout
    assert f"{bad.server}, which is down\n" in told


def test_behind_the_walls_of_a_worker(start_origin, start_supervised):
    sick = Sick("sick")
    origin = start_origin(sick)
    weir = start_supervised(configuration(origin.server, health=f"path: /healthz, body: sick, {OFTEN}"))
    origin.wait_for_requests(2)
    sick.infect()
    weir.weir.wait_for_log("a server is down")


# ---- over HTTP/2

def well_or(answer_sick):
    """A behaviour over HTTP/2, and where its health is set."""
    state = Sick("sick")

    def behaviour(connection):
        while True:
            request = connection.read_request()
            if request.get(":path") != "/healthz" or state.is_well:
                connection.answer(request, body=b"well")
            else:
                answer_sick(connection, request)
    return behaviour, state


@pytest.mark.parametrize("failure, words", [
    (lambda connection, request: connection.answer(request, 503), "has a status .*status=503"),
    (lambda connection, request: connection.answer(request, body=b"bad"), "does not hold what"),
    (lambda connection, request: connection.reset_stream(request, 2), "without an answer"),
    (lambda connection, request: connection.send_head(request, [(":status", "200"), ("a b", "c")]),
     "its answer is malformed"),
], ids=["503", "another body", "a reset", "malformed"])
def test_a_server_of_http2_is_asked_in_http2(start_h2_origin, start_weir, connect, failure, words):
    behaviour, state = well_or(failure)
    origin = start_h2_origin(behaviour)
    weir = start_weir(configuration(origin.url, health=f"path: /healthz, body: well, {OFTEN}"))
    origin.wait_for_requests(1)
    assert (":method", "GET") in origin.requests[0].fields
    assert origin.requests[0].get("user-agent") == "weir (health check)"
    wait_for_states(weir, "up")
    state.infect()
    weir.wait_for_log(f"a server is down; it is passed over server={origin.url} .*{words}")
    state.cure()
    weir.wait_for_log("a server is up again")
    assert connect(weir).ask().body == b"well"


def test_a_long_head_over_http2_is_read_to_its_end(start_h2_origin, start_weir):
    def behaviour(connection):
        request = connection.read_request()
        fields = [(":status", "200")] + [(f"x-{number}", "y" * 600) for number in range(90)]
        block = connection.encoder.encode(fields, huffman=False)
        connection.send_frame(HEADERS, END_STREAM, request.stream, block[:16384])
        for at in range(16384, len(block), 16384):
            flags = END_HEADERS if at + 16384 >= len(block) else 0
            connection.send_frame(CONTINUATION, flags, request.stream, block[at:at + 16384])
        connection.read_to_end()
    weir = start_weir(configuration(start_h2_origin(behaviour).url, health=f"path: /, {ONCE}"))
    poll_until(lambda: told(weir)["check_ms"] is not None, what="a check")
    assert status_of(weir) == [("up", None)]


def test_over_tls_the_word_h2_is_asked_for(start_h2_origin, start_weir, authority):
    authority.make("app", ["127.0.0.1"])
    context = serving(authority, "app")
    context.set_alpn_protocols(["h2"])
    origin = start_h2_origin(context=context)
    weir = start_weir(configuration(
        origin.url, health=f"path: /healthz, {OFTEN}",
        upstream=f", tls: {{ca: {authority.directory}/authority.pem}}"))
    origin.wait_for_requests(2)
    assert status_of(weir) == [("up", None)]


def test_what_does_not_speak_http2_is_down(start_origin, start_weir):
    origin = start_origin(lambda connection: (connection.read_some(), connection.answer(400)))
    weir = start_weir(configuration(f"h2c://{origin.server}", health=f"path: /, {ONCE}"))
    weir.wait_for_log("a server is down; .* problem=\"it does not speak HTTP/2\"")


def test_the_health_service_of_grpc(start_weir, ports):
    with GrpcServer(ports.take()) as server:
        weir = start_weir(configuration(
            server.url, health=f"type: grpc, service: {SERVICE}, {OFTEN}"))
        poll_until(lambda: told(weir)["check_ms"] is not None, what="a check")
        wait_for_states(weir, "up")
        server.health[SERVICE.encode()] = NOT_SERVING
        weir.wait_for_log("a server is down; .*its health service says that it does not serve")
        server.health[SERVICE.encode()] = SERVING
        weir.wait_for_log("a server is up again")
        del server.health[SERVICE.encode()]
        wait_for_states(weir, "down")
        assert status_of(weir) == [("down", "its health service answers with an error: 5")]


def test_the_server_as_a_whole_is_asked_at_a_port_of_its_own(start_origin, start_weir, ports):
    origin, port = start_origin(answering(b"good")), ports.take()
    with GrpcServer(port):
        weir = start_weir(configuration(origin.server, health=f"type: grpc, port: {port}, {ONCE}"))
        poll_until(lambda: told(weir)["check_ms"] is not None, what="a check")
        assert status_of(weir) == [("up", None)]


def test_a_server_that_is_none_of_grpc_is_down(start_h2_origin, start_weir):
    weir = start_weir(configuration(start_h2_origin().url, health=f"type: grpc, {ONCE}"))
    weir.wait_for_log("a server is down; .*its answer is none of gRPC")
