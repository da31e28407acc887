"""A strict reading of HTTP/1 (RFC 9112), our own and independent of Weir's: whatever the grammar
does not allow raises Malformed. Texts are str in Latin-1, so that no byte is lost; bodies bytes.

The readers take a Stream (stream.py) or anything with its read_line, read_exactly and
read_to_end."""

import re
from dataclasses import dataclass, field

import h11

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/1\.([01])")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) ([\t \x21-\x7e\x80-\xff]*)")
FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*"
                        rb"((?:[\x21-\x7e\x80-\xff](?:[\t \x21-\x7e\x80-\xff]*"
                        rb"[\x21-\x7e\x80-\xff])?)?)[ \t]*")
CHUNK_LINE = re.compile(rb"([0-9a-fA-F]{1,16})((?:[ \t]*;[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
                        rb"(?:[ \t]*=[ \t]*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
                        rb'|"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~\x80-\xff])*"))?)*)')


class Malformed(AssertionError):
    """A message that breaks the grammar or can be read in two ways."""


class Ended(ConnectionError):
    """The peer closed where a message might have begun: properly."""


class Cut(ConnectionError):
    """The peer closed or reset the connection in the middle of a message; `partial` is what came
    (None where not even the head was whole)."""

    def __init__(self, words, partial=None):
        super().__init__(words)
        self.partial = partial


@dataclass
class Message:
    version: str = "1.1"
    fields: list = field(default_factory=list)    # of (name, value)
    body: bytes = b""
    trailers: list = field(default_factory=list)
    framing: str = "none"                         # none, counted, chunked, close
    chunks: list = field(default_factory=list)    # sizes, where chunked
    complete: bool = False
    head: bytes = b""                             # its bytes, empty line included

    def values(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def value(self, name):
        """The value of a field that must not stand twice; None where it is missing."""
        values = self.values(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times: {values}"
        return values[0] if values else None

    def has(self, name):
        return bool(self.values(name))

    def trailer(self, name):
        values = [value for key, value in self.trailers if key.lower() == name.lower()]
        assert len(values) <= 1, f"trailer {name} stands {len(values)} times: {values}"
        return values[0] if values else None

    def list_of(self, name):
        """The members of a list field, over all its lines, in lower case."""
        members = ",".join(self.values(name)).split(",")
        return [member.strip().lower() for member in members if member.strip()]


@dataclass
class Request(Message):
    method: str = ""
    target: str = ""

    def __str__(self):
        return f"{self.method} {self.target}"


@dataclass
class Response(Message):
    status: int = 0
    reason: str = ""
    interim: list = field(default_factory=list)   # 1xx responses before it

    def __str__(self):
        return f"{self.status} {self.reason}"


def _read_head(stream):
    """The lines of a head, without their CRLF; its bytes."""
    lines, raw = [], b""
    while True:
        try:
            line = stream.read_line()
        except Ended:
            if not lines:
                raise
            raise Cut("closed in the middle of a head") from None
        raw += line + b"\r\n"
        if not line:
            return lines, raw
        lines.append(line)


def _parse_fields(lines):
    fields = []
    for line in lines:
        match = FIELD_LINE.fullmatch(line)
        if not match:
            raise Malformed(f"field line {line!r}")
        fields.append((match[1].decode("latin-1"), match[2].decode("latin-1")))
    return fields


def _content_length(message):
    lengths = message.values("Content-Length")
    if not lengths:
        return None
    if len(lengths) > 1:
        raise Malformed(f"{len(lengths)} Content-Length fields: {lengths}")
    if not re.fullmatch("[0-9]{1,19}", lengths[0]):
        raise Malformed(f"Content-Length {lengths[0]!r}")
    return int(lengths[0])


def _is_chunked(message):
    codings = message.values("Transfer-Encoding")
    if not codings:
        return False
    if len(codings) > 1 or codings[0].lower() != "chunked":
        raise Malformed(f"Transfer-Encoding {codings}")
    if message.version != "1.1":
        raise Malformed(f"Transfer-Encoding in HTTP/{message.version}")
    if message.has("Content-Length"):
        raise Malformed("Transfer-Encoding and Content-Length in one message")
    return True


def _read_chunked(stream, message, pieces):
    while True:
        line = stream.read_line()
        match = CHUNK_LINE.fullmatch(line)
        if not match:
            raise Malformed(f"chunk line {line!r}")
        size = int(match[1], 16)
        message.chunks.append(size)
        if size == 0:
            message.trailers = _parse_fields(_read_head(stream)[0])
            return
        _read_piece(stream, pieces, size)
        if stream.read_exactly(2) != b"\r\n":
            raise Malformed("no CRLF behind the data of a chunk")


def _read_piece(stream, pieces, size):
    try:
        pieces.append(stream.read_exactly(size))
    except Cut as cut:
        pieces.append(cut.partial or b"")
        raise


def _read_body(stream, message, length, chunked):
    """Reads the body; on a cut, what came is in message.body."""
    pieces = []
    try:
        if chunked:
            message.framing = "chunked"
            _read_chunked(stream, message, pieces)
        elif length is not None:
            message.framing = "counted"
            _read_piece(stream, pieces, length)
        message.complete = True
    except (Cut, Ended) as cut:
        message.body = b"".join(pieces)
        raise Cut(f"body cut after {len(message.body)} bytes", message) from cut
    message.body = b"".join(pieces)


def parse_request_head(lines, raw=b""):
    match = REQUEST_LINE.fullmatch(lines[0]) if lines else None
    if not match:
        raise Malformed(f"request line {lines[:1]!r}")
    request = Request(method=match[1].decode(), target=match[2].decode(),
                      version="1." + match[3].decode(), fields=_parse_fields(lines[1:]), head=raw)
    hosts = request.values("Host")
    if len(hosts) > 1 or (not hosts and request.version == "1.1"):
        raise Malformed(f"{len(hosts)} Host fields")
    return request


def read_request_head(stream):
    lines, raw = _read_head(stream)
    return parse_request_head(lines, raw)


def read_request_body(stream, request):
    _read_body(stream, request, _content_length(request), _is_chunked(request))
    return request


def read_request(stream):
    """One request with its body. Raises Ended, Cut, Malformed."""
    return read_request_body(stream, read_request_head(stream))


def read_response_head(stream):
    """One head, 1xx too."""
    lines, raw = _read_head(stream)
    match = STATUS_LINE.fullmatch(lines[0]) if lines else None
    if not match:
        raise Malformed(f"status line {lines[:1]!r}")
    return Response(version="1." + match[1].decode(), status=int(match[2]),
                    reason=match[3].decode("latin-1"), fields=_parse_fields(lines[1:]), head=raw)


def response_framing(response, method="GET"):
    """(framing, length) as RFC 9112 6.3 has it. Raises Malformed where there are two ways."""
    length, chunked = _content_length(response), _is_chunked(response)
    if response.status < 200 or response.status == 204:
        if length is not None or chunked:
            raise Malformed(f"{response.status} with a body's framing (RFC 9110 8.6, 9112 6.1)")
        return "none", None
    if method == "HEAD" or response.status == 304:
        return "none", None
    if chunked:
        return "chunked", None
    return ("close", None) if length is None else ("counted", length)


def read_response_body(stream, response, method="GET"):
    framing, length = response_framing(response, method)
    if framing == "close":
        response.framing, response.body = framing, stream.read_to_end()
        response.complete = True
        return response
    _read_body(stream, response, length, framing == "chunked")
    return response


def read_response(stream, method="GET"):
    """One final response with its body; interim ones are collected. A 101 is final."""
    interim = []
    while True:
        response = read_response_head(stream)
        response.interim = interim
        if response.status >= 200 or response.status == 101:
            return read_response_body(stream, response, method)
        read_response_body(stream, response, method)
        interim.append(response)


def second_opinion_on_requests(raw):
    """h11's reading of a whole request stream: [(method, target, body)]. Raises where h11 does."""
    connection, requests = h11.Connection(h11.SERVER), []
    connection.receive_data(raw)
    connection.receive_data(b"")
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            requests.append([event.method.decode(), event.target.decode(), b""])
            connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
        elif isinstance(event, h11.Data):
            requests[-1][2] += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and connection.our_state is h11.DONE:
            connection.start_next_cycle()
        elif not isinstance(event, h11.EndOfMessage):
            return [tuple(request) for request in requests]
