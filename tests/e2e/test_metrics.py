"""What is counted, and how it is told to Prometheus."""

import contextlib
import ctypes
import json
import os
import pathlib
import re
import subprocess
import threading

import pytest

from harness import http1
from harness.client import Client, request_bytes
from harness.deadline import poll_until
from harness.h2_client import connect_h2
from harness.load import Load
from harness.metrics import read_metrics
from harness.origin import response_bytes
from harness.weir import ROOT, write_configuration


@pytest.fixture
def start_counted(start_weir, directory):
    """A Weir with an admin side of its own; `.metrics()` reads the page, `.metrics_when(is_so)`
    as soon as it is so: an exchange is counted a moment after its answer."""
    def start(text, **parts):
        path = str(directory / f"admin-{len(list(directory.iterdir()))}.sock")
        weir = start_weir(f"admin: unix:{path}\n{text}", **parts)
        weir.metrics = lambda: read_metrics(path)

        def metrics_when(is_so):
            def look():
                metrics = weir.metrics()
                return metrics if is_so(metrics) else None
            return poll_until(look, what="the metrics")
        weir.metrics_when = metrics_when
        return weir
    return start


SHOP = """
upstreams: {shop: ["%s"]}
sites:
  - host: a.example.com
    routes:
      - path: /hello
        respond: {body: hello}
    proxy: shop
"""


def test_exchanges_are_counted_by_where_they_went(start_counted, start_origin, connect):
    weir = start_counted(SHOP % start_origin().server)
    client = connect(weir)
    for _ in range(3):
        assert client.ask(target="/hello", host="a.example.com").status == 200
    for _ in range(2):
        assert client.ask(target="/else", host="a.example.com").status == 200
    assert client.ask(host="b.example.com").status == 404
    metrics = weir.metrics_when(lambda metrics: metrics("weir_exchanges_total") == 6)
    assert metrics("weir_exchanges_total", site="a.example.com", route="/hello", upstream="",
                   status="2xx") == 3
    assert metrics("weir_exchanges_total", site="a.example.com", route="", upstream="shop",
                   status="2xx") == 2
    assert metrics("weir_exchanges_total", site="", status="4xx") == 1
    assert metrics("weir_exchange_duration_seconds_count") == 6
    assert metrics("weir_exchange_duration_seconds_bucket", le="+Inf") == 6
    assert metrics("weir_response_body_bytes_total", route="/hello") == 3 * len("hello")
    assert metrics("weir_errors_total", error="no_site", side="client") == 1
    assert metrics("weir_client_connections") == 1 == metrics("weir_client_connections_total")


def test_a_class_of_times_holds_those_below_it(start_counted, start_origin, connect):
    weir = start_counted(SHOP % start_origin().server)
    client = connect(weir)
    for _ in range(20):
        client.ask(host="a.example.com")
    metrics = weir.metrics_when(lambda metrics: metrics("weir_exchanges_total") == 20)
    counts = [value for name, labels, value in metrics.samples
              if name == "weir_exchange_duration_seconds_bucket"]
    assert counts == sorted(counts) and counts[-1] == 20


def test_bodies_are_counted_both_ways(start_counted, start_origin, connect):
    weir = start_counted(SHOP % start_origin().server)
    connect(weir).ask("POST", "/up", host="a.example.com", body=b"x" * 12345)
    metrics = weir.metrics_when(lambda metrics: metrics("weir_exchanges_total") == 1)
    assert metrics("weir_request_body_bytes_total", upstream="shop") == 12345
    assert metrics("weir_response_body_bytes_total", upstream="shop") == len("hello")


def test_servers_are_counted(start_counted, start_origin, connect, ports):
    origin, dead = start_origin(), f"127.0.0.1:{ports.take()}"
    weir = start_counted("threads: 1\n" + SHOP.replace("%s", f"{origin.server}\", \"{dead}"))
    client = connect(weir)
    for _ in range(8):
        assert client.ask(host="a.example.com").status == 200
    metrics = weir.metrics_when(lambda metrics: metrics("weir_server_idle") == 1)
    assert metrics("weir_server_connections_total", server=origin.server) == 1
    assert metrics("weir_server_uses_total", server=origin.server) == 8
    assert metrics("weir_server_failures_total", server=origin.server) == 0
    assert metrics("weir_server_failures_total", server=dead) >= 1
    assert metrics("weir_server_active") == 0


def test_what_runs_is_a_gauge(start_counted, start_origin, connect):
    go_on = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.wait(go_on)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        connection.hold()

    origin = start_origin(behaviour)
    weir = start_counted(SHOP % origin.server)
    client = connect(weir)
    client.send_request(host="a.example.com")
    origin.wait_for_requests()
    metrics = weir.metrics()
    assert metrics("weir_exchanges_running") == 1 == metrics("weir_server_active")
    go_on.set()
    client.read_response()
    weir.metrics_when(lambda metrics: metrics("weir_exchanges_running") == 0)


def test_tunnels_are_counted(start_counted, start_origin, connect):
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                        b"Upgrade: x\r\n\r\n")
        connection.hold()

    weir = start_counted(SHOP % start_origin(behaviour).server)
    client = connect(weir)
    client.send(b"GET / HTTP/1.1\r\nHost: a.example.com\r\nConnection: upgrade\r\n"
                b"Upgrade: x\r\n\r\n")
    assert client.read_response_head().status == 101
    metrics = weir.metrics_when(lambda metrics: metrics("weir_tunnels") == 1)
    assert metrics("weir_exchanges_total", status="1xx") == 1
    client.reset()
    metrics = weir.metrics_when(lambda metrics: metrics("weir_tunnels") == 0)
    assert metrics("weir_tunnels_total") == 1


def test_a_server_that_cannot_be_reached_is_an_error_of_the_upstream(start_counted, connect, ports):
    weir = start_counted(SHOP % f"127.0.0.1:{ports.take()}")
    assert connect(weir).ask(host="a.example.com").status == 502
    metrics = weir.metrics_when(lambda metrics: metrics("weir_exchanges_total", status="5xx") == 1)
    assert metrics("weir_errors_total", error="connect_refused", side="upstream") == 1


def head(*fields, target="/", method="GET"):
    return "\r\n".join([f"{method} {target} HTTP/1.1", *fields, "\r\n"]).encode()


HOST = "Host: example.com"
REFUSED = [  # error, status, side, what is asked
    ("bad_request_line", 400, "client", head(HOST, target="/ /")),
    ("bad_field", 400, "client", head(HOST, "X-A : b")),
    ("bad_host", 400, "client", head()),
    ("bad_upstream_host", 400, "client", head(HOST, target="/called?a,b")),
    ("bad_framing", 400, "client", head(HOST, "Content-Length: 1", "Content-Length: 2")),
    ("bad_chunk", 400, "client",
     head(HOST, "Transfer-Encoding: chunked", method="POST") + b"nonsense\r\n"),
    ("request_timeout", 408, "client",
     head(HOST, "Content-Length: 10", target="/late", method="POST") + b"hello"),
    ("body_too_large", 413, "client", head(HOST, "Content-Length: 11", method="POST")),
    ("target_too_long", 414, "client", head(HOST, target="/" + "a" * 100)),
    ("head_too_large", 431, "client", head(HOST, "X-A: " + "a" * 1024)),
    ("too_many_fields", 431, "client", head(HOST, *["X-A: b"] * 10)),
    ("connect_refused", 502, "upstream", head(HOST, target="/dead")),
    ("bad_response_line", 502, "upstream", head(HOST, target="/nonsense")),
    ("response_head_too_large", 502, "upstream", head(HOST, target="/large")),
    ("servers_full", 503, "upstream", head(HOST, target="/full")),
    ("connect_timeout", 504, "upstream", head(HOST, target="/frozen")),
    ("first_byte_timeout", 504, "upstream", head(HOST, target="/silent")),
    ("exchange_timeout", 504, "upstream", head(HOST, target="/endless")),
]


def wrong_or_silent(connection):
    request = connection.read_request()
    if request.target == "/nonsense":
        connection.send(b"nonsense\r\n\r\n")
    if request.target == "/large":
        connection.answer(200, fields=[("X-A", "a" * 1024)])
    connection.hold()


def test_each_cause_of_a_refusal_has_its_counter(start_counted, start_origin, connect, ports,
                                                 frozen_listener):
    go_on = threading.Event()

    def holds_the_first(connection):
        connection.read_request()
        connection.wait(go_on)
        connection.answer(200)

    origin, full = start_origin(wrong_or_silent), start_origin(holds_the_first)
    weir = start_counted(f"""
limits: {{header_size: 1KiB, header_count: 10, target_length: 100, body_size: 10}}
upstreams:
  app: {{servers: ["{origin.server}"], ejection: {{failures: 0}}}}
  full: {{servers: [{{address: "{full.server}", max_connections: 1}}]}}
sites:
  - routes:
      - {{path: /called, upstream_host: "$query", proxy: app}}
      - {{path: /dead, proxy: "http://127.0.0.1:{ports.take()}"}}
      - {{path: /endless, timeouts: {{request: 200ms}}, proxy: app}}
      - {{path: /frozen, timeouts: {{connect: 200ms}}, proxy: "http://{frozen_listener}"}}
      - {{path: /full, proxy: full}}
      - {{path: /late, timeouts: {{request_body: 300ms}}, proxy: app}}
      - {{path: /silent, timeouts: {{first_byte: 200ms}}, proxy: app}}
    proxy: app
""")
    first = connect(weir)
    first.send_request(target="/full")
    full.wait_for_requests()
    for error, status, _, asked in REFUSED:
        client = connect(weir)
        client.send(asked)
        assert client.read_response().status == status, error
    go_on.set()
    assert first.read_response().status == 200
    metrics = weir.metrics_when(
        lambda metrics: metrics("weir_exchanges_total") == len(REFUSED) + 1)
    counted = {(labels["error"], labels["side"]): value for name, labels, value in metrics.samples
               if name == "weir_errors_total"}
    assert counted == {(error, side): 1 for error, _, side, _ in REFUSED}
    classes = [f"{status // 100}xx" for _, status, _, _ in REFUSED]
    for name in ("4xx", "5xx"):
        assert metrics("weir_exchanges_total", status=name) == classes.count(name)


def test_a_server_that_stops_in_its_body_has_its_counter(start_counted, start_origin, connect):
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        connection.hold()

    weir = start_counted(SHOP % start_origin(behaviour).server
                         + "timeouts: {between_bytes: 200ms}\n")
    client = connect(weir)
    client.send_request(host="a.example.com")
    with pytest.raises(http1.Cut):
        client.read_response()
    metrics = weir.metrics_when(lambda metrics: metrics("weir_exchanges_total") == 1)
    assert metrics("weir_errors_total") == 1
    assert metrics("weir_errors_total", error="between_bytes_timeout", side="upstream") == 1


def test_clients_above_the_limit_are_counted(start_counted, connect):
    weir = start_counted("limits: {connections: 1}\nsites: [{respond: 204}]\n")
    assert connect(weir).ask().status == 204
    assert connect(weir).read_response().status == 503
    assert weir.metrics()("weir_client_connections_refused_total") == 1


def test_counting_goes_on_over_a_reload(start_counted, connect):
    weir = start_counted("sites: [{host: a, respond: 204}, {host: b, respond: 204}]\n")
    client = connect(weir)
    for host in ("a", "a", "b"):
        client.ask(host=host)
    path = pathlib.Path(weir.arguments[2])
    admin = path.read_text().splitlines()[1]
    write_configuration(path.parent, f"{admin}\nsites: [{{host: a, respond: 200}}]\n",
                        weir.address)
    weir.signal(1)
    weir.wait_for_log("the configuration was loaded")
    client.ask(host="a")
    metrics = weir.metrics_when(lambda metrics: metrics("weir_exchanges_total") == 4)
    assert metrics("weir_exchanges_total", site="a") == 3
    assert metrics("weir_exchanges_total", site="b") == 1  # gone, and not forgotten
    assert metrics("weir_reloads_total", outcome="done") == 1


def test_names_of_a_file_cannot_break_the_page(start_counted, connect):
    weir = start_counted("sites: [{routes: [{path: \"~^/a\\\"b\\\\\\\\c\\u00e9\", respond: 204},"
                         " {path: /x, respond: 204}]}]\n")
    client = connect(weir)
    client.ask(target="/x")
    weir.metrics_when(lambda metrics: metrics("weir_exchanges_total", route="/x") == 1)


def test_there_is_a_limit_to_series(start_counted, connect):
    sites = "".join(f"  - {{host: s{i}.example.com, respond: 204}}\n" for i in range(4200))
    weir = start_counted(f"sites:\n{sites}")
    client = connect(weir)
    for i in (0, 4095, 4096, 4199):
        assert client.ask(host=f"s{i}.example.com").status == 204
    metrics = weir.metrics_when(lambda metrics: metrics("weir_exchanges_total") == 4)
    assert metrics("weir_exchanges_total", site="s0.example.com") == 1
    assert metrics("weir_exchanges_total", site="s4095.example.com") == 1
    assert metrics("weir_exchanges_total", site="") == 2


def test_the_process_is_measured(start_counted, connect):
    weir = start_counted("threads: 2\nsites: [{respond: 204}]\n")
    metrics = weir.metrics()
    status = pathlib.Path(f"/proc/{weir.process.pid}/status").read_text()
    assert metrics("weir_threads") == int(re.search(r"^Threads:\s+(\d+)", status, re.M)[1])
    assert metrics("weir_resident_memory_bytes") > 500_000
    assert 5 < metrics("weir_open_descriptors") <= weir.descriptors() + 1
    assert metrics("weir_info") == 1
    turns = {labels["loop"] for name, labels, _ in metrics.samples
             if name == "weir_loop_turn_seconds_count"}
    assert turns == {"0", "1"}


def test_memory_is_told_by_what_it_is_for(start_counted, start_origin, connect):
    weir = start_counted("threads: 1\n" + SHOP % start_origin(holding_after_half).server)
    assert weir.metrics()("weir_memory_bytes", state="used") == 0
    clients = [connect(weir) for _ in range(10)]
    for client in clients:
        client.send_request(host="a.example.com")
        client.read_until(b"half")

    def used(metrics):
        return {kind: metrics("weir_memory_bytes", kind=kind, state="used")
                for kind in ("buffers", "exchanges", "clients", "servers", "tunnels")}

    def all_are_told(metrics):
        """The loop counts while it is read, so the kinds may be of two moments once."""
        told = used(metrics)
        return told["exchanges"] >= 10 * 8192 and all(
            100 * len(clients) <= told[kind] for kind in ("clients", "servers", "buffers"))

    assert used(weir.metrics_when(all_are_told))["tunnels"] == 0
    for client in clients:
        client.reset()
    metrics = weir.metrics_when(lambda metrics: set(used(metrics).values()) == {0})
    assert metrics("weir_memory_bytes", state="spare") > 10 * 8192


def holding_after_half(connection):
    """Half a response; a head that lies in a buffer, as long as its exchange runs."""
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
    connection.hold()


def test_who_waits_to_be_accepted_is_counted(start_counted, connect):
    """The only loop is held; the admin side is not on it."""
    weir = start_counted("threads: 1\nsites: [{respond: 204}]\n")
    listener = "%s:%d" % weir.address
    assert weir.metrics()("weir_accept_queue", listener=listener) == 0
    with held(loop_threads(weir)[0]):
        clients = [connect(weir) for _ in range(5)]
        weir.metrics_when(lambda metrics: metrics("weir_accept_queue", listener=listener) == 5)
        late = weir.metrics_when(lambda metrics: metrics("weir_loop_delay_seconds") > 0.1)
        assert late("weir_accept_queue_limit", listener=listener) > 5
    assert [client.ask().status for client in clients] == [204] * 5
    assert weir.metrics()("weir_accept_queue", listener=listener) == 0


def test_a_configuration_that_is_still_used_is_counted(start_counted, start_origin, connect):
    go_on = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.wait(go_on)
        connection.answer(200)
        connection.hold()

    origin = start_origin(behaviour)
    weir = start_counted(SHOP % origin.server)

    def reload():
        seen = weir.log.count("\n")
        weir.signal(1)
        weir.wait_for_log("the configuration was loaded", start=seen)
        return weir.metrics()("weir_snapshots")

    client = connect(weir)
    client.send_request(host="a.example.com")
    origin.wait_for_requests()
    assert weir.metrics()("weir_snapshots") == 1
    assert reload() == 2
    assert reload() == 2  # the first lives as long as the exchange, the second is gone
    go_on.set()
    client.read_response()
    weir.metrics_when(lambda metrics: metrics("weir_exchanges_running") == 0)
    assert reload() == 1


def test_figures_agree_with_those_of_the_load(start_counted, start_origin):
    def behaviour(connection):
        while request := connection.read_request():
            connection.answer(200, request.target.encode() * 100)

    weir = start_counted("sites: [{proxy: '%s'}]\n" % start_origin(behaviour).url)
    with Load(weir) as load:
        load.wait_for(1000)
    metrics = weir.metrics_when(lambda metrics: metrics("weir_exchanges_running") == 0)
    assert metrics("weir_exchanges_total", status="2xx") == len(load.statuses)
    assert metrics("weir_exchanges_total") == len(load.statuses)


def test_prometheus_finds_no_fault_with_it(start_counted, start_origin, connect):
    weir = start_counted(SHOP % start_origin().server)
    client = connect(weir)
    client.ask(host="a.example.com")
    client.ask(host="b.example.com")
    metrics = weir.metrics_when(lambda metrics: metrics("weir_exchanges_total") == 2)
    said = subprocess.run(["promtool", "check", "metrics"], input=metrics.text, text=True,
                          capture_output=True, check=False, timeout=30)
    assert said.returncode == 0, said.stdout + said.stderr


def test_each_metric_is_told_of(start_counted):
    weir = start_counted("sites: [{respond: 204}]\n")
    named = set(re.findall(r"^# TYPE (\w+) ", weir.metrics().text, re.MULTILINE))
    told = set(re.findall(r"`(weir_\w+)`", (ROOT / "docs/metrics.md").read_text()))
    assert named == told


def test_the_dashboard_asks_for_what_there_is(start_counted, start_origin, connect):
    weir = start_counted(SHOP % start_origin().server)
    client = connect(weir)
    client.ask(host="a.example.com")
    client.ask(host="b.example.com")
    names = weir.metrics_when(lambda metrics: metrics("weir_exchanges_total") == 2).names()
    dashboard = json.loads((ROOT / "examples/grafana-dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = set(re.findall(r"\bweir_\w+", " ".join(queries)))
    assert len(asked) >= 8 and asked <= names


@pytest.mark.soak
def test_a_loop_that_hangs_is_told(start_counted, connect):
    """One thread is held, as a debugger holds it; the admin side still answers."""
    weir = start_counted("threads: 2\nsites: [{respond: 204}]\n")
    with held(loop_threads(weir)[0]):
        weir.wait_for_log("error a loop hangs; what it serves waits loop=", 30)
        metrics = weir.metrics()
        assert metrics("weir_loop_hangs_total") == 1
        assert max(value for name, _, value in metrics.samples
                   if name == "weir_loop_delay_seconds") > 4
    weir.wait_for_log("notice a loop turns again", 30)
    assert connect(weir).ask().status == 204


def loop_threads(weir):
    """Their ids, as soon as there are some: a thread names itself when it first runs."""
    tasks = pathlib.Path(f"/proc/{weir.process.pid}/task")
    return poll_until(lambda: [int(task.name) for task in tasks.iterdir()
                               if (task / "comm").read_text().strip() == "weir-loop"],
                      what="the thread of a loop")


@contextlib.contextmanager
def held(thread):
    """Stops one thread of another process."""
    attach, detach = 16, 17
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    assert ptrace(attach, thread, None, None) == 0, os.strerror(ctypes.get_errno())
    os.waitpid(thread, 0x40000000)  # __WALL: also a thread that is no process
    try:
        yield
    finally:
        ptrace(detach, thread, None, None)


# ---- what is open now

def by_path(connection):
    """Answers well, breaks off at one of three stages, falls silent, or opens a tunnel."""
    while True:
        request = connection.read_request()
        if request.target == "/well":
            connection.answer(body=b"well")
        elif request.target == "/close":
            return
        elif request.target == "/reset":
            connection.reset()
            return
        elif request.target == "/cut":
            connection.send(response_bytes(body=b"x" * 1000)[:-500])
            return
        elif request.target == "/silent":
            connection.read_some()
            return
        else:
            connection.send(b"HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
            connection.read_some()
            return


def ask_and_leave(weir, origin, path):
    """Over each version of HTTP; where nothing comes, the client goes once the server was asked."""
    asked = len(origin.requests)
    fields = [("Connection", "upgrade"), ("Upgrade", "x")] if path == "/tunnel" else []
    with contextlib.closing(Client(weir.address)) as client:
        client.send(request_bytes(target=path, fields=fields))
        origin.wait_for_requests(asked + 1)
        if path == "/tunnel":
            client.read_until(b"\r\n\r\n")
        elif path == "/silent":
            client.reset()  # an end alone would be half of one: it still wants its answer
        else:
            client.wait_for_bytes()
    if path == "/tunnel":
        return
    asked = len(origin.requests)
    with contextlib.closing(connect_h2(weir.address)) as client:
        stream = client.send_request(path=path)
        if path == "/silent":
            origin.wait_for_requests(asked + 1)
        else:
            client.read_response(stream)


OPEN = ["weir_client_connections", "weir_exchanges_running", "weir_tunnels", "weir_server_active",
        "weir_queue_length"]


def test_when_all_is_quiet_nothing_is_open(start_counted, start_origin, ports):
    origin = start_origin(by_path)
    port = ports.take()
    weir = start_counted(
        f'listen: [{{address: "127.0.0.1:{port}", h2c: on}}]\n'
        f'upstreams: {{app: {{servers: ["{origin.server}"]}}}}\n'
        "sites: [{host: example.com, proxy: app}]\n", address=("127.0.0.1", port))
    before = weir.descriptors()
    for _ in range(3):
        for path in ["/well", "/close", "/reset", "/cut", "/silent", "/tunnel"]:
            ask_and_leave(weir, origin, path)
    metrics = weir.metrics_when(lambda metrics: all(metrics(name) == 0 for name in OPEN))
    assert metrics.names() >= set(OPEN)
    assert metrics("weir_exchanges_total") == 33 and metrics("weir_tunnels_total") == 3
    poll_until(lambda: weir.descriptors() <= before + weir.metrics()("weir_server_idle"),
               what="the descriptors of before")
