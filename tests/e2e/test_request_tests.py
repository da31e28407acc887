"""`tests` in the configuration, which `weir check` tries. What is said about wrong ones is in
tests/data/conf_check.txt; here is that right ones pass and that each kind can fail."""

import pytest

from harness.weir import run_weir_command

SITES = """
upstreams:
  shop: {servers: 10.0.0.1:80}
sites:
  - host: shop.example.com
    routes:
      - path: [/products/*, /goods/*]
        rewrite: {replace_prefix: /api}
        headers: {request: {set: {X-Shop: "1"}}}
        proxy: shop
      - path: /old
        redirect: /new
      - client: 192.0.2.0/24
        method: POST
        header: {X-Beta: "*"}
        respond: 202
    respond: 204
"""


def check(directory, test, sites=SITES):
    (directory / "weir.yaml").write_text(f"tests:\n  - {test}\n{sites}")
    return run_weir_command("check", directory=directory)


REQUEST = "GET http://shop.example.com/products/7?a=b"
POST = ("{method: POST, url: http://shop.example.com/, headers: {X-Beta: yes}, "
        "client: 192.0.2.7}")


@pytest.mark.parametrize("request_, expect", [
    (REQUEST, "{site: shop.example.com, route: /products/*, upstream: shop, target: /api/7?a=b}"),
    (REQUEST, "{route: /goods/*, headers: {X-Shop: '1', X-None: off}}"),
    ("GET http://shop.example.com/old", "{status: 302, headers: {Location: /new}}"),
    (POST, "{status: 202}"),
    ("{url: /old, headers: {Host: shop.example.com}}", "{route: /old}"),
    ("GET http://other.example.com/", "{status: 404}"),
    ("GET http://shop.example.com/a%2f..", "{status: 400}"),
])
def test_what_is_right_passes(directory, request_, expect):
    said = check(directory, f"{{request: {request_}, expect: {expect}}}")
    assert said.returncode == 0, said.stderr
    assert said.stdout == ("weir.yaml: 1 site, 3 routes, 1 upstream: good, with 1 test\n")


@pytest.mark.parametrize("request_, expect, words", [
    (REQUEST, "{site: other}", 'the site "other", but it is "shop.example.com"'),
    (REQUEST, "{route: /old}", 'the route "/old", but it is path: [/products/*, /goods/*]'),
    (REQUEST, "{upstream: other}", 'the upstream "other", but it is "shop"'),
    (REQUEST, "{target: /products/7}", 'the target "/products/7", but it is "/api/7?a=b"'),
    (REQUEST, "{status: 200}", "the status 200, but a server would be asked"),
    (REQUEST, "{headers: {X-Shop: '2'}}", 'another header field X-Shop, but it is "1"'),
    (REQUEST, "{headers: {X-Shop: off}}", 'no header field X-Shop, but it is "1"'),
    (REQUEST, "{headers: {X-None: '1'}}", "another header field X-None, but there is none"),
    ("GET http://shop.example.com/old", "{status: 301}", "the status 301, but it is 302"),
    ("GET http://shop.example.com/old", "{upstream: shop}", "but no server would be asked"),
    ("GET http://shop.example.com/x", "{route: /x}", "but it is the site's own action"),
    ("GET http://other.example.com/", "{site: other}", "but no site takes it"),
    ("GET http://other.example.com/", "{route: /x}", "but no route takes it"),
    ("GET ftp://other.example.com/", "{status: 404}", "the request of the test cannot be made"),
])
def test_what_is_not_so_is_told_with_its_place(directory, request_, expect, words):
    said = check(directory, f"{{request: {request_}, expect: {expect}}}")
    assert said.returncode == 1 and not said.stdout
    assert said.stderr.startswith("weir.yaml:2:") and words in said.stderr
    assert said.stderr.endswith("weir.yaml: 1 error, 1 of 1 test failed\n")


def test_all_that_fail_are_told(directory):
    said = check(directory, f"{{request: {REQUEST}, expect: {{site: a, route: /b}}}}\n"
                 f"  - {{request: {REQUEST}, expect: {{status: 200}}}}\n"
                 f"  - {{request: {REQUEST}, expect: {{upstream: shop}}}}")
    assert said.stderr.endswith("weir.yaml: 3 errors, 2 of 3 tests failed\n")


def test_a_run_does_not_wait_for_tests(start_weir, connect):
    weir = start_weir("""
        tests: [{request: GET http://a.example/, expect: {status: 404}}]
        sites: [{respond: 204}]
    """)
    assert connect(weir).ask().status == 204
