"""How many bytes the peer of a socket has not read yet, asked of the kernel.

Lets a test send a message in pieces and know that each piece was read on its own: send, wait until
the peer's queue is empty, send the next. No sleep, no guess."""

import errno
import fcntl
import os
import socket
import struct
import termios

from harness.deadline import poll_until

_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_NETLINK_SOCK_DIAG = 4
_HEADER = struct.Struct("=IHHII")
_TCP_INFO_BYTES_RECEIVED = 128  # offset of tcpi_bytes_received
_TCP_INFO_UNACKED = 24  # of tcpi_unacked: of a listener, the connections in its queue
_ANY_COOKIE = b"\xff" * 8


def _diag_request(family, source, destination):
    """An inet_diag_req_v2 for exactly one TCP socket, the one whose own address is `source`."""
    def packed(address):
        return socket.inet_pton(family, address[0]).ljust(16, b"\0")

    identity = (struct.pack("!HH", source[1], destination[1]) + packed(source)
                + packed(destination) + struct.pack("=I", 0) + _ANY_COOKIE)
    body = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + identity
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0) + body


def _tcp_receive_queue(family, source, destination):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as netlink:
        netlink.send(_diag_request(family, source, destination))
        answer = netlink.recv(4096)
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _NLMSG_ERROR:
        code = -struct.unpack_from("=i", answer, _HEADER.size)[0]
        if code == errno.ENOENT:
            return None
        raise OSError(code, os.strerror(code))
    # inet_diag_msg: 4 bytes, 48 of identity, expires, then the receive queue
    return struct.unpack_from("=I", answer, _HEADER.size + 4 + 48 + 4)[0]


def waiting_to_be_accepted(listener):
    """How many connections are in the queue of a listener of TCP."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("=I", info, _TCP_INFO_UNACKED)[0]


def unread_by_peer(connection):
    """Bytes sent over `connection` that its peer has not read; 0 where the peer is gone."""
    if connection.family == socket.AF_UNIX:
        return struct.unpack("=i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4))[0]
    try:
        own, peer = connection.getsockname(), connection.getpeername()
    except OSError:
        return 0
    return _tcp_receive_queue(connection.family, peer, own) or 0


def is_taken_by_peer(connection):
    """Whether the peer's kernel has all that was sent over `connection`, read or not. TCP only."""
    return struct.unpack("=i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4))[0] == 0


def wait_until_read(connection, seconds=None):
    """Waits until the peer has read everything that was sent."""
    poll_until(lambda: unread_by_peer(connection) == 0, seconds, "the peer reads what was sent")


def bytes_arrived(connection):
    """How many bytes the kernel has taken in on this TCP socket so far, read or not; one more when
    the peer has closed its sending side."""
    return struct.unpack_from("=Q", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192),
                              _TCP_INFO_BYTES_RECEIVED)[0]
