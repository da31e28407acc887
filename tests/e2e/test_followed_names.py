"""Names that are followed: {dns: …} in `servers`. A real DNS server answers, whose records change
while Weir runs; the servers come and go with them, and nobody's request is lost."""

import json
import pathlib
import threading

import pytest

from harness.deadline import poll_until
from harness.dns_server import SILENCE, DnsServer
from harness.load import Load
from harness.metrics import read_metrics
from harness.origin import answering
from harness.weir import run_weir_command, write_configuration

NAME = "app.test"
LONG = 50  # seconds; where the system is asked last, whose name servers may be silent


@pytest.fixture
def names(ports):
    server = DnsServer(("127.0.0.1", ports.take()))
    yield server
    server.stop()


class Setting:
    """Origins at one port of several addresses, each answering with its letter."""

    def __init__(self, ports, start_origin):
        self.port, self._start = ports.take(), start_origin
        self.origins = {}

    def start(self, address, behaviour=None):
        letter = chr(ord("a") + len(self.origins)).encode()
        origin = self._start(behaviour or answering(letter), (address, self.port))
        self.origins[address] = origin
        return letter

    def key(self, address, name=NAME):
        return f"{name}:{self.port}@{address}"


@pytest.fixture
def setting(ports, start_origin):
    return Setting(ports, start_origin)


@pytest.fixture
def start(names, directory, start_weir):
    """start(line) runs Weir before the servers of that line, with the DNS server of the test."""
    admin = str(directory / "admin.sock")

    def configuration(line, upstream="", more="", threads=1, timeout="20s"):
        resolver = f"{{name_servers: '{names.text}', timeout: {timeout}}}"
        return (f"threads: {threads}\nresolver: {resolver}\n"
                f"admin: unix:{admin}\n{more}"
                f"upstreams: {{app: {{servers: [{line}]{upstream}}}}}\nsites: [{{proxy: app}}]\n")

    def run(line, supervised=False, **parts):
        weir = start_weir(configuration(line, **parts), supervised=supervised)
        weir.metrics = lambda: read_metrics(admin)

        def reload(changed, **others):
            write_configuration(pathlib.Path(weir.arguments[2]).parent,
                                configuration(changed, **others), weir.address)
            told = run_weir_command("reload", "-c", weir.arguments[2])
            assert told.returncode == 0, told.stderr

        weir.reload = reload
        return weir

    return run


def servers_of(weir):
    told = run_weir_command("status", "-c", weir.arguments[2])
    assert told.returncode == 0, told.stderr
    return {server["server"]: server
            for server in json.loads(told.stdout)["upstreams"][0]["servers"]}


def wait_for_servers(weir, *keys):
    poll_until(lambda: set(servers_of(weir)) == set(keys), what=f"the servers {keys}")


def ask_for(client, count):
    return {client.ask().body for _ in range(count)}


def test_servers_come_and_go_with_the_records(names, setting, start, connect):
    """Supervised: with the walls around the worker."""
    a, b = setting.start("127.0.0.2"), setting.start("127.0.0.3")
    names.set(NAME, "A", "127.0.0.2")
    weir = start(f"{{dns: '{NAME}:{setting.port}'}}", supervised=True)
    client = connect(weir)
    wait_for_servers(weir, setting.key("127.0.0.2"))
    assert ask_for(client, 4) == {a}
    names.set(NAME, "A", "127.0.0.2", "127.0.0.3")
    wait_for_servers(weir, setting.key("127.0.0.2"), setting.key("127.0.0.3"))
    assert ask_for(client, 4) == {a, b}
    names.set(NAME, "A", "127.0.0.3")
    wait_for_servers(weir, setting.key("127.0.0.3"))
    assert ask_for(client, 4) == {b}
    poll_until(lambda: all(connection.finished.is_set()
                           for connection in setting.origins["127.0.0.2"].connections),
               what="the end of connections to the one that went")


def test_the_last_good_answer_stays(names, setting, start, connect):
    failures = {"failing.test": "SERVFAIL", "gone.test": "NXDOMAIN", "silent.test": SILENCE}
    known = [*failures, "empty.test"]
    before, after = setting.start("127.0.0.2"), setting.start("127.0.0.3")
    for name in known:
        names.set(name, "A", "127.0.0.2")
    weir = start(", ".join(f"{{dns: '{name}:{setting.port}'}}" for name in known), timeout="400ms")
    wait_for_servers(weir, *(setting.key("127.0.0.2", name) for name in known))
    for name, how in failures.items():
        names.fail(name, how)
    names.set("empty.test", "A")
    for name in known:
        weir.wait_for_log(f"a followed name cannot be looked up; trying again name={name}")
    poll_until(lambda: weir.metrics()("weir_followed_names_failing") == 4, what="that all fail")
    assert ask_for(connect(weir), 8) == {before}
    figures = weir.metrics()
    assert figures("weir_followed_names") == 4
    assert figures("weir_name_look_ups_failed_total") >= 4
    for name in known:
        names.set(name, "A", "127.0.0.3")
        names.fail(name, None)
    wait_for_servers(weir, *(setting.key("127.0.0.3", name) for name in known))
    assert ask_for(connect(weir), 8) == {after}
    weir.wait_for_log("a followed name was found")
    poll_until(lambda: weir.metrics()("weir_followed_names_failing") == 0, what="that none fails")


def test_one_kind_of_address_that_fails_does_not_take_its_servers_away(names, setting, start):
    names.set(NAME, "A", "127.0.0.2")
    names.set(NAME, "AAAA", "::1")
    weir = start(f"{{dns: '{NAME}:{setting.port}'}}")
    both = [setting.key("127.0.0.2"), setting.key("::1")]
    wait_for_servers(weir, *both)
    names.fail(NAME, "SERVFAIL", "AAAA")
    names.set(NAME, "A", "127.0.0.2", "127.0.0.3")
    wait_for_servers(weir, *both, setting.key("127.0.0.3"))


def test_without_any_answer_yet_requests_are_told_so(names, setting, start, connect):
    names.fail(NAME, "SERVFAIL")
    weir = start(f"{{dns: '{NAME}:{setting.port}'}}")
    client = connect(weir)
    assert client.ask().status == 503
    a = setting.start("127.0.0.2")
    names.set(NAME, "A", "127.0.0.2")
    names.fail(NAME, None)
    wait_for_servers(weir, setting.key("127.0.0.2"))
    assert client.ask().body == a


@pytest.mark.parametrize("entry", ["{{dns: '{}:{}'}}", "'{}:{}'"])
def test_the_time_of_the_records_is_obeyed(names, setting, start, entry):
    names.set(NAME, "A", "127.0.0.2", ttl=3600)
    names.set("often.test", "A", "127.0.0.2", ttl=0)  # which is asked for once in a second
    start(", ".join(entry.format(name, setting.port) for name in (NAME, "often.test")))
    names.wait_for_questions("often.test", 4)  # A and AAAA, twice
    assert names.count(NAME) == 2


def test_services_say_where_and_how_much(names, ports, start_origin, start, connect):
    ports_of = [ports.take() for _ in range(3)]
    for port, letter in zip(ports_of, b"abc"):
        start_origin(answering(bytes([letter])), ("127.0.0.2", port))
    names.set(NAME, "A", "127.0.0.2")
    names.set("_http._tcp.app.test", "SRV", (10, 3, ports_of[0], NAME), (10, 1, ports_of[1], NAME),
              (20, 0, ports_of[2], NAME))
    weir = start("{dns: _http._tcp.app.test, srv: on}")
    poll_until(lambda: len(servers_of(weir)) == 3, what="three servers")
    told = servers_of(weir)
    assert {key: (each["weight"], each["priority"]) for key, each in told.items()} == {
        f"{NAME}:{ports_of[0]}@127.0.0.2": (3, 1), f"{NAME}:{ports_of[1]}@127.0.0.2": (1, 1),
        f"{NAME}:{ports_of[2]}@127.0.0.2": (1, 2)}
    client = connect(weir)
    ask_for(client, 8)  # until turns are as weights say
    answers = [client.ask().body for _ in range(8)]
    assert (answers.count(b"a"), answers.count(b"b")) == (6, 2)
    names.set("_http._tcp.app.test", "SRV", (20, 0, ports_of[2], NAME))
    wait_for_servers(weir, f"{NAME}:{ports_of[2]}@127.0.0.2")
    assert client.ask().body == b"c"


def test_long_answers_come_over_tcp_and_have_a_limit(names, setting, start):
    def addresses(count):
        return [f"127.0.1.{number}" for number in range(1, count + 1)]

    names.set(NAME, "A", *addresses(60))
    weir = start(f"{{dns: '{NAME}:{setting.port}'}}")
    wait_for_servers(weir, *map(setting.key, addresses(60)))
    assert (NAME, "A", "TCP") in names.questions
    names.set(NAME, "A", *reversed(addresses(100)))
    line = weir.wait_for_log("a followed name has more addresses than are taken")
    assert "taken=64 left_out=36" in line
    poll_until(lambda: len(servers_of(weir)) == 64, what="64 servers")


def test_no_request_is_lost_while_servers_change(names, setting, start):
    letters = [setting.start(f"127.0.0.{number}") for number in (2, 3, 4)]
    names.set(NAME, "A", "127.0.0.2")
    weir = start(f"{{dns: '{NAME}:{setting.port}'}}", threads=2)
    wait_for_servers(weir, setting.key("127.0.0.2"))
    with Load(weir, bodies=letters) as load:
        for addresses in (["127.0.0.3", "127.0.0.4"], ["127.0.0.2"], ["127.0.0.2", "127.0.0.4"]):
            names.set(NAME, "A", *addresses)
            wait_for_servers(weir, *map(setting.key, addresses))
            load.wait_for(20)
    assert set(load.statuses) == {200} and load.cuts == 0


def test_what_runs_on_a_server_that_goes_comes_to_its_end(names, setting, start, connect):
    go = threading.Event()

    def waits(connection):
        connection.read_request()
        connection.wait(go)
        connection.answer(200, b"late")

    setting.start("127.0.0.2", waits)
    b = setting.start("127.0.0.3")
    names.set(NAME, "A", "127.0.0.2")
    weir = start(f"{{dns: '{NAME}:{setting.port}'}}")
    wait_for_servers(weir, setting.key("127.0.0.2"))
    slow = connect(weir)
    slow.send_request()
    setting.origins["127.0.0.2"].wait_for_requests(1)
    names.set(NAME, "A", "127.0.0.3")
    wait_for_servers(weir, setting.key("127.0.0.3"))
    assert connect(weir).ask().body == b
    go.set()
    assert slow.read_response().body == b"late"


def test_reloads_keep_what_is_known_and_ask_for_what_is_new(names, setting, start, connect):
    a, b = setting.start("127.0.0.2"), setting.start("127.0.0.3")
    names.set(NAME, "A", "127.0.0.2", ttl=3600)
    weir = start(f"{{dns: '{NAME}:{setting.port}'}}")
    wait_for_servers(weir, setting.key("127.0.0.2"))
    asked = names.count(NAME)
    weir.reload(f"{{dns: '{NAME}:{setting.port}'}}", more="timeouts: {first_byte: 7s}\n")
    assert ask_for(connect(weir), 2) == {a}
    assert names.count(NAME) == asked
    names.set("other.test", "A", "127.0.0.3")
    weir.reload(f"{{dns: 'other.test:{setting.port}'}}")
    wait_for_servers(weir, setting.key("127.0.0.3", "other.test"))
    assert ask_for(connect(weir), 2) == {b}
    assert weir.metrics()("weir_followed_names") == 1


def test_other_name_servers_are_asked_after_a_reload(names, setting, start):
    names.set(NAME, "A", "127.0.0.2", ttl=3600)
    other = DnsServer(("127.0.0.2", names.address[1]))
    other.set(NAME, "A", "127.0.0.3", ttl=3600)
    weir = start(f"{{dns: '{NAME}:{setting.port}'}}")
    wait_for_servers(weir, setting.key("127.0.0.2"))
    path = pathlib.Path(weir.arguments[2])
    path.write_text(path.read_text().replace(names.text, other.text))
    assert run_weir_command("reload", "-c", path).returncode == 0
    wait_for_servers(weir, setting.key("127.0.0.3"))
    other.stop()


def test_a_followed_server_is_drained_by_its_name_and_address(names, setting, start, connect):
    setting.start("127.0.0.2")
    b = setting.start("127.0.0.3")
    names.set(NAME, "A", "127.0.0.2", "127.0.0.3")
    weir = start(f"{{dns: '{NAME}:{setting.port}'}}")
    wait_for_servers(weir, setting.key("127.0.0.2"), setting.key("127.0.0.3"))
    told = run_weir_command("upstream", "-c", weir.arguments[2], "drain", "app",
                            setting.key("127.0.0.2"))
    assert told.returncode == 0, told.stderr
    assert ask_for(connect(weir), 4) == {b}


def test_over_tls_servers_are_known_by_the_name(names, start_tls_origin, authority, start, connect):
    origin = start_tls_origin()
    names.set("app.internal", "A", "127.0.0.1")
    weir = start(f"{{dns: 'https://app.internal:{origin.address[1]}'}}",
                 upstream=f", tls: {{ca: {authority.directory}/authority.pem}}")
    wait_for_servers(weir, f"https://app.internal:{origin.address[1]}@127.0.0.1")
    assert connect(weir).ask().body == b"hello"
    assert origin.names == ["app.internal"]


def test_the_host_of_a_followed_server_is_its_name(names, setting, start, connect):
    setting.start("127.0.0.2")
    names.set(NAME, "A", "127.0.0.2")
    weir = start(f"{{dns: '{NAME}:{setting.port}'}}", more="upstream_host: server\n")
    wait_for_servers(weir, setting.key("127.0.0.2"))
    assert connect(weir).ask().status == 200
    assert setting.origins["127.0.0.2"].requests[0].value("Host") == f"{NAME}:{setting.port}"


# Names of one server, whatever they lead to.

def answering_h2(body):
    def behaviour(connection):
        while True:
            connection.answer(connection.read_request(), body=body)
    return behaviour


@pytest.mark.parametrize("scheme, answers", [("", answering), ("h2c://", answering_h2)])
def test_a_server_moves_with_its_name(names, ports, start_origin, start_h2_origin, start, connect,
                                      scheme, answers):
    """No request goes to where it was, though that would go on answering over connections that
    were kept. Supervised: with the walls around the worker."""
    port = ports.take()
    start_any = start_h2_origin if scheme else start_origin
    before = start_any(answers(b"before"), ("127.0.0.2", port))
    start_any(answers(b"after"), ("127.0.0.3", port))
    names.set(NAME, "A", "127.0.0.2")
    weir = start(f"'{scheme}{NAME}:{port}'", supervised=True)
    client = connect(weir)
    poll_until(lambda: client.ask().body == b"before", what="the name is found")
    names.set(NAME, "A", "127.0.0.3")
    weir.wait_for_log(f"the name of a server leads elsewhere name={NAME}")
    assert ask_for(client, 4) == {b"after"}
    poll_until(lambda: all(connection.finished.is_set() for connection in before.connections),
               what="the end of connections to where it was")
    assert list(servers_of(weir)) == [f"{scheme}{NAME}:{port}"]


def test_a_server_moves_before_it_is_asked_again(names, ports, start_h2_origin, start, connect):
    """Over the only connection to where it was, on which nobody else is."""
    port, moved = ports.take(), threading.Event()

    def refuses_late(connection):
        while True:
            request = connection.read_request()
            if request.get(":path") == "/late":
                connection.wait(moved)
            connection.answer(request, 503, b"before")

    before = start_h2_origin(refuses_late, ("127.0.0.2", port))
    start_h2_origin(answering_h2(b"after"), ("127.0.0.3", port))
    names.set(NAME, "A", "127.0.0.2")
    weir = start(f"'h2c://{NAME}:{port}'", upstream=", ejection: {failures: 0}",
                 more="defaults: {retry: {attempts: 2, backoff: 0ms}}\n")
    client = connect(weir)
    poll_until(lambda: client.ask().body == b"before", what="the name is found")
    count = len(before.requests)
    client.send_request(target="/late")
    before.wait_for_requests(count + 1)
    names.set(NAME, "A", "127.0.0.3")
    weir.wait_for_log(f"the name of a server leads elsewhere name={NAME}")
    moved.set()
    assert client.read_response().body == b"after"


def test_no_request_is_lost_while_a_server_moves(names, setting, start, connect):
    """Over two threads, which lend connections to each other."""
    letters = [setting.start(f"127.0.0.{number}") for number in (2, 3)]
    names.set(NAME, "A", "127.0.0.2")
    weir = start(f"'{NAME}:{setting.port}'", threads=2)
    poll_until(lambda: connect(weir).ask().body == letters[0], what="the name is found")
    with Load(weir, bodies=letters) as load:
        for address in ("127.0.0.3", "127.0.0.2", "127.0.0.3"):
            origin = setting.origins[address]
            before = len(origin.requests)
            names.set(NAME, "A", address)
            origin.wait_for_requests(before + 20)
            load.wait_for(20)
    assert set(load.statuses) == {200} and load.cuts == 0


def test_a_name_that_is_not_found_at_the_start_is_found_later(names, setting, start, connect):
    weir = start(f"'{NAME}:{setting.port}'")
    client = connect(weir)
    weir.wait_for_log(f"the name of a server cannot be looked up; trying again name={NAME}", LONG)
    assert client.ask().status in (502, 503)
    a = setting.start("127.0.0.2")
    names.set(NAME, "A", "127.0.0.2")
    poll_until(lambda: client.ask().body == a, LONG, what="the name is found")


def test_a_silent_name_server_keeps_nobody_waiting(names, setting, start, connect):
    """All is answered while the name is still asked for, which takes longer than a client waits."""
    a = setting.start("127.0.0.2")
    names.fail("silent.test", SILENCE)
    weir = start(f"'127.0.0.2:{setting.port}', 'silent.test:{setting.port}'", timeout="6s")
    poll_until(lambda: names.count("silent.test"), what="that the name is asked for")
    assert ask_for(connect(weir), 8) == {a}
    assert "cannot be looked up" not in weir.log


def test_a_server_stays_where_it_was_found(names, setting, start, connect):
    """Also where one kind of address cannot be looked up: its connections live on."""
    a = setting.start("127.0.0.2")
    names.set(NAME, "A", "127.0.0.2")
    weir = start(f"'{NAME}:{setting.port}'", more="timeouts: {pool_idle: 1h}\n")
    client = connect(weir)
    poll_until(lambda: client.ask().body == a, what="the name is found")
    names.fail(NAME, "SERVFAIL", "AAAA")
    names.wait_for_questions(NAME, 4)
    names.fail(NAME, "SERVFAIL")
    weir.wait_for_log(f"the name of a server cannot be looked up; trying again name={NAME} "
                      'problem="no name server can be reached, or all of them fail"', LONG)
    assert ask_for(client, 2) == {a}
    names.fail(NAME, None)
    weir.wait_for_log(f"the name of a server was found name={NAME}", LONG)
    assert ask_for(client, 2) == {a}
    assert len(setting.origins["127.0.0.2"].connections) == 1
