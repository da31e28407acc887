"""`headers`: fields of requests and responses that are set, added and removed on the way, and
`upstream_host`."""

import re

import pytest

from harness.origin import answering
from harness.weir import run_weir_command


@pytest.fixture
def through(start_origin, start_weir, connect):
    """through(settings, response fields) starts Weir with one site that has these settings (lines
    of YAML) and gives a function that sends one request: (what the server read, what the client
    got)."""
    def start(settings, answered=(), **parts):
        origin = start_origin(answering(fields=answered, **parts))
        lines = "\n".join("    " + line for line in settings.strip("\n").split("\n"))
        client = connect(start_weir(f"threads: 1\nsites:\n  - proxy: {origin.url}\n{lines}\n"))

        def one(method="GET", target="/", **parts):
            response = client.ask(method, target, **parts)
            return origin.requests[-1], response
        return one
    return start


def test_requests_are_changed(through):
    one = through("""
headers:
  request:
    set: {X-Client: "$client_ip", User-Agent: weir}
    add: {X-List: [two, three]}
    remove: [X-Debug, Cookie]
""")
    request, _ = one(fields=[("X-List", "one"), ("x-debug", "1"), ("X-DEBUG", "2"), ("cookie", "a=b"),
                             ("x-client", "forged"), ("X-Client", "again"), ("user-agent", "curl")])
    assert request.values("X-Client") == ["127.0.0.1"]
    assert request.values("User-Agent") == ["weir"]
    assert request.values("X-List") == ["one", "two", "three"]
    assert not request.has("X-Debug") and not request.has("Cookie")


def test_responses_are_changed(through):
    one = through("""
headers:
  response:
    set: {X-Frame-Options: DENY, X-Status: "$status"}
    add: {Set-Cookie: b=2}
    remove: [Server, X-Powered-By]
""", [("Server", "nginx"), ("X-Powered-By", "PHP"), ("Set-Cookie", "a=1"), ("x-frame-options", "X")])
    _, response = one()
    assert response.values("X-Frame-Options") == ["DENY"]
    assert response.values("X-Status") == ["200"]
    assert response.values("Set-Cookie") == ["a=1", "b=2"]
    assert not response.has("Server") and not response.has("X-Powered-By")
    assert response.body == b"hello"


def test_answers_of_our_own_are_changed_too(start_weir, connect, ports):
    client = connect(start_weir(f"""
        sites:
          - headers: {{response: {{set: {{X-Frame-Options: DENY}}}}}}
            routes:
              - {{path: /r, redirect: /x}}
              - {{path: /f, respond: 200}}
              - {{path: /dead, proxy: "http://127.0.0.1:{ports.take()}"}}
    """))
    for target in ("/r", "/f", "/dead"):
        assert client.ask(target=target).values("X-Frame-Options") == ["DENY"], target


def test_operations_add_up(start_origin, start_weir, connect):
    origin = start_origin(answering(fields=[("X-Old", "1")]))
    client = connect(start_weir(f"""
        defaults: {{headers: {{response: {{set: {{X-A: defaults, X-D: defaults}}}}}}}}
        sites:
          - proxy: {origin.url}
            headers: {{response: {{set: {{X-A: site, X-B: site}}, add: {{X-C: site}}}}}}
            routes:
              - path: /r
                headers: {{response: {{set: {{X-B: route}}, add: {{X-C: route}}, remove: [X-D, X-Old]}}}}
              - {{path: /off, headers: {{response: off}}}}
    """))
    names = ("X-A", "X-B", "X-C", "X-D", "X-Old")
    expected = {"/": (["site"], ["site"], ["site"], ["defaults"], ["1"]),
                "/r": (["site"], ["route"], ["site", "route"], [], []),
                "/off": ([], [], [], [], ["1"])}
    for target, values in expected.items():
        response = client.ask(target=target)
        assert tuple(response.values(name) for name in names) == values, target


def test_a_client_cannot_have_a_field_removed_by_naming_it_in_connection(through):
    one = through("headers: {request: {set: {X-User: joe}}}")
    request, _ = one(fields=[("Connection", "X-User, X-Forwarded-For, close"), ("X-User", "root")])
    assert request.values("X-User") == ["joe"]
    assert request.values("X-Forwarded-For") == ["127.0.0.1"]


def test_what_a_route_says_of_the_client_stands(through):
    one = through("headers: {request: {set: {X-Forwarded-Proto: https, X-Real-IP: $client_ip}}}")
    request, _ = one(fields=[("X-Forwarded-Proto", "ftp")])
    assert request.values("X-Forwarded-Proto") == ["https"]
    assert request.values("X-Real-IP") == ["127.0.0.1"]


@pytest.mark.parametrize("value", ["a%0d%0aX-Evil:%201", "a%0aX-Evil:%201", "a%00b", "%0d", "%7f"])
def test_nothing_that_a_client_sends_splits_a_head(through, value):
    one = through("""
headers:
  request: {set: {X-Name: "$query.name"}, add: {X-Also: "<$query.name>"}}
  response: {set: {X-Name: "$query.name"}}
""")
    request, response = one(target=f"/?name={value}", fields=[("X-Name", "forged")])
    for message in (request, response):
        assert not message.has("X-Evil")
        assert all("%" in text for text in message.values("X-Name"))
    assert request.values("X-Name") != ["forged"]


def test_a_variable_that_is_not_there_leaves_no_field(through):
    one = through("headers: {request: {set: {X-User: \"$request.header.X-None\"}}}")
    request, _ = one(fields=[("X-User", "root")])
    assert not request.has("X-User")


def test_fields_of_both_sides_as_variables(through):
    one = through("""
headers:
  request: {set: {X-Copy: "<${request.header.X-In}> $cookie.c $method $path $query"}}
  response: {set: {X-Copy: "<${response.header.X-Out}> $status"}}
""", [("X-Out", "out")])
    request, response = one("PUT", "/a?b=c", fields=[("x-in", "in"), ("Cookie", "c=1")])
    assert request.value("X-Copy") == "<in> 1 PUT /a b=c"
    assert response.value("X-Copy") == "<out> 200"


@pytest.mark.parametrize("written, expected", [
    ("server", None), ("internal.example", "internal.example"), ("$host.internal", None)])
def test_the_host_that_the_server_is_told(start_origin, start_weir, connect, written, expected):
    origin = start_origin()
    weir = start_weir(f"sites: [{{proxy: \"{origin.url}\", upstream_host: \"{written}\"}}]")
    connect(weir).ask(host="Shop.example:81")
    if written == "server":
        expected = origin.server
    elif expected is None:
        expected = "shop.example.internal"
    request = origin.requests[0]
    assert request.value("Host").lower() == expected
    assert request.value("X-Forwarded-Host") == "Shop.example:81"


def test_what_is_no_host_is_not_sent_as_one(start_origin, start_weir, connect):
    origin = start_origin()
    weir = start_weir(f"sites: [{{proxy: '{origin.url}', upstream_host: '$query.tenant'}}]")
    for tenant in ("one.internal", "one.internal:81", "[::1]:81"):
        assert connect(weir).ask(target=f"/?tenant={tenant}").status == 200
        assert origin.requests[-1].value("Host") == tenant
    for tenant in ("", "a/b", "a@b", "a,b", "a%0d%0ab", "..", "a:b", "a:99999", ":80"):
        response = connect(weir).ask(target=f"/?tenant={tenant}")
        assert (response.status, len(origin.requests)) == (400, 3), tenant


@pytest.mark.parametrize("operation, place", [
    ("{request: {set: {Connection: close}}}", "3:32"),
    ("{request: {add: {Transfer-Encoding: chunked}}}", "3:32"),
    ("{response: {remove: Content-Length}}", "3:35"),
    ("{request: {set: {Host: x}}}", "3:32"),
    ("{request: {set: {\"X A\": x}}}", "3:32"),
    ("{request: {set: {X-A: $status}}}", "3:37"),
    ("{request: {set: {X-A: $nothing}}}", "3:37"),
    ("{response: {set: {X-A: \"a\\nb\"}}}", "3:38"),
])
def test_mistakes_are_told(directory, operation, place):
    (directory / "weir.yaml").write_text(
        f"sites:\n  - respond: 200\n    headers: {operation}\n")
    result = run_weir_command("check", directory=directory)
    assert result.returncode == 1
    assert f"weir.yaml:{place[:2]}" in result.stderr
    assert result.stderr.count("error:") == 1


# What a server would tell of itself

TELLING = [("Server", "app/1.2"), ("X-Powered-By", "PHP/8.2"), ("x-aspnet-version", "4.0")]


def test_what_a_server_is_made_of_is_kept_from_clients(through):
    _, response = through("", TELLING)()
    assert not any(response.has(name) for name, _ in TELLING)


def test_trailers_lose_what_is_removed_or_set(start_origin, start_proxy, connect):
    def behaviour(connection):
        connection.read_request()
        connection.answer(200, [b"body"], trailers=[
            ("X-Secret", "1"), ("x-mine", "theirs"), ("X-More", "2"), ("X-Sum", "4")])

    weir = start_proxy(start_origin(behaviour), settings="""
        defaults:
          headers: {response: {remove: X-Secret, set: {X-Mine: ours}, add: {X-More: more}}}""")
    response = connect(weir).ask()
    assert response.values("X-Mine") == ["ours"]
    assert response.trailers == [("X-More", "2"), ("X-Sum", "4")]


def test_it_is_told_where_that_is_wanted(through):
    _, response = through("reveal_server: on", TELLING)()
    assert [response.values(name) for name, _ in TELLING] == [[value] for _, value in TELLING]


def test_one_may_say_something_else(through):
    _, response = through("headers: {response: {set: {Server: mine}}}", TELLING)()
    assert response.values("Server") == ["mine"]


@pytest.mark.parametrize("name,prefix", [
    ("Location", ""), ("Content-Location", ""), ("Refresh", "5; url=")])
def test_what_leads_to_a_server_of_http2_leads_to_the_client(start_h2_origin, start_weir, connect,
                                                             name, prefix):
    """Its fields may come by their number."""
    def behaviour(connection):
        connection.answer(connection.read_request(), 302,
                          fields=[(name.lower(), f"{prefix}http://{origin.server}/a")])

    origin = start_h2_origin(behaviour)
    response = connect(start_weir(f"sites: [{{proxy: '{origin.url}'}}]\n")).ask()
    assert response.values(name) == [prefix + "/a"]


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
@pytest.mark.parametrize("location,seen", [
    ("http://SERVER/login?next=%2F", "/login?next=%2F"),
    ("HTTP://SERVER", "/"),
    ("http://SERVER?a", "/?a"),
    ("https://SERVER/a#b", "/a#b"),
    ("http://SERVER//evil.example/", None),  # would lead to another host
    ("http://SERVER/\\evil.example/", None),  # the same in browsers
    ("http://SERVER/\t/evil.example/", None),
    ("http://SERVER/a\\b", "/a\\b"),
    ("http://SERVER0/", None),
    ("http://SERVER.evil.example/", None),
    ("http://SERVER@evil.example/", None),
    ("http://other.example/", None),
    ("/path", None),
    ("//other.example/", None),
    ("ftp://SERVER/", None),
    ("", None),
])
def test_what_leads_to_the_server_leads_to_where_the_client_is(start_origin, start_proxy, connect,
                                                               location, seen, name):
    def behaviour(connection):
        where = location.replace("SERVER", origin.url[len("http://"):])
        while True:
            connection.read_request()
            connection.answer(302, b"", fields=[(name, where)])

    origin = start_origin(behaviour)
    response = connect(start_proxy(origin)).ask()
    expected = location.replace("SERVER", origin.url[len("http://"):]) if seen is None else seen
    assert response.values(name) == [expected]
    response = connect(start_proxy(origin, settings="reveal_server: on")).ask()
    assert response.values(name) == [location.replace("SERVER", origin.url[len("http://"):])]


@pytest.mark.parametrize("refresh,seen", [
    ("5; url=http://SERVER/login?next=%2F", "5; url=/login?next=%2F"),
    ("0;URL=HTTP://SERVER", "0;URL=/"),
    ("5,Url = 'http://SERVER?a'", "5,Url = '/?a'"),
    ('1.5; url="https://SERVER/a"; b', '1.5; url="/a"; b'),
    ("5;http://SERVER/a b", "5;/a b"),
    ("5; url=http://SERVER//evil.example/", None),
    ("5; url=http://SERVER/\\evil.example/", None),
    ("5; url=http://SERVER0/", None),
    ("5; url=http://other.example/?http://SERVER/", None),
    ("5; url=/a", None),
    ("5", None),
    ("soon; url=http://SERVER/", None),  # no client follows that
    ("", None),
])
def test_nor_does_a_refresh_lead_to_the_server(start_origin, start_proxy, connect, refresh, seen):
    def behaviour(connection):
        while True:
            connection.read_request()
            connection.answer(200, b"", fields=[("refresh", "9;/b"),
                                                ("Refresh", as_sent(refresh))])

    def as_sent(value):
        return value.replace("SERVER", origin.url[len("http://"):])

    origin = start_origin(behaviour)
    response = connect(start_proxy(origin)).ask()
    assert response.values("Refresh") == ["9;/b", as_sent(refresh if seen is None else seen)]
    response = connect(start_proxy(origin, settings="reveal_server: on")).ask()
    assert response.values("Refresh") == ["9;/b", as_sent(refresh)]


@pytest.mark.parametrize("settings", ["", "reveal_server: on"])
def test_what_is_told_of_a_server_is_no_trailer(start_origin, start_proxy, connect, settings):
    def behaviour(connection):
        connection.read_request()
        connection.answer(200, [b"body"], trailers=[
            *TELLING, ("Location", origin.url), ("Content-Location", origin.url),
            ("Refresh", f"5; url={origin.url}"), ("X-Sum", "4")])

    origin = start_origin(behaviour)
    response = connect(start_proxy(origin, settings=settings)).ask()
    assert response.trailers == [("X-Sum", "4")]


def test_what_reads_like_a_field_that_is_set_or_removed_goes_as_well(through):
    one = through("""
headers:
  request:
    set: {X-User: nobody, SSL_CLIENT_VERIFY: NONE}
    remove: X-Role
""")
    request, _ = one(fields=[("X_User", "root"), ("x-user", "root"), ("X.User", "root"),
                             ("X_Role", "admin"), ("X.Role", "admin"),
                             ("SSL-Client-Verify", "SUCCESS"), ("ssl.client_verify", "SUCCESS")])
    reads_as = [(re.sub("[^a-z0-9]", "_", name.lower()), value) for name, value in request.fields]
    assert [value for name, value in reads_as if name.startswith("x_user")] == ["nobody"]
    assert [value for name, value in reads_as if name == "ssl_client_verify"] == ["NONE"]
    assert not [value for name, value in reads_as if name == "x_role"]
