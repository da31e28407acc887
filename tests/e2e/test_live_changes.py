"""`weir upstream`: servers are shown, drained, disabled, enabled and weighted while Weir runs."""

import collections
import pathlib
import threading

import pytest

from harness.client import Client
from harness.deadline import poll_until
from harness.live import change, reload, servers_of, upstream
from harness.load import Load
from harness.origin import answering
from harness.weir import run_weir_command, write_configuration


def configuration(*origins, weights=(1, 1, 1), upstream="", threads=1, more=""):
    servers = ", ".join(f'{{address: "{origin.server}", weight: {weight}}}'
                        for origin, weight in zip(origins, weights))
    return (f"threads: {threads}\n{more}upstreams: {{app: {{servers: [{servers}]{upstream}}}}}\n"
            "sites: [{proxy: app}]\n")


def count_answers(client, count):
    return collections.Counter(client.ask().body for _ in range(count))


@pytest.fixture
def pair(start_origin):
    return start_origin(answering(b"a")), start_origin(answering(b"b"))


@pytest.mark.parametrize("order, state", [("drain", "drained"), ("disable", "disabled")])
def test_a_server_is_taken_out_and_in(pair, start_weir, connect, order, state):
    weir = start_weir(configuration(*pair))
    client = connect(weir)
    assert count_answers(client, 10) == {b"a": 5, b"b": 5}
    assert change(weir, order, "app", pair[0].server).startswith(
        f"{pair[0].server} of app: {state}, weight 1, ")
    assert count_answers(client, 10) == {b"b": 10}
    told = servers_of(weir)[pair[0].server]
    assert (told["state"], told["reason"], told["changed_live"]) == (state, "by command", True)
    change(weir, "enable", "app", pair[0].server)
    assert count_answers(client, 10) == {b"a": 5, b"b": 5}
    weir.wait_for_log(f"by command server={pair[0].server} upstream=app state={state}")


def test_what_runs_comes_to_its_end(start_origin, start_weir, connect):
    go = threading.Event()

    def waits(connection):
        connection.read_request()
        connection.wait(go)
        connection.answer(200, b"late")

    slow, other = start_origin(waits), start_origin(answering(b"other"))
    weir = start_weir(configuration(slow, other))
    client = connect(weir)
    client.send_request()
    slow.wait_for_requests()
    assert "1 call in progress" in change(weir, "drain", "app", slow.server)
    assert count_answers(connect(weir), 10) == {b"other": 10}
    go.set()
    assert client.read_response().body == b"late"
    poll_until(lambda: "0 calls in progress" in change(weir, "drain", "app", slow.server),
               what="nothing runs any more")


def test_a_weight_by_command(pair, start_weir, connect):
    weir = start_weir(configuration(*pair))
    client = connect(weir)
    assert "weight 4" in change(weir, "weight", "app", pair[0].server, "4")
    assert count_answers(client, 10) == {b"a": 8, b"b": 2}
    assert "weight          4 by command; the configuration says 1\n" in \
        change(weir, "show", "app", pair[0].server)
    assert "weight 1" in change(weir, "weight", "app", pair[0].server, "off")
    assert count_answers(client, 10) == {b"a": 5, b"b": 5}


def test_nobody_is_left(start_origin, start_weir, connect):
    """Also where the upstream has one server alone."""
    only = start_origin()
    weir = start_weir(configuration(only))
    assert "warning: no server of the upstream is left; its requests get 503\n" in \
        change(weir, "disable", "app", only.server)
    client = connect(weir)
    assert client.ask().status == 503 and not only.requests
    change(weir, "enable", "app", only.server)
    assert client.ask().status == 200


def test_a_disabled_server_is_not_checked(start_origin, start_weir):
    origin = start_origin(lambda connection: connection.answer(200) if connection.read_request() else 0)
    other = start_origin()
    weir = start_weir(configuration(origin, other, upstream=", health: {path: /, interval: 100ms}"))
    origin.wait_for_requests(1)
    change(weir, "disable", "app", origin.server)
    asked = len(origin.connections) + 1  # one may be under way
    other.wait_for_requests(len(other.requests) + 10)
    assert len(origin.connections) <= asked
    change(weir, "enable", "app", origin.server)
    origin.wait_for_requests(asked + 2)


def test_who_has_a_cookie_stays_while_it_is_drained(pair, start_weir, connect):
    weir = start_weir(configuration(*pair, upstream=", sticky: {cookie: server}"))
    first = connect(weir).ask()
    mine = pair[0] if first.body == b"a" else pair[1]
    cookie = [("Cookie", first.value("Set-Cookie").split(";")[0])]
    change(weir, "drain", "app", mine.server)
    assert {connect(weir).ask(fields=cookie).body for _ in range(4)} == {first.body}
    assert first.body not in {connect(weir).ask().body for _ in range(4)}
    change(weir, "disable", "app", mine.server)
    assert first.body not in {connect(weir).ask(fields=cookie).body for _ in range(4)}


def test_a_change_holds_over_a_reload(pair, start_weir, connect):
    weir = start_weir(configuration(*pair))
    change(weir, "drain", "app", pair[0].server)
    change(weir, "weight", "app", pair[1].server, "7")
    reload(weir, configuration(*pair, more="timeouts: {first_byte: 9s}\n"))
    told = servers_of(weir)
    assert told[pair[0].server]["state"] == "drained" and told[pair[1].server]["weight"] == 7
    assert count_answers(connect(weir), 10) == {b"b": 10}


def test_what_the_file_says_anew_holds(pair, start_weir, connect):
    weir = start_weir(configuration(*pair))
    change(weir, "drain", "app", pair[0].server)
    reload(weir, configuration(*pair, weights=(3, 1)))
    weir.wait_for_log(f"what it was told live holds no more server={pair[0].server} upstream=app")
    told = servers_of(weir)[pair[0].server]
    assert (told["state"], told["weight"], told["changed_live"]) == ("up", 3, False)
    assert count_answers(connect(weir), 8) == {b"a": 6, b"b": 2}


def test_a_wrong_file_takes_nothing_back(pair, start_weir, connect):
    weir = start_weir(configuration(*pair))
    change(weir, "drain", "app", pair[0].server)
    write_configuration(pathlib.Path(weir.arguments[2]).parent,
                        configuration(*pair, weights=(3, 1)) + "nonsense: 1\n", weir.address)
    assert run_weir_command("reload", "-c", weir.arguments[2]).returncode == 1
    assert count_answers(connect(weir), 10) == {b"b": 10}


def test_the_list(pair, start_weir):
    weir = start_weir(configuration(*pair).replace(
        "sites: [", f"sites: [{{host: x, proxy: '{pair[1].server}'}}, "))
    change(weir, "weight", "app", pair[1].server, "12")
    lines = upstream(weir, "list").stdout.splitlines()
    assert lines[0].split() == ["upstream", "server", "state", "weight", "active", "idle", "latency"]
    assert [line.split()[:4] for line in lines[1:]] == [
        ["app", pair[0].server, "up", "1"], ["app", pair[1].server, "up", "12*"],
        [pair[1].server, pair[1].server, "up", "1"]]
    assert len(upstream(weir, "list", "app").stdout.splitlines()) == 3
    change(weir, "drain", pair[1].server, pair[1].server)  # as the upstream without a name
    assert servers_of(weir)[pair[1].server]["state"] == "up"


@pytest.mark.parametrize("balance", ["round_robin", "least_time"])
def test_the_list_tells_what_answers_took(pair, start_weir, connect, balance):
    weir = start_weir(configuration(*pair, upstream=f", balance: {balance}"))
    assert [server["latency_ms"] for server in servers_of(weir).values()] == [None, None]
    assert count_answers(connect(weir), 2) == {b"a": 1, b"b": 1}
    assert all(server["latency_ms"] > 0 for server in servers_of(weir).values())
    row = upstream(weir, "list", "app").stdout.splitlines()[1].split()
    assert float(row[6]) >= 0 and row[7] == "ms"


@pytest.mark.parametrize("words, problem", [
    (("drain", "nobody", "SERVER"), 'there is no upstream "nobody"\n'),
    (("drain", "app", "127.0.0.1:1"), 'the upstream "app" has no server 127.0.0.1:1\n'),
    (("show", "app", "http://a/b"), "a server has no path"),
    (("weight", "app", "SERVER", "0"), "a weight is a number from 1 to 1000"),
    (("weight", "app", "SERVER", "1001"), "a weight is a number from 1 to 1000"),
    (("list", "nobody"), 'there is no upstream "nobody"\n'),
])
def test_what_cannot_be_done(pair, start_weir, words, problem):
    weir = start_weir(configuration(*pair))
    told = upstream(weir, *(pair[0].server if word == "SERVER" else word for word in words))
    assert told.returncode == 1 and told.stdout == ""
    assert problem.split(" ")[0] in told.stderr and (problem in told.stderr or "path" in told.stderr)


@pytest.mark.parametrize("balance", ["hash", "first"])
def test_weights_that_do_not_decide_cannot_be_changed(pair, start_weir, connect, balance):
    weir = start_weir(configuration(*pair, upstream=f", balance: {balance}"))
    told = upstream(weir, "weight", "app", pair[0].server, "4")
    assert told.returncode == 1 and f"balance: {balance} does not go by weights" in told.stderr
    change(weir, "drain", "app", pair[0].server)
    assert count_answers(connect(weir), 10) == {b"b": 10}


@pytest.mark.parametrize("words", [(), ("fly",), ("drain", "app"), ("list", "a", "b"),
                                   ("weight", "app", "a:1"), ("--nothing",)])
def test_a_wrong_command_line(words):
    told = run_weir_command("upstream", *words)
    assert told.returncode == 2 and told.stdout == "" and "usage: weir upstream" in told.stderr


def test_over_tcp_only_who_has_the_token_may_change(pair, start_weir, ports):
    admin = ("127.0.0.1", ports.take())
    start_weir(configuration(*pair, more=f"admin: {{address: '127.0.0.1:{admin[1]}', "
                                         "token: 0123456789abcdef}\n"))
    target = f"/upstreams/change?upstream=app&server={pair[0].server}&order=drain"

    def ask(method, target, **parts):
        client = Client(admin)
        try:
            return client.ask(method, target, host="localhost", **parts)
        finally:
            client.close()

    assert ask("GET", "/upstreams").status == 200
    assert ask("POST", target).status == 401
    assert ask("POST", target, fields=[("Authorization", "Bearer 0123456789abcdef")]).status == 200
    for query in ("order=fly", "order=drain", "x=1", "upstream=app&order=drain&server=%00", ""):
        answer = ask("POST", f"/upstreams/change?{query}",
                     fields=[("Authorization", "Bearer 0123456789abcdef")])
        assert 400 <= answer.status < 500, query


def test_changes_under_load(pair, start_weir):
    """Several threads serve while servers are drained, enabled and weighted: nobody notices."""
    weir = start_weir(configuration(*pair, threads=3))
    with Load(weir, bodies=(b"a", b"b")) as load:
        load.wait_for(10)
        for number in range(5):
            for origin in pair:
                change(weir, ("drain", "disable")[number % 2], "app", origin.server)
                change(weir, "enable", "app", origin.server)
                change(weir, "weight", "app", origin.server, str(number + 1))
        load.wait_for(10)
    load.check_all_well()
