"""A scriptable back end that speaks HTTP/2: an Origin whose connections read and write frames.

    def behaviour(connection):
        request = connection.read_request()
        connection.answer(request, body=b"hello")

    origin = start_h2_origin(behaviour)

Windows are opened as bodies are read; SETTINGS and PING are answered. `settings` go first; None
leaves all to the behaviour. Over TLS where a `context` is given."""

import struct
from dataclasses import dataclass, field

from hpack import Decoder, Encoder

from harness.h2_client import (ACK, DATA, END_HEADERS, END_STREAM, FIRST_WINDOW, GOAWAY, HEADERS,
                               INITIAL_WINDOW_SIZE, PING, PREFACE, RST_STREAM, SETTINGS,
                               WINDOW_UPDATE, Frame, frame_bytes, settings_payload)
from harness.http1 import Cut, Ended
from harness.origin import IDLE_SECONDS_MAX, Origin
from harness.tls_origin import TlsConnection


@dataclass
class H2Request:
    stream: int
    fields: list = field(default_factory=list)
    body: bytes = b""
    trailers: list = field(default_factory=list)
    reset: int = None
    ended: bool = False
    begun: bool = False

    def get(self, name):
        return dict(self.fields).get(name)


class H2OriginConnection(TlsConnection):
    settled = False              # our SETTINGS were answered

    def begin(self, settings):
        self.encoder, self.decoder = Encoder(), Decoder()
        self.streams = {}
        self.goaway = None
        self.pinged = False      # our PING was answered
        self.peer_settings = None
        self.opened = {}         # by stream, 0 is all: how much the peer has opened windows
        self.sent_data = {}           # by stream, 0 is all: bytes of DATA
        self.opens_windows = True
        self.wait_for_bytes(IDLE_SECONDS_MAX)
        assert self.read_exactly(len(PREFACE)) == PREFACE
        if settings is not None:
            self.send_frame(SETTINGS, 0, 0, settings_payload(settings))

    def send_frame(self, kind, flags=0, stream=0, payload=b""):
        self.send(frame_bytes(kind, flags, stream, payload))

    def read_frame(self):
        self.wait_for_bytes(IDLE_SECONDS_MAX)
        head = self.read_exactly(9)
        length, = struct.unpack(">L", b"\0" + head[:3])
        kind, flags, stream = struct.unpack(">BBL", head[3:])
        frame = Frame(kind, flags, stream, self.read_exactly(length))
        self._note(frame)
        return frame

    def _note(self, frame):
        request = self.streams.setdefault(frame.stream, H2Request(frame.stream))
        if frame.kind == SETTINGS and frame.flags & ACK:
            self.settled = True
        elif frame.kind == SETTINGS:
            self.peer_settings = dict(struct.iter_unpack(">HL", frame.payload))
            self.send_frame(SETTINGS, ACK)
        elif frame.kind == PING and not frame.flags & ACK:
            self.send_frame(PING, ACK, 0, frame.payload)
        elif frame.kind == PING:
            self.pinged = True
        elif frame.kind == HEADERS:
            assert frame.flags & END_HEADERS, "Weir sends short heads"
            fields = [(name, value) for name, value in self.decoder.decode(frame.payload)]
            if request.begun:
                request.trailers = fields
            else:
                request.fields, request.begun = fields, True
        elif frame.kind == DATA:
            request.body += frame.payload
            if frame.payload and self.opens_windows:
                for stream in (0, frame.stream):
                    self.send_frame(WINDOW_UPDATE, 0, stream, struct.pack(">L", len(frame.payload)))
        elif frame.kind == WINDOW_UPDATE:
            more, = struct.unpack(">L", frame.payload)
            self.opened[frame.stream] = self.opened.get(frame.stream, 0) + more
        elif frame.kind == RST_STREAM:
            request.reset = frame.error
        elif frame.kind == GOAWAY:
            self.goaway = frame
        if frame.kind in (HEADERS, DATA) and frame.flags & END_STREAM:
            request.ended = True
            self._record(request)

    def read_until(self, condition):
        while not condition():
            self.read_frame()

    def read_head(self):
        """The head of the next request."""
        seen = {stream for stream, request in self.streams.items() if request.begun}
        while True:
            frame = self.read_frame()
            if frame.kind == HEADERS and frame.stream not in seen:
                return self.streams[frame.stream]

    def read_rest(self, request):
        self.read_until(lambda: request.ended or request.reset is not None)
        return request

    def read_request(self):
        return self.read_rest(self.read_head())

    def window(self, request):
        """How much of its response the peer has let us send so far in all."""
        return self.peer_settings[INITIAL_WINDOW_SIZE] + self.opened.get(request.stream, 0)

    def room(self, request):
        """How much of it the windows let go now."""
        return min(self.window(request) - self.sent_data.get(request.stream, 0),
                   FIRST_WINDOW + self.opened.get(0, 0) - self.sent_data.get(0, 0))

    def ping(self):
        """Waits until the peer has seen to all that was sent before."""
        self.pinged = False
        self.send_frame(PING, 0, 0, b"isthere?")
        self.read_until(lambda: self.pinged)

    def send_head(self, request, fields, end=False):
        self.send_frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), request.stream,
                        self.encoder.encode(fields))

    def send_data(self, request, data, end=False):
        pieces = [data[at:at + 16384] for at in range(0, len(data), 16384)] or [b""]
        for number, piece in enumerate(pieces):
            last = end and number == len(pieces) - 1
            self.send_frame(DATA, END_STREAM if last else 0, request.stream, piece)
        for stream in (0, request.stream):
            self.sent_data[stream] = self.sent_data.get(stream, 0) + len(data)

    def send_patiently(self, request, data, end=False):
        """As windows open."""
        while data:
            self.read_until(lambda: self.room(request) > 0)
            count = self.room(request)
            self.send_data(request, data[:count], end and count >= len(data))
            data = data[count:]

    def answer(self, request, status=200, body=b"", fields=(), trailers=()):
        self.send_head(request, [(":status", str(status)), *fields], not body and not trailers)
        if body:
            self.send_data(request, body, not trailers)
        if trailers:
            self.send_head(request, trailers, True)

    def reset_stream(self, request, error):
        self.send_frame(RST_STREAM, 0, request.stream, struct.pack(">L", error))

    def go_away(self, last, error=0):
        self.send_frame(GOAWAY, 0, 0, struct.pack(">LL", last, error))

    def read_to_end(self):
        """Frames, until the peer closes."""
        try:
            while True:
                self.read_frame()
        except (Cut, Ended):
            pass


def answering_h2(connection):
    while True:
        connection.answer(connection.read_request(), body=b"hello")


class H2Origin(Origin):
    connection_class = H2OriginConnection

    def __init__(self, address, behaviour=None, settings={}, context=None):
        self.context = context
        plain = behaviour or answering_h2

        def begun(connection):
            if context:
                connection.shake_hands(context)
            connection.begin(settings)
            plain(connection)
        super().__init__(address, begun)

    @property
    def url(self):
        return f"{'h2' if self.context else 'h2c'}://{self.server}"
