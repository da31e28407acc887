"""Which site and which route take a request, and what they do with it: hosts, paths, conditions,
nested routes, redirect and respond, inheritance, include and the environment."""

import json

import pytest

from harness.client import Client
from harness.origin import answering
from harness.weir import is_sanitized, run_weir_command


def answer(name):
    """A route's action that tells its name."""
    return {"respond": {"body": name}}


@pytest.fixture
def ask(start_weir):
    """ask(sites) starts Weir with these sites (as YAML's JSON) and gives a function that sends one
    request, on a connection of its own, and returns the name of the route that answered, or the
    status."""
    def start(sites, **more):
        weir = start_weir("threads: 1\n" + "".join(
            f"{key}: {json.dumps(value)}\n" for key, value in {"sites": sites, **more}.items()))

        def one(target="/", host="example.com", method="GET", **parts):
            client = Client(weir.address)
            response = client.ask(method, target, host=host, **parts)
            client.close()
            return response.body.decode() if response.status == 200 else response.status
        return one
    return start


# Hosts

def test_hosts(ask):
    one = ask([{"host": "shop.example.com", **answer("shop")},
               {"host": "*.example.com", **answer("any")},
               {"host": ["*.deep.example.com", "other.org"], **answer("deep")},
               {"host": "::1", **answer("six")}])
    expected = {"shop.example.com": "shop", "SHOP.Example.Com": "shop", "shop.example.com.": "shop",
                "shop.example.com:8080": "shop", "a.b.example.com": "any", "deep.example.com": "any",
                "x.deep.example.com:1": "deep", "other.org": "deep", "[::1]": "six",
                "[::1]:8080": "six", "example.com": 404, "xexample.com": 404, "127.0.0.1": 404}
    assert {host: one(host=host) for host in expected} == expected


def test_a_site_without_a_host_takes_every_other_name(ask):
    one = ask([{"host": "a.com", **answer("a")}, answer("rest")])
    assert [one(host=host) for host in ("a.com", "b.com", "192.0.2.1")] == ["a", "rest", "rest"]


def test_the_host_of_an_absolute_target_counts(ask):
    one = ask([{"host": "a.com", **answer("a")}, {"host": "b.com", **answer("b")}])
    assert one("http://b.com/x", host="b.com") == "b"


def test_without_a_site_nothing_is_revealed(start_weir, connect):
    weir = start_weir("sites: [{host: secret.example, respond: 200}]")
    response = connect(weir).ask(host="other.example")
    assert response.status == 404
    assert b"secret" not in response.body
    assert not response.has("Server")


def test_a_site_with_listen_answers_only_there(start_weir, connect, ports):
    public, private = (("127.0.0.1", ports.take()) for _ in range(2))
    weir = start_weir(f"""
        sites:
          - {{host: a.com, respond: {{body: public}}}}
          - {{host: [a.com, b.com], listen: "127.0.0.1:{private[1]}", respond: {{body: private}}}}
    """, address=public)
    assert connect(weir).ask(host="a.com").body == b"public"
    assert connect(weir).ask(host="b.com").status == 404
    assert connect(private).ask(host="a.com").body == b"private"
    assert connect(private).ask(host="b.com").body == b"private"
    assert connect(private).ask(host="c.com").status == 404


# Paths

ROUTES = [{"path": "/a/*", **answer("a")}, {"path": "/a/b/*", **answer("ab")},
          {"path": "/a/b", **answer("exact")}, {"path": "~^/a/b/[0-9]+$", **answer("number")},
          {"path": ["/x", "/y/*"], **answer("list")}, {"path": "/café/*", **answer("café")},
          {"path": "/%7Etilde", **answer("tilde")}]


def test_paths(ask):
    one = ask([{"routes": ROUTES, **answer("site")}])
    expected = {"/": "site", "/a": "a", "/a/": "a", "/a/x?y": "a", "/ab": "site", "/a/b": "exact",
                "/a/b?q=/z": "exact", "/a/b/": "ab", "/a/b/12": "number", "/a/b/12x": "ab",
                "/x": "list", "/x/": "site", "/y/z": "list", "/caf%c3%a9/1": "café",
                "/~tilde": "tilde", "/%7etilde": "tilde"}
    assert {target: one(target) for target in expected} == expected


def test_no_way_of_writing_a_path_walks_around_a_route(ask):
    one = ask([{"routes": [{"path": "/admin/*", "respond": 403}], **answer("open")}])
    for target in ("/admin", "/admin/x", "//admin/x", "/x/../admin/x", "/./admin", "/%61dmin/x",
                   "/admi%6E", "/x/%2e%2e/admin", "///admin//", "http://example.com//admin"):
        assert one(target) == 403, target
    assert one("/x/..%2fadmin") == 400
    assert one("/x//../admin") == 400
    assert one("/admin%2fx") == "open"      # one segment, for Weir and for the server


def test_the_asterisk_is_no_path(ask):
    one = ask([{"routes": [{"path": "/*", **answer("path")}], **answer("site")}])
    assert one("*", method="OPTIONS") == "site"
    assert one("/", method="OPTIONS") == "path"


# Conditions

@pytest.mark.parametrize("condition, yes, no", [
    ({"method": ["POST", "PUT"]}, {"method": "POST"}, {"method": "GET"}),
    ({"header": {"X-Beta": "1"}}, {"fields": [("x-beta", "0"), ("X-BETA", "1")]},
     {"fields": [("X-Beta", "2")]}),
    ({"header": {"User-Agent": "~curl/"}}, {"fields": [("User-Agent", "curl/8")]},
     {"fields": [("User-Agent", "wget")]}),
    ({"header": {"Authorization": "*"}}, {"fields": [("Authorization", "x")]}, {}),
    ({"query": {"v": "a b"}}, {"target": "/?x&v=a+%62"}, {"target": "/?v=a%2Bb"}),
    ({"cookie": {"beta": "*"}}, {"fields": [("Cookie", "a=1; beta=")]},
     {"fields": [("Cookie", "a=beta")]}),
    ({"client": "127.0.0.0/8"}, {}, None),
    ({"client": ["10.0.0.0/8", "::1"]}, None, {}),
    ({"scheme": "https"}, None, {}),
    ({"scheme": "http"}, {}, None),
    ({"not": {"method": "GET"}}, {"method": "PUT"}, {"method": "GET"}),
    ({"not": {"method": "GET", "header": {"X-A": "*"}}}, {"method": "GET"},
     {"method": "GET", "fields": [("X-A", "")]}),
    ({"not": [{"method": "GET"}, {"header": {"X-A": "*"}}]}, {"method": "PUT"},
     {"method": "PUT", "fields": [("X-A", "1")]}),
])
def test_conditions(ask, condition, yes, no):
    one = ask([{"routes": [{**condition, **answer("yes")}], **answer("no")}])
    if yes is not None:
        assert one(**yes) == "yes"
    if no is not None:
        assert one(**no) == "no"


def test_the_client_behind_a_trusted_proxy_counts(ask):
    one = ask([{"routes": [{"client": "192.0.2.0/24", **answer("inside")}], **answer("outside")}],
              trusted_proxies=["127.0.0.0/8"])
    assert one(fields=[("X-Forwarded-For", "6.6.6.6, 192.0.2.7, 127.0.0.5")]) == "inside"
    assert one(fields=[("X-Forwarded-For", "192.0.2.7, 6.6.6.6")]) == "outside"
    assert one() == "outside"


def test_a_stranger_cannot_claim_an_address(ask):
    one = ask([{"routes": [{"client": "192.0.2.0/24", **answer("inside")}], **answer("outside")}])
    assert one(fields=[("X-Forwarded-For", "192.0.2.7")]) == "outside"


@pytest.mark.parametrize("name", ["X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded",
                                  "X-Forwarded-Prefix", "X_Forwarded_For"])
def test_no_condition_believes_what_a_stranger_claims(ask, name):
    sites = [{"routes": [{"header": {name: "*"}, **answer("inside")}], **answer("outside")}]
    claims = {"fields": [(name, "192.0.2.7")]}
    assert ask(sites)(**claims) == "outside"
    believed = "outside" if "_" in name else "inside"
    assert ask(sites, trusted_proxies=["127.0.0.0/8"])(**claims) == believed


def test_the_most_specific_wins_then_more_conditions_then_the_earlier(ask):
    one = ask([{"routes": [
        {"path": "/a/*", **answer("prefix")},
        {"path": "/a/*", "method": "PUT", **answer("one")},
        {"path": "/a/*", "method": "PUT", "header": {"X-A": "1"}, **answer("two")},
        {"header": {"X-A": "1"}, "query": {"q": "1"}, "cookie": {"c": "*"}, **answer("none")},
        {"path": "/p", "priority": 1, "header": {"X-P": "*"}, **answer("first")},
        {"path": "/p", "method": "PUT", "cookie": {"c": "*"}, "header": {"X-P": "*"},
         **answer("second")},
    ]}])
    assert one("/a") == "prefix"
    assert one("/a", method="PUT") == "one"
    assert one("/a", method="PUT", fields=[("X-A", "1")]) == "two"
    fields = [("X-A", "1"), ("X-P", ""), ("Cookie", "c=1")]
    assert one("/a?q=1", fields=fields) == "prefix"
    assert one("/b?q=1", fields=fields) == "none"
    assert one("/p", method="PUT", fields=fields) == "first"
    assert one("/c") == 404


def test_a_pattern_that_costs_too_much_lets_nobody_through(ask):
    one = ask([{"routes": [{"path": "~^/(a+)+$", "respond": 403}], **answer("open")}])
    assert one("/" + "a" * 20) == 403
    assert one("/" + "a" * 60 + "b") == 500
    assert one("/b") == "open"


# Nested routes and inheritance

def test_nested_routes(ask):
    one = ask([{"routes": [
        {"path": "/admin/*", "header": {"X-Key": "k"}, **answer("admin"), "routes": [
            {"path": "/admin/reports/*", **answer("reports")},
            {"method": "PUT", **answer("put")},
            {"path": "/admin/same/*"}]},
        {"path": "/frame/*", "routes": [{"path": "/frame/in", **answer("framed")}]},
    ], **answer("site")}])
    key = [("X-Key", "k")]
    assert one("/admin/reports/1", fields=key) == "reports"
    assert one("/admin/reports/1") == "site"
    assert one("/admin/1", fields=key) == "admin"
    assert one("/admin/1", method="PUT", fields=key) == "put"
    assert one("/admin/same/1", fields=key) == "admin"
    assert one("/frame/in") == "framed"
    assert one("/frame/out") == "site"


def test_settings_are_inherited_and_actions_are_not_from_defaults(start_origin, start_weir, connect):
    origin = start_origin()
    weir = start_weir(f"""
        defaults:
          headers: {{request: {{set: {{X-A: defaults, X-B: defaults}}}}}}
        sites:
          - headers: {{request: {{set: {{X-B: site}}}}}}
            proxy: {origin.url}
            routes:
              - path: /a/*
                headers: {{request: {{set: {{X-C: route}}}}}}
                routes:
                  - {{path: /a/b, headers: {{request: {{set: {{X-C: inner}}}}}}}}
    """)
    client = connect(weir)
    for target, expected in (("/", ("defaults", "site", None)), ("/a", ("defaults", "site", "route")),
                             ("/a/b", ("defaults", "site", "inner"))):
        client.ask(target=target)
        request = origin.requests[-1]
        assert tuple(request.value(name) for name in ("X-A", "X-B", "X-C")) == expected


def test_each_route_has_its_upstream(start_origin, start_weir, connect):
    names = ("one", "two", "three")
    origins = {name: start_origin(answering(name.encode())) for name in names}
    weir = start_weir(f"""
        upstreams:
          second: {{servers: ["{origins['two'].server}"]}}
        sites:
          - routes:
              - {{path: /two/*, proxy: second}}
              - {{path: /three/*, proxy: "{origins['three'].server}"}}
            proxy: {origins['one'].url}
    """)
    client = connect(weir)
    assert [client.ask(target=f"/{name}/x").body.decode() for name in names] == list(names)


# Redirect and respond

@pytest.mark.parametrize("status", [None, 301, 302, 303, 307, 308])
def test_redirects(start_weir, connect, status):
    to = "https://new.example$target"
    action = json.dumps(to if status is None else {"to": to, "status": status})
    client = connect(start_weir(f"sites: [{{redirect: {action}}}]"))
    response = client.ask(target="/a%20b?c=d&e")
    assert response.status == (status or 302)
    assert response.value("Location") == "https://new.example/a%20b?c=d&e"
    assert client.ask("HEAD", "/x").value("Location") == "https://new.example/x"


def test_a_redirect_with_variables_and_captures(start_weir, connect):
    client = connect(start_weir("""
        sites:
          - host: "*.example.com"
            routes:
              - {path: "~^/u/([a-z]+)/(.*)$", redirect: "$scheme://$host/users/${1}x?from=$2&$query"}
            redirect: https://$host$path
    """))
    ask = lambda target: client.ask(target=target, host="a.example.com").value("Location")
    assert ask("/u/joe/1/2?q=1") == "http://a.example.com/users/joex?from=1/2&q=1"
    assert ask("/v?q") == "https://a.example.com/v"


@pytest.mark.parametrize("to, target, location", [
    ("$path/", "//evil.example/a", "/evil.example/a/"),
    ("$path/", "///evil.example", "/evil.example/"),
    ("$path/", "/a//b", "/a//b/"),
    ("$target", "//evil.example?x=//y", "/evil.example?x=//y"),
    ("/$query.to", "/?to=/evil.example", "/evil.example"),
    ("/$query.to", "/?to=\\evil.example", "/evil.example"),
    ("/$query.to", "/?to=/", "/"),
    ("/$request.header.X-To", "/", "/evil.example"),
    ("//other.example$path", "//a", "//other.example//a"),
    ("https://other.example$path", "//a", "https://other.example//a"),
])
def test_a_redirect_to_a_path_leads_to_no_other_host(start_weir, connect, to, target, location):
    client = connect(start_weir(f"sites: [{{redirect: {json.dumps(to)}}}]"))
    response = client.ask(target=target, fields=[("X-To", "\t\\/\tevil.example")])
    assert response.value("Location") == location


def test_nothing_that_a_client_sends_splits_a_response(start_weir, connect):
    client = connect(start_weir("""
        sites:
          - routes:
              - {path: /p, redirect: "https://x.example/$query.to"}
              - {path: /r, respond: {status: 200, headers: {X-Q: "$query.to"}}}
            redirect: https://x.example$target
    """))
    for target in ("/a%0d%0aX-Evil:%201", "/p?to=a%0d%0aX-Evil:%201", "/r?to=a%0d%0aX-Evil:%201",
                   "/r?to=%00", "/a?%0d%0aX-Evil:1"):
        assert not client.ask(target=target).has("X-Evil"), target


def test_fixed_answers(start_weir, connect):
    client = connect(start_weir("""
        sites:
          - routes:
              - {path: /teapot, respond: 418}
              - {path: /none, respond: {status: 204}}
              - path: /json
                respond: {status: 200, body: '{"path": "$path"}', headers: {Content-Type: application/json}}
            respond: {status: 503, body: "closed\\n"}
    """))
    assert client.ask(target="/teapot").status == 418
    none = client.ask(target="/none")
    assert (none.status, none.body, none.has("Content-Length")) == (204, b"", False)
    response = client.ask(target="/json")
    assert (response.body, response.value("Content-Type")) == (b'{"path": "/json"}', "application/json")
    closed = client.ask("POST", "/else", body=b"x" * 10)
    assert (closed.status, closed.body) == (503, b"closed\n")
    assert client.ask("HEAD", "/else").value("Content-Length") == "7"


# Files

def test_include_and_the_environment(start_weir, connect, directory):
    (directory / "sites").mkdir()
    for name in ("b", "a"):
        (directory / "sites" / f"{name}.yaml").write_text(
            f"sites: [{{host: {name}.com, respond: {{body: \"{name} ${{env.WEIR_TEST_WORD}}\"}}}}]\n")
    weir = start_weir(f"""
        include: "{directory}/sites/*.yaml"
        sites: [{{host: "${{env.WEIR_TEST_HOST:-main.com}}", respond: {{body: main}}}}]
    """, environment={"WEIR_TEST_WORD": "$path says"})
    client = connect(weir)
    assert client.ask(host="main.com").body == b"main"
    assert client.ask(host="a.com").body == b"a $path says"
    assert client.ask(host="b.com").body == b"b $path says"


def test_mistakes_of_routes_are_told_at_once(directory):
    (directory / "weir.yaml").write_text("""\
sites:
  - host: [a.com, "a b"]
    respond: 200
    routes:
      - {path: a, respond: 200}
      - {path: "~^/(", respond: 200}
      - {path: /x, respond: 200, redirect: /y}
  - {host: A.com, respond: 200}
""")
    result = run_weir_command("check", directory=directory)
    assert result.returncode == 1
    for place in ("2:19", "5:16", "6:21"):
        assert f"weir.yaml:{place}: error:" in result.stderr


def test_mistakes_between_routes_are_told_at_once(directory):
    (directory / "weir.yaml").write_text("""\
sites:
  - host: a.com
    respond: 200
    routes:
      - {path: /x, respond: 200, redirect: /y}
      - {path: /a/*, routes: [{path: /b, respond: 200}]}
  - {host: A.com, respond: 200}
  - {host: b.com}
""")
    result = run_weir_command("check", directory=directory)
    assert result.returncode == 1
    for place in ("5:34", "6:38", "7:12", "8:5"):
        assert f"weir.yaml:{place}: error:" in result.stderr, result.stderr


def test_captures_that_are_not_there_are_told(directory):
    (directory / "weir.yaml").write_text("""\
sites:
  - routes:
      - {path: "~^/(a)", redirect: /$1}
      - {path: "~^/(b)", redirect: {to: /$2}}
      - {path: /c/*, respond: {body: $1}}
      - {path: [/d, "~^/(d)"], respond: {headers: {X: $1}}}
""")
    result = run_weir_command("check", directory=directory)
    assert result.returncode == 1
    assert result.stderr.count("error:") == 3
    for place in ("4:36", "5:31", "6:41"):
        assert f"weir.yaml:{place}: error: the route has no capture" in result.stderr, result.stderr


def test_a_route_that_cannot_win_is_a_warning(directory):
    (directory / "weir.yaml").write_text("""\
sites:
  - routes:
      - {path: /a, respond: 200}
      - {path: /a, respond: 201}
""")
    result = run_weir_command("check", directory=directory)
    assert result.returncode == 0
    assert "weir.yaml:4:9: warning: this route can never win" in result.stderr


# Many

def test_ten_thousand_sites_and_routes(start_weir, connect):
    many = 10000
    sites = [f"- {{host: site-{i}.example.com, respond: {{body: \"site {i}\"}}}}" for i in range(many)]
    routes = [f"  - {{path: /item-{i}/*, respond: {{body: \"item {i}\"}}}}" for i in range(many)]
    weir = start_weir("\n".join(["threads: 1", "sites:", *sites, "- host: big.example.com",
                                 "  respond: {body: rest}", "  routes:", *routes]))
    client = connect(weir)
    for number in (0, 1, 4711, many - 1):
        assert client.ask(host=f"site-{number}.example.com").body == f"site {number}".encode()
        response = client.ask(target=f"/item-{number}/x/y?z", host="big.example.com")
        assert response.body == f"item {number}".encode()
    assert client.ask(target="/item-10000", host="big.example.com").body == b"rest"
    assert client.ask(host="site-10000.example.com").status == 404
    if not is_sanitized():
        assert weir.resident_kib() < 36 * 1024  # 5 MiB are pages of the libraries


@pytest.mark.parametrize("status", [204, 205, 304])
def test_an_answer_that_has_no_body_by_its_status_gets_none(start_weir, connect, status):
    """RFC 9110 15.3.5, 15.3.6, 15.4.5: what followed would be taken for the next response."""
    weir = start_weir(f"""
        sites:
          - routes:
              - {{path: /body, respond: {{status: {status}, body: no}}}}
              - {{path: /next, respond: {{status: 200, body: next}}}}
    """)
    client = connect(weir)
    client.send_request(target="/body")
    client.send_request(target="/next")
    first = client.read_response()
    assert (first.status, first.body) == (status, b"")
    assert client.read_response().body == b"next"


def test_each_of_many_upstreams_has_its_own_turns(start_origin, start_weir, connect):
    origins = [start_origin(answering(name)) for name in (b"a", b"b")]
    servers = ", ".join(origin.server for origin in origins)
    routes = "\n".join(f"              - {{path: /{number}, proxy: [{servers}]}}"
                       for number in range(1030))
    weir = start_weir(f"""
        threads: 1
        sites:
          - routes:
{routes}
    """)
    client = connect(weir)
    asked = [client.ask(target=target).body
             for target in ("/0", "/1024", "/0", "/1024", "/0", "/1024")]
    assert asked == [b"a", b"a", b"b", b"b", b"a", b"a"]
