"""`weir upstream add` and `remove`: servers come and go while Weir runs."""

import collections
import pathlib
import threading

import pytest

from harness.client import Client
from harness.deadline import poll_until
from harness.live import change, reload, servers_of, status_of, upstream
from harness.load import Load
from harness.metrics import read_metrics
from harness.origin import answering
from harness.weir import run_weir_command, write_configuration


def configuration(*origins, upstream="", threads=1, more=""):
    servers = ", ".join(f'"{origin.server}"' for origin in origins)
    return (f"threads: {threads}\n{more}upstreams: {{app: {{servers: [{servers}]{upstream}}}}}\n"
            "sites: [{proxy: app}]\n")


def count_answers(client, count):
    return collections.Counter(client.ask().body for _ in range(count))


def are_about(counts, expected):
    """The round is entered anywhere when the list changes, so that each may have one more or less."""
    return all(abs(counts[body] - expected.get(body, 0)) <= 1 for body in counts | expected)


@pytest.fixture
def three(start_origin):
    return [start_origin(answering(letter)) for letter in (b"a", b"b", b"c")]


def test_a_server_comes_and_goes(three, start_weir, connect, directory):
    a, b, c = three
    weir = start_weir(configuration(a, b, more=f"admin: unix:{directory}/admin\n"))
    client = connect(weir)
    assert count_answers(client, 10) == {b"a": 5, b"b": 5}
    assert change(weir, "add", "app", c.server, "weight", "2") == \
        f"{c.server} of app: up, weight 2, 0 calls in progress\n"
    assert are_about(count_answers(client, 12), {b"a": 3, b"b": 3, b"c": 6})
    told = servers_of(weir)
    assert told[c.server]["added_live"] and not told[a.server]["added_live"]
    assert f"{c.server}  up             2+" in upstream(weir, "list", "app").stdout
    assert "added           by command\n" in change(weir, "show", "app", c.server)
    assert change(weir, "remove", "app", a.server) == f"{a.server} of app: removed\n"
    metrics = read_metrics(f"{directory}/admin")
    assert metrics("weir_server_up", upstream="app", server=c.server) == 1
    assert a.server not in metrics.text
    assert are_about(count_answers(client, 9), {b"b": 3, b"c": 6})
    assert a.server not in servers_of(weir)
    assert change(weir, "remove", "app", c.server) == f"{c.server} of app: removed\n"
    assert change(weir, "add", "app", a.server).startswith(f"{a.server} of app: up")
    assert not servers_of(weir)[a.server]["added_live"]  # it stands in the file
    assert count_answers(client, 10) == {b"a": 5, b"b": 5}
    weir.wait_for_log(f"a server was added to an upstream by command server={c.server} upstream=app")
    weir.wait_for_log(f"a server was removed from an upstream by command server={a.server} upstream=app")


def test_nobody_is_left_and_somebody_comes(three, start_weir, connect):
    a, b, _ = three
    weir = start_weir(configuration(a))
    client = connect(weir)
    assert client.ask().body == b"a"
    assert "removed\nwarning: no server of the upstream is left" in change(weir, "remove", "app", a.server)
    assert client.ask().status == 503
    change(weir, "add", "app", b.server)
    assert client.ask().body == b"b"


def test_what_runs_comes_to_its_end(start_origin, start_weir, connect):
    """Also where its server is gone from the file as well, and many changes pass meanwhile."""
    go = threading.Event()

    def waits(connection):
        connection.read_request()
        connection.wait(go)
        connection.answer(200, b"late")

    slow, other = start_origin(waits), start_origin(answering(b"other"))
    weir = start_weir(configuration(other, threads=2))
    change(weir, "add", "app", slow.server, "priority", "1")
    change(weir, "remove", "app", other.server)
    client = connect(weir)
    client.send_request()
    slow.wait_for_requests()
    change(weir, "add", "app", other.server)
    assert "removed; 1 call in progress may end" in change(weir, "remove", "app", slow.server)
    for _ in range(5):
        change(weir, "add", "app", slow.server)
        change(weir, "remove", "app", slow.server)
    assert count_answers(connect(weir), 10) == {b"other": 10}
    reload(weir, configuration(other, threads=2, more="timeouts: {first_byte: 9s}\n"))
    go.set()
    assert client.read_response().body == b"late"


def test_idle_connections_to_who_leaves_are_closed(three, start_weir, connect):
    a, b, c = three
    weir = start_weir(configuration(a, b))
    change(weir, "add", "app", c.server)
    count_answers(connect(weir), 6)
    for origin in (a, c):  # one of the file, and one that was added
        change(weir, "remove", "app", origin.server)
        poll_until(lambda: not origin.open_connections(), what="its connections are closed")


def test_changes_hold_over_a_reload(three, start_weir, connect):
    a, b, c = three
    weir = start_weir(configuration(a, b))
    change(weir, "add", "app", c.server, "weight", "3")
    change(weir, "remove", "app", a.server)
    change(weir, "drain", "app", c.server)
    reload(weir, configuration(a, b, more="timeouts: {first_byte: 9s}\n"))
    assert set(servers_of(weir)) == {b.server, c.server}
    assert servers_of(weir)[c.server]["state"] == "drained"
    change(weir, "enable", "app", c.server)
    assert are_about(count_answers(connect(weir), 8), {b"b": 2, b"c": 6})
    reload(weir, configuration(a, b, c))
    weir.wait_for_log("what was added or removed live holds no more upstream=app")
    assert set(servers_of(weir)) == {a.server, b.server, c.server}
    assert count_answers(connect(weir), 9) == {b"a": 3, b"b": 3, b"c": 3}


def test_a_wrong_file_takes_nothing_back(three, start_weir, connect):
    a, b, c = three
    weir = start_weir(configuration(a, b))
    change(weir, "add", "app", c.server)
    write_configuration(pathlib.Path(weir.arguments[2]).parent,
                        configuration(a) + "nonsense: 1\n", weir.address)
    assert run_weir_command("reload", "-c", weir.arguments[2]).returncode == 1
    assert count_answers(connect(weir), 9) == {b"a": 3, b"b": 3, b"c": 3}


@pytest.mark.parametrize("upstream_settings, words, problem", [
    ("", ("add", "nobody", "SERVER"), 'there is no upstream "nobody"'),
    ("", ("add", "app", "FIRST"), 'has the server'),
    ("", ("add", "app", "http://a/b"), "a server has no path; leave the path away"),
    ("", ("add", "app", "SERVER", "weight", "0"), "a weight is a number from 1 to 1000"),
    ("", ("add", "app", "SERVER", "weight", "off"), "a weight is a number from 1 to 1000"),
    ("", ("add", "app", "SERVER", "priority", "101"), "a priority is a number from 1 to 100"),
    ("", ("add", "app", "SERVER", "max_connections", "0"), "max_connections is a number"),
    ("", ("add", "app", "https://10.0.0.1"), "the configuration has no server over TLS"),
    (", proxy_protocol: v2", ("add", "app", "h2c://10.0.0.1"), "cannot be sent the header"),
    (", health: {path: /, port: 81}", ("add", "app", "unix:/run/a"), "health.port is for servers"),
    ("", ("remove", "app", "127.0.0.1:1"), 'the upstream "app" has no server 127.0.0.1:1'),
    ("", ("remove", "nobody", "SERVER"), 'there is no upstream "nobody"'),
    ("", ("add", "NAMELESS", "SERVER"), "in an upstream that has a name"),
    ("", ("remove", "NAMELESS", "NAMELESS"), "in an upstream that has a name"),
])
def test_what_cannot_be_done(three, start_weir, connect, upstream_settings, words, problem):
    a, b, c = three
    weir = start_weir(configuration(a, upstream=upstream_settings).replace(
        "sites: [", f"sites: [{{host: x, proxy: '{b.server}'}}, "))
    places = {"FIRST": a.server, "SERVER": c.server, "NAMELESS": b.server}
    told = upstream(weir, *(places.get(word, word) for word in words))
    assert (told.returncode, told.stdout) == (1, "") and problem in told.stderr, told.stderr
    assert set(servers_of(weir)) == {a.server}


@pytest.mark.parametrize("words", [("add", "app"), ("remove", "app", "a:1", "x"), ("add", "app", "a:1", "weight"),
                                   ("add", "app", "a:1", "backup", "on")])
def test_a_wrong_command_line(words):
    told = run_weir_command("upstream", *words)
    assert told.returncode == 2 and told.stdout == "" and "usage: weir upstream" in told.stderr


def test_how_many_changes_there_are(three, start_weir, ports):
    a, _, c = three
    address = ("127.0.0.1", ports.take())
    weir = start_weir(configuration(
        a, more=f"admin: {{address: '127.0.0.1:{address[1]}', token: 0123456789abcdef}}\n"))
    admin = Client(address)
    for number in range(256):
        answer = admin.ask("POST", f"/upstreams/change?upstream=app&server=127.0.2.1:{number + 1}&order=add",
                           host="localhost", fields=[("Authorization", "Bearer 0123456789abcdef")])
        assert answer.status == 200
    admin.close()
    told = upstream(weir, "add", "app", c.server)
    assert told.returncode == 1 and "which is the most" in told.stderr
    change(weir, "remove", "app", "127.0.2.1:7")
    change(weir, "add", "app", c.server)
    assert len(servers_of(weir)) == 257


def test_who_comes_is_checked_at_once_and_who_leaves_no_more(three, start_weir, connect):
    a, b, c = three
    weir = start_weir(configuration(a, b, upstream=", health: {path: /health, interval: 100ms}"))
    change(weir, "add", "app", c.server)
    c.wait_for_requests(2)
    change(weir, "remove", "app", c.server)
    asked = len(c.requests) + 1  # one may be under way
    a.wait_for_requests(len(a.requests) + 5)
    assert len(c.requests) <= asked


def test_cookies_stay_with_their_servers(three, start_weir, connect):
    weir = start_weir(configuration(*three[:2], upstream=", sticky: {cookie: server}"))

    def visitors(count):
        answers = [connect(weir).ask() for _ in range(count)]
        return {answer.body: [("Cookie", answer.value("Set-Cookie").split(";")[0])] for answer in answers}

    cookies = visitors(4)
    change(weir, "add", "app", three[2].server)
    cookies |= visitors(6)
    assert set(cookies) == {b"a", b"b", b"c"}
    assert all(connect(weir).ask(fields=cookie).body == letter for letter, cookie in cookies.items())
    change(weir, "remove", "app", three[0].server)
    moved = connect(weir).ask(fields=cookies[b"a"])
    assert moved.body in (b"b", b"c") and moved.value("Set-Cookie")
    assert all(connect(weir).ask(fields=cookies[letter]).body == letter for letter in (b"b", b"c"))


def test_keys_move_no_more_than_they_must(start_origin, start_weir, connect):
    origins = [start_origin(answering(bytes([letter]))) for letter in b"abcde"]
    weir = start_weir(configuration(*origins[:4], upstream=", balance: hash, hash: $path"))
    client = connect(weir)

    def homes():
        return [client.ask("GET", f"/{number}").body for number in range(100)]

    before = homes()
    change(weir, "add", "app", origins[4].server)
    after = homes()
    assert all(old == new or new == b"e" for old, new in zip(before, after)) and b"e" in after
    change(weir, "remove", "app", origins[0].server)
    assert all(old == new or old == b"a" for old, new in zip(after, homes()))
    change(weir, "remove", "app", origins[4].server)
    change(weir, "add", "app", origins[0].server)
    assert homes() == before


def test_a_server_that_comes_takes_from_the_queue(start_origin, start_weir, connect):
    go = threading.Event()

    def waits(connection):
        while connection.read_request():
            connection.wait(go)
            connection.answer(200, b"slow")

    slow, fresh = start_origin(waits), start_origin(answering(b"fresh"))
    weir = start_weir(
        "threads: 2\nupstreams: {app: {queue: {size: 10, timeout: 60s}, "
        f"servers: [{{address: '{slow.server}', max_connections: 1}}]}}}}\nsites: [{{proxy: app}}]\n")
    first, others = connect(weir), [connect(weir) for _ in range(3)]
    first.send_request()
    slow.wait_for_requests()
    for client in others:
        client.send_request()
    poll_until(lambda: status_of(weir)["waiting"] == 3, what="they wait")
    change(weir, "add", "app", fresh.server, "max_connections", "1")
    assert [client.read_response().body for client in others] == [b"fresh"] * 3
    go.set()
    assert first.read_response().body == b"slow"


def test_servers_come_and_go_under_load(three, start_weir):
    """Several threads serve; no request is lost."""
    a, b, c = three
    weir = start_weir(configuration(a, b, threads=3, upstream=", balance: least_connections"))
    with Load(weir, bodies=(b"a", b"b", b"c")) as load:
        load.wait_for(10)
        for _ in range(8):
            change(weir, "add", "app", c.server)
            change(weir, "remove", "app", a.server)
            change(weir, "add", "app", a.server)
            change(weir, "remove", "app", c.server)
        load.wait_for(10)
    load.check_all_well()
    assert c.requests
