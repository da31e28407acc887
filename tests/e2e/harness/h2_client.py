"""A raw client of HTTP/2: sends exactly the frames that it is given, and keeps every frame that
comes. It answers SETTINGS and PING by itself; windows it opens only when the test says so."""

import struct
from dataclasses import dataclass, field

from hpack import Decoder, Encoder

from harness.stream import Stream, connect_to

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, \
    FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, \
    ENHANCE_YOUR_CALM = range(12)

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, \
    MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8

FIRST_WINDOW = 65535  # of a connection when it begins (RFC 9113 6.9.2)


@dataclass
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def error(self):
        """Of RST_STREAM and GOAWAY."""
        return struct.unpack(">L", self.payload[4:8] if self.kind == GOAWAY else self.payload)[0]

    @property
    def last_stream(self):
        """Of GOAWAY."""
        return struct.unpack(">L", self.payload[:4])[0]


@dataclass
class Response:
    """What has come on a stream so far."""
    status: int = None
    fields: list = field(default_factory=list)
    body: bytes = b""
    trailers: list = field(default_factory=list)
    interim: list = field(default_factory=list)  # statuses
    reset: int = None                            # the error
    ended: bool = False

    def get(self, name):
        return dict(self.fields).get(name)


def frame_bytes(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">L", len(payload))[1:] + struct.pack(">BBL", kind, flags, stream) + payload


def openings(stream, count, piece):
    """Opens both windows by `count` bytes, in pieces."""
    pieces = [min(piece, count - at) for at in range(0, count, piece)]
    return b"".join(frame_bytes(WINDOW_UPDATE, 0, opened, struct.pack(">L", by))
                    for by in pieces for opened in (0, stream))


def settings_payload(settings):
    return b"".join(struct.pack(">HL", name, value) for name, value in settings.items())


def request_fields(method="GET", path="/", host="example.com", scheme="http", fields=()):
    return [(":method", method), (":scheme", scheme), (":authority", host), (":path", path),
            *fields]


class H2Client(Stream):
    """On a connected socket, over TLS or not. `settings` go with the preface; None sends neither."""

    def __init__(self, connection, settings={}):
        super().__init__(connection)
        self.encoder, self.decoder = Encoder(), Decoder()
        self.responses = {}     # by stream
        self.frames = []        # all that came
        self.opened = {}        # by stream, 0 is all: how much the peer has opened windows
        self.sent_data = {}          # the same: bytes of DATA
        self.goaway = None      # the last one
        self.settings = None    # of the peer, as {name: value}
        self.next_stream = 1
        if settings is not None:
            self.send(PREFACE + frame_bytes(SETTINGS, 0, 0, settings_payload(settings)))

    # Sending

    def send_frame(self, kind, flags=0, stream=0, payload=b""):
        self.send(frame_bytes(kind, flags, stream, payload))

    def block(self, fields):
        return self.encoder.encode(fields)

    def send_headers(self, fields, stream=None, end=True, flags=END_HEADERS):
        """A request with exactly these fields. Gives its stream."""
        if stream is None:
            stream = self.next_stream
            self.next_stream += 2
        self.send_frame(HEADERS, flags | (END_STREAM if end else 0), stream, self.block(fields))
        return stream

    def send_request(self, method="GET", path="/", end=True, **parts):
        return self.send_headers(request_fields(method, path, **parts), end=end)

    def send_data(self, stream, data, end=False):
        """In frames of at most 16 KiB, whatever the windows say."""
        pieces = [data[at:at + 16384] for at in range(0, len(data), 16384)] or [b""]
        for number, piece in enumerate(pieces):
            last = end and number == len(pieces) - 1
            self.send_frame(DATA, END_STREAM if last else 0, stream, piece)
        for counted in (0, stream):
            self.sent_data[counted] = self.sent_data.get(counted, 0) + len(data)

    def room(self, stream):
        """How much DATA the windows let go now; the peer has sent its SETTINGS."""
        window = self.settings[INITIAL_WINDOW_SIZE] + self.opened.get(stream, 0)
        return min(window - self.sent_data.get(stream, 0),
                   FIRST_WINDOW + self.opened.get(0, 0) - self.sent_data.get(0, 0))

    def send_patiently(self, stream, data, end=False):
        """As windows open."""
        while data:
            self.read_until(lambda: self.room(stream) > 0)
            count = self.room(stream)
            self.send_data(stream, data[:count], end and count >= len(data))
            data = data[count:]

    def open_window(self, stream, count):
        self.send_frame(WINDOW_UPDATE, 0, stream, struct.pack(">L", count))

    def reset_stream(self, stream, error=CANCEL):
        self.send_frame(RST_STREAM, 0, stream, struct.pack(">L", error))

    # Receiving

    def read_frame(self, seconds=None):
        """The next one, which is taken note of. Raises Cut at the end of the connection."""
        head = self.read_exactly(9, seconds)
        length, = struct.unpack(">L", b"\0" + head[:3])
        kind, flags, stream = struct.unpack(">BBL", head[3:])
        frame = Frame(kind, flags, stream, self.read_exactly(length, seconds))
        self.frames.append(frame)
        self._note(frame)
        return frame

    def _note(self, frame):
        response = self.response(frame.stream)
        if frame.kind == SETTINGS and not frame.flags & ACK:
            self.settings = dict(struct.iter_unpack(">HL", frame.payload))
            self.send_frame(SETTINGS, ACK)
        elif frame.kind == PING and not frame.flags & ACK:
            self.send_frame(PING, ACK, 0, frame.payload)
        elif frame.kind == HEADERS:
            assert frame.flags & END_HEADERS, "Weir sends short heads"
            self._note_head(response, self.decoder.decode(frame.payload))
        elif frame.kind == DATA:
            response.body += frame.payload
        elif frame.kind == WINDOW_UPDATE:
            more, = struct.unpack(">L", frame.payload)
            self.opened[frame.stream] = self.opened.get(frame.stream, 0) + more
        elif frame.kind == RST_STREAM:
            response.reset = frame.error
        elif frame.kind == GOAWAY:
            self.goaway = frame
        if frame.kind in (HEADERS, DATA) and frame.flags & END_STREAM:
            response.ended = True

    @staticmethod
    def _note_head(response, fields):
        fields = [(name, value) for name, value in fields]
        status = dict(fields).get(":status")
        if status is None:
            response.trailers = fields
        elif status.startswith("1"):
            response.interim.append(int(status))
        else:
            response.status, response.fields = int(status), fields[1:]

    def read_until(self, condition, seconds=None):
        """Reads frames until condition() holds."""
        while not condition():
            self.read_frame(seconds)

    def response(self, stream):
        """What has come on it, and goes on coming."""
        return self.responses.setdefault(stream, Response())

    def read_response(self, stream, seconds=None):
        """Until it is complete or reset."""
        response = self.response(stream)
        self.read_until(lambda: response.ended or response.reset is not None, seconds)
        return response

    def read_head(self, stream):
        response = self.response(stream)
        self.read_until(lambda: response.status is not None)
        return response

    def ask(self, method="GET", path="/", body=b"", **parts):
        """One request and its response; the windows must be wide enough."""
        stream = self.send_request(method, path, end=not body, **parts)
        if body:
            self.send_data(stream, body, end=True)
        return self.read_response(stream)

    def read_goaway(self, seconds=None):
        """The last GOAWAY before the connection ends, which it does; None where it ends without."""
        from harness.http1 import Cut
        try:
            while True:
                self.read_frame(seconds)
        except Cut:
            return self.goaway

    def ping(self):
        """Waits until everything that was sent before has been seen to."""
        seen = len(self.frames)
        self.send_frame(PING, 0, 0, b"isthere?")
        self.read_until(lambda: any(frame.kind == PING and frame.flags & ACK
                                    for frame in self.frames[seen:]))


def connect_h2(address, settings={}, **parts):
    return H2Client(connect_to(address, **parts), settings)
