"""A back end that is a process of its own, for many connections at once, and so that a test can
kill it, stop it and let it go on. What it does stands in the query of the target:

    /any?size=N     N bytes made of the target, see body_of()
    &chunked        in chunks
    &pieces=P       in P pieces with a pause of 0.1 s between two
    &cut            resets the connection in the middle of the body
    /peak           how many connections were open at most so far

A body is answered with proof_of() it; a request for the upgrade to echo/1 gets a tunnel that
echoes."""

import asyncio
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import zlib
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import http1  # noqa: E402
from harness.memory import Bytes  # noqa: E402
from harness.origin import response_bytes  # noqa: E402

PAUSE_SECONDS = 0.1
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n"


def body_of(target):
    """The body of the answer to that target."""
    size = int(parse_qs(urlsplit(target).query).get("size", ["0"])[0])
    pattern = target.encode() + b" "
    return (pattern * (size // len(pattern) + 1))[:size]


def proof_of(body):
    """The answer to a request with that body."""
    return b"%d bytes, %08x" % (len(body), zlib.adler32(body))


class BusyOrigin:
    """The process, from start() to stop()."""

    def __init__(self, address):
        self.address, self.process = address, None
        self.start()

    @property
    def server(self):
        return "{}:{}".format(*self.address)

    def start(self):
        """Also again after kill(), at the same address."""
        self.process = subprocess.Popen(
            ["/usr/bin/python3", __file__, *map(str, self.address)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n", "the origin does not come up"

    def kill(self):
        """The kernel closes its connections, resetting those with unread bytes."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    stop = kill

    def freeze(self):
        """Its connections stay, and the kernel accepts new ones; nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)


class _Server:
    def __init__(self):
        self.open = self.peak = 0

    async def serve(self, reader, writer):
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the peer went
        finally:
            self.open -= 1
            writer.close()

    async def _answer(self, reader, writer):
        """Whether the connection can take another request."""
        head = await reader.readuntil(b"\r\n\r\n")
        request = http1.read_request_head(Bytes(head))
        if request.has("Upgrade"):
            await _echo(reader, writer)
            return False
        if request.target == "/peak":
            writer.write(response_bytes(body=b"%d" % self.peak))
        elif request.has("Content-Length"):
            body = await reader.readexactly(int(request.value("Content-Length")))
            writer.write(response_bytes(body=proof_of(body)))
        else:
            return await _send_body(writer, request.target)
        await writer.drain()
        return True


async def _echo(reader, writer):
    writer.write(SWITCH)
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def _send_body(writer, target):
    query = parse_qs(urlsplit(target).query, keep_blank_values=True)
    body, count = body_of(target), int(query.get("pieces", ["1"])[0])
    if "chunked" in query:
        data = response_bytes(body=[body[at:at + 9000] for at in range(0, len(body), 9000)])
    else:
        data = response_bytes(body=body)
    if "cut" in query:
        return await _cut(writer, data)
    step = -(-len(data) // count)
    for at in range(0, len(data), step):
        if at > 0:
            await asyncio.sleep(PAUSE_SECONDS)
        writer.write(data[at:at + step])
        await writer.drain()
    return True


async def _cut(writer, data):
    writer.write(data[:len(data) // 2])
    await writer.drain()
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def _main(host, port):
    server = await asyncio.start_server(_Server().serve, host, int(port), backlog=4096)
    os.write(1, b"ready\n")
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
