"""Many clients in one thread, by asyncio, each with a strict eye for what it gets."""

import asyncio
import itertools
import socket
import struct
from collections import Counter

from harness import http1
from harness.busy_origin import body_of, proof_of
from harness.client import request_bytes
from harness.memory import Bytes

SECONDS_MAX = 60  # for one answer, however slow: what takes longer is stuck
UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "echo/1")]


class Visitor:
    """A connection of a client."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self._raw = b""

    @classmethod
    async def open(cls, address, source=None, buffer=None):
        """`address`: (host, port) or the path of a Unix socket; `source`: an own address on loopback; `buffer`: bytes that are received unasked, about."""
        connection = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        connection.setblocking(False)
        try:
            if buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            if source:
                connection.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
                connection.bind((source, 0))
            await asyncio.get_running_loop().sock_connect(connection, address)
            return cls(*await asyncio.open_connection(sock=connection, limit=buffer or 1 << 16))
        except BaseException:
            connection.close()
            raise

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, method="GET", target="/", **parts):
        await self.send(request_bytes(method, target, **parts))
        return await self.read_response()

    async def read_response(self, pause=0):
        """Raises what http1.read_response raises. `pause`: seconds between two pieces of the
        body."""
        self._raw = b""
        try:
            async with asyncio.timeout(SECONDS_MAX):
                await self._receive(pause)
        except (asyncio.IncompleteReadError, ConnectionError) as end:
            self._raw += getattr(end, "partial", b"")
            if not self._raw:
                raise http1.Ended("closed without an answer") from None
        return http1.read_response(Bytes(self._raw))

    async def _receive(self, pause):
        """One response as it comes; what it means is read from _raw afterwards."""
        await self._receive_line(b"\r\n\r\n")
        head = http1.read_response_head(Bytes(self._raw))
        framing, length = http1.response_framing(head)
        if framing == "chunked":
            while size := int(await self._receive_line(b"\r\n"), 16):
                await self._receive_bytes(size + 2, pause)
            while await self._receive_line(b"\r\n") != b"\r\n":
                pass
        elif framing == "counted":
            await self._receive_bytes(length, pause)
        elif framing == "close":
            self._raw += await self.reader.read()

    async def _receive_line(self, end):
        line = await self.reader.readuntil(end)
        self._raw += line
        return line

    async def _receive_bytes(self, count, pause):
        while count:
            piece = await self.reader.read(min(count, 4096 if pause else 1 << 16))
            if not piece:
                raise asyncio.IncompleteReadError(b"", count)
            self._raw += piece
            count -= len(piece)
            await asyncio.sleep(pause)

    async def read_to_end(self):
        try:
            async with asyncio.timeout(SECONDS_MAX):
                return await self.reader.read()
        except ConnectionError:
            return b""

    def reset(self):
        """Ends with RST instead of FIN."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self):
        self.writer.transport.abort()


class Crowd:
    """Clients of one Weir in front of BusyOrigins. What they do goes on until `stopping` is set;
    every answer is counted."""

    def __init__(self, address):
        self.address = address
        self.stopping = asyncio.Event()
        self.answers = Counter()  # by status; "cut"
        self.wrong = []           # texts
        self._numbers = itertools.count()

    # Keeping count

    def note(self, response, expected, what):
        """Counts the answer; a 200 must have that body."""
        self.answers[response.status] += 1
        if response.status == 200 and response.body != expected:
            self.wrong.append(f"{what}: {len(response.body)} bytes, {response.body[:100]!r}")

    def note_failure(self, failure, what):
        """A cut can be seen by who is cut, so it is allowed for; all else is wrong."""
        if isinstance(failure, http1.Cut):
            self.answers["cut"] += 1
        else:
            self.wrong.append(f"{what}: {type(failure).__name__} {failure}")

    def check(self, *allowed):
        """Asserts that nothing was but 200, and what is allowed besides."""
        assert not self.wrong, f"{len(self.wrong)} wrong: {self.wrong[:5]}; {self.answers}"
        assert set(self.answers) <= {200, *allowed}, self.answers
        assert self.answers[200] > 0, self.answers

    async def wait_for(self, count, status=200):
        """Until `count` more answers with that status have come."""
        wanted = self.answers[status] + count
        async with asyncio.timeout(SECONDS_MAX):
            while self.answers[status] < wanted:
                await asyncio.sleep(0.01)

    # What a client may do

    async def ask_often(self, query="size=1000", source=None, pause=0):
        """One request after the other over one connection, opened anew where it was closed."""
        visitor = None
        while not self.stopping.is_set():
            visitor = visitor or await self._enter(source)
            target = f"/{next(self._numbers)}?{query}"
            if visitor and not await self._ask(visitor, "GET", target, body_of(target)):
                visitor.close()
                visitor = None
            await asyncio.sleep(pause)
        if visitor:
            visitor.close()

    async def read_slowly(self, size=1 << 17, pause=0.3, source=None):
        """One large response, taken in small pieces."""
        target = f"/{next(self._numbers)}?size={size}"
        visitor = await Visitor.open(self.address, source, buffer=4096)
        try:
            await visitor.send(request_bytes("GET", target))
            self.note(await visitor.read_response(pause), body_of(target), target)
        except (AssertionError, OSError, TimeoutError) as failure:
            self.note_failure(failure, f"slow reader of {target}")
        visitor.close()

    async def write_slowly(self, pieces=50, pause=0.3, source=None):
        """One request whose body comes in small pieces."""
        body = b"%09d " % next(self._numbers) * 100 * pieces
        visitor = await Visitor.open(self.address, source)
        try:
            head, _ = request_bytes("POST", "/slow", body=body).split(b"\r\n\r\n", 1)
            await visitor.send(head + b"\r\n\r\n")
            for at in range(0, len(body), 1000):
                await visitor.send(body[at:at + 1000])
                await asyncio.sleep(pause)
            self.note(await visitor.read_response(), proof_of(body), "slow writer")
        except (AssertionError, OSError, TimeoutError) as failure:
            self.note_failure(failure, "slow writer")
        visitor.close()

    async def tunnel(self, host="example.com", pause=0.5):
        """Echoes through one upgraded connection."""
        visitor = await Visitor.open(self.address)
        try:
            response = await visitor.ask("GET", "/", host=host, fields=UPGRADE)
            assert response.status == 101, response
            while not self.stopping.is_set():
                data = b"%09d" % next(self._numbers) * 50
                await visitor.send(data)
                async with asyncio.timeout(SECONDS_MAX):
                    assert await visitor.reader.readexactly(len(data)) == data
                self.answers["echo"] += 1
                await asyncio.sleep(pause)
        except (AssertionError, OSError, TimeoutError, EOFError) as failure:
            self.wrong.append(f"tunnel: {type(failure).__name__} {failure}")
        visitor.close()

    async def _enter(self, source):
        try:
            return await Visitor.open(self.address, source)
        except OSError as failure:
            self.wrong.append(f"connecting: {failure}")
            self.stopping.set()
            return None

    async def _ask(self, visitor, method, target, expected):
        """Whether the connection is still good."""
        try:
            response = await visitor.ask(method, target)
            self.note(response, expected, target)
            return "close" not in response.list_of("Connection")
        except (AssertionError, OSError, TimeoutError) as failure:
            self.note_failure(failure, target)
            return False


async def finish(tasks):
    """Waits for all of them; the first exception is raised."""
    async with asyncio.timeout(SECONDS_MAX):
        await asyncio.gather(*tasks)


def start(*coroutines):
    """Tasks that run beside the caller."""
    return [asyncio.create_task(each) for each in coroutines]
