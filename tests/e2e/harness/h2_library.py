"""Peers of HTTP/2 that are made by others: client and server on python3-h2, which refuses whatever
breaks the rules (it raises, and the test fails), keeps windows by itself and shares no code with
the frames of h2_client.py.

    client = LibraryClient(connect_to(weir.address))
    response = client.ask("POST", "/", b"body")

    origin = start_origin(serving_by_library(echo))
"""

from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events

from harness.deadline import Deadline
from harness.http1 import Ended
from harness.origin import IDLE_SECONDS_MAX


@dataclass
class Message:
    """What has come on a stream so far."""
    fields: list = field(default_factory=list)
    body: bytes = b""
    trailers: list = field(default_factory=list)
    interim: list = field(default_factory=list)
    ended: bool = False
    reset: int = None

    def get(self, name):
        return dict(self.fields).get(name)

    @property
    def status(self):
        return int(self.get(":status"))


class LibraryPeer:
    def __init__(self, connection, client_side, **config):
        self.socket = connection
        self.session = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side, header_encoding="utf-8", **config))
        self.streams = {}
        self.goaway = None      # the event
        self.acknowledged = 0   # of our SETTINGS
        self.ended = False      # the connection
        self._waiting = {}      # bodies and trailers that windows hold up, by stream

    def begin(self, settings):
        """What is settled holds as soon as the peer has acknowledged it."""
        self.session.initiate_connection()
        if settings:
            self.session.update_settings(settings)
        self._send()

    def send_message(self, stream, fields, body=b"", trailers=()):
        """Head, body and trailers, as the windows allow; the rest goes while frames are read."""
        self.session.send_headers(stream, fields, end_stream=not body and not trailers)
        if body or trailers:
            self._waiting[stream] = (body, list(trailers))
        self._send()

    def _fill_windows(self):
        for stream, (body, trailers) in list(self._waiting.items()):
            while body:
                room = min(self.session.local_flow_control_window(stream),
                           self.session.max_outbound_frame_size)
                if room <= 0:
                    break
                self.session.send_data(stream, body[:room],
                                       end_stream=not body[room:] and not trailers)
                body = body[room:]
            self._waiting[stream] = (body, trailers)
            if body:
                continue
            del self._waiting[stream]
            if trailers:
                self.session.send_headers(stream, trailers, end_stream=True)

    def _send(self):
        self._fill_windows()
        data = self.session.data_to_send()
        if data:
            self.socket.sendall(data)

    def read(self, seconds=None):
        """What comes next. `ended` at the end of the connection."""
        self.socket.settimeout(Deadline(seconds).left())
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.ended = not data
        for event in self.session.receive_data(data) if data else ():
            self.note(event)
        self._send()

    def read_until(self, condition, seconds=None):
        while not condition():
            if self.ended:
                raise Ended("the connection ended")
            self.read(seconds)

    def note(self, event):
        message = self.streams.setdefault(getattr(event, "stream_id", 0), Message())
        if isinstance(event, (h2.events.ResponseReceived, h2.events.RequestReceived)):
            message.fields = event.headers
        elif isinstance(event, h2.events.InformationalResponseReceived):
            message.interim.append(int(dict(event.headers)[":status"]))
        elif isinstance(event, h2.events.TrailersReceived):
            message.trailers = event.headers
        elif isinstance(event, h2.events.DataReceived):
            message.body += event.data
            if event.flow_controlled_length:
                self.session.acknowledge_received_data(event.flow_controlled_length,
                                                       event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            message.ended = True
        elif isinstance(event, h2.events.StreamReset):
            message.reset = event.error_code
            self._waiting.pop(event.stream_id, None)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event
        elif isinstance(event, h2.events.SettingsAcknowledged):
            self.acknowledged += 1


class LibraryClient(LibraryPeer):
    def __init__(self, connection, settings={}, **config):
        super().__init__(connection, client_side=True, **config)
        self.begin(settings)

    def request(self, method="GET", path="/", body=b"", fields=(), trailers=(), scheme="http",
                host="example.com"):
        """Gives its stream."""
        stream = self.session.get_next_available_stream_id()
        self.send_message(stream, [(":method", method), (":scheme", scheme), (":authority", host),
                                   (":path", path), *fields], body, trailers)
        return stream

    def response(self, stream):
        return self.streams.setdefault(stream, Message())

    def read_response(self, stream):
        response = self.response(stream)
        self.read_until(lambda: response.ended or response.reset is not None)
        return response

    def ask(self, *arguments, **parts):
        return self.read_response(self.request(*arguments, **parts))

    def reset(self, stream, error):
        self.session.reset_stream(stream, error)
        self._waiting.pop(stream, None)
        self._send()


class LibraryServer(LibraryPeer):
    """Answers each request by answer(server, stream, request) when it is whole."""

    def __init__(self, connection, answer, settings):
        super().__init__(connection, client_side=False)
        self.answer = answer
        self.requests = 0
        self.begin(settings)

    def note(self, event):
        super().note(event)
        if isinstance(event, h2.events.StreamEnded):
            self.requests += 1
            self.answer(self, event.stream_id, self.streams[event.stream_id])


    def say_goodbye(self, last):
        """The library ends with its goodbye, and takes nothing more."""
        self.session.close_connection(last_stream_id=last)
        self._send()
        self.ended = True


def echo(server, stream, request):
    """The body comes back, and so do the trailers."""
    server.send_message(stream, [(":status", "200"), ("x-path", request.get(":path"))],
                        request.body, request.trailers)


def serving_by_library(answer=echo, settings={}):
    """Behaviour of an Origin."""
    def behaviour(connection):
        try:
            server = LibraryServer(connection.socket, answer, settings)
            while not server.ended:
                server.read(IDLE_SECONDS_MAX)
        except OSError:
            pass  # the peer is gone
    return behaviour
