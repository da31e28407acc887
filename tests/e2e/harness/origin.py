"""A scriptable back end on plain sockets, one thread per connection.

Its behaviour is a function that is called with each new OriginConnection and does whatever the test
wants: read a request strictly, send any bytes, wait for an event, half-close, reset. When it
returns, the connection is closed.

    def behaviour(connection):
        request = connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhel")
        connection.reset()

    origin = start_origin(behaviour)

Exact bytes: origin.connections[n].received; parsed requests, in the order of their end:
origin.requests. What breaks the grammar of HTTP, and every unexpected exception in a behaviour,
fails the test at its end, unless it takes origin.failures away itself."""

import os
import socket
import threading
import traceback

from harness import http1
from harness.deadline import Deadline, Late, poll_until
from harness.socket_queue import bytes_arrived
from harness.stream import Stream, connect_to

IDLE_SECONDS_MAX = 600


def response_bytes(status=200, body=b"", fields=(), reason="OK", version="1.1", trailers=None):
    """A well-formed response. A bytes body is counted; a list of bytes is sent in chunks."""
    lines = [f"HTTP/{version} {status} {reason}"] + [f"{name}: {value}" for name, value in fields]
    if isinstance(body, list):
        from harness.client import chunked_bytes
        lines.append("Transfer-Encoding: chunked")
        tail = chunked_bytes(body, trailers or ())
    else:
        if status >= 200 and status not in (204, 304):
            lines.append(f"Content-Length: {len(body)}")
        tail = body
    return "".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n" + tail


def answering(body=b"hello", **parts):
    """Behaviour: the same response to every request, for as long as the peer wants."""
    response = response_bytes(body=body, **parts)
    head = response_bytes(body=body, **parts).split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n"

    def behaviour(connection):
        while True:
            request = connection.read_request()
            connection.send(head if request.method == "HEAD" else response)
    return behaviour


def in_turn(*behaviours):
    """Behaviour: the first connection does the first, and so on; the last goes on for ever."""
    def behaviour(connection):
        behaviours[min(connection.number, len(behaviours) - 1)](connection)
    return behaviour


class OriginConnection(Stream):
    def __init__(self, origin, connection, peer, number):
        super().__init__(connection)
        self.origin = origin
        self.number = number            # 0 for the origin's first connection
        self.peer = peer                # its address; empty on a Unix socket
        self.requests = []              # complete ones
        self.cut = None                 # the Cut, where the peer went in the middle of a request
        self.finished = threading.Event()

    def read_request(self):
        """One request with its body; raises Ended where the peer closed between requests, which a
        behaviour may let through."""
        return self.read_request_body(self.read_request_head())

    def read_request_head(self):
        """The head alone. Waits for its beginning as long as the test lasts: connections are
        idle between requests."""
        self.wait_for_bytes(IDLE_SECONDS_MAX)
        return http1.read_request_head(self)

    def read_request_body(self, request):
        http1.read_request_body(self, request)
        self._record(request)
        return request

    def _record(self, request):
        with self.origin.changed:
            self.requests.append(request)
            self.origin.requests.append(request)
            self.origin.changed.notify_all()

    def has_read_everything(self):
        """Whether its behaviour has read all that has arrived, the end of the stream included."""
        try:
            return bytes_arrived(self.socket) == len(self.received) or self.finished.is_set()
        except OSError:
            return True  # closed meanwhile

    def answer(self, status=200, body=b"", **parts):
        self.send(response_bytes(status, body, **parts))

    def wait(self, event, seconds=None):
        """Waits for a threading.Event of the test."""
        deadline = Deadline(seconds, "an event of the test")
        while not event.wait(min(0.02, deadline.left())):
            if self.origin.stopping.is_set():
                raise http1.Ended("the origin stops")

    def hold(self):
        """Does nothing until the peer closes or the test ends: a frozen server."""
        self.wait(threading.Event(), IDLE_SECONDS_MAX)


class Origin:
    connection_class = OriginConnection

    def __init__(self, address, behaviour=None):
        self.address = address          # (host, port), or the path of a Unix socket
        self.behaviour = behaviour or answering()
        self.changed = threading.Condition()
        self.connections = []           # OriginConnection, in order of their accepting
        self.requests = []              # complete requests of all connections
        self.failures = []              # texts
        self.stopping = threading.Event()
        self._open = set()
        self._listener = None
        self._threads = []
        self.start()

    @property
    def server(self):
        """As it stands in `servers`, and behind --to without http://."""
        if isinstance(self.address, str):
            return f"unix:{self.address}"
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def url(self):
        return self.server if isinstance(self.address, str) else f"http://{self.server}"

    def start(self):
        """Listens; also again after stop(), at the same address."""
        self.stopping = threading.Event()
        self._listener = _listen(self.address)
        self._run(self._accept, self._listener, self.stopping)

    def stop(self):
        """Refuses and ends all connections (by FIN, in mid-message too)."""
        self.stopping.set()
        self._shut_listener()
        for connection in list(self.connections):
            _shut(connection.socket)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "a thread of the origin hangs"
        self._threads = []

    def narrow(self, receive_buffer, segment):
        """Connections that come have a buffer and TCP segments of so many bytes: else what the
        system takes ahead, and in one piece, may be megabytes."""
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)

    def refuse(self):
        """Stops listening: new connections are refused, old ones go on."""
        self._shut_listener()

    def _shut_listener(self):
        _shut(self._listener)
        self._listener.close()
        if isinstance(self.address, str) and os.path.exists(self.address):
            os.unlink(self.address)

    def _run(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener, stopping):
        while True:
            try:
                accepted, peer = listener.accept()
            except OSError:
                return
            with self.changed:
                connection = self.connection_class(self, accepted, peer, len(self.connections))
                self.connections.append(connection)
                self._open.add(connection)
                self.changed.notify_all()
            if stopping.is_set():  # stop() may have gone through the list before
                _shut(accepted)
            self._run(self._serve, connection)

    def _serve(self, connection):
        try:
            self.behaviour(connection)
        except http1.Ended:
            pass
        except http1.Cut as cut:
            connection.cut = cut
        except Exception as exception:
            if not self.stopping.is_set() and not _is_gone(exception):
                self.failures.append(f"connection {connection.number}: {_describe(exception)}; "
                                     f"received: {bytes(connection.received[-2000:])!r}")
        finally:
            connection.close()
            with self.changed:
                connection.finished.set()
                self._open.discard(connection)
                self.changed.notify_all()

    # Waiting

    def wait_until(self, condition, what, seconds=None):
        """Waits until condition() holds; looked at whenever something happens here."""
        deadline = Deadline(seconds, what)
        with self.changed:
            while not condition():
                try:
                    self.changed.wait(deadline.left())
                except Late as late:
                    raise Late(f"{late}; {len(self.connections)} connections, {len(self.requests)} "
                               f"requests, failures: {self.failures}") from None

    def wait_for_requests(self, count=1):
        """The first `count` requests, as soon as they have come."""
        self.wait_until(lambda: len(self.requests) >= count, f"{count} requests at the origin")
        return self.requests[:count]

    def wait_for_connections(self, count=1):
        self.wait_until(lambda: len(self.connections) >= count, f"{count} connections")
        return self.connections[:count]

    def settle(self):
        """Waits until everything that has arrived here so far was also read by the behaviours, so
        that what is not in `connections` and `received` has not been sent. TCP only."""
        with connect_to(self.address) as probe:
            own = probe.getsockname()
            self.wait_until(lambda: any(each.peer == own for each in reversed(self.connections)),
                            "the origin accepts what was connected before")
        for connection in self.open_connections():
            poll_until(connection.has_read_everything, what="the origin reads what has arrived")

    def open_connections(self):
        with self.changed:
            return list(self._open)

    @property
    def received(self):
        """All bytes of all connections, in the order of the connections."""
        return b"".join(bytes(connection.received) for connection in self.connections)

    def check(self):
        """Raises what went wrong in its threads."""
        if self.failures:
            failures, self.failures = self.failures, []
            raise AssertionError("the origin saw something wrong:\n" + "\n".join(failures))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind is None:
            self.check()


def _listen(address, backlog=1024):
    if isinstance(address, str):
        listener = socket.socket(socket.AF_UNIX)
    else:
        listener = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(backlog)
    return listener


def _shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _describe(exception):
    if isinstance(exception, AssertionError):
        return f"{type(exception).__name__}: {exception}"
    return "".join(traceback.format_exception(exception))


def _is_gone(exception):
    return isinstance(exception, (BrokenPipeError, ConnectionResetError)) or (
        isinstance(exception, OSError) and exception.errno == 9)
