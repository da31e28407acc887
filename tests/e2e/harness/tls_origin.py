"""A back end that speaks TLS: an Origin whose connections shake hands first, on their own threads.
What became of each handshake stands in its connection: `handshake_error`, `asked_name`,
`was_resumed`, `shown` (the subject of the certificate that it was shown)."""

import ssl

from harness.http1 import Ended
from harness.origin import Origin, OriginConnection


def serving(authority, file, versions=(None, None), asks_for_certificate=False):
    """An ssl context with FILE.pem and FILE.key of the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.directory / f"{file}.pem", authority.directory / f"{file}.key")
    context.set_alpn_protocols(["http/1.1"])
    if versions[0]:
        context.minimum_version = versions[0]
    if versions[1]:
        context.maximum_version = versions[1]
    if asks_for_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.file)
    return context


class TlsConnection(OriginConnection):
    handshake_error = asked_name = shown = None
    was_resumed = was_cut = False

    def shake_hands(self, context):
        self.socket.settimeout(10)
        try:
            self.socket = context.wrap_socket(self.socket, server_side=True,
                                              suppress_ragged_eofs=False)
        except (ssl.SSLError, OSError) as error:
            self.handshake_error = error
            raise Ended("no handshake") from None
        self.was_resumed = self.socket.session_reused
        self.version = self.socket.version()
        self.protocol = self.socket.selected_alpn_protocol()
        certificate = self.socket.getpeercert() or {}
        self.shown = dict(pair[0] for pair in certificate.get("subject", ()))

    def _receive(self, deadline):
        try:
            return super()._receive(deadline)
        except ssl.SSLEOFError:
            self.was_cut = self.peer_ended = True
            return False
        except ssl.SSLError:
            self.peer_ended = True
            return False

    def say_goodbye(self):
        """close_notify, without waiting for that of the peer."""
        self.socket.settimeout(0)
        try:
            self.socket.unwrap()
        except (ssl.SSLError, OSError):
            pass


class TlsOrigin(Origin):
    connection_class = TlsConnection

    def __init__(self, address, context, behaviour=None):
        self.context = context
        self.names = []  # that were asked for (SNI), handshake by handshake
        context.sni_callback = lambda _, name, __: self.names.append(name)
        super().__init__(address, behaviour)
        plain = self.behaviour

        def over_tls(connection):
            connection.shake_hands(self.context)
            plain(connection)
        self.behaviour = over_tls

    @property
    def url(self):
        return f"https://{self.server}"
