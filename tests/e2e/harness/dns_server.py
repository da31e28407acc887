"""A real DNS server on loopback, over UDP and TCP at one port, whose records a test changes at any
time:

    names = DnsServer(("127.0.0.1", ports.take()))
    names.set("app.test", "A", "127.0.0.2", "127.0.0.3", ttl=1)
    names.set("_http._tcp.app.test", "SRV", (1, 5, 8080, "app.test"), ttl=1)
    names.fail("app.test", "SERVFAIL")      # or SILENCE, or NXDOMAIN; None: as the records say
    names.wait_for_questions("app.test", 2) # two more than there were

What does not fit into 512 bytes is cut over UDP, so that who asks comes again over TCP (RFC 1035
4.2.1)."""

import socket
import socketserver
import struct
import threading

from harness.deadline import Deadline

TYPES = {"A": 1, "CNAME": 5, "AAAA": 28, "SRV": 33}
CODES = {"SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}
SILENCE = "SILENCE"
UDP_MAX = 512


def _name(text):
    labels = [label.encode() for label in text.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _data(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "SRV":
        priority, weight, port, target = value
        return struct.pack(">HHH", priority, weight, port) + _name(target)
    return _name(value)


def _question(message):
    """Its name and type, and where it ends."""
    labels, at = [], 12
    while length := message[at]:
        labels.append(message[at + 1:at + 1 + length].decode("latin-1").lower())
        at += 1 + length
    return ".".join(labels), struct.unpack_from(">H", message, at + 1)[0], at + 5


class DnsServer:
    def __init__(self, address):
        self.address = address
        self.questions = []             # (name, type, "UDP" or "TCP"), as they came
        self._changed = threading.Condition()
        self._records, self._failures = {}, {}
        self._servers = [_Udp(address, self), _Tcp(address, self)]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def text(self):
        return "{}:{}".format(*self.address)

    def set(self, name, kind, *values, ttl=1):
        """Replaces the records of that type; without values there are none."""
        with self._changed:
            self._records.setdefault(name, {})[kind] = [(ttl, _data(kind, value))
                                                        for value in values]

    def fail(self, name, how, kind=None):
        """What becomes of questions for the name, or for one type alone."""
        with self._changed:
            self._failures[name, kind] = how

    def count(self, name):
        with self._changed:
            return sum(question[0] == name for question in self.questions)

    def wait_for_questions(self, name, more=1):
        """Until so many more came for that name than have by now."""
        deadline = Deadline(what=f"{more} more questions for {name}")
        with self._changed:
            wanted = sum(question[0] == name for question in self.questions) + more
            while sum(question[0] == name for question in self.questions) < wanted:
                self._changed.wait(deadline.left())

    def answer(self, message, way):
        """None: silence."""
        name, number, end = _question(message)
        kind = next((each for each, known in TYPES.items() if known == number), None)
        with self._changed:
            self.questions.append((name, kind, way))
            self._changed.notify_all()
            how = self._failures.get((name, kind)) or self._failures.get((name, None))
            records = self._records.get(name)
        if how == SILENCE:
            return None
        code = CODES[how] if how else CODES["NXDOMAIN"] if records is None else 0
        found = [] if code else records.get(kind, [])
        body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", number, 1, ttl, len(data)) + data
                        for ttl, data in found)
        is_cut = way == "UDP" and end + len(body) > UDP_MAX
        flags = 0x8180 | code | (0x0200 if is_cut else 0)
        head = message[:2] + struct.pack(">HHHHH", flags, 1, 0 if is_cut else len(found), 0, 0)
        return head + message[12:end] + (b"" if is_cut else body)

    def stop(self):
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _UdpHandler(socketserver.BaseRequestHandler):
    def handle(self):
        message, connection = self.request
        answer = self.server.owner.answer(message, "UDP")
        if answer:
            connection.sendto(answer, self.client_address)


class _TcpHandler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            self._answer_all()
        except ConnectionError:
            pass  # who asked has all that he wants

    def _answer_all(self):
        while len(size := self.rfile.read(2)) == 2:
            message = self.rfile.read(int.from_bytes(size, "big"))
            answer = self.server.owner.answer(message, "TCP")
            if answer:
                self.wfile.write(len(answer).to_bytes(2, "big") + answer)


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True

    def __init__(self, address, owner):
        self.owner = owner
        super().__init__(address, _UdpHandler)


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address = True, True

    def __init__(self, address, owner):
        self.owner = owner
        super().__init__(address, _TcpHandler)
