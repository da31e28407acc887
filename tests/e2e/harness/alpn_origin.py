"""A back end over TLS that speaks HTTP/2 or HTTP/1.1, as the handshake of each connection says:

    origin = start_alpn_origin("h2", "http/1.1")
    origin.switch("http/1.1")       # from now on; connections that there are end in good order

`origin.protocols` are those of the handshakes so far, None for one in which nothing was chosen."""

import socket

from harness.h2_origin import H2OriginConnection
from harness.http1 import Ended
from harness.origin import IDLE_SECONDS_MAX, Origin
from harness.tls_origin import TlsConnection, serving

NO_APPLICATION_PROTOCOL = b"\x15\x03\x03\x00\x02\x02\x78"  # a fatal alert


def hundred_times(target):
    """What harness.load.Load expects."""
    return target.encode() * 100


def answer_in_h1(connection, change):
    while True:
        request = connection.read_request()
        leaves = connection.origin.changes != change
        connection.answer(body=hundred_times(request.target),
                          fields=[("Connection", "close")] if leaves else [])
        if leaves:
            return


def answer_in_h2(connection, change):
    while True:
        request = connection.read_request()
        connection.answer(request, body=hundred_times(request.get(":path")))
        if connection.origin.changes != change:
            connection.go_away(request.stream)
            connection.read_to_end()
            return


def offers(connection, protocols):
    """Whether the hello, which is left where it is, has one of them in its list (RFC 7301 3.1)."""
    connection.socket.settimeout(IDLE_SECONDS_MAX)
    hello = connection.socket.recv(1 << 14, socket.MSG_PEEK)
    if not hello:
        raise Ended("no hello")
    return any(bytes([len(protocol)]) + protocol.encode() in hello for protocol in protocols)


class AlpnOrigin(Origin):
    connection_class = TlsConnection

    def __init__(self, address, authority, protocols, h1=None, h2=None, settings={},
                 is_strict=False, **parts):
        """`h1` and `h2`: behaviours. Without, each answers its target a hundred times. `is_strict`:
        who offers nothing of what it speaks gets an alert; else nothing is chosen."""
        self.authority, self.parts = authority, parts
        self.offers, self.changes, self.protocols = protocols, 0, []

        def behaviour(connection):
            change, context = self.changes, self._context()
            if is_strict and not offers(connection, self.offers):
                connection.send(NO_APPLICATION_PROTOCOL)
                return
            connection.shake_hands(context)
            with self.changed:
                self.protocols.append(connection.protocol)
            if connection.protocol == "h2":
                connection.__class__ = H2OriginConnection  # from now on
                connection.begin(settings)
                h2(connection) if h2 else answer_in_h2(connection, change)
            else:
                h1(connection) if h1 else answer_in_h1(connection, change)
        super().__init__(address, behaviour)

    def _context(self):
        context = serving(self.authority, "app", **self.parts)
        context.set_alpn_protocols(self.offers)
        return context

    def switch(self, *protocols):
        """Connections from before are left at their next request, which is answered."""
        with self.changed:
            self.offers = protocols
            self.changes += 1

    @property
    def url(self):
        return f"https://{self.server}"
