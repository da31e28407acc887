"""The formats of the access log, which exchanges have a line, ids, and what is kept out of it."""

import json
import re
import signal
import subprocess

from harness.deadline import poll_until
from harness.origin import answering
from harness.weir import ROOT, run_weir_command, write_configuration

ID = re.compile(r"^[0-9a-f]{32}$")
ISO = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def read_lines(path, count):
    poll_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= count,
               what=f"{count} lines in {path.name}")
    return path.read_bytes().decode("utf-8").splitlines()


def access(path, more=""):
    return f"log: {{access: {{to: {path}{', ' + more if more else ''}}}}}\n"


def field(request, name):
    return [value for key, value in request.fields if key.lower() == name.lower()]


# Formats

def test_common_is_combined_without_its_last_fields(start_origin, start_proxy, connect, directory):
    log = directory / "access.log"
    weir = start_proxy(start_origin(), settings=access(log, "format: common"))
    connect(weir).ask("GET", "/a", fields=[("Referer", "/from"), ("User-Agent", "me")])
    line, = read_lines(log, 1)
    assert re.fullmatch(r'127\.0\.0\.1 - - \[[^]]+\] "GET /a HTTP/1\.1" 200 5', line)


def test_json_is_one_object_a_line(start_origin, start_proxy, connect, directory):
    log, origin = directory / "access.log", start_origin()
    weir = start_proxy(origin, settings=access(log, "format: json"))
    connect(weir).ask("POST", "/a?b=c", host="example.com", body=b"123",
                      fields=[("Referer", "/from"), ("User-Agent", 'my "agent"')])
    told = json.loads(read_lines(log, 1)[0])
    assert ISO.match(told.pop("time")) and ID.match(told.pop("request_id"))
    connect_time, first_byte = told.pop("time_connect"), told.pop("time_first_byte")
    assert 0 <= connect_time <= first_byte <= told.pop("time_total")
    assert told == {
        "client": "127.0.0.1", "peer": "127.0.0.1", "site": "*", "route": None, "upstream": "app",
        "server": origin.server, "method": "POST", "host": "example.com", "target": "/a?b=c",
        "protocol": "HTTP/1.1", "referer": "/from", "user_agent": 'my "agent"', "status": 200,
        "bytes_in": 3, "bytes_out": 5, "attempts": 1, "error": None}


def test_json_tells_why_an_exchange_failed(start_origin, start_proxy, connect, directory):
    log, origin = directory / "access.log", start_origin()
    weir = start_proxy(origin, settings=access(log, "format: json"))
    origin.stop()
    client = connect(weir)
    assert client.ask("GET", "/").status == 502
    client.send(b"G\x00T / HTTP/1.1\r\n\r\n")
    assert client.read_response().status == 400
    dead, broken = [json.loads(line) for line in read_lines(log, 2)]
    assert (dead["status"], dead["error"], dead["attempts"]) == (502, "connect_refused", 1)
    assert dead["time_connect"] is dead["time_first_byte"] is broken["time_connect"] is None
    assert (broken["status"], broken["error"]) == (400, "bad_request_line")
    assert broken["method"] is broken["target"] is broken["host"] is broken["protocol"] is None
    line = weir.wait_for_log("refuses connections.* method=")
    assert f"request_id={dead['request_id']}\n" in line


def test_hostile_bytes_give_valid_json_and_nothing_for_a_terminal(start_origin, start_proxy,
                                                                  connect, directory):
    log, own = directory / "access.log", directory / "own.log"
    hostile = bytes([9, *range(0x21, 0x7f), *range(0x80, 0x100)]).decode("latin-1")
    for path, form in ((log, "format: json"), (own, 'format: {json: {"a\\"b": '
                                               '"<$request.header.x-hostile>", r: $request.header.referer}}')):
        client = connect(start_proxy(start_origin(), settings=access(path, form)))
        client.ask("GET", "/'$`|<>", fields=[("Referer", hostile), ("User-Agent", hostile),
                                             ("X-Hostile", hostile)])
        line, = read_lines(path, 1)
        assert line.isprintable()
        told = json.loads(line)
        assert "\\xFF" in told.get("user_agent", told.get('a"b'))


def test_a_format_of_ones_own_is_a_text(start_origin, start_proxy, connect, directory):
    log, origin = directory / "access.log", start_origin()
    weir = start_proxy(origin, settings=access(
        log, 'format: "$client_ip|$method|$path|$status|$bytes_in|$bytes_out|$server|$attempts'
             '|$error|$request.header.x-a|$protocol|$time.total|$time.iso|$request_id"'))
    client = connect(weir)
    client.ask("POST", "/a?b", body=b"1234", fields=[("X-A", 'a"\t\xff|')])
    client.send(b"G\x00T / HTTP/1.1\r\n\r\n")
    client.read_response()
    good, bad = [line.split("|") for line in read_lines(log, 2)]
    assert good[:9] == ["127.0.0.1", "POST", "/a", "200", "4", "5", origin.server, "1", "-"]
    assert good[9:12] == ["a\\x22\\x09\\xFF", "", "HTTP/1.1"]
    assert float(good[12]) >= 0 and ISO.match(good[13]) and ID.match(good[14])
    assert bad[:4] == ["127.0.0.1", "-", "-", "400"] and bad[8] == "bad_request_line"
    assert bad[9:11] == ["-", "-"]


def test_json_may_have_keys_of_ones_own(start_origin, start_proxy, connect, directory):
    log = directory / "access.log"
    weir = start_proxy(start_origin(), settings=access(
        log, "format: {json: {who: $client_ip, status: $status, seconds: $time.total, "
             "line: '$method $target', server_error: $error, agent: '$request.header.user-agent'}}"))
    connect(weir).ask("GET", "/x", fields=[("User-Agent", "200")])
    told = json.loads(read_lines(log, 1)[0])
    assert isinstance(told.pop("seconds"), float)
    assert told == {"who": "127.0.0.1", "status": 200, "line": "GET /x", "server_error": None,
                    "agent": "200"}


def test_very_long_values_leave_valid_json(start_origin, start_proxy, connect, directory):
    log = directory / "access.log"
    keys = ", ".join(f"key{number}: '$request.header.x-long'" for number in range(32))
    weir = start_proxy(start_origin(), settings=access(log, f"format: {{json: {{{keys}}}}}"))
    connect(weir).ask("GET", "/", fields=[("X-Long", "\xff" * 9000)])
    told = json.loads(read_lines(log, 1)[0])
    assert len(told) == 32 and told["key0"].endswith("...")


# Which exchanges have a line

def test_only_what_the_condition_asks_for_is_told(start_weir, connect, directory):
    log = directory / "access.log"
    client = connect(start_weir(f"""
        threads: 1
        {access(log, 'format: "$path", when: [{status: [404, 5xx]}, {status: 204, not: {status: 2xx}}]')}
        sites:
          - routes:
              - {{path: /good, respond: 204}}
              - {{path: /bad, respond: 503}}
              - {{path: /gone, respond: 410}}
    """))
    for path in ("/good", "/bad", "/gone", "/nowhere", "/good", "/bad"):
        client.ask("GET", path)
    assert read_lines(log, 3) == ["/bad", "/nowhere", "/bad"]


def test_only_what_is_slow_is_told(start_origin, start_proxy, connect, directory):
    def behaviour(connection):
        connection.read_request()
        released.wait(10)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    import threading
    released, log = threading.Event(), directory / "access.log"
    origin = start_origin(behaviour)
    weir = start_proxy(origin, settings=access(log, 'format: "$path", when: {slower_than: 1ms}'))
    client = connect(weir)
    client.send_request("GET", "/slow")
    origin.wait_for_requests(1)
    threading.Timer(0.05, released.set).start()
    client.read_response()
    assert read_lines(log, 1) == ["/slow"]


def test_a_sample_keeps_whole_traces_and_all_failures(start_weir, connect, directory):
    log, again = directory / "access.log", directory / "again.log"
    kept = []
    for path in (log, again):
        client = connect(start_weir(f"""
            threads: 1
            trusted_proxies: 127.0.0.1
            {access(path, 'format: "$status $request_id", sample: 20%')}
            sites:
              - routes:
                  - {{path: /bad, respond: 503}}
                respond: 204
        """))
        for number in range(400):
            client.ask("GET", "/", fields=[("X-Request-Id", f"id-{number}")])
        client.ask("GET", "/bad", fields=[("X-Request-Id", "last")])
        poll_until(lambda: "503 last" in path.read_text(), what="the failure")
        kept.append(path.read_text().splitlines())
    assert kept[0] == kept[1]
    assert 40 < len(kept[0]) < 130


# Secrets

def test_secrets_of_a_query_are_hidden(start_origin, start_proxy, connect, directory):
    own = "$target $query $query.token $request.header.referer"
    origin = start_origin()
    for number, (form, name) in enumerate([("combined", "token"), ("json", "token"), (f'"{own}"', "token"),
                                           (f'{{json: {{a: "{own}"}}}}', "PassWord")]):
        log = directory / f"{number}.log"
        client = connect(start_proxy(origin, settings=access(log, f"format: {form}")))
        client.ask("GET", f"/a?x=1&{name}=c2VjcmV0&token=c2VjcmV0",
                   fields=[("Referer", "https://a/?token=c2VjcmV0")])
        line, = read_lines(log, 1)
        assert "c2VjcmV0" not in line and "[hidden]" in line and "x=1" in line
    assert origin.requests[-1].target.endswith("=c2VjcmV0")


def test_tokens_of_a_redirect_are_hidden(start_origin, start_proxy, connect, directory):
    to = "https://app.example/back?code=c2VjcmV0#access_token=c2VjcmV0&state=xyz"
    origin = start_origin(answering(status=302, fields=[("Location", to)]))
    log = directory / "access.log"
    settings = access(log, "format: {json: {to: $response.header.Location}}")
    assert connect(start_proxy(origin, settings=settings)).ask().value("Location") == to
    line, = read_lines(log, 1)
    assert json.loads(line) == {
        "to": "https://app.example/back?code=[hidden]#access_token=[hidden]&state=xyz"}


def test_which_parameters_are_hidden_may_be_chosen(start_origin, start_proxy, connect, directory):
    for value, expected in (("[session]", "/?token=a&session=[hidden]"),
                            ("off", "/?token=a&session=b")):
        log = directory / f"{len(value)}.log"
        client = connect(start_proxy(start_origin(), settings=access(
            log, f'format: "$target", hide_query: {value}')))
        client.ask("GET", "/?token=a&session=b")
        assert read_lines(log, 1) == [expected]


def test_a_format_that_would_write_a_secret_is_refused(directory):
    for variable in ("request.header.authorization", "request.header.Cookie", "cookie.session",
                     "response.header.set-cookie", "request.header.proxy-authorization"):
        text = (f"log: {{access: {{to: a.log, format: '$method ${variable}'}}}}\n"
                "sites: [{respond: 204}]\n")
        path = write_configuration(directory, text, ("127.0.0.1", 1))
        done = run_weir_command("check", "-c", path)
        assert done.returncode == 1
        assert "would write a secret into the log" in done.stderr and "secrets: shown" in done.stderr
        path.write_text(path.read_text().replace("to: a.log", "to: a.log, secrets: shown"))
        assert run_weir_command("check", "-c", path).returncode == 0


# Ids

def test_an_id_is_made_and_passed_on(start_origin, start_proxy, connect, directory):
    log, origin = directory / "access.log", start_origin()
    client = connect(start_proxy(origin, settings=access(log, 'format: "$request_id"')))
    for _ in range(2):
        response = client.ask("GET", "/", fields=[("X-Request-Id", "theirs")])
        assert not field(response, "X-Request-Id")
    ids = [field(request, "X-Request-Id") for request in origin.requests]
    assert all(len(values) == 1 and ID.match(values[0]) for values in ids)
    assert ids[0] != ids[1] and read_lines(log, 2) == [ids[0][0], ids[1][0]]


def test_the_id_of_a_trusted_proxy_is_taken_over(start_origin, start_proxy, connect, directory):
    origin = start_origin()
    client = connect(start_proxy(origin, settings="trusted_proxies: 127.0.0.1\n"
                                                  "request_id: {response: on}\n"))
    for sent, is_good in (("3f2504e0-4f89/a=b:1", True), ("x" * 128, True), ("x" * 129, False),
                          ("two words", False), ('"quoted"', False), ("", False)):
        response = client.ask("GET", "/", fields=[("X-Request-Id", sent)])
        told, = field(origin.requests[-1], "X-Request-Id")
        assert told == sent if is_good else ID.match(told)
        assert field(response, "X-Request-Id") == [told]


def test_the_id_may_have_another_name_or_none(start_origin, start_weir, connect):
    origin = start_origin()
    client = connect(start_weir(f"""
        trusted_proxies: 127.0.0.1
        request_id: {{header: X-Correlation-Id}}
        sites:
          - routes: [{{path: /off, request_id: off}}]
            proxy: {origin.url}
    """))
    client.ask("GET", "/", fields=[("X_Correlation_Id", "zero")])
    assert not field(origin.requests[-1], "X_Correlation_Id")
    assert ID.match(*field(origin.requests[-1], "X-Correlation-Id"))
    sent = [("X-Correlation-Id", "one"), ("X-Request-Id", "two")]
    client.ask("GET", "/", fields=sent)
    assert field(origin.requests[-1], "X-Correlation-Id") == ["one"]
    assert field(origin.requests[-1], "X-Request-Id") == ["two"]
    client.ask("GET", "/off")
    assert not field(origin.requests[-1], "X-Request-Id")


# Times

def test_times_of_the_phases_add_up(start_origin, start_proxy, connect, directory):
    log, origin = directory / "access.log", start_origin()
    weir = start_proxy(origin, settings=access(
        log, "format: {json: {connect: $time.connect, first: $time.first_byte, "
             "total: $time.total}}"))
    client = connect(weir)
    assert client.ask("GET", "/first").status == client.ask("GET", "/kept").status == 200
    origin.stop()
    assert client.ask("GET", "/dead").status == 502
    *good, dead = [json.loads(line) for line in read_lines(log, 3)]
    assert all(0 <= line["connect"] <= line["first"] <= line["total"] for line in good)
    assert good[1]["connect"] == 0
    assert dead["first"] is None and dead["total"] >= 0


# Rotation

ANEW = "notice the logs were opened anew files="


def told_anew(path, count):
    poll_until(lambda: path.exists() and path.read_text().count(ANEW) >= count,
               what=f"{path.name} that was opened anew")


def test_usr1_loses_no_line_and_writes_none_twice(start_origin, start_proxy, connect, directory):
    log, errors = directory / "access.log", directory / "error.log"
    weir = start_proxy(start_origin(), settings=f"log: {{access: {{to: {log}, format: $path}}, "
                                                f"error: {{to: {errors}}}}}\n")
    client = connect(weir)
    old = []
    for turn in range(5):
        for number in range(20):
            if number == 10:
                old.append(log.rename(directory / f"access.log.{turn}"))
                errors.rename(directory / f"error.log.{turn}")
                weir.signal(signal.SIGUSR1)
            assert client.ask(target=f"/{turn}/{number}").status == 200
        told_anew(errors, 1)
    assert client.ask(target="/behind").status == 200
    weir.stop()
    lines = [line for path in [*old, log] for line in path.read_text().splitlines()]
    asked = [f"/{turn}/{number}" for turn in range(5) for number in range(20)]
    assert lines == [*asked, "/behind"]
    assert log.read_text().endswith("/behind\n")


def test_usr1_also_after_a_reload_that_names_another_log(start_origin, start_weir, connect,
                                                         directory):
    first, second = directory / "first.log", directory / "second.log"
    text = "log: {access: {to: %s, format: $path}}\nsites: [{proxy: http://" + \
        f"{start_origin().server}}}]\n"
    weir = start_weir(text % first)
    client = connect(weir)
    assert client.ask(target="/a").status == 200
    write_configuration(directory / "weir-0", text % second, weir.address)
    weir.signal(signal.SIGHUP)
    weir.wait_for_log("the configuration was loaded")
    assert client.ask(target="/b").status == 200
    read_lines(second, 1)
    second.rename(directory / "second.log.1")
    weir.signal(signal.SIGUSR1)
    weir.wait_for_log("the logs were opened anew")
    assert client.ask(target="/c").status == 200
    assert read_lines(second, 1) == ["/c"]
    assert read_lines(first, 1) == ["/a"]


def test_a_log_that_cannot_be_opened_anew_goes_on_in_its_old_file(start_origin, start_proxy,
                                                                  connect, directory):
    place, moved = directory / "logs", directory / "moved"
    place.mkdir()
    weir = start_proxy(start_origin(), settings=access(place / "access.log", "format: $path"))
    client = connect(weir)
    assert client.ask(target="/a").status == 200
    place.rename(moved)
    weir.signal(signal.SIGUSR1)
    weir.wait_for_log(f"error a log cannot be opened anew; its lines go on into the old file "
                      f"file={place}/access.log problem=\"No such file or directory\"")
    assert client.ask(target="/b").status == 200
    assert read_lines(moved / "access.log", 2) == ["/a", "/b"]
    place.mkdir()
    weir.signal(signal.SIGUSR1)
    weir.wait_for_log("the logs were opened anew files=1")
    assert client.ask(target="/c").status == 200
    assert read_lines(place / "access.log", 1) == ["/c"]


def test_logrotate_as_documented(start_origin, start_proxy, connect, directory):
    log = directory / "access.log"
    weir = start_proxy(start_origin(), settings=access(log, "format: $path"))
    client = connect(weir)
    assert client.ask(target="/before").status == 200
    read_lines(log, 1)
    document = (ROOT / "docs" / "logging.md").read_text()
    text = document.split("<!-- logrotate -->\n```\n")[1].split("```")[0]
    assert text.count("pkill -USR1 -o -x weir") == 1 and text.count("/var/log/weir/*.log") == 1
    text = text.replace("/var/log/weir/*.log", str(log)) \
        .replace("pkill -USR1 -o -x weir", f"kill -USR1 {weir.process.pid}")
    settings = directory / "logrotate.conf"
    settings.write_text(text)
    settings.chmod(0o644)
    subprocess.run(["/usr/sbin/logrotate", "--force", "--state", directory / "state", settings],
                   check=True, timeout=20)
    weir.wait_for_log("the logs were opened anew")
    assert client.ask(target="/behind").status == 200
    assert read_lines(log, 1) == ["/behind"]
    assert read_lines(directory / "access.log.1", 1) == ["/before"]
