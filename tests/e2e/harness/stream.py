"""A connected socket with a buffer and deadlines, for both raw clients and raw origins. Keeps every
byte that it received and sent."""

import select
import socket
import struct
import time
import zlib

from harness.deadline import Deadline, Late
from harness.http1 import Cut, Ended, Malformed
from harness.socket_queue import wait_until_read

LINE_MAX = 256 * 1024


class Stream:
    def __init__(self, connection):
        self.socket = connection
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()  # everything, as it came
        self.sent = 0                # bytes
        self.keep_received = True    # False: for large bodies, remember only what is not read yet
        self.peer_ended = False      # the peer closed its sending side, or reset
        self.peer_reset = False
        self._buffer = bytearray()   # received, not read by the test yet
        self._most, self._pause = 256 * 1024, 0

    # Receiving

    def _receive(self, deadline):
        """Takes in more bytes. False at the end of the stream."""
        if self.peer_ended:
            return False
        time.sleep(self._pause)
        self.socket.settimeout(deadline.left())
        try:
            data = self.socket.recv(self._most)
        except (ConnectionResetError, BrokenPipeError):
            self.peer_reset = True
            data = b""
        except (TimeoutError, socket.timeout):
            raise Late(f"waited {deadline.seconds:g} s in vain: {deadline.what}; "
                       f"unread so far: {bytes(self._buffer[:2000])!r}") from None
        if not data:
            self.peer_ended = True
            return False
        if self.keep_received:
            self.received += data
        self._buffer += data
        return True

    def _take(self, count):
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def read_some(self, seconds=None):
        """Whatever is there, at least one byte; b"" at the end."""
        if not self._buffer:
            self._receive(Deadline(seconds, "some bytes"))
        return self._take(len(self._buffer))

    def read_exactly(self, count, seconds=None):
        deadline = Deadline(seconds, f"{count} bytes")
        while len(self._buffer) < count:
            if not self._receive(deadline):
                raise Cut(f"closed after {len(self._buffer)} of {count} bytes",
                          self._take(len(self._buffer)))
        return self._take(count)

    def read_until(self, mark, seconds=None):
        """Bytes up to and including `mark`."""
        deadline = Deadline(seconds, f"bytes up to {mark!r}")
        searched = 0
        while (at := self._buffer.find(mark, max(0, searched - len(mark)))) < 0:
            searched = len(self._buffer)
            if not self._receive(deadline):
                raise Cut(f"closed before {mark!r}", self._take(len(self._buffer)))
        return self._take(at + len(mark))

    def read_line(self, seconds=None):
        """One line without its CRLF. A bare CR or LF is Malformed."""
        deadline = Deadline(seconds, "a line")
        while b"\n" not in self._buffer:
            if len(self._buffer) > LINE_MAX:
                raise Malformed("a line without end")
            if not self._receive(deadline):
                if not self._buffer:
                    raise Ended("closed")
                raise Cut("closed in the middle of a line", self._take(len(self._buffer)))
        line = self._take(self._buffer.index(b"\n") + 1)
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise Malformed(f"bare CR or LF in {line!r}")
        return line[:-2]

    def read_to_end(self, seconds=None):
        """Everything until the peer closes. A reset counts as an end: see peer_reset."""
        deadline = Deadline(seconds, "the peer closes")
        while self._receive(deadline):
            pass
        return self._take(len(self._buffer))

    def skim(self, count, seconds=60.0):
        """Receives `count` bytes of a large body and forgets them. Returns a running sum of them
        (adler32), so that two sides can compare without keeping."""
        deadline, checksum = Deadline(seconds, f"{count} bytes of a large body"), 1
        while count:
            if not self._buffer and not self._receive(deadline):
                raise Cut(f"closed with {count} bytes missing")
            data = self._take(min(count, len(self._buffer)))
            checksum = zlib.adler32(data, checksum)
            count -= len(data)
        return checksum

    def slow_down(self, most, pause):
        """From now on takes so many bytes at once, and sleeps for so many seconds before."""
        self._most, self._pause = most, pause

    def wait_for_bytes(self, seconds=None):
        """Waits until something to read, or the end, has come."""
        if not self._buffer:
            self._receive(Deadline(seconds, "some bytes"))

    def unread(self):
        """What came and is not read yet; stays unread."""
        return bytes(self._buffer)

    def has_unread(self):
        """Whether bytes (or the end) have come that the test has not read; does not wait."""
        if self._buffer or self.peer_ended:
            return True
        self.socket.settimeout(0)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return True
        except (BlockingIOError, TimeoutError):
            return False
        except OSError:
            return True

    def was_reset(self):
        """Whether the peer has reset the connection, as of now, though there may be more to read."""
        told = select.poll()
        told.register(self.socket, 0)  # errors are told unasked
        return bool(told.poll(0))

    def expect_end(self, seconds=None):
        """Asserts that the peer closes and sends nothing more before."""
        rest = self.read_to_end(seconds)
        assert rest == b"", f"bytes before the close: {rest[:2000]!r}"

    def expect_silence(self):
        """Asserts that nothing has come and the connection is open, as of now."""
        assert not self.has_unread(), f"not silent: {self.read_some()!r}"

    # Sending

    def send(self, data, seconds=None):
        deadline = Deadline(seconds, f"sending {len(data)} bytes")
        view = memoryview(data)
        while view:
            self.socket.settimeout(deadline.left())
            try:
                count = self.socket.send(view[:1 << 20])
            except (TimeoutError, socket.timeout):
                raise Late(f"the peer takes nothing; {self.sent} bytes sent so far") from None
            self.sent += count
            view = view[count:]

    def send_pieces(self, pieces, seconds=None, until_answered=False):
        """Sends each piece after the peer has read the one before, so that it sees just these
        splits. `until_answered`: stops where the peer has answered or closed already, as one does
        who is refused."""
        deadline = Deadline(seconds, "the peer reads what was sent")
        for number, piece in enumerate(pieces):
            if number > 0:
                wait_until_read(self.socket, deadline.left())
                if until_answered and self.has_unread():
                    return
            self.send(piece)

    def wait_until_read(self, seconds=None):
        """Waits until the peer has read everything that was sent."""
        wait_until_read(self.socket, seconds)

    def send_until_blocked(self, data, most, quiet=0.3):
        """Sends `data` again and again until the peer has taken nothing for `quiet` seconds, or
        `most` bytes are out. Returns the bytes sent: the bound of all buffers between."""
        count = 0
        while count < most:
            self.socket.settimeout(quiet)
            try:
                count += self.socket.send(data)
            except (TimeoutError, socket.timeout):
                break
        self.sent += count
        return count

    # Ending

    def end_sending(self):
        """Closes the sending side only; what comes can still be read."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Ends with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()


def connect_to(address, receive_buffer=None, source=None, segment=None):
    """A connected socket. `address`: (host, port) or the path of a Unix socket. `segment`: the
    bytes of the largest TCP segment, for what the peer's kernel holds is made of many of them."""
    if isinstance(address, str):
        connection = socket.socket(socket.AF_UNIX)
    else:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        connection = socket.socket(family)
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if segment:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
    if source:
        connection.bind((source, 0))
    deadline = Deadline(what=f"connecting to {address}")
    connection.settimeout(deadline.left())
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def is_accepting(address):
    try:
        connect_to(address).close()
        return True
    except OSError:
        return False
