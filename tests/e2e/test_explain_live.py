"""A running Weir explains, with what it serves and with its servers as they are."""

import json
import pathlib

from harness.weir import run_weir_command, write_configuration

SHOP = """
upstreams: {shop: ["%s", "%s"]}
sites:
  - host: shop.example.com
    routes: [{path: /api/*, rewrite: {strip_prefix: /api}, proxy: shop}]
    respond: 204
"""


def explain(weir, *words, **parts):
    return run_weir_command("explain", "--live", "-c", weir.arguments[2], *words, **parts)


def test_it_tells_what_the_file_tells(start_weir, start_origin):
    weir = start_weir(SHOP % (start_origin().server, start_origin().server))
    words = ["POST", "http://shop.example.com/api/a%20b?c=d&e", "-H", "X-Name: a&b=c %+", "-H",
             "Cookie: x=y", "--client", "192.0.2.7"]
    told = explain(weir, *words)
    offline = run_weir_command("explain", "-c", weir.arguments[2], *words)
    assert (told.returncode, told.stdout) == (0, offline.stdout) and "X-Name: a&b=c %+" in told.stdout
    in_json = explain(weir, *words, "--json")
    assert json.loads(in_json.stdout) == json.loads(
        run_weir_command("explain", "-c", weir.arguments[2], *words, "--json").stdout)


def test_it_knows_who_rests(start_weir, start_origin, connect, ports):
    origin, dead = start_origin(), f"127.0.0.1:{ports.take()}"
    weir = start_weir("threads: 1\n" + SHOP % (dead, origin.server))
    words = ("GET", "http://shop.example.com/api/")
    assert f"{dead}, whose turn is first" in explain(weir, *words).stdout
    assert connect(weir).ask(target="/api/", host="shop.example.com").status == 200
    told = explain(weir, *words).stdout
    assert f"{origin.server}, whose turn is first" in told
    assert f"{dead}, which rests just now" in told


def test_it_says_that_all_rest(start_weir, connect, ports):
    dead = [f"127.0.0.1:{ports.take()}" for _ in range(3)]
    weir = start_weir("sites:\n"
                      f"  - {{host: one, proxy: '{dead[0]}'}}\n"
                      f"  - {{host: two, proxy: ['{dead[1]}', '{dead[2]}']}}\n")
    for host in ("one", "two"):
        assert connect(weir).ask(host=host).status == 502
    assert f"{dead[0]}, the only one, which rests just now\n" in explain(weir, "GET", "http://one/").stdout
    assert "though it rests just now, as all do; in turn with\n" in explain(weir, "GET", "http://two/").stdout


def test_it_tells_of_what_it_serves_and_not_of_the_file(start_weir, start_origin):
    weir = start_weir("sites: [{respond: 204}]\n")
    write_configuration(pathlib.Path(weir.arguments[2]).parent, "sites: [{respond: 418}]\n",
                        weir.address)
    assert "HTTP/1.1 204" in explain(weir, "GET", "http://a/").stdout


def test_nothing_of_it_is_counted_logged_or_sent(start_weir, start_origin, directory):
    origin, log = start_origin(), directory / "access.log"
    weir = start_weir(f"log: {{access: {{to: {log}}}}}\n" + SHOP % (origin.server, start_origin().server))
    for path in ("/api/x", "/else"):
        assert explain(weir, "GET", f"http://shop.example.com{path}").returncode == 0
    weir.stop()
    assert log.read_text() == "" and origin.requests == []


def test_what_cannot_be_understood_is_refused(start_weir):
    weir = start_weir("sites: [{respond: 204}]\n")
    said = explain(weir, "GET", "nonsense")
    assert said.returncode == 2 and said.stdout == "" and said.stderr
    assert explain(weir, "GET", "http://a/" + "x" * 40000).returncode == 2
    weir.stop()
    said = explain(weir, "GET", "http://a/")
    assert said.returncode == 1 and "no Weir answers" in said.stderr


def test_the_endpoint_says_how_it_is_asked(start_weir, directory, connect):
    start_weir(f"admin: unix:{directory}/a.sock\nsites: [{{respond: 204}}]\n")
    client = connect(f"{directory}/a.sock")
    for query in ("", "?method=GET", "?url=http://a/", "?method=GET&url=http://a/&nonsense=1",
                  "?method=%00&url=http://a/", "?method=GET&url=http://a/&header=x" * 60):
        assert client.ask("GET", "/explain" + query, host="a").status == 400
    assert client.ask("GET", "/explain?method=GET&url=http%3A%2F%2Fa%2F", host="a").status == 200
