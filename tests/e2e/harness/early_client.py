"""The client's half of TLS 1.3 with early data (0-RTT), without a socket, as harness.tls_client's
HandMade; Python's own ssl has no early data, so this speaks to the same library by itself."""

import ctypes

from harness.client import Client
from harness.deadline import PATIENCE, Deadline
from harness.h2_client import H2Client

_ssl, _crypto = ctypes.CDLL("libssl.so.3"), ctypes.CDLL("libcrypto.so.3")
_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_size_t
_SET_HOST_NAME, _SET_LEAST_VERSION, _TLS13 = 55, 123, 0x0304
_WANT_READ, _CLOSED = 2, 6


def _function(library, name, result, *arguments):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments
    return function


_method = _function(_ssl, "TLS_client_method", _POINTER)
_new_context = _function(_ssl, "SSL_CTX_new", _POINTER, _POINTER)
_free_context = _function(_ssl, "SSL_CTX_free", None, _POINTER)
_context_control = _function(_ssl, "SSL_CTX_ctrl", ctypes.c_long, _POINTER, ctypes.c_int,
                             ctypes.c_long, _POINTER)
_new = _function(_ssl, "SSL_new", _POINTER, _POINTER)
_free = _function(_ssl, "SSL_free", None, _POINTER)
_control = _function(_ssl, "SSL_ctrl", ctypes.c_long, _POINTER, ctypes.c_int, ctypes.c_long,
                     ctypes.c_char_p)
_set_protocols = _function(_ssl, "SSL_set_alpn_protos", ctypes.c_int, _POINTER, ctypes.c_char_p,
                           ctypes.c_uint)
_set_state = _function(_ssl, "SSL_set_connect_state", None, _POINTER)
_set_bio = _function(_ssl, "SSL_set_bio", None, _POINTER, _POINTER, _POINTER)
_set_session = _function(_ssl, "SSL_set_session", ctypes.c_int, _POINTER, _POINTER)
_take_session = _function(_ssl, "SSL_get1_session", _POINTER, _POINTER)
_free_session = _function(_ssl, "SSL_SESSION_free", None, _POINTER)
_most_early = _function(_ssl, "SSL_SESSION_get_max_early_data", ctypes.c_uint32, _POINTER)
_set_most_early = _function(_ssl, "SSL_SESSION_set_max_early_data", ctypes.c_int, _POINTER,
                            ctypes.c_uint32)
_set_time = _function(_ssl, "SSL_SESSION_set_time", ctypes.c_long, _POINTER, ctypes.c_long)
_set_protocol = _function(_ssl, "SSL_SESSION_set1_alpn_selected", ctypes.c_int, _POINTER,
                          ctypes.c_char_p, _SIZE)
_time = _function(_ssl, "SSL_SESSION_get_time", ctypes.c_long, _POINTER)
_handshake = _function(_ssl, "SSL_do_handshake", ctypes.c_int, _POINTER)
_write = _function(_ssl, "SSL_write_ex", ctypes.c_int, _POINTER, ctypes.c_char_p, _SIZE,
                   ctypes.POINTER(_SIZE))
_write_early = _function(_ssl, "SSL_write_early_data", ctypes.c_int, _POINTER, ctypes.c_char_p,
                         _SIZE, ctypes.POINTER(_SIZE))
_read = _function(_ssl, "SSL_read_ex", ctypes.c_int, _POINTER, ctypes.c_char_p, _SIZE,
                  ctypes.POINTER(_SIZE))
_error_of = _function(_ssl, "SSL_get_error", ctypes.c_int, _POINTER, ctypes.c_int)
_status = _function(_ssl, "SSL_get_early_data_status", ctypes.c_int, _POINTER)
_reused = _function(_ssl, "SSL_session_reused", ctypes.c_int, _POINTER)
_memory = _function(_crypto, "BIO_s_mem", _POINTER)
_new_bio = _function(_crypto, "BIO_new", _POINTER, _POINTER)
_bio_read = _function(_crypto, "BIO_read", ctypes.c_int, _POINTER, ctypes.c_char_p, ctypes.c_int)
_bio_write = _function(_crypto, "BIO_write", ctypes.c_int, _POINTER, ctypes.c_char_p, ctypes.c_int)
_bio_control = _function(_crypto, "BIO_ctrl", ctypes.c_long, _POINTER, ctypes.c_int, ctypes.c_long,
                         _POINTER)
_clear_errors = _function(_crypto, "ERR_clear_error", None)


class Refused(ConnectionError):
    """The library says that the peer broke the rules, or refused us."""


class Ticket:
    """With which a later connection takes this one up."""

    def __init__(self, session):
        self.session = session

    def __del__(self):
        _free_session(self.session)

    @property
    def most_early(self):
        """Bytes of early data that the peer permits; 0: none."""
        return _most_early(self.session)

    def permit(self, size):
        """Has the client believe that it may send as much."""
        _set_most_early(self.session, size)

    def speak(self, protocol):
        """Has the client believe that this is what it was given for."""
        _set_protocol(self.session, protocol, len(protocol))

    def age(self, seconds):
        """Has the client tell of an age that is so much higher than it is."""
        _set_time(self.session, _time(self.session) - seconds)


class EarlyHand:
    """Verifies nothing. `h2` asks for HTTP/2 alone."""

    def __init__(self, name="example.com", ticket=None, h2=False):
        context = _new_context(_method())
        _context_control(context, _SET_LEAST_VERSION, _TLS13, None)
        self.tls = _new(context)
        _free_context(context)
        self.incoming, self.outgoing = _new_bio(_memory()), _new_bio(_memory())
        for bio in (self.incoming, self.outgoing):
            _bio_control(bio, 130, -1, None)  # what is empty is not the end
        _set_bio(self.tls, self.incoming, self.outgoing)
        _set_state(self.tls)
        _control(self.tls, _SET_HOST_NAME, 0, name.encode())
        protocol = b"\x02h2" if h2 else b"\x08http/1.1"
        _set_protocols(self.tls, protocol, len(protocol))
        if ticket:
            _set_session(self.tls, ticket.session)
        self.is_done = self.is_ended = False

    def __del__(self):
        _free(self.tls)

    def _to_send(self):
        data, memory = b"", ctypes.create_string_buffer(65536)
        while (count := _bio_read(self.outgoing, memory, len(memory))) > 0:
            data += memory.raw[:count]
        return data

    def _ask(self, function, *arguments):
        """Whether it succeeded; not: it wants more to read."""
        _clear_errors()
        result = function(self.tls, *arguments)
        error = 0 if result == 1 else _error_of(self.tls, result)
        self.is_ended |= error == _CLOSED
        if error not in (0, _WANT_READ, _CLOSED):
            raise Refused(f"the library says {error}")
        return result == 1

    def early(self, data):
        """The first flight with that in it; or more of it, before any other step."""
        written = _SIZE()
        assert self._ask(_write_early, data, len(data), ctypes.byref(written))
        assert written.value == len(data)
        return self._to_send()

    def step(self, came=b""):
        """Goes on with the handshake; gives the bytes to send."""
        _bio_write(self.incoming, came, len(came))
        self.is_done |= self._ask(_handshake)
        return self._to_send()

    def sealed(self, data):
        written = _SIZE()
        assert self._ask(_write, data, len(data), ctypes.byref(written))
        return self._to_send()

    def opened(self, came=b""):
        """What the records carry, as far as they are whole."""
        _bio_write(self.incoming, came, len(came))
        data, memory, count = b"", ctypes.create_string_buffer(65536), _SIZE()
        while self._ask(_read, memory, len(memory), ctypes.byref(count)):
            data += memory.raw[:count.value]
        return data

    @property
    def was_accepted(self):
        """Whether early data was; known when the handshake is done."""
        return _status(self.tls) == 2

    @property
    def is_resumed(self):
        return _reused(self.tls) == 1

    def ticket(self):
        """After something was read behind the handshake."""
        return Ticket(_take_session(self.tls))


class EarlyClient(Client):
    """Over a socket, with what it reads decrypted. The end of the handshake is sent by finish()
    alone, so that a test can look at what comes before."""

    def __init__(self, address, receive_buffer=None, **parts):
        super().__init__(address, receive_buffer=receive_buffer)
        self.hand = EarlyHand(**parts)
        self.withheld = b""

    def _receive(self, deadline):
        """What comes goes through the library; only what it says goes into the stream."""
        size = len(self._buffer)
        more = super()._receive(deadline)
        came = bytes(self._buffer[size:])
        del self._buffer[size:]
        if not self.hand.is_done:
            self.withheld += self.hand.step(came)
            came = b""
        if self.hand.is_done:
            self._buffer += self.hand.opened(came)
        return more

    def start(self, early=b""):
        """Sends the first flight; gives its bytes."""
        flight = self.hand.early(early) if early else self.hand.step()
        self.send(flight)
        return flight

    def shake(self):
        """Reads until the server's half of the handshake is there."""
        deadline = Deadline(PATIENCE)
        while not self.hand.is_done:
            assert self._receive(deadline), "the server ended in the handshake"
        return self

    def finish(self, data=b""):
        """Sends the end of the handshake, and data behind it."""
        self.shake()
        self.send(self.withheld + (self.hand.sealed(data) if data else b""))
        self.withheld = b""
        return self

    def say(self, data):
        assert not self.withheld, "the handshake comes first"
        self.send(self.hand.sealed(data))


class EarlyH2Client(H2Client):
    """HTTP/2 over an EarlyClient: what it has to say goes into early data until start(), and then
    waits for finish()."""

    def __init__(self, client, settings={}):
        self.client, self.waiting = client, b""
        super().__init__(client.socket, settings)

    def send(self, data, seconds=None):
        self.waiting += data

    def _receive(self, deadline):
        more = self.client._receive(deadline)
        self._buffer += self.client._take(len(self.client._buffer))
        return more

    def start(self):
        early, self.waiting = self.waiting, b""
        return self.client.start(early)

    def finish(self):
        data, self.waiting = self.waiting, b""
        self.client.finish(data)
