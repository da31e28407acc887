"""Splits between upstreams: each variant gets its share of the visitors, who stay with it, also when
shares change; testers force one; the server is told, and metrics count."""

import collections
import json
import re

import pytest

from harness.deadline import poll_until
from harness.metrics import read_metrics
from harness.origin import answering
from harness.supervised import Supervised
from harness.weir import run_weir_command, write_configuration

COOKIE = re.compile(r"(\w+)=([A-Za-z0-9_-]{22})((?:; [^;]+)*)$")


def configuration(origins, shares, variants="", more=""):
    """`shares` are percents of the upstreams a, b, c, which are the origins in their order."""
    names = "abc"[:len(origins)]
    upstreams = ", ".join(f'{name}: ["{origin.server}"]' for name, origin in zip(names, origins))
    split = ", ".join(f"{name}: {share}%" for name, share in zip(names, shares))
    return (f"upstreams: {{{upstreams}}}\n"
            f"sites:\n  - split: {{{split}}}\n    variants: {{{variants}}}\n{more}")


@pytest.fixture
def start_letters(start_origin):
    """Origins that answer with their letters."""
    def start(letters):
        return [start_origin(answering(letter.encode())) for letter in letters]
    return start


def reload(weir, text):
    Supervised(weir).write(text)
    done = run_weir_command("reload", "-c", weir.arguments[2])
    assert done.returncode == 0, done.stderr


def draw(client):
    """A new visitor's variant, and the cookie that tells it, as a field."""
    answer = client.ask()
    assert answer.status == 200
    name, value, _ = COOKIE.match(answer.value("Set-Cookie")).groups()
    return answer.body.decode(), [("Cookie", f"{name}={value}")]


# Shares

def test_new_visitors_are_drawn_by_the_shares(start_letters, start_weir, connect):
    client = connect(start_weir(configuration(start_letters("abc"), (50, 40, 10))))
    counts = collections.Counter(draw(client)[0] for _ in range(500))
    # Seven standard deviations from the mean.
    assert 170 < counts["a"] < 330 and 120 < counts["b"] < 280 and 3 <= counts["c"] < 100


def test_all_and_nothing(start_letters, start_weir, connect):
    client = connect(start_weir(configuration(start_letters("ab"), (100, 0))))
    assert {draw(client)[0] for _ in range(50)} == {"a"}


def test_by_something_of_the_visitor(start_letters, start_weir, connect):
    weir = start_weir("threads: 2\n" + configuration(start_letters("ab"), (70, 30),
                                                     "by: $request.header.X-User"))
    users = [f"user-{i}" for i in range(400)]

    def variants():
        client = connect(weir)
        answers = {user: client.ask(fields=[("X-User", user)]) for user in users}
        assert not any(answer.has("Set-Cookie") for answer in answers.values())
        return {user: answer.body for user, answer in answers.items()}

    found = variants()
    assert variants() == found
    assert 80 <= collections.Counter(found.values())[b"b"] <= 160  # the same at each run


def test_without_it_the_address_decides(start_letters, start_weir, connect):
    weir = start_weir(configuration(start_letters("ab"), (50, 50), "by: $request.header.X-User"))
    assert len({connect(weir).ask().body for _ in range(20)}) == 1


# Staying

def test_a_visitor_stays(start_letters, start_weir, connect):
    weir = start_weir("threads: 2\n" + configuration(start_letters("ab"), (50, 50)))
    for _ in range(10):
        variant, cookie = draw(connect(weir))
        answers = [connect(weir).ask(fields=cookie) for _ in range(3)]
        assert {answer.body.decode() for answer in answers} == {variant}
        assert not any(answer.has("Set-Cookie") for answer in answers)


def test_nobody_moves_when_shares_change(start_letters, start_weir, connect):
    origins = start_letters("abc")
    weir = start_weir(configuration(origins[:2], (90, 10)))
    visitors = [draw(connect(weir)) for _ in range(40)]
    for shares in ((80, 20), (1, 99)):
        reload(weir, configuration(origins[:2], shares))
        client = connect(weir)
        assert all(client.ask(fields=cookie).body.decode() == variant for variant, cookie in visitors)
    reload(weir, configuration(origins, (1, 1, 98)))
    client = connect(weir)
    assert all(client.ask(fields=cookie).body.decode() == variant for variant, cookie in visitors)


def test_who_was_in_a_share_that_grows_stays_in_it(start_letters, start_weir, connect):
    """By a hash, where nothing is told to the visitor."""
    origins = start_letters("ab")
    users = [f"user-{i}" for i in range(200)]
    weir, members = start_weir(configuration(origins, (95, 5), "by: $query.user")), set()
    for share in (5, 10, 20, 50, 100):
        reload(weir, configuration(origins, (100 - share, share), "by: $query.user"))
        client = connect(weir)
        now = {user for user in users if client.ask(target=f"/?user={user}").body == b"b"}
        assert members < now
        members = now
    assert members == set(users)


def test_a_variant_that_gets_nobody_keeps_nobody(start_letters, start_weir, connect):
    origins = start_letters("ab")
    weir = start_weir(configuration(origins, (0, 100)))
    variant, cookie = draw(connect(weir))
    assert variant == "b"
    reload(weir, configuration(origins, (100, 0)))
    answer = connect(weir).ask(fields=cookie)
    assert answer.body == b"a" and COOKIE.match(answer.value("Set-Cookie"))
    reload(weir, configuration(origins[:1], (100,)))
    answer = connect(weir).ask(fields=cookie)
    assert answer.body == b"a" and COOKIE.match(answer.value("Set-Cookie"))


def test_the_cookie_is_written_as_it_is_set(start_letters, start_weir, connect, directory):
    (directory / "secret").write_text("0123456789abcdef0123456789abcdef")
    origins = start_letters("ab")
    variants = f"cookie: test, path: /shop/, lifetime: 30d, secure: on, secret: {directory / 'secret'}"
    weirs = [start_weir(configuration(origins, (50, 50), variants)) for _ in range(2)]
    answer = connect(weirs[0]).ask()
    name, value, attributes = COOKIE.match(answer.value("Set-Cookie")).groups()
    assert name == "test"
    assert attributes == "; Path=/shop/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure"
    assert answer.values("Cache-Control") == ['private="Set-Cookie"']
    again = connect(weirs[1]).ask(fields=[("Cookie", f"test={value}")])
    assert again.body == answer.body and not again.has("Set-Cookie")


def test_cookies_that_nobody_gave(start_letters, start_weir, connect):
    weir = start_weir(configuration(start_letters("ab"), (100, 0)))
    for value in ("", "a", "b", "A" * 22, "A" * 8000, "\xff", "%00"):
        answer = connect(weir).ask(fields=[("Cookie", f"weir_variant={value}")])
        assert answer.body == b"a" and COOKIE.match(answer.value("Set-Cookie"))


def test_a_split_of_sticky_upstreams(start_letters, start_weir, connect):
    origins = start_letters("abcd")
    a, b, c, d = (origin.server for origin in origins)
    weir = start_weir(f"defaults: {{upstream: {{sticky: {{cookie: home}}}}}}\n"
                      f'upstreams: {{old: ["{a}", "{b}"], new: ["{c}", "{d}"]}}\n'
                      "sites: [{split: {old: 50%, new: 50%}}]\n")
    for _ in range(4):
        answer = connect(weir).ask()
        told = [COOKIE.match(value) for value in answer.values("Set-Cookie")]
        assert sorted(one[1] for one in told) == ["home", "weir_variant"]
        cookies = "; ".join(f"{one[1]}={one[2]}" for one in told)
        for _ in range(4):
            again = connect(weir).ask(fields=[("Cookie", cookies)])
            assert again.body == answer.body and not again.has("Set-Cookie")


def test_visitors_are_told_where_no_server_answers(start_weir, connect, ports):
    """So that who was drawn for a variant that is broken is not drawn again and again."""
    dead = f"127.0.0.1:{ports.take()}"
    weir = start_weir(f'upstreams: {{a: ["{dead}"]}}\nsites: [{{split: {{a: 100%}}}}]\n')
    answer = connect(weir).ask()
    assert answer.status == 502 and COOKIE.match(answer.value("Set-Cookie"))


# Testers

def test_a_field_or_the_query_forces(start_letters, start_weir, connect):
    weir = start_weir(configuration(start_letters("ab"), (100, 0),
                                    "force_header: X-Force, force_query: force"))
    client = connect(weir)
    assert client.ask(fields=[("X-Force", "b")]).body == b"b"
    assert client.ask(fields=[("X-Force", "nobody"), ("x-force", "b")]).body == b"b"
    assert client.ask(target="/?x=y&force=b").body == b"b"
    assert client.ask(target="/?force=nobody", fields=[("X-Force", "")]).body == b"a"
    assert client.ask(target="/?Force=b", fields=[("X-Forces", "b")]).body == b"a"


def test_who_is_forced_by_the_query_stays(start_letters, start_weir, connect):
    weir = start_weir(configuration(start_letters("ab"), (99.5, 0.5), "force_query: force"))
    forced = connect(weir).ask(target="/?force=b")
    name, value, _ = COOKIE.match(forced.value("Set-Cookie")).groups()
    assert connect(weir).ask(fields=[("Cookie", f"{name}={value}")]).body == b"b"


def test_nobody_forces_where_nothing_is_said(start_letters, start_weir, connect):
    client = connect(start_weir(configuration(start_letters("ab"), (100, 0))))
    assert client.ask(target="/?variant=b&force=b", fields=[("X-Variant", "b")]).body == b"a"


# Who is told

def test_the_server_is_told(start_letters, start_weir, connect):
    origins = start_letters("ab")
    weir = start_weir(configuration(
        origins, (0, 100), "tell: X-Variant",
        "    headers: {request: {set: {X-Too: $variant}}, response: {set: {X-Was: $variant}}}\n"))
    answer = connect(weir).ask(fields=[("X-Variant", "a"), ("X_Variant", "a")])
    request = origins[1].requests[0]
    assert request.values("X-Variant") == ["b"] and request.values("X-Too") == ["b"]
    assert not request.has("X_Variant")
    assert answer.value("X-Was") == "b"


def test_nobody_tells_the_server_in_trailers(start_letters, start_weir, connect):
    origins = start_letters("a")
    client = connect(start_weir(configuration(origins, (100,), "tell: X-Variant")))
    trailers = [("X-Variant", "evil"), ("X_Variant", "evil"), ("X-Sum", "4")]
    assert client.ask("POST", body=[b"body"], trailers=trailers).status == 200
    assert origins[0].requests[0].trailers == [("X-Sum", "4")]


def test_metrics_and_logs_tell(start_letters, start_weir, connect, directory, ports):
    admin = ports.take()
    origins = start_letters("ab")
    weir = start_weir(f"admin: 127.0.0.1:{admin}\nlog: {{access: {{to: {directory / 'log'}, "
                      'format: "$variant $upstream"}}\n'
                      + configuration(origins, (50, 50), "force_query: force"))
    for variant, count in (("a", 2), ("b", 3)):
        for _ in range(count):
            connect(weir).ask(target=f"/?force={variant}")
    metrics = poll_until(lambda: (page := read_metrics(("127.0.0.1", admin)))(
        "weir_exchanges_total", status="2xx") == 5 and page, what="all are counted")
    assert metrics("weir_exchanges_total", upstream="a") == 2
    assert metrics("weir_exchanges_total", upstream="b") == 3
    weir.stop()
    # Lines of two threads may stand in either order.
    assert sorted((directory / "log").read_text().splitlines()) == ["a a"] * 2 + ["b b"] * 3


@pytest.mark.parametrize("variants, arguments, why", [
    ("", [], "variant   a, drawn, as the visitor has no cookie for it"),
    ("by: $query.user", [], "variant   a, to which what splits them leads"),
    ("force_query: user", [], "variant   b, which the query demands"),
    ("force_header: X-V", ["-H", "X-V: b"], "variant   b, which a field of the request demands"),
])
def test_explain_tells(start_letters, directory, variants, arguments, why):
    path = write_configuration(directory, configuration(start_letters("ab"), (100, 0), variants),
                               ("127.0.0.1", 8080))
    words = ["explain", "-c", path, "GET", "http://a:8080/?user=b", *arguments]
    told = run_weir_command(*words)
    assert why + "\n" in told.stdout, told
    assert json.loads(run_weir_command(*words, "--json").stdout)["variant"] == why[10]


@pytest.mark.parametrize("split, said", [
    ("{a: 90%, b: 20%}", "the shares of the split add up to 110.00%"),
    ("{a: 90%}", "the shares of the split add up to 90.00%"),
    ("{a: 90, b: 10}", "this is no share of a split"),
    ("{a: 101%}", "this is no share of a split"),
    ("{a: 99.999%, b: 0.001%}", "this is no share of a split"),
    ("{a: -1%, b: 101%}", "this is no share of a split"),
    ("{a: 99.%, b: 1%}", "this is no share of a split"),
    ("{}", "a split has between 1 and 16 upstreams"),
    ("[a, b]", '"split" is a mapping'),
    ("{a: 50%, c: 50%}", 'there is no upstream "c"'),
    ("{a: 100%}, proxy: a", "proxy"),
    ("{a: 50%, b: 50%}, variants: {by: constant}", "gives everybody the same variant"),
    ("{a: 50%, b: 50%}, variants: {by: $client_ip$variant}", "decides, and cannot stand in it"),
    ("{a: 50%, b: 50%}, variants: {by: $1$variant}", "decides, and cannot stand in it"),
    ("{a: 50%, b: 50%}, variants: {by: $1}", 'the route has no capture "1"'),
    ("{a: 50%, b: 50%}, variants: {tell: Content-Length}", "can be no field for a variant"),
    ("{a: 50%, b: 50%}, variants: {cookie: a b}", "no cookie can have this name"),
])
def test_what_cannot_be_is_told(directory, split, said):
    path = write_configuration(directory, "upstreams: {a: [10.0.0.1:80], b: [10.0.0.2:80]}\n"
                               f"sites: [{{split: {split}}}]\n", ("127.0.0.1", 8080))
    told = run_weir_command("check", "-c", path)
    assert told.returncode == 1 and said in told.stdout + told.stderr, told
