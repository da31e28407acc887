"""`weir explain` against what Weir then does: the same requests, told and sent."""

import json
import re
import textwrap

import pytest

from harness.weir import run_weir_command

SERVED = textwrap.dedent("""
    trusted_proxies: [127.0.0.0/8]
    defaults:
      headers: {{request: {{set: {{X-From: defaults}}}}}}
    upstreams:
      shop:
        servers: [{server}]
        timeouts: {{connect: 2s}}
    sites:
      - host: shop.example.com
        timeouts: {{first_byte: 10s}}
        headers: {{response: {{set: {{X-Site: shop}}}}}}
        routes:
          - path: /products/*
            rewrite: {{replace_prefix: /api}}
            headers: {{request: {{set: {{X-Route: "$path"}}}}}}
            proxy: shop
          - path: "~^/item-([0-9]+)$"
            redirect: /products/$1
          - path: /regex/*
            rewrite: {{regex: "^/regex/(.)", to: /$1/}}
            upstream_host: server
            proxy: shop
          - path: /products/*
            method: POST
            header: {{X-Beta: "1"}}
            upstream_host: beta.internal
            proxy: shop
          - path: /soon
            respond: {{status: 503, body: "soon, $client_ip\\n"}}
      - host: "*.example.com"
        routes:
          - path: /only
            respond: 200
      - host: old.example.com
        listen: "127.0.0.1:1"
        respond: 200
""")

REQUESTS = [
    ("GET", "/products/7", []),
    ("GET", "/products/./a//b?x=1&y", []),
    ("GET", "/products", [("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https")]),
    ("GET", "/products/7", [("Connection", "X-Hop"), ("X-Hop", "1"), ("X-Stays", "1")]),
    ("GET", "/products/7", [("X-Request-Id", "abc-123")]),
    ("HEAD", "/regex/abc", []),
    ("DELETE", "/products/%41", [("Cookie", "a=b")]),
    ("POST", "/products/7", [("Content-Length", "0")]),
    ("POST", "/products/7", [("X-Beta", "1"), ("Content-Length", "5")]),
    ("POST", "/products/7", [("X-Beta", "1"), ("Transfer-Encoding", "chunked")]),
    ("GET", "/products/ws", [("Connection", "Upgrade"), ("Upgrade", "websocket")]),
    ("GET", "/item-12", []),
    ("GET", "/soon", [("X-Forwarded-For", "192.0.2.7")]),
    ("GET", "/nowhere", []),
    ("GET", "/a%2f../b", []),
    ("GET", "/products/7", [("Content-Length", "1"), ("Content-Length", "2")]),
    ("GET", "/products/7", [("Bad Name", "1")]),
    ("TRACE", "/products/7", [("Max-Forwards", "0")]),
    ("OPTIONS", "/products/7", [("Max-Forwards", "0")]),
    ("OPTIONS", "/products/7", [("Max-Forwards", "3")]),
]


def explain(weir_yaml, *arguments, **parts):
    said = run_weir_command("explain", *arguments, "-c", weir_yaml, "--json", **parts)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def ask(client, method, target, host, fields):
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in fields]
    body = {"Content-Length": b"hello"[:int(dict(fields).get("Content-Length", 0))],
            "Transfer-Encoding": b"0\r\n\r\n"}
    framing = next((name for name in body if name in dict(fields)), None)
    client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body.get(framing, b""))
    return client.read_response(method)


def lines_sent(request):
    """The head that the server got, with the made id as explain tells it."""
    lines = request.head.decode("latin-1").split("\r\n")[:-2]
    return [re.sub(r"^(X-Request-Id: )[0-9a-f]{32}$", r"\1$request_id", line) for line in lines]


def written(directory, server="127.0.0.1:9", port=8080):
    path = directory / "weir.yaml"
    path.write_text(f'listen: "127.0.0.1:{port}"\n' + SERVED.format(server=server))
    return path


@pytest.mark.parametrize("method, target, fields", REQUESTS)
def test_what_is_told_is_what_is_done(start_origin, start_weir, connect, directory, ports, method,
                                      target, fields):
    origin = start_origin()
    served = SERVED.format(server=origin.server)
    weir = start_weir(served.replace('"127.0.0.1:1"', f'"127.0.0.1:{ports.take()}"'))
    host = f"shop.example.com:{weir.address[1]}"
    options = [word for name, value in fields for word in ("-H", f"{name}: {value}")]
    told = explain(written(directory, origin.server, weir.address[1]), method,
                   f"http://{host}{target}", *options)
    response = ask(connect(weir), method, target, host, fields)
    if "head" in told:
        origin.wait_for_requests(1)
        assert told["head"] == lines_sent(origin.requests[0])
        assert told["server"] == origin.server
        return
    assert not origin.requests
    assert told["status"] == response.status
    for field in told["fields"]:
        name, _, value = field.partition(": ")
        assert response.value(name) == value
    if method != "HEAD":
        assert told["body"].encode() == response.body


@pytest.mark.parametrize("method, target, fields, line", [
    ("GET", "/products/7", [], "- path: /products/*"),
    ("GET", "/item-12", [], '- path: "~^/item-([0-9]+)$"'),
    ("GET", "/soon", [], "- path: /soon"),
    ("HEAD", "/regex/a", [], "- path: /regex/*")])
def test_the_route_is_told_with_its_line(directory, method, target, fields, line):
    path = written(directory)
    told = explain(path, method, f"http://shop.example.com:8080{target}", *fields)
    lines = [""] + path.read_text().splitlines()
    assert lines[int(told["route"]["place"].rpartition(":")[2])].strip() == line
    assert told["route"]["conditions"] == line.removeprefix("- ")


def test_where_no_route_is_that_is_told(directory):
    told = explain(written(directory), "GET", "http://shop.example.com:8080/nowhere")
    assert told["route"] is None and told["status"] == 404
    assert [other["why_not"] for other in told["other_routes"]] == ["path differs"] * 5


def test_each_other_route_is_told_why_not(directory):
    told = explain(written(directory), "POST", "http://shop.example.com:8080/products/7",
                   "-H", "X-Beta: 2")
    why = {other["conditions"]: other["why_not"] for other in told["other_routes"]}
    assert why['path: /products/*, method: POST, header: {X-Beta: "1"}'] == (
        'header X-Beta differs (it must be {X-Beta: "1"})')
    assert why["path: /soon"] == "path differs"
    told = explain(written(directory), "POST", "http://shop.example.com:8080/products/7",
                   "-H", "X-Beta: 1")
    why = {other["conditions"]: other["why_not"] for other in told["other_routes"]}
    assert why["path: /products/*"] == "it would, but more conditions go first"


@pytest.mark.parametrize("routes, target, why", [
    ("[{path: /a, respond: 200}, {path: /*, respond: 201}]", "/a", "an exact path goes first"),
    ("[{path: /a/*, respond: 200}, {path: /*, respond: 201}]", "/a/b", "the longer path goes first"),
    ("[{path: '~^/a', respond: 200}, {path: /a/*, respond: 201}]", "/a/b",
     "a pattern goes before a prefix and before no path"),
    ("[{path: '~^/a', respond: 200}, {path: '~b$', method: GET, respond: 201}]", "/a/b",
     "the earlier one goes first"),
    ("[{path: /a, respond: 200}, {path: /a, method: GET, priority: -1, respond: 201}]", "/a",
     "a higher priority goes first"),
    ("[{method: GET, respond: 200}, {respond: 201}]", "/", "more conditions go first"),
    ("[{path: /*, respond: 200}]\n    respond: 201", "/", "a route goes before the site's own action"),
])
def test_the_one_that_loses_is_told_to_whom(directory, routes, target, why):
    path = directory / "weir.yaml"
    path.write_text(f"sites:\n  - routes: {routes}\n")
    told = explain(path, "GET", f"http://shop.example{target}")
    assert told["status"] == 200
    assert [other["why_not"] for other in told["other_routes"]] == [f"it would, but {why}"]


def test_a_pattern_without_an_end_is_told(start_weir, connect, directory):
    costly = "sites: [{routes: [{path: '~^/(a+)+$', respond: 200}, {path: /*, respond: 201}]}]\n"
    target = "/" + "a" * 43 + "b"
    assert connect(start_weir(costly)).ask("GET", target).status == 500
    (directory / "weir.yaml").write_text(costly)
    told = explain(directory / "weir.yaml", "GET", f"http://a.example{target}")
    assert told["status"] == 500 and told["route"] is None
    assert [other["why_not"] for other in told["other_routes"]] == [
        "path cannot be decided within the limits of a pattern",
        "another pattern could not be decided before it"]


def test_a_long_value_is_cut_with_a_sign(directory):
    servers = ", ".join(f"10.0.{i // 250}.{i % 250}:80" for i in range(1000))
    told = explain(written(directory, servers), "GET", "http://shop.example.com:8080/products/7")
    assert [one["value"][-3:] for one in told["settings"] if one["name"] == "servers"] == ["..."]
    assert len(told["servers"]) == 1000


def test_settings_are_told_with_their_lines(directory):
    path = written(directory)
    lines = [""] + path.read_text().splitlines()
    told = explain(path, "GET", "http://shop.example.com:8080/products/7")
    said = {(one["name"], one["value"]): lines[int(one["place"].rpartition(":")[2])]
            for one in told["settings"]}
    assert said[("timeouts.first_byte", "10s")].strip() == "timeouts: {first_byte: 10s}"
    assert said[("rewrite", "{replace_prefix: /api}")].strip().startswith("rewrite:")
    assert said[("proxy", "shop")].strip() == "proxy: shop"
    assert "defaults" in said[("headers.request", "{set: {X-From: defaults}}")]
    assert said[("timeouts.connect", "2s")].strip() == "timeouts: {connect: 2s}"
    assert told["stages"] == ["rewrite", "headers"]


def test_files_that_are_included_are_named(directory):
    (directory / "weir.yaml").write_text("include: more.yaml\n")
    (directory / "more.yaml").write_text("\nsites: [{respond: 204}]\n")
    told = explain(directory / "weir.yaml", "GET", "http://a.example/")
    assert told["site"]["place"].endswith("more.yaml:2")


def test_sites_that_would_take_it_too_are_named(directory):
    told = explain(written(directory), "GET", "http://old.example.com:8080/only")
    assert told["site"]["name"] == "*.example.com"
    assert [(site["name"], site["why_not"]) for site in told["other_sites"]] == [
        ("old.example.com", "it answers at other listeners")]
    told = explain(written(directory), "GET", "http://example.org:8080/")
    assert told["site"] is None and told["status"] == 404


def test_a_port_where_nobody_listens_is_told(directory):
    assert explain(written(directory), "GET", "http://shop.example.com:8080/")["listens"]
    told = explain(written(directory), "GET", "http://shop.example.com/soon")
    assert not told["listens"] and told["listener"] == "127.0.0.1:8080"
    said = run_weir_command("explain", "GET", "http://shop.example.com/soon", directory=directory)
    assert "though the URL says port 80, where nobody listens" in said.stdout


def test_where_nobody_listens_one_that_speaks_tls_stands_in_for_https(directory, authority):
    authority.make("a", ["a.example"])
    tls = f"{{certificate: {authority.directory}/a.pem, key: {authority.directory}/a.key}}"
    path = directory / "weir.yaml"
    path.write_text('listen: [":8080", ":8081", {address: ":8443", tls: on}, ":8444"]\n'
                    f"sites: [{{respond: 204, tls: {tls}}}]\n")
    told = explain(path, "GET", "https://a.example/")
    assert not told["listens"] and told["listener"] == "*:8443"
    told = explain(path, "GET", "http://a.example/")
    assert not told["listens"] and told["listener"] == "*:8080"
    assert explain(path, "GET", "https://a.example:8444/")["listener"] == "*:8444"


def test_all_servers_are_named_and_the_first_in_turn(directory):
    path = written(directory, "10.0.0.1:80, 10.0.0.2:80")
    told = explain(path, "GET", "http://shop.example.com:8080/products/7")
    assert told["servers"] == ["10.0.0.1:80", "10.0.0.2:80"]
    assert told["server"] == "10.0.0.1:80"


def test_a_second_server_is_told_of(directory):
    path = directory / "weir.yaml"
    path.write_text("sites: [{proxy: [127.0.0.1:1, 127.0.0.1:2], hedge: {after: 80ms}}]\n")
    assert explain(path, "GET", "http://a/")["hedge_after_ms"] == 80
    assert "hedge_after_ms" not in explain(path, "DELETE", "http://a/")
    said = run_weir_command("explain", "GET", "http://a/", directory=directory).stdout
    assert "hedge     a second server is asked as well" in said


def test_the_client_may_be_named(directory):
    path = directory / "weir.yaml"
    path.write_text("sites: [{routes: [{client: 192.0.2.0/24, respond: 200}], respond: 403}]\n")
    for client, status in (("192.0.2.7", 200), ("198.51.100.1", 403), ("::1", 403)):
        assert explain(path, "GET", "http://a/", "--client", client)["status"] == status


def test_what_comes_from_the_environment_is_hidden(directory):
    path = directory / "weir.yaml"
    path.write_text("sites:\n  - headers: {request: {set: {Authorization: "
                    "'Bearer ${env.WEIR_TEST_TOKEN}'}}}\n    proxy: 127.0.0.1:9\n")
    for form in ((), ("--json",)):
        said = run_weir_command("explain", "GET", "http://a/", *form, directory=directory,
                                environment={"WEIR_TEST_TOKEN": "s3cret-s3cret"})
        assert "s3cret" not in said.stdout
        assert "Authorization: Bearer ${env...}" in said.stdout


def test_people_are_told_all_of_it(directory):
    written(directory)
    said = run_weir_command("explain", "GET", "http://shop.example.com:8080/products/7",
                            directory=directory).stdout
    for words in ("client    127.0.0.1\n", "listener  127.0.0.1:8080\n",
                  "site      shop.example.com  (weir.yaml:",
                  "route     path: /products/*  (weir.yaml:", "stages    rewrite, then headers\n",
                  "server    127.0.0.1:9, the only one\n", "\n    GET /api/7 HTTP/1.1\n"):
        assert words in said


@pytest.mark.parametrize("arguments, words", [
    ((), "name a method and a URL"),
    (("GET",), "name a method and a URL"),
    (("GET", "http://a/", "more"), "a word too many"),
    (("GET", "ftp://a/"), "a URL is http://host/path"),
    (("GET", "shop.example.com"), "a URL is http://host/path"),
    (("GET", "http://a/", "-H", "novalue"), "-H 'Name: value'"),
    (("GET", "http://a/\r\nX: y"), "no end of line"),
    (("GET", "http://a/", "-H", "A: b\r\nC: d"), "no end of line"),
    (("GET", "http://a/", "--client", "here"), "an IP address"),
    (("GET", "http://a/", "--nonsense"), "cannot be understood"),
])
def test_a_wrong_command_line_is_told(directory, arguments, words):
    written(directory)
    said = run_weir_command("explain", *arguments, directory=directory)
    assert said.returncode == 2 and words in said.stderr and not said.stdout


def test_a_wrong_configuration_is_told(directory):
    (directory / "weir.yaml").write_text("sites: [{proxi: 1}]\n")
    said = run_weir_command("explain", "GET", "http://a/", directory=directory)
    assert said.returncode == 1 and "weir.yaml:1:" in said.stderr


def test_no_file_is_told(directory):
    said = run_weir_command("explain", "GET", "http://a/", directory=directory)
    assert said.returncode == 1 and "weir.yaml" in said.stderr


def test_help_is_given():
    said = run_weir_command("explain", "--help")
    assert said.returncode == 0 and said.stdout.startswith("usage: weir explain METHOD URL")
