"""Which server is asked: every way of balancing, with real servers that are busy, fail or come back."""

import collections
import json
import pathlib
import select
import threading

import pytest

from harness.deadline import poll_until
from harness.origin import answering
from harness.weir import run_weir_command, write_configuration

WAYS = ["round_robin", "least_connections", "least_time", "random", "hash", "first"]


def configuration(balance, *servers, more="", threads=1):
    listed = ", ".join(server if server.startswith("{") else f'"{server}"' for server in servers)
    return (f"threads: {threads}\nupstreams: {{app: {{servers: [{listed}], balance: {balance}, {more}}}}}\n"
            "sites: [{proxy: app}]\n")


@pytest.fixture
def start_letters(start_origin):
    """Origins that answer with their letters."""
    def start(letters):
        return [start_origin(answering(letter.encode())) for letter in letters]
    return start


def ask(client, target="/", **parts):
    answer = client.ask(target=target, **parts)
    assert answer.status == 200
    return answer.body.decode()


def busy(letter, hold):
    """A server whose answers to /hold wait for the event."""
    def behaviour(connection):
        while True:
            if connection.read_request().target == "/hold":
                connection.wait(hold)
            connection.answer(200, letter.encode())
    return behaviour


# What holds for every way

@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_cannot_be_reached_is_passed_over(start_letters, start_weir, connect, ports, way):
    (origin,) = start_letters("b")
    dead = [f"127.0.0.1:{ports.take()}" for _ in range(2)]
    client = connect(start_weir(configuration(way, dead[0], origin.server, dead[1])))
    assert {ask(client, f"/{i}") for i in range(20)} == {"b"}


@pytest.mark.parametrize("way", WAYS)
def test_all_servers_down_is_a_502_and_no_more(start_origin, start_weir, connect, way):
    origins = [start_origin() for _ in range(3)]
    client = connect(start_weir(configuration(way, *[origin.server for origin in origins])))
    for origin in origins:
        origin.stop()
    assert [client.ask().status for _ in range(5)] == [502] * 5
    origins[2].start()
    poll_until(lambda: client.ask().status == 200, what="the server is asked again")


@pytest.mark.parametrize("way", WAYS)
def test_many_threads_serve(start_letters, start_weir, connect, way):
    origins = start_letters("ab")
    weir = start_weir(configuration(way, *[origin.server for origin in origins], threads=4))
    for i in range(20):
        assert ask(connect(weir), f"/{i}") in "ab"


@pytest.mark.parametrize("way", WAYS)
def test_a_reload_brings_another_way_and_another_server(start_letters, start_weir, connect, way):
    origins = [origin.server for origin in start_letters("abc")]
    weir = start_weir(configuration("round_robin", *origins[:2]))
    client = connect(weir)
    assert [ask(client) for _ in range(4)] == ["a", "b", "a", "b"]
    write_configuration(pathlib.Path(weir.arguments[2]).parent, configuration(way, *origins[2:]),
                        weir.address)
    assert run_weir_command("reload", "-c", weir.arguments[2]).returncode == 0
    assert {ask(connect(weir)) for _ in range(4)} == {"c"}


# By load

@pytest.mark.parametrize("way", ["least_connections", "least_time", "random"])
def test_a_busy_server_gets_no_more(start_origin, start_letters, start_weir, connect, way):
    hold = threading.Event()
    slow = start_origin(busy("a", hold))
    (quick,) = start_letters("b")
    weir = start_weir(configuration(way, slow.server, quick.server))
    waiting = connect(weir)
    for number in range(1, 100):  # until it has met the busy one
        waiting.send_request(target="/hold")
        poll_until(lambda: len(slow.requests) + len(quick.requests) == number, what="a request")
        if slow.requests:
            break
        assert waiting.read_response().body == b"b"
    client = connect(weir)
    assert [ask(client) for _ in range(20)] == ["b"] * 20
    hold.set()
    assert waiting.read_response().body == b"a"


def test_least_connections_follow_the_weights(start_origin, start_weir, connect):
    hold = threading.Event()
    a, b = start_origin(busy("a", hold)), start_origin(busy("b", hold))
    weir = start_weir(configuration("least_connections", f'{{address: "{a.server}", weight: 3}}',
                                    b.server))
    waiting = []
    for number in range(1, 9):
        waiting.append(connect(weir))
        waiting[-1].send_request(target="/hold")
        poll_until(lambda: len(a.requests) + len(b.requests) == number, what="the request is there")
    hold.set()
    answers = collections.Counter(client.read_response().body for client in waiting)
    assert answers == {b"a": 6, b"b": 2}


def test_least_connections_take_turns_while_all_are_idle(start_letters, start_weir, connect):
    weir = start_weir(configuration("least_connections", *[o.server for o in start_letters("abc")]))
    client = connect(weir)
    assert "".join(ask(client) for _ in range(6)) == "abcabc"


def test_least_time_leaves_a_server_that_fails_at_once(start_origin, start_letters, start_weir, connect):
    """What fails is the quickest to answer, and must not draw everybody."""
    failing = start_origin(answering(b"no", status=503))
    (good,) = start_letters("b")
    client = connect(start_weir(configuration("least_time", failing.server, good.server)))
    answers = collections.Counter(client.ask().status for _ in range(50))
    assert answers[503] <= 3 and len(failing.requests) >= 1


def test_least_time_remembers_who_is_slow_over_a_reload(start_origin, start_letters, start_weir, connect):
    failing = start_origin(answering(b"no", status=503))
    (good,) = start_letters("b")
    weir = start_weir(configuration("least_time", failing.server, good.server))
    client = connect(weir)
    assert {client.ask().status for _ in range(5)} == {200, 503}
    asked = len(failing.requests)
    assert run_weir_command("reload", "-c", weir.arguments[2]).returncode == 0
    client = connect(weir)
    assert {client.ask().status for _ in range(5)} == {200}
    assert len(failing.requests) == asked


# By chance

def test_random_asks_everybody(start_letters, start_weir, connect):
    weir = start_weir(configuration("random", *[origin.server for origin in start_letters("abc")]))
    client = connect(weir)
    counts = collections.Counter(ask(client) for _ in range(300))
    assert min(counts.values()) > 50 and len(counts) == 3


# By hash

def by_header(*servers, more=""):
    return configuration("hash", *servers, more="hash: $request.header.X-User" + more)


def test_hash_leads_the_same_to_the_same(start_letters, start_weir, connect):
    servers = [origin.server for origin in start_letters("abc")]
    weir = start_weir(by_header(*servers))
    homes = {user: ask(connect(weir), fields=[("X-User", user)])
             for user in (f"user-{i}" for i in range(30))}
    assert set(homes.values()) == {"a", "b", "c"}
    # In another order, after a restart, on several threads.
    again = start_weir("threads: 4\n" + by_header(*reversed(servers)).replace("threads: 1\n", ""))
    for user, home in homes.items():
        assert ask(connect(again), fields=[("X-User", user)]) == home


def test_hash_moves_only_who_was_at_the_server_that_left(start_letters, start_weir, connect):
    origins = start_letters("abcdefghij")
    client = connect(start_weir(by_header(*[origin.server for origin in origins])))
    users = [f"user-{i}" for i in range(200)]

    def homes():
        return {user: ask(client, fields=[("X-User", user)]) for user in users}

    before = homes()
    origins[3].stop()
    after = homes()
    moved = [user for user in users if before[user] != after[user]]
    assert moved and all(before[user] == "d" for user in moved)
    assert {before[user] for user in users if user not in moved} == set("abcefghij")
    assert len({after[user] for user in moved}) > 3  # not all to one


def test_hash_of_nothing_takes_turns(start_letters, start_weir, connect):
    client = connect(start_weir(by_header(*[origin.server for origin in start_letters("abc")])))
    assert "".join(ask(client) for _ in range(6)) == "abcabc"


def test_hash_by_address_is_what_holds_where_nothing_is_said(start_letters, start_weir, connect):
    weir = start_weir(configuration("hash", *[origin.server for origin in start_letters("abc")]))
    assert len({ask(connect(weir), f"/{i}") for i in range(10)}) == 1


def test_hash_load_limit_sends_on_what_is_too_much(start_origin, start_weir, connect):
    hold = threading.Event()
    origins = [start_origin(busy(letter, hold)) for letter in "abcd"]
    weir = start_weir(by_header(*[origin.server for origin in origins], more=", hash_load_limit: 150%"))
    waiting = []
    for number in range(1, 9):
        waiting.append(connect(weir))
        waiting[-1].send_request(target="/hold", fields=[("X-User", "the same")])
        poll_until(lambda: sum(len(origin.requests) for origin in origins) == number,
                   what="the request is there")
    hold.set()
    answers = collections.Counter(client.read_response().body for client in waiting)
    assert max(answers.values()) == 3  # 150 % of a quarter of eight


# The first

def test_first_is_the_first_that_can_be_asked(start_letters, start_weir, connect):
    origins = start_letters("abc")
    client = connect(start_weir(configuration("first", *[origin.server for origin in origins])))
    assert {ask(client) for _ in range(10)} == {"a"}
    origins[0].stop()
    assert {ask(client) for _ in range(10)} == {"b"}
    origins[0].start()
    poll_until(lambda: ask(client) == "a", 30, "the first is asked again")


# Backups

def backup(server):
    return f'{{address: "{server}", backup: on}}'


def test_a_backup_is_asked_only_while_no_other_can_be(start_letters, start_weir, connect):
    """In every way; all wait together for the end of the rest."""
    clients = {}
    for way in WAYS:
        a, b, c = start_letters("abc")
        client = connect(start_weir(configuration(way, backup(a.server), b.server, c.server)))
        assert {ask(client, f"/{i}") for i in range(20)} <= {"b", "c"}, way
        b.stop()
        assert {ask(client, f"/{i}") for i in range(20)} == {"c"}, way
        c.stop()
        assert {ask(client, f"/{i}") for i in range(20)} == {"a"}, way
        b.start()
        clients[way] = client
    for way, client in clients.items():
        poll_until(lambda client=client: ask(client) == "b", 30,
                   f"the backup is no longer needed, {way}")


def of_priority(server, priority):
    return f'{{address: "{server}", priority: {priority}}}'


EJECTED = "ejection: {failures: 1, time: 1h}"


def test_the_next_priority_is_asked_where_none_of_the_better_can_be(start_origin, start_letters,
                                                                    start_weir, connect):
    a, b, c = start_letters("abc")
    bad = start_origin(answering(b"no", status=503))
    weir = start_weir(configuration(
        "round_robin", of_priority(a.server, 7), of_priority(bad.server, 2), of_priority(b.server, 3),
        backup(c.server), more=EJECTED))
    client = connect(weir)
    assert client.ask().status == 503
    assert {ask(client) for _ in range(10)} == {"b"}
    told = run_weir_command("explain", "--live", "-c", weir.arguments[2], "GET", "http://a/").stdout
    assert f"{b.server}, of priority 3, for no other server can be asked" in told
    assert f"{a.server}, of priority 7" in told and f"{c.server}, a backup" in told


def test_with_too_few_of_a_priority_the_next_one_helps(start_origin, start_letters, start_weir,
                                                       connect):
    a, b = start_letters("ab")
    bad = start_origin(answering(b"no", status=503))
    client = connect(start_weir(configuration(
        "round_robin", bad.server, a.server, of_priority(b.server, 2),
        more=f"fallback_below: 60%, {EJECTED}")))
    assert collections.Counter(client.ask().status for _ in range(2)) == {503: 1, 200: 1}
    answers = [ask(client) for _ in range(20)]
    assert answers.count("a") == answers.count("b") == 10


def test_priority_and_backup_are_not_said_together(directory):
    write_configuration(directory, configuration(
        "first", '{address: "10.0.0.1:80", priority: 2, backup: on}'), ("127.0.0.1", 9))
    told = run_weir_command("check", "-c", f"{directory}/weir.yaml")
    assert told.returncode == 1 and "the server has both a priority and backup" in told.stderr


def test_explain_says_that_it_is_a_backup(start_letters, start_weir, connect, ports):
    (a,) = start_letters("a")
    dead = f"127.0.0.1:{ports.take()}"
    weir = start_weir(configuration("round_robin", dead, backup(a.server)))
    words = ["explain", "-c", weir.arguments[2], "GET", "http://a/"]
    assert f"{a.server}, a backup\n" in run_weir_command(*words).stdout
    assert ask(connect(weir)) == "a"
    assert (f"{a.server}, a backup, for no other server can be asked, whose turn is first"
            in run_weir_command(*words, "--live").stdout)


# As many as a server may have

def limited(server, most):
    return f'{{address: "{server}", max_connections: {most}}}'


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("threads", [1, 3])
def test_no_server_has_more_than_its_max_connections(start_origin, start_weir, connect, way, threads):
    hold = threading.Event()
    a, b = start_origin(busy("a", hold)), start_origin(busy("b", hold))
    weir = start_weir(configuration(way, limited(a.server, 2), limited(b.server, 3), threads=threads))
    clients = [connect(weir) for _ in range(12)]
    for client in clients:
        client.send_request(target="/hold")
    poll_until(lambda: len(a.requests) + len(b.requests) == 5, what="both are full")
    late = connect(weir)
    assert late.ask().status == 503
    sockets = [client.socket for client in clients]
    poll_until(lambda: len(select.select(sockets, [], [], 0)[0]) == 7, what="seven refusals")
    hold.set()
    answers = collections.Counter((answer.status, answer.body if answer.status == 200 else b"")
                                  for answer in (client.read_response() for client in clients))
    assert answers == {(200, b"a"): 2, (200, b"b"): 3, (503, b""): 7}
    assert ask(late) in "ab"  # and there is room again


def test_the_one_server_may_be_full_too(start_origin, start_weir, connect):
    hold = threading.Event()
    origin = start_origin(busy("a", hold))
    weir = start_weir(configuration("round_robin", limited(origin.server, 1)))
    first, second = connect(weir), connect(weir)
    first.send_request(target="/hold")
    origin.wait_for_requests(1)
    assert second.ask().status == 503
    told = run_weir_command("explain", "--live", "-c", weir.arguments[2], "GET", "http://a/").stdout
    assert "HTTP/1.1 503" in told and "as many calls as its max_connections" in told
    hold.set()
    assert first.read_response().body == b"a"
    assert ask(second) == "a"


def test_a_backup_takes_what_is_too_much(start_origin, start_letters, start_weir, connect):
    hold = threading.Event()
    origin = start_origin(busy("a", hold))
    (spare,) = start_letters("b")
    weir = start_weir(configuration("round_robin", limited(origin.server, 1), backup(spare.server)))
    first, second = connect(weir), connect(weir)
    first.send_request(target="/hold")
    origin.wait_for_requests(1)
    assert [ask(second) for _ in range(3)] == ["b"] * 3
    hold.set()
    assert first.read_response().body == b"a"
    assert ask(second) == "a"


def test_a_reload_counts_on(start_origin, start_weir, connect):
    hold = threading.Event()
    origin = start_origin(busy("a", hold))
    weir = start_weir(configuration("round_robin", limited(origin.server, 1)))
    first = connect(weir)
    first.send_request(target="/hold")
    origin.wait_for_requests(1)
    assert run_weir_command("reload", "-c", weir.arguments[2]).returncode == 0
    assert connect(weir).ask().status == 503
    hold.set()
    assert first.read_response().body == b"a"


# What is told

@pytest.mark.parametrize("way, why", [
    ("round_robin", "a, whose turn is first; in turn with"),
    ("least_connections",
     "a, with the fewest calls in progress for its weight (0 calls in progress); the others are"),
    ("least_time",
     "a, which should answer soonest (0 calls in progress, no time known yet); the others are"),
    ("first", "a, the first in the list that can be asked; where it rests"),
])
def test_explain_says_who_and_why(start_letters, directory, way, why):
    servers = [origin.server for origin in start_letters("ab")]
    path = write_configuration(directory, configuration(way, *servers), ("127.0.0.1", 8080))
    told = run_weir_command("explain", "-c", path, "GET", "http://a:8080/")
    assert "server    " + why.replace("a,", servers[0] + ",", 1) in told.stdout, told
    in_json = run_weir_command("explain", "--json", "-c", path, "GET", "http://a:8080/")
    assert json.loads(in_json.stdout)["balance"] == way


def test_explain_tells_whom_the_hash_leads_to(start_letters, start_weir, connect):
    origins = start_letters("abc")
    weir = start_weir(by_header(*[origin.server for origin in origins]))
    for user in ("one", "two", "three"):
        home = ask(connect(weir), fields=[("X-User", user)])
        told = run_weir_command("explain", "-c", weir.arguments[2], "GET", "http://a/", "-H",
                                f"X-User: {user}").stdout
        server = origins["abc".index(home)].server
        assert f'server    {server}, to which the hash of "{user}" leads; others are for other' in told
    told = run_weir_command("explain", "-c", weir.arguments[2], "GET", "http://a/").stdout
    assert "whose turn is first, for there is nothing to hash; in turn with" in told
