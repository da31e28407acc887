"""Clients over TLS: one that speaks HTTP, and the bytes of a handshake for who sends them by hand."""

import ssl

from harness.client import Client
from harness.deadline import PATIENCE


def trusting(authority, versions=(None, None), ciphers=None):
    """An ssl context that trusts the authority of the test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.file)
    if versions[0]:
        context.minimum_version = versions[0]
    if versions[1]:
        context.maximum_version = versions[1]
    if ciphers:
        context.set_ciphers(ciphers)
    return context


class TlsClient(Client):
    """Shakes hands at once and verifies the certificate for `name`; None asks for no name and
    verifies none. `was_cut` tells of a connection that ended without close_notify."""

    def __init__(self, address, context, name="example.com", session=None, **parts):
        super().__init__(address, **parts)
        if name is None:
            context.check_hostname = False
        self.was_cut = False
        self.socket.settimeout(PATIENCE)
        self.socket = context.wrap_socket(self.socket, server_hostname=name, session=session,
                                          suppress_ragged_eofs=False)

    def _receive(self, deadline):
        try:
            return super()._receive(deadline)
        except ssl.SSLEOFError:
            self.was_cut = self.peer_ended = True
            return False

    def shown(self):
        """The names in the certificate that was shown."""
        certificate = self.socket.getpeercert()
        return [name for _, name in certificate["subjectAltName"]]


class HandMade:
    """The client's half of TLS without a socket: what it wants to send, given what came."""

    def __init__(self, context, name):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.is_done = False

    def step(self, came=b""):
        """Goes on with the handshake; gives the bytes to send."""
        self.incoming.write(came)
        try:
            self.tls.do_handshake()
            self.is_done = True
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()

    def sealed(self, data):
        """The records that carry the data."""
        self.tls.write(data)
        return self.outgoing.read()

    def opened(self, came):
        """What the records carry, as far as they are whole."""
        self.incoming.write(came)
        data = b""
        try:
            while piece := self.tls.read(65536):
                data += piece
        except ssl.SSLWantReadError:
            pass
        return data
