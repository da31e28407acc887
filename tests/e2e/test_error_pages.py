"""Errors that Weir answers by itself: pages of one's own, JSON for who asks for it, and nothing in
them that a client could have planted."""

import json

import pytest

from harness.origin import answering
from harness.weir import run_weir_command


@pytest.fixture
def pages(tmp_path):
    """pages(name=text) writes files and gives the directory."""
    def write(**texts):
        for name, text in texts.items():
            stem, ending = name.rsplit("_", 1)
            (tmp_path / f"{stem}.{ending}").write_text(text)
        return tmp_path
    return write


@pytest.fixture
def ask(start_weir, connect):
    """ask(configuration)(target, fields) gives the response."""
    def start(configuration):
        weir = start_weir(configuration)
        return lambda target="/", fields=(), method="GET", host="example.com": connect(weir).ask(
            method, target, host=host, fields=fields)
    return start


def test_the_page_of_the_status_goes_before_that_of_its_class(pages, ask):
    folder = pages(lost_html="<h1>Lost: $status</h1>", error_txt="error $status")
    one = ask(f"""
error_pages: {{404: {folder}/lost.html, 4xx: {folder}/error.txt}}
sites:
  - host: known.example
    respond: 200
  - host: forbidden.example
    respond: 403
""")
    response = one(host="unknown.example")
    assert (response.status, response.body) == (404, b"<h1>Lost: 404</h1>")
    assert response.values("Content-Type") == ["text/html; charset=utf-8"]
    response = one(host="forbidden.example")
    assert (response.status, response.body) == (403, b"error 403")
    assert response.values("Content-Type") == ["text/plain; charset=utf-8"]


def test_a_server_that_is_gone_has_a_page(pages, ask, ports):
    folder = pages(sorry_html="<p>$upstream is away, $host$path</p>")
    one = ask(f"""
upstreams:
  shop: {{servers: ["127.0.0.1:{ports.take()}"]}}
sites:
  - proxy: shop
    error_pages: {{5xx: {folder}/sorry.html}}
""")
    response = one("/cart", host="shop.example")
    assert (response.status, response.body) == (502, b"<p>shop is away, shop.example/cart</p>")


def test_what_a_server_answers_stays_as_it_is(pages, ask, start_origin):
    folder = pages(sorry_html="ours")
    origin = start_origin(answering(status=500, body=b"theirs"))
    one = ask(f"sites: [{{proxy: '{origin.url}', error_pages: {{5xx: {folder}/sorry.html}}}}]\n")
    response = one()
    assert (response.status, response.body) == (500, b"theirs")


@pytest.mark.parametrize("target,shown", [
    ("/%3Cscript%3E?<x", b"/%3Cscript%3E?&lt;x"),
    ("/?\"'&amp;", b"/?&quot;&#39;&amp;amp;"),
])
def test_values_are_text_in_a_page(pages, ask, target, shown):
    folder = pages(page_html="[$target]")
    response = ask(f"sites: [{{respond: 404, error_pages: {{404: {folder}/page.html}}}}]\n")(target)
    assert response.body == b"[" + shown + b"]"


def test_values_are_text_in_json(pages, ask):
    folder = pages(page_json='{"agent": "${request.header.User-Agent}", "status": $status}')
    one = ask(f"sites: [{{respond: 404, error_pages: {{404: {folder}/page.json}}}}]\n")
    agent = 'a"b\\c\t\xe9'
    response = one(fields=[("User-Agent", agent)])
    assert response.values("Content-Type") == ["application/json"]
    assert json.loads(response.body) == {"agent": agent, "status": 404}


def test_who_asks_for_json_gets_problem_details(ask):
    one = ask("sites: [{host: a.example, respond: 200}]\n")
    response = one(fields=[("Accept", "application/json, text/plain, */*")])
    assert response.status == 404
    assert response.values("Content-Type") == ["application/problem+json"]
    assert json.loads(response.body) == {"type": "about:blank", "title": "Not Found", "status": 404}


@pytest.mark.parametrize("accept", ["*/*", "text/html,application/xhtml+xml,*/*;q=0.8"])
def test_others_get_the_small_page(ask, accept):
    response = ask("sites: [{host: a.example, respond: 200}]\n")(
        fields=[("Accept", accept)])
    assert response.values("Content-Type") == ["text/html; charset=utf-8"]
    assert b"<h1>404 Not Found</h1>" in response.body


def test_of_several_pages_the_client_gets_the_one_it_wants(pages, ask):
    folder = pages(page_html="people", page_json='"programs"')
    one = ask(f"""
sites:
  - respond: 503
    error_pages: {{503: [{folder}/page.html, {folder}/page.json]}}
""")
    assert one().body == b"people"
    assert one(fields=[("Accept", "application/json")]).body == b'"programs"'
    assert one(fields=[("Accept", "application/json;q=0.1, text/html")]).body == b"people"


def test_a_route_adds_to_its_site_and_takes_back(pages, ask):
    folder = pages(a_txt="a", b_txt="b")
    one = ask(f"""
error_pages: {{404: {folder}/a.txt, 403: {folder}/a.txt}}
sites:
  - respond: 404
    routes:
      - {{path: /b, error_pages: {{404: {folder}/b.txt}}}}
      - {{path: /both, error_pages: {{404: {folder}/b.txt}}, respond: 403}}
      - {{path: /one, error_pages: {{404: off}}}}
      - {{path: /none, error_pages: off, respond: 403}}
""")
    assert [one(path).body for path in ("/", "/b", "/both", "/one", "/none")] == [
        b"a", b"b", b"a", b"", b""]


def test_head_has_the_length_and_no_page(pages, ask):
    folder = pages(page_txt="12345")
    response = ask(f"sites: [{{respond: 404, error_pages: {{404: {folder}/page.txt}}}}]\n")(
        method="HEAD")
    assert (response.status, response.body) == (404, b"")


def test_a_request_that_cannot_be_read_gets_the_small_page(pages, start_weir, connect):
    folder = pages(page_html="own $target")
    client = connect(start_weir(
        f"sites: [{{respond: 200}}]\nerror_pages: {{4xx: {folder}/page.html}}\n"))
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nBad Field: 1\r\n\r\n")
    response = client.read_response()
    assert response.status == 400 and b"own" not in response.body


@pytest.mark.parametrize("setting,told", [
    ("{404: missing.html}", 'cannot read "'),
    ("{404: page.php}", "its type cannot be seen"),
    ("{200: page.html}", '"200" is no status of an error'),
    ("{44x: page.html}", '"44x" is no status of an error'),
    ("{404: []}", "one to 4 pages"),
    ("{404: wrong.html}", 'in this page: unknown variable "stutus"'),
    ("page.html", "a mapping or off"),
])
def test_mistakes_are_told(tmp_path, setting, told):
    (tmp_path / "wrong.html").write_text("$stutus")
    (tmp_path / "page.html").write_text("fine")
    (tmp_path / "weir.yaml").write_text(f"error_pages: {setting}\nsites: [{{respond: 200}}]\n")
    result = run_weir_command("check", "-c", str(tmp_path / "weir.yaml"))
    assert result.returncode == 1
    assert told in result.stderr and "weir.yaml:1:" in result.stderr


def test_a_page_lies_beside_the_file_that_names_it(tmp_path):
    (tmp_path / "page.html").write_text("fine")
    (tmp_path / "weir.yaml").write_text("error_pages: {404: page.html}\nsites: [{respond: 200}]\n")
    assert run_weir_command("check", "-c", str(tmp_path / "weir.yaml")).returncode == 0
