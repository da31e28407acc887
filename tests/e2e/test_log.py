"""The access log in the Combined Log Format, exact to the byte, and the error log."""

import re

from harness.deadline import poll_until
from harness.weir import run_weir_command, write_configuration

MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
TIME = re.compile(rf"\[\d\d/({MONTHS})/\d{{4}}(:\d\d){{3}} \+0000\]")
STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")


def read_lines(path, count):
    """The lines of a log as soon as there are `count`, with TIME for their time. Reading as ASCII
    is part of the test."""
    poll_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= count,
               what=f"{count} lines in {path.name}")
    text = path.read_text("ascii")
    assert text.count("\n") == count and text.endswith("\n"), text
    return [TIME.sub("TIME", line) for line in text.splitlines()]


def without_id(line):
    """An event without its time and its id, which it has to have."""
    text, count = re.subn(r" request_id=[0-9a-f]{32}\n$", "\n", STAMP.sub("", line))
    assert count == 1, line
    return text


def log_to(path, more=""):
    return f"log: {{access: {{format: combined, to: {path}}}{more}}}\n"


# The access log

def test_each_exchange_has_its_line(start_origin, start_proxy, connect, directory):
    log = directory / "access.log"
    weir = start_proxy(start_origin(), settings=log_to(log))
    client = connect(weir)
    client.ask("GET", "/a?b=c%20d", fields=[("Referer", "https://example.com/from"),
                                            ("User-Agent", "Mozilla/5.0 (X11; Linux)")])
    client.ask("HEAD", "/head")
    client.ask("POST", "http://example.com/absolute?x", body=b"12345")
    client.ask("GET", "//a/%7Eb/../c")
    client.ask("GET", "/old", version="1.0")
    assert read_lines(log, 5) == [
        '127.0.0.1 - - TIME "GET /a?b=c%20d HTTP/1.1" 200 5 "https://example.com/from" '
        '"Mozilla/5.0 (X11; Linux)"',
        '127.0.0.1 - - TIME "HEAD /head HTTP/1.1" 200 0 "-" "-"',
        '127.0.0.1 - - TIME "POST /absolute?x HTTP/1.1" 200 5 "-" "-"',
        '127.0.0.1 - - TIME "GET //a/%7Eb/../c HTTP/1.1" 200 5 "-" "-"',
        '127.0.0.1 - - TIME "GET /old HTTP/1.0" 200 5 "-" "-"',
    ]


def test_no_byte_from_outside_forges_a_line(start_origin, start_proxy, connect, directory):
    log = directory / "access.log"
    client = connect(start_proxy(start_origin(), settings=log_to(log)))
    client.ask("GET", "/'$`|x", fields=[("Referer", '" 200 0 "-" "-'),
                                        ("User-Agent", "a\\\tb\xe9\xff")])
    assert read_lines(log, 1) == [
        "127.0.0.1 - - TIME \"GET /'$`|x HTTP/1.1\" 200 5 "
        '"\\x22 200 0 \\x22-\\x22 \\x22-" "a\\x5C\\x09b\\xE9\\xFF"']


def test_a_request_that_cannot_be_read_is_dashes(start_origin, start_proxy, connect, directory):
    log = directory / "access.log"
    weir = start_proxy(start_origin(), settings=log_to(log))
    for data in (b"G\x00T / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[2J\r\n\r\n"):
        client = connect(weir)
        client.send(data)
        body = client.read_response().body
        assert read_lines(log, 1) == [f'127.0.0.1 - - TIME "-" 400 {len(body)} "-" "-"']
        log.write_text("")


def test_a_very_long_line_is_cut_and_ends(start_origin, start_proxy, connect, directory):
    log = directory / "access.log"
    client = connect(start_proxy(start_origin(), settings=log_to(log)))
    client.ask("GET", "/" + "t" * 10000, fields=[("User-Agent", "\xff" * 10000)])
    agent = "\\xFF" * 511 + "..."
    assert read_lines(log, 1) == [
        f'127.0.0.1 - - TIME "GET /{"t" * 8188}... HTTP/1.1" 200 5 "-" "{agent}"']


def test_a_refused_request_has_a_line_by_the_default(start_weir, connect, directory):
    log, other = directory / "access.log", directory / "other.log"
    client = connect(start_weir(f"""
        log: {{access: {{to: {other}}}}}
        defaults: {{log: {{access: {{to: {log}}}}}}}
        sites: [{{host: example.com, respond: 204}}]
    """))
    body = client.ask("GET", "/nowhere", host="other.example").body
    client.ask("GET", "/")
    assert read_lines(log, 2) == [
        f'127.0.0.1 - - TIME "GET /nowhere HTTP/1.1" 404 {len(body)} "-" "-"',
        '127.0.0.1 - - TIME "GET / HTTP/1.1" 204 0 "-" "-"']
    assert not other.exists()  # nobody writes to it


def test_sites_and_routes_choose_their_log(start_weir, connect, directory):
    top, site = directory / "top.log", directory / "site.log"
    client = connect(start_weir(f"""
        threads: 1
        log: {{access: {{to: {top}}}}}
        sites:
          - host: a.example
            respond: 204
          - host: b.example
            log: {{access: {{to: {site}}}}}
            routes:
              - path: /quiet
                log: {{access: off}}
                respond: 204
            respond: 204
    """))
    for host, target in (("a.example", "/1"), ("b.example", "/2"), ("b.example", "/quiet"),
                         ("b.example", "/3"), ("a.example", "/4")):
        client.ask("GET", target, host=host)
    assert [line.split()[5] for line in read_lines(top, 2)] == ["/1", "/4"]
    assert [line.split()[5] for line in read_lines(site, 2)] == ["/2", "/3"]


def test_the_line_tells_what_the_client_sent(start_origin, start_weir, connect, directory):
    log, origin = directory / "access.log", start_origin()
    client = connect(start_weir(f"""
        {log_to(log)}
        sites:
          - headers: {{request: {{set: {{User-Agent: ours}}, remove: [Referer]}}}}
            routes:
              - path: /app/*
                rewrite: {{replace_prefix: /hidden}}
                proxy: {origin.url}
    """))
    client.ask("GET", "/app/x", fields=[("User-Agent", "theirs"), ("Referer", "/from"),
                                        ("Connection", "user-agent")])
    assert origin.requests[0].target == "/hidden/x"
    assert read_lines(log, 1) == ['127.0.0.1 - - TIME "GET /app/x HTTP/1.1" 200 5 "/from" "theirs"']


def test_the_client_behind_a_trusted_proxy_is_told(start_origin, start_proxy, connect, directory):
    log = directory / "access.log"
    client = connect(start_proxy(start_origin(),
                                 settings=log_to(log) + "trusted_proxies: 127.0.0.1\n"))
    client.ask("GET", "/", fields=[("X-Forwarded-For", "192.0.2.7, 2001:db8::1")])
    assert read_lines(log, 1) == ['2001:db8::1 - - TIME "GET / HTTP/1.1" 200 5 "-" "-"']


def test_secrets_are_in_no_log(start_origin, start_proxy, connect, directory):
    log, errors = directory / "access.log", directory / "error.log"
    origin = start_origin()
    weir = start_proxy(origin, settings=log_to(log, f", error: {{to: {errors}, level: debug}}"))
    client = connect(weir)
    fields = [("Authorization", "Basic c2VjcmV0"), ("Cookie", "session=c2VjcmV0"),
              ("X-Api-Key", "c2VjcmV0")]
    client.ask("POST", "/", fields=fields, body=b"c2VjcmV0")
    origin.stop()
    client.ask("POST", "/", fields=fields, body=b"c2VjcmV0")
    read_lines(log, 2)
    weir.stop()
    assert "c2VjcmV0" not in log.read_text() + errors.read_text() + weir.log


def test_a_tunnel_is_told_when_it_begins(start_origin, start_proxy, connect, directory):
    def behaviour(connection):
        connection.read_request_head()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                        b"Upgrade: echo\r\n\r\n")
        connection.hold()

    log = directory / "access.log"
    client = connect(start_proxy(start_origin(behaviour), settings=log_to(log)))
    client.send_request("GET", "/chat", fields=[("Connection", "Upgrade"), ("Upgrade", "echo")])
    assert client.read_response_head().status == 101
    assert read_lines(log, 1) == ['127.0.0.1 - - TIME "GET /chat HTTP/1.1" 101 0 "-" "-"']


def test_a_client_that_leaves_is_499(start_origin, start_proxy, connect, directory):
    log, origin = directory / "access.log", start_origin(lambda connection: (
        connection.read_request(), connection.hold()))
    client = connect(start_proxy(origin, settings=log_to(log)))
    client.send_request("GET", "/slow")
    origin.wait_for_requests(1)
    client.reset()
    assert read_lines(log, 1) == ['127.0.0.1 - - TIME "GET /slow HTTP/1.1" 499 0 "-" "-"']


def test_no_line_is_lost_at_the_end(start_origin, start_weir, connect, directory):
    log = directory / "access.log"
    weir = start_weir(f"{log_to(log)}sites: [{{respond: 204}}]")
    for client in (connect(weir), connect(weir), connect(weir)):
        for number in range(100):
            client.ask("GET", f"/{number}")
        client.close()
    weir.stop()
    assert len(read_lines(log, 300)) == 300


def test_a_log_may_be_standard_error(start_weir, connect):
    weir = start_weir(f"{log_to('stderr')}sites: [{{respond: 204}}]")
    connect(weir).ask("GET", "/here")
    assert TIME.search(weir.wait_for_log("GET /here"))


# The error log

def test_a_dead_server_is_told(start_origin, start_weir, connect):
    origin = start_origin()
    weir = start_weir(f"""
        upstreams: {{shop: {{servers: ["{origin.server}"]}}}}
        sites: [{{host: example.com, proxy: shop}}]
    """)
    origin.stop()
    assert connect(weir).ask("GET", "/?secret").status == 502
    line = weir.wait_for_log("refuses connections.* method=")
    assert without_id(line) == (
        f"warning the server refuses connections server={origin.server} upstream=shop "
        "site=example.com client=127.0.0.1 method=GET status=502\n")


def test_a_server_that_is_passed_over_is_told(start_origin, start_proxy, connect):
    dead, origin = start_origin(), start_origin()
    weir = start_proxy(dead, origin)
    dead.stop()
    client = connect(weir)
    assert [client.ask("GET", "/").status for _ in range(2)] == [200, 200]
    line = weir.wait_for_log("passed over")
    assert STAMP.sub("", line) == (
        "warning a server cannot be reached; it is passed over while others can "
        f"server={dead.server} "
        'problem="the server refuses connections"\n')


def test_mistakes_of_clients_are_told_only_to_who_asks(start_weir, connect, directory):
    quiet, loud = directory / "quiet.log", directory / "loud.log"
    for log, level in ((quiet, "notice"), (loud, "debug")):
        weir = start_weir(f"""
            threads: 1
            log: {{error: {{to: {log}, level: {level}}}}}
            sites: [{{host: example.com, respond: 204}}]
        """)
        client = connect(weir)
        client.ask("G\"T", "/", host="example.com")
        connect(weir).ask("GET", "/", host="other.example")
        client.close()
        weir.stop()
    assert quiet.read_text() == ""
    assert [without_id(line + "\n")[:-1] for line in loud.read_text().splitlines()] == [
        "debug the request line is malformed client=127.0.0.1 status=400",
        "debug no site has this host name client=127.0.0.1 method=GET status=404"]


def test_a_flood_is_held_back_and_counted(start_origin, start_proxy, connect, directory):
    errors, origin = directory / "error.log", start_origin()
    weir = start_proxy(origin, settings=f"log: {{error: {{to: {errors}}}}}")
    origin.stop()
    client = connect(weir)
    for _ in range(500):
        assert client.ask("GET", "/").status in (502, 503)

    def counted():
        text = errors.read_text() if errors.exists() else ""
        told = len(re.findall(r" method=GET status=50\d request_id=[0-9a-f]{32}\n", text))
        held = re.findall(r"warning the same happened more often than is told "
                          r'event="(?:the|no) server [^"]*" count=(\d+)\n', text)
        return told + sum(map(int, held)) >= 500 and (told, held)

    told, held = poll_until(counted, what="500 events")
    assert told + sum(map(int, held)) == 500
    assert told < 500 and held


def test_a_log_that_cannot_be_opened_is_an_error_of_the_file(directory, ports):
    address = ("127.0.0.1", ports.take())
    text = f"""log:
  access: {{to: {directory}/missing/access.log}}
  error: {{to: {directory}}}
sites: [{{respond: 204}}]
"""
    path = write_configuration(directory, text, address)
    result = run_weir_command("run", "-c", path)
    assert result.returncode == 1
    assert f'weir.yaml:3:16: error: the access log "{directory}/missing/access.log" cannot be ' \
           "opened: No such file or directory\n" in result.stderr
    path = write_configuration(directory, text.replace("missing/", ""), address)
    result = run_weir_command("run", "-c", path)
    assert result.returncode == 1
    assert f'weir.yaml:4:15: error: the error log "{directory}" cannot be opened: ' \
           "Is a directory\n" in result.stderr


def test_checking_a_file_makes_no_log(directory):
    path = directory / "weir.yaml"
    path.write_text(f"log: {{access: {{to: {directory}/access.log}}, "
                    f"error: {{to: {directory}/error.log}}}}\nsites: [{{respond: 204}}]\n")
    assert run_weir_command("check", "-c", path).returncode == 0
    assert [each.name for each in directory.iterdir()] == ["weir.yaml"]
