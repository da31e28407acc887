"""Every byte, and what Unicode has against terminals, in every place of an exchange that a log may
tell of: a line stays one line, its quotes hold, JSON stays JSON, and a terminal has nothing to
obey."""

import codecs
import json
import re
import socket
import struct
import threading
import unicodedata

import pytest

from harness.client import Client
from harness.deadline import poll_until
from harness.http1 import Ended
from harness.origin import response_bytes

REORDERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HIDDEN = "\u200b\u200c\u200d\u2028\u2029\u2060\ufeff\ufff9\U000e0001"
BROKEN = [b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc2", b"\xe2\x82",
          b"\xf0\x9f\x98", b"\xc2\"", b"\xe2\x82\\", b"\\\"", b"\\x1B[2J", b"\\u001b[2J", b"\" 200 0 \""]
PIECES = [bytes([byte]) for byte in range(256)] + BROKEN + [
    character.encode() for character in
    [chr(control) for control in range(0x80, 0xa0)] + [*REORDERING, *HIDDEN, "\u00e9", "\U0001f600"]]


# What is sent: a piece, in one place or several. What a line must then tell, by the names in VARIABLES.

def get(line=b"GET / HTTP/1.1", host=b"a", fields=()):
    return b"\r\n".join([line, b"Host: " + host, *fields]) + b"\r\n\r\n"


def in_method(piece):
    return get(b"G" + piece + b"T / HTTP/1.1"), {"method": b"G" + piece + b"T"}


def in_path(piece):
    return get(b"GET /a" + piece + b"z HTTP/1.1"), {"target": b"/a" + piece + b"z"}


def in_query(piece):
    query = b"x=a" + piece + b"z"
    return get(b"GET /?" + query + b" HTTP/1.1"), {"target": b"/?" + query, "query": query}


def in_escapes(piece):
    path = b"/a" + b"".join(b"%%%02x" % byte for byte in piece) + b"z"
    return get(b"GET " + path + b"?" + path + b" HTTP/1.1"), {"target": path + b"?" + path}


def in_version(piece):
    return get(b"GET / HTTP/1." + piece), {}


def in_host(piece):
    return get(host=b"a" + piece + b"z"), {"host": b"a" + piece.lower() + b"z"}


def in_fields(piece):
    value = b"a" + piece + b"z"
    told = {"agent": value, "referer": value, "field": value}
    return get(fields=[b"User-Agent: " + value, b"Referer: " + value, b"X-Field: " + value]), told


def in_who_asks(piece):
    """Who a trusted proxy says it is, and what it calls itself."""
    return get(fields=[b"X-Forwarded-For: 192.0.2." + piece, b"X-Request-Id: a" + piece + b"z",
                       b"Authorization: Basic " + piece, b"Cookie: name=a" + piece + b"z"]), {}


def in_answer(piece):
    """The server sends it, in its reason and its fields."""
    return get(b"GET /answer?" + piece.hex().encode() + b" HTTP/1.1"), {
        "answer": b"a" + piece + b"z", "location": b"/a" + piece + b"z"}


PLACES = [in_method, in_path, in_query, in_escapes, in_version, in_host, in_fields, in_who_asks,
          in_answer]


def behaviour(connection):
    while True:
        piece = bytes.fromhex(connection.read_request().target.split("?")[1]).decode("latin-1")
        connection.send(response_bytes(200, reason=f"a{piece}z", fields=[
            ("X-Answer", f"a{piece}z"), ("Location", f"/a{piece}z")]))


# How it is told

VARIABLES = {"client": "client_ip", "id": "request_id", "method": "method", "target": "target",
             "query": "query", "path": "path", "host": "host", "agent": "request.header.user-agent",
             "referer": "request.header.referer", "field": "request.header.x-field",
             "authorization": "request.header.authorization", "cookie": "cookie.name",
             "answer": "response.header.x-answer", "location": "response.header.location",
             "error": "error", "protocol": "protocol", "status": "status"}
OWN_TEXT = "'" + " ".join(f'"${{{name}}}"' for name in VARIABLES.values()) + "'"
OWN_JSON = "{json: {%s}}" % ", ".join(f"{key}: '<${{{name}}}>'" for key, name in VARIABLES.items())
QUOTED = r'"((?:[^"\\\x00-\x1f\x7f-\U0010ffff]|\\x[0-9A-F]{2})*)"'
COMMON = r'[\d.]+ - - \[[\w/:]+ \+0000\] ' + QUOTED + r' (\d{3}) \d+'


def bytes_of(text):
    """What a text told of, its escapes taken back."""
    return re.sub(rb"\\x([0-9A-F]{2})", lambda found: bytes.fromhex(found[1].decode()), text.encode())


def read_common(line):
    request, status = re.fullmatch(COMMON, line).groups()
    method, target = re.fullmatch(r"(\S+) (\S+) HTTP/1\.[01]|-", request).groups()
    return {"status": status, "method": method and bytes_of(method),
            "target": target and bytes_of(target)}


def read_combined(line):
    rest, referer, agent = re.fullmatch(f"(.*) {QUOTED} {QUOTED}", line).groups()
    return read_common(rest) | {"referer": bytes_of(referer), "agent": bytes_of(agent)}


def read_own_text(line):
    values = re.fullmatch(" ".join([QUOTED] * len(VARIABLES)), line).groups()
    told = dict(zip(VARIABLES, map(bytes_of, values)))
    return told | {"status": told["status"].decode()}


def read_json(line):
    told = json.loads(line)
    return told | {"status": str(told["status"]), "agent": told["user_agent"], "id": told["request_id"]}


def read_own_json(line):
    told = json.loads(line)
    assert all(value[0] + value[-1] == "<>" for value in told.values())
    return {key: value[1:-1] for key, value in told.items()}


def one_by_one(failure):
    """Bytes that are no UTF-8, as JSON tells of them."""
    return "".join(f"\\x{byte:02X}" for byte in failure.object[failure.start:failure.end]), failure.end


codecs.register_error("one by one", one_by_one)


def as_text(value):
    return value


def as_json(value):
    return value.decode("utf-8", "one by one")


FORMATS = {  # how it is written, how a line is read, what becomes of a value
    "common": ("common", read_common, as_text),
    "combined": ("combined", read_combined, as_text),
    "json": ("json", read_json, as_json),
    "own text": (OWN_TEXT, read_own_text, as_text),
    "own json": (OWN_JSON, read_own_json, as_json),
}


def is_harmless(line):
    """UTF-8 that a terminal shows and does not obey."""
    return all(unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
               and character not in REORDERING + HIDDEN for character in line.decode())


EVENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{12}Z (?:debug|notice|warning|error) [A-Za-z0-9 ,;:'./-]+"
                   r'(?: [a-z_]+=(?:[^\s"=]+|"[^"]*"))*')


# Where it goes

class File:
    def __init__(self, directory):
        self.path = directory / "access.log"
        self.to = str(self.path)

    def lines(self, count):
        poll_until(lambda: self.path.read_bytes().count(b"\n") >= count, what=f"{count} lines")
        return self.path.read_bytes().removesuffix(b"\n").split(b"\n")


class Syslog:
    def __init__(self, directory):
        self.to = f"'syslog:unix:{directory}/syslog'"
        self._messages, self._socket = [], socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"{directory}/syslog")
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self):
        while message := self._socket.recv(65536):
            self._messages.append(message)

    def lines(self, count):
        poll_until(lambda: len(self._messages) >= count, what=f"{count} messages")
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        return [re.fullmatch(rb"<\d+>1 [\w:.-]+ - weir \d+ - - (.*)", message, re.DOTALL)[1]
                for message in self._messages]


# ----

class Talker:
    """Asks over one connection, and over another one when it was closed."""

    def __init__(self, address):
        self.address, self._client = address, None

    def ask(self, request):
        """The status of the answer."""
        self._client = self._client or Client(self.address)
        self._client.send(request)
        response = self._client.read_response()
        if response.list_of("Connection") == ["close"] or b" HTTP/1.0\r" in request:
            self.close()
        return response.status

    def close(self):
        if self._client:
            self._client.close()
        self._client = None


@pytest.mark.parametrize("form, sink", [*((form, File) for form in FORMATS), ("json", Syslog),
                                        ("own text", Syslog)])
def test_nothing_that_is_sent_breaks_a_log(start_weir, start_origin, directory, form, sink):
    written, read, shown = FORMATS[form]
    sink, errors = sink(directory), directory / "error.log"
    weir = start_weir(f"""
        threads: 1
        trusted_proxies: 127.0.0.1
        log:
          access: {{to: {sink.to}, format: {written}, secrets: shown}}
          error: {{to: {errors}, level: debug}}
        sites:
          - routes: [{{path: /answer, proxy: {start_origin(behaviour).url}}}]
            respond: 204
    """)
    talker = Talker(weir.address)
    sent = [place(piece) for place in PLACES for piece in PIECES]
    statuses = [talker.ask(request) for request, _ in sent]
    lines = sink.lines(len(sent))
    talker.close()
    weir.stop()
    assert len(lines) == len(sent)
    for (request, expected), status, line in zip(sent, statuses, lines):
        assert is_harmless(line), (request, line)
        told = read(line.decode())
        assert told["status"] == str(status), (request, line)
        wanted = {key: shown(value) for key, value in expected.items() if key in told}
        if status in (200, 204):
            assert {key: told[key] for key in wanted} == wanted, (request, line)
    events = errors.read_bytes().removesuffix(b"\n").split(b"\n")
    assert len(events) > 500
    assert all(EVENT.fullmatch(line.decode()) for line in events)
    check_what_was_accepted(statuses)


def check_what_was_accepted(statuses):
    """So many pieces at least are let through in these places, so that the logs had to tell them."""
    counts = {place: sum(status in (200, 204) for status in statuses[at:at + len(PIECES)])
              for place, at in zip(PLACES, range(0, len(statuses), len(PIECES)))}
    for place, least in ((in_method, 70), (in_path, 70), (in_query, 70), (in_escapes, 200),
                         (in_host, 60), (in_fields, 250), (in_who_asks, 250), (in_answer, 250)):
        assert counts[place] >= least, (place.__name__, counts[place])


def announcements():
    """Of the PROXY protocol, with a piece in the place of a client's name."""
    signature = b"\r\n\r\n\0\r\nQUIT\n"
    for piece in PIECES:
        yield b"PROXY TCP4 192.0.2." + piece + b" 198.51.100.1 1 2\r\n"
        yield b"PROXY UNKNOWN " + piece + b"\r\n"
        path = (b"/run/" + piece).ljust(108, b"\0")
        yield signature + b"\x21\x31" + struct.pack("!H", 216) + path + path


def test_no_announced_name_breaks_a_log(start_weir, directory, ports):
    port, log, errors = ports.take(), File(directory), directory / "error.log"
    weir = start_weir(f"""
        listen: [{{address: 127.0.0.1:{port}, proxy_protocol: on}}]
        threads: 1
        log: {{access: {{to: {log.to}}}, error: {{to: {errors}}}}}
        sites: [{{respond: 204}}]
    """, address=("127.0.0.1", port))
    answered = 0
    for announcement in announcements():
        client = Client(weir.address)
        client.send(announcement + get())
        try:
            answered += client.read_response().status == 204
        except (Ended, ConnectionError):
            pass  # it was no announcement
        client.close()
    lines = log.lines(answered)
    weir.stop()
    assert answered > len(PIECES) and len(lines) == answered
    for line in lines:
        assert re.fullmatch(r'(192\.0\.2\.\d|127\.0\.0\.1|unix) - - \[.*\] "GET / HTTP/1\.1" 204 0 "-" "-"',
                            line.decode()), line
    for line in errors.read_text("ascii").splitlines():
        assert EVENT.fullmatch(line), line
