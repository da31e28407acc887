"""Clients that stay with the server that they were given to: by a cookie of Weir's, by their address,
by a field; over the loss of servers, over reloads, and against cookies that nobody gave them."""

import collections
import json
import re
import threading

import pytest

from harness.deadline import poll_until
from harness.metrics import read_metrics
from harness.origin import answering
from harness.supervised import Supervised
from harness.weir import run_weir_command, write_configuration

COOKIE = re.compile(r"home=([A-Za-z0-9_-]{22})((?:; [^;]+)*)$")


def configuration(*servers, sticky="cookie: home", more="", threads=1):
    listed = ", ".join(server if server.startswith("{") else f'"{server}"' for server in servers)
    return (f"threads: {threads}\n"
            f"upstreams: {{app: {{servers: [{listed}], sticky: {{{sticky}}}, {more}}}}}\n"
            "sites: [{proxy: app}]\n")


@pytest.fixture
def start_letters(start_origin):
    """Origins that answer with their letters."""
    def start(letters):
        return [start_origin(answering(letter.encode())) for letter in letters]
    return start


class Visitor:
    """A browser: it keeps the cookie that it is given."""

    def __init__(self, client, cookie=None):
        self.client, self.cookie, self.told = client, cookie, None

    def ask(self, target="/", **parts):
        fields = [("Cookie", f"home={self.cookie}")] if self.cookie else []
        answer = self.client.ask(target=target, fields=fields, **parts)
        self.told = answer.value("Set-Cookie")
        if self.told:
            self.cookie = COOKIE.match(self.told)[1]
        return answer

    def home(self):
        answer = self.ask()
        assert answer.status == 200
        return answer.body.decode()


@pytest.fixture
def visit(connect):
    return lambda weir, cookie=None: Visitor(connect(weir), cookie)


def reload(weir, text):
    Supervised(weir).write(text)
    done = run_weir_command("reload", "-c", weir.arguments[2])
    assert done.returncode == 0, done.stderr


# By a cookie of Weir's

@pytest.mark.parametrize("way", ["round_robin", "least_connections", "least_time", "random", "hash"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_visitor_stays(start_letters, start_weir, visit, way, threads):
    servers = [origin.server for origin in start_letters("abc")]
    weir = start_weir(configuration(*servers, more=f"balance: {way}", threads=threads))
    visitors = [visit(weir) for _ in range(6)]
    homes = [visitor.home() for visitor in visitors]
    for _ in range(5):
        assert [visitor.home() for visitor in visitors] == homes
        assert all(visitor.told is None for visitor in visitors)


def test_weights_give_the_first_server(start_letters, start_weir, visit):
    a, b = start_letters("ab")
    weir = start_weir(configuration(f'{{address: "{a.server}", weight: 3}}', b.server))
    assert collections.Counter(visit(weir).home() for _ in range(8)) == {"a": 6, "b": 2}


def test_the_cookie_tells_nothing_and_is_not_for_caches(start_letters, start_weir, visit):
    (origin,) = start_letters("a")
    visitor = visit(start_weir(configuration(origin.server)))
    answer = visitor.ask()
    assert COOKIE.match(visitor.told)[2] == "; Path=/; HttpOnly; SameSite=Lax"
    assert origin.server.rsplit(":", 1)[1] not in visitor.told
    assert answer.values("Cache-Control") == ['private="Set-Cookie"']
    assert not visitor.ask().has("Cache-Control")


def test_the_cookie_is_written_as_it_is_set(start_letters, start_weir, visit):
    (origin,) = start_letters("a")
    visitor = visit(start_weir(configuration(
        origin.server, sticky="cookie: home, path: /shop/, domain: example.com, lifetime: 12h, "
                              "secure: on, http_only: off, same_site: none")))
    visitor.ask()
    assert (COOKIE.match(visitor.told)[2] ==
            "; Path=/shop/; Domain=example.com; Max-Age=43200; SameSite=None; Secure")


def test_beside_the_cookies_of_the_application(start_origin, start_weir, connect):
    origin = start_origin(answering(b"a", fields=[("Set-Cookie", "session=1"), ("Set-Cookie", "x=y")]))
    answer = connect(start_weir(configuration(origin.server))).ask()
    told = answer.values("Set-Cookie")
    assert told[:2] == ["session=1", "x=y"] and COOKIE.match(told[2]) and len(told) == 3


def test_who_is_lost_moves_and_is_told(start_letters, start_weir, visit):
    origins = start_letters("ab")
    weir = start_weir(configuration(*[origin.server for origin in origins]))
    visitor = visit(weir)
    home = visitor.home()
    lost, other = (origins if home == "a" else reversed(origins))
    before = visitor.cookie
    lost.stop()
    assert visitor.home() != home and visitor.cookie != before
    lost.start()
    # It stays where it has gone to, also when its first server is there again.
    again = visit(weir)
    poll_until(lambda: visit(weir).home() == home, 30, "the first server is asked again")
    again.cookie = visitor.cookie
    assert again.home() != home and again.told is None
    assert len(other.requests) >= 2


def test_who_was_given_to_a_backup_stays_there(start_letters, start_weir, visit):
    a, b = start_letters("ab")
    weir = start_weir(configuration(a.server, f'{{address: "{b.server}", backup: on}}'))
    a.stop()
    visitor = visit(weir)
    assert visitor.home() == "b"
    a.start()
    poll_until(lambda: visit(weir).home() == "a", 30, "the first server is asked again")
    assert visitor.home() == "b"


def test_a_server_that_is_full_is_left(start_origin, start_letters, start_weir, visit):
    hold = threading.Event()

    def behaviour(connection):
        while True:
            if connection.read_request().target == "/hold":
                connection.wait(hold)
            connection.answer(200, b"a")

    a = start_origin(behaviour)
    (b,) = start_letters("b")
    weir = start_weir(configuration(f'{{address: "{a.server}", max_connections: 1}}', b.server))
    visitor = visit(weir)
    assert visitor.home() == "a"
    busy = visit(weir, visitor.cookie)
    busy.client.send_request(target="/hold", fields=[("Cookie", f"home={visitor.cookie}")])
    poll_until(lambda: len(a.requests) == 2, what="the server is full")
    assert visitor.home() == "b" and visitor.told
    hold.set()
    assert busy.client.read_response().body == b"a"
    assert visitor.home() == "b" and not visitor.told


def test_a_server_that_is_ejected_is_left(start_origin, start_letters, start_weir, visit):
    failing = threading.Event()

    def behaviour(connection):
        while True:
            connection.read_request()
            connection.answer(503 if failing.is_set() else 200, b"a")

    a = start_origin(behaviour)
    (b,) = start_letters("b")
    weir = start_weir(configuration(a.server, b.server, more="ejection: {failures: 2}"))
    visitor = visit(weir)
    assert visitor.home() == "a"
    failing.set()
    assert [visitor.ask().status for _ in range(2)] == [503, 503]
    assert visitor.home() == "b" and visitor.told


def test_servers_come_go_and_change_places_and_visitors_stay(start_letters, start_weir, visit):
    servers = [origin.server for origin in start_letters("abcd")]
    weir = start_weir(configuration(*servers[:3]))
    visitors = {home: visit(weir) for home in "abc"}
    for home, visitor in visitors.items():
        while visitor.home() != home:
            visitor.cookie = None
    reload(weir, configuration(servers[3], servers[2], servers[0]))
    assert visit(weir, visitors["a"].cookie).home() == "a"
    assert visit(weir, visitors["c"].cookie).home() == "c"
    gone = visit(weir, visitors["b"].cookie)
    assert gone.home() in "acd" and gone.told
    # And back again: who was told of another server meanwhile stays there.
    home = gone.home()
    reload(weir, configuration(*servers))
    assert visit(weir, gone.cookie).home() == home
    assert visit(weir, visitors["b"].cookie).home() == "b"


def test_cookies_that_nobody_gave(start_letters, start_weir, visit):
    servers = [origin.server for origin in start_letters("ab")]
    good = visit(start_weir(configuration(*servers)))
    good.ask()
    weir = start_weir(configuration(*servers))  # with another key
    other = visit(start_weir(configuration(*servers).replace("app", "other")))
    other.ask()
    hostile = ["", "a", "A" * 22, "A" * 23, "A" * 8000, "../../etc/passwd", "%00", '"', "\xff" * 22, "0",
               servers[0], good.cookie, other.cookie]
    for value in hostile:
        visitor = visit(weir)
        answer = visitor.client.ask(fields=[("Cookie", f"home={value}")])
        assert answer.status == 200 and COOKIE.match(answer.value("Set-Cookie")), value
    many = visit(weir)
    good = visit(weir)
    home = good.home()
    answer = many.client.ask(fields=[("Cookie", "; ".join(["home=x"] * 500 + [f"home={good.cookie}"]))])
    assert answer.body.decode() == home and not answer.has("Set-Cookie")


def test_several_machines_agree_by_a_secret(start_letters, start_weir, visit, directory):
    servers = [origin.server for origin in start_letters("abc")]
    secret = directory / "secret"
    secret.write_text("0123456789abcdef0123456789abcdef\n")
    weirs = [start_weir(configuration(*order, sticky=f"cookie: home, secret: {secret}"))
             for order in (servers, list(reversed(servers)))]
    for _ in range(6):
        visitor = visit(weirs[0])
        assert visit(weirs[1], visitor.home() and visitor.cookie).home() == visitor.home()
    # Another secret: everybody is given to a server anew.
    secret.write_text("another secret that is as long as that\n")
    reload(weirs[0], configuration(*servers, sticky=f"cookie: home, secret: {secret}"))
    late = visit(weirs[0], visitor.cookie)
    assert late.ask().status == 200 and late.told


def test_a_secret_outlives_the_worker(start_letters, start_weir, visit, directory):
    servers = [origin.server for origin in start_letters("ab")]
    (directory / "secret").write_text("0123456789abcdef0123456789abcdef")
    text = configuration(*servers, sticky=f"cookie: home, secret: {directory / 'secret'}")
    weir = start_weir(text, supervised=True)
    visitors = [visit(weir) for _ in range(2)]
    homes = [visitor.home() for visitor in visitors]
    assert sorted(homes) == ["a", "b"]
    Supervised(weir).kill_worker()
    assert [visit(weir, visitor.cookie).home() for visitor in visitors] == homes


def test_a_websocket_is_told_as_well(start_origin, start_weir, connect):
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        b"Upgrade: websocket\r\n\r\n")
        connection.expect_end()

    origin = start_origin(behaviour)
    client = connect(start_weir(configuration(origin.server)))
    client.send_request(fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
    head = client.read_response_head()
    assert head.status == 101 and COOKIE.match(head.value("Set-Cookie"))


def test_nobody_is_told_where_no_server_answers(start_weir, visit, ports):
    visitor = visit(start_weir(configuration(f"127.0.0.1:{ports.take()}")))
    assert visitor.ask().status == 502 and visitor.told is None


def test_a_list_without_a_name_may_be_sticky(start_letters, start_weir, visit):
    servers = [origin.server for origin in start_letters("abc")]
    listed = ", ".join(f'"{server}"' for server in servers)
    weir = start_weir(f"defaults: {{upstream: {{sticky: {{cookie: home}}}}}}\nsites: [{{proxy: [{listed}]}}]\n")
    visitor = visit(weir)
    home = visitor.home()
    assert [visitor.home() for _ in range(5)] == [home] * 5


# By the session cookie of the application

def application(letter, count, by):
    """It makes a session for whoever has none that it knows, and knows it by a cookie or a header."""
    def shown_by(request):
        if by == "cookie":
            return (request.value("Cookie") or "").removeprefix("session=")
        return request.value("X-Session") or ""

    def told(session):
        if by == "cookie":
            return [("Set-Cookie", "theme=dark; Path=/"), ("Set-Cookie", f"session={session}; HttpOnly")]
        return [("x-session", session)]

    def behaviour(connection):
        while True:
            request = connection.read_request()
            if request.target == "/shared" or shown_by(request) in count[letter]:
                connection.answer(200, letter.encode())
                continue
            session = f"{letter}-{len(count[letter])}-of-many"
            count[letter].append(session)
            connection.answer(200, letter.encode(), fields=told(session))
    return behaviour


@pytest.fixture
def start_applications(start_origin):
    def start(letters, by="cookie"):
        sessions = collections.defaultdict(list)
        return [start_origin(application(letter, sessions, by)) for letter in letters]
    return start


def log_in(client):
    """Who has made a session, and the fields that show it."""
    answer = client.ask()
    told = [("Cookie", value.split(";")[0]) for value in answer.values("Set-Cookie")
            if value.startswith("session=")]
    told += [("X-Session", value) for value in answer.values("X-Session")]
    assert answer.status == 200 and len(told) == 1
    return answer.body, told


SESSION = "session_cookie: session"
BY_HEADER = "session_header: X-Session"


@pytest.mark.parametrize("way", ["round_robin", "least_connections", "least_time", "random"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("by, sticky", [("cookie", SESSION), ("header", BY_HEADER)])
def test_a_session_stays_with_who_has_made_it(start_applications, start_weir, connect, way, threads,
                                              by, sticky):
    servers = [origin.server for origin in start_applications("abc", by)]
    weir = start_weir(configuration(*servers, sticky=sticky, more=f"balance: {way}", threads=threads))
    visitors = [log_in(connect(weir)) for _ in range(12)]
    for _ in range(3):
        for home, shown in visitors:
            answer = connect(weir).ask(fields=shown)
            assert answer.body == home and not answer.has("Set-Cookie")


@pytest.mark.parametrize("by, sticky", [("cookie", SESSION), ("header", BY_HEADER)])
def test_sessions_outlive_a_reload(start_applications, start_weir, connect, by, sticky):
    servers = [origin.server for origin in start_applications("abc", by)]
    weir = start_weir(configuration(*servers[:2], sticky=sticky))
    visitors = [log_in(connect(weir)) for _ in range(6)]
    reload(weir, configuration(*reversed(servers), sticky=sticky))
    for home, shown in visitors:
        assert connect(weir).ask(fields=shown).body == home


@pytest.mark.parametrize("by, sticky", [("cookie", SESSION), ("header", BY_HEADER)])
def test_a_session_whose_server_is_lost_moves_for_good(start_applications, start_weir, connect, by,
                                                       sticky):
    origins = start_applications("ab", by)
    weir = start_weir(configuration(*[origin.server for origin in origins], sticky=sticky))
    home, cookie = log_in(connect(weir))
    lost = origins[b"ab".index(home)]
    lost.stop()
    moved = connect(weir).ask(target="/shared", fields=cookie)
    assert moved.status == 200 and moved.body != home
    lost.start()
    poll_until(lambda: connect(weir).ask(target="/shared").body == home, 30, "it is asked again")
    assert connect(weir).ask(target="/shared", fields=cookie).body == moved.body


def test_a_session_that_nobody_knows_goes_by_its_hash(start_letters, start_weir, connect):
    servers = [origin.server for origin in start_letters("abc")]
    weirs = [start_weir(configuration(*servers, sticky=SESSION)) for _ in range(2)]
    homes = set()
    for number in range(20):
        answers = {connect(weir).ask(fields=[("Cookie", f"session=made-up-{number}")]).body
                   for weir in weirs for _ in range(2)}
        assert len(answers) == 1
        homes |= answers
    assert homes == {b"a", b"b", b"c"}
    for value in ("", '"', "A" * 8000, "\xff", "="):
        assert connect(weirs[0]).ask(fields=[("Cookie", f"session={value}")]).status == 200


# By what the request has

@pytest.mark.parametrize("by, field", [("$request.header.X-User", "X-User"), ("$cookie.session", None)])
def test_by_something_of_the_client(start_letters, start_weir, connect, by, field):
    servers = [origin.server for origin in start_letters("abc")]
    weir = start_weir(configuration(*servers, sticky=f"by: {by}", threads=2))

    def home(user):
        fields = [(field, user)] if field else [("Cookie", f"session={user}")]
        answer = connect(weir).ask(fields=fields)
        assert answer.status == 200 and not answer.has("Set-Cookie")
        return answer.body

    homes = {f"user-{i}": home(f"user-{i}") for i in range(30)}
    assert set(homes.values()) == {b"a", b"b", b"c"}
    assert all(home(user) == where for user, where in homes.items())


def test_without_it_the_balance_decides(start_letters, start_weir, connect):
    servers = [origin.server for origin in start_letters("abc")]
    client = connect(start_weir(configuration(*servers, sticky="by: $request.header.X-User")))
    assert b"".join(client.ask().body for _ in range(6)) == b"abcabc"


def test_by_the_address(start_letters, start_weir, connect):
    servers = [origin.server for origin in start_letters("abc")]
    weir = start_weir(configuration(*servers, sticky="by: $client_ip"))
    assert len({connect(weir).ask().body for _ in range(10)}) == 1


# What is told

def test_logs_and_metrics_tell(start_letters, start_weir, visit, directory, ports):
    a, b = start_letters("ab")
    admin = ports.take()
    weir = start_weir(f"admin: 127.0.0.1:{admin}\nlog: {{access: {{to: {directory / 'log'}, "
                      'format: "$sticky"}}\n' + configuration(a.server, b.server))
    visitor = visit(weir)
    home = visitor.home()
    visitor.home()
    (a if home == "a" else b).stop()
    visitor.home()
    visit(weir, "nonsense").ask()
    metrics = poll_until(lambda: (page := read_metrics(("127.0.0.1", admin)))(
        "weir_sticky_total") == 4 and page, what="all are counted")
    for outcome in ("first", "kept", "moved", "unknown"):
        assert metrics("weir_sticky_total", outcome=outcome) == 1
    weir.stop()
    assert (directory / "log").read_text().split() == ["first", "kept", "moved", "unknown"]


def test_explain_tells(start_letters, start_weir, visit, ports):
    servers = [start_letters("a")[0].server, f"127.0.0.1:{ports.take()}"]
    weir = start_weir(configuration(*servers))

    def explain(*more):
        told = run_weir_command("explain", "--live", "-c", weir.arguments[2], "GET", "http://a/", *more)
        assert told.returncode == 0, told.stderr
        return told.stdout

    visitor = visit(weir)
    assert visitor.home() == "a"
    cookie = f"Cookie: home={visitor.cookie}"
    assert 'sticky    the cookie "home" is not there yet; the answer brings it\n' in explain()
    told = explain("-H", cookie)
    assert f"server    {servers[0]}, to which its cookie leads; others are for other cookies\n" in told
    assert 'sticky    the cookie "home" leads there\n' in told
    assert 'the cookie "home" is none of ours' in explain("-H", "Cookie: home=x")
    assert json.loads(explain("--json", "-H", cookie))["sticky"] == "kept"


@pytest.mark.parametrize("sticky, said", [
    ("cookie: a b", "no cookie can have this name"),
    ("cookie: home, path: shop", "this is no path of a cookie"),
    ("cookie: home, domain: a;b", "this is no domain of a cookie"),
    ("cookie: home, same_site: none, secure: off", "only where it is Secure"),
    ("cookie: __Host-home", "browsers take a cookie of such a name only where it is Secure"),
    ("cookie: __Host-home, secure: on, path: /a", "only without Domain and with the Path /"),
    ("cookie: home, by: $client_ip", "clients stick by a cookie, a session_cookie, a session_header"),
    ("session_cookie: a b", "no cookie can have this name"),
    ("session_cookie: a, session_header: b", "clients stick by a cookie, a session_cookie, a"),
    ("session_header: a b", "no application names its sessions by this header"),
    ("session_header: Content-Length", "no application names its sessions by this header"),
    ("session_header: a}, balance: hash, ejection: {failures: 5", "balance: hash and sticky: {by}"),
    ("session_cookie: a}, balance: hash, ejection: {failures: 5", "balance: hash and sticky: {by}"),
    ("by: constant", "a text without variables leads every request to one server"),
    ("by: $1", "captures are of the path of a route, and an upstream has none"),
    ("by: $client_ip}, balance: hash, ejection: {failures: 5", "balance: hash and sticky: {by}"),
    ("path: /a", '"path" is for a cookie, and there is none'),
    ("cookie: home, secret: short", "the secret has less than 32 bytes"),
    ("cookie: home, secret: missing", "missing"),
])
def test_what_cannot_be_is_told(directory, sticky, said):
    (directory / "short").write_text("0123456789")
    path = write_configuration(directory, configuration("10.0.0.1:80", sticky=sticky), ("127.0.0.1", 8080))
    told = run_weir_command("check", "-c", path)
    assert said in told.stdout + told.stderr
