"""`rewrite`: what path the server is asked for."""

import pytest

from harness.weir import run_weir_command


@pytest.fixture
def asked(start_origin, start_weir, connect):
    """asked(route) starts Weir with one route (YAML inside of braces) and gives a function from a
    client's target to the target that the server was asked for, or to Weir's own status."""
    def start(route):
        origin = start_origin()
        weir = start_weir(f"""
            threads: 1
            sites:
              - proxy: {origin.url}
                routes: [{{{route}}}]
        """)

        def one(target, **parts):
            before = len(origin.requests)
            status = connect(weir).ask(target=target, **parts).status
            return origin.requests[-1].target if len(origin.requests) > before else status
        return one
    return start


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_prefix_is_replaced(asked, slash):
    one = asked(f"path: /products/*, rewrite: {{replace_prefix: /api/v1/items{slash}}}")
    assert one("/products/7") == "/api/v1/items/7"
    assert one("/products") == "/api/v1/items"
    assert one("/products/") == "/api/v1/items/"
    assert one("/products/7?q=/products/&r=%2F") == "/api/v1/items/7?q=/products/&r=%2F"
    assert one("/products/?") == "/api/v1/items/?"
    assert one("//products//7") == "/api/v1/items//7"
    assert one("/productsx") == "/productsx"
    assert one("/other") == "/other"


def test_a_prefix_becomes_the_root(asked):
    one = asked("path: /app/*, rewrite: {replace_prefix: /}")
    assert one("/app") == "/"
    assert one("/app/x/y") == "/x/y"
    assert one("/app//evil.example/x") == "/evil.example/x"


def test_prefixes_are_stripped_and_added(asked):
    one = asked("path: /*, rewrite: {strip_prefix: /api, add_prefix: /v2}")
    assert one("/api/users?x") == "/v2/users?x"
    assert one("/api") == "/v2"
    assert one("/apis") == "/v2/apis"
    assert one("/") == "/v2/"


def test_a_regular_expression_with_captures(asked):
    one = asked(r'''path: /*, rewrite: {regex: "^/products/([0-9]+)\\.html$", to: "/items/$1"}''')
    assert one("/products/7.html?x=1") == "/items/7?x=1"
    assert one("/products/x.html") == "/products/x.html"


def test_a_prefix_is_found_however_its_escapes_are_written(asked):
    for written in ("/café", "/caf%C3%A9", "/caf%c3%a9"):
        replace = asked(f'path: "{written}/*", rewrite: {{replace_prefix: "/é%c3"}}')
        strip = asked(f'path: /*, rewrite: {{strip_prefix: "{written}"}}')
        for sent in ("/caf%C3%A9", "/caf%c3%a9", "/caf%C3%a9", "//caf%c3%A9", "/%63af%c3%a9"):
            assert replace(f"{sent}/x%c3") == "/%C3%A9%c3/x%c3", (written, sent)
            assert strip(f"{sent}/x%c3") == "/x%c3", (written, sent)
    assert strip("/CAF%C3%A9/x") == "/CAF%C3%A9/x"


def test_an_expression_finds_what_the_route_has_let_in(asked):
    one = asked(r'''path: /t/*, rewrite: {regex: "^/t/([a-z]+|%C3%A9)/", to: "/tenants/$1/"}''')
    assert one("/t/a/x") == "/tenants/a/x"
    assert one("//t/a/x") == one("/t//a/x") == "/tenants/a/x"
    assert one("/t/%c3%a9/x") == one("//t/%c3%A9/x") == "/tenants/%C3%A9/x"
    assert one("/t/a//x%c3") == "/tenants/a//x%c3"
    assert one("//t//7//x%c3") == "//t//7//x%c3"


def test_what_an_expression_leaves_names_no_host(asked):
    one = asked(r'''path: /t/*, rewrite: {regex: "^/t(/.*)?$", to: "$1"}''')
    assert one("/t/x//y") == "/x//y"
    assert one("/t//evil.example/x") == one("/t///evil.example/x") == "/evil.example/x"
    one = asked(r'''path: /*, rewrite: {regex: "x$", to: "y"}''')
    assert one("//a//x") == "//a//y"


def test_variables_cannot_leave_the_path(asked):
    one = asked('path: /u/*, rewrite: {regex: "^/u/", to: "/u/$query.name/"}')
    assert one("/u/x?name=joe") == "/u/joe/x?name=joe"
    assert one("/u/x?name=a%3Fb") in ("/u/a%3Fb/x?name=a%3Fb", "/u/a%253Fb/x?name=a%3Fb")
    for name in ("..", ".", "%2e%2e", "../..", "a/../../b"):
        target = one(f"/u/x?name={name}")
        assert target == 400 or target.startswith("/u/"), f"{name}: {target}"
        assert target == 400 or "/../" not in target
    for name in ("%0d%0aX:y", "%00", "a%20b"):
        target = one(f"/u/x?name={name}")
        assert target == 400 or target.startswith("/u/")


def test_what_is_kept_is_kept_byte_for_byte(asked):
    one = asked("path: /a/*, rewrite: {replace_prefix: /b}")
    assert one("/a/%2F%3f%20;x=y:@!$&'()*+,=~") == "/b/%2F%3f%20;x=y:@!$&'()*+,=~"
    assert one("/a/%7Ex/./y") == "/b/~x/y"


def test_nested_routes_keep_the_prefix_that_they_inherit(start_origin, start_weir, connect):
    origin = start_origin()
    client = connect(start_weir(f"""
        sites:
          - proxy: {origin.url}
            routes:
              - path: /admin/*
                rewrite: {{replace_prefix: /internal}}
                routes:
                  - {{path: /admin/reports/*, timeouts: {{first_byte: 5s}}}}
                  - {{path: /admin/own/*, rewrite: {{replace_prefix: /own}}}}
                  - {{path: /admin/raw/*, rewrite: off}}
    """))
    for target, expected in (("/admin/x", "/internal/x"), ("/admin/reports/7", "/internal/reports/7"),
                             ("/admin/own/7", "/own/7"), ("/admin/raw/7", "/admin/raw/7")):
        client.ask(target=target)
        assert origin.requests[-1].target == expected


def test_the_asterisk_stays(asked):
    one = asked("method: OPTIONS, rewrite: {add_prefix: /x}")
    assert one("*", method="OPTIONS") == "*"


def test_mistakes_are_told(directory):
    (directory / "weir.yaml").write_text("""\
sites:
  - respond: 200
    rewrite: {strip_prefix: api}
    routes:
      - {path: /a, rewrite: {regex: "(", to: /x}}
      - {path: /b, rewrite: {regex: "x", to: "/$2"}}
""")
    result = run_weir_command("check", directory=directory)
    assert result.returncode == 1
    for place in ("3:29", "5:39", "6:48"):
        assert f"weir.yaml:{place}: error:" in result.stderr, result.stderr
