"""What takes a minute: thousands of connections, idle and active, hasty and slow, at once. Run by
`make soak`; WEIR_SOAK_SECONDS changes the minute."""

import asyncio
import os
import resource
import socket
import threading
import time

import pytest

from harness.deadline import PATIENCE, poll_until
from harness.weir import is_sanitized

pytestmark = pytest.mark.soak

SECONDS = float(os.environ.get("WEIR_SOAK_SECONDS", "60"))
IDLE, ACTIVE = 10000, 2000
LARGE = 200000
RESIDENT_MAX = 64 * 1024  # KiB, while all are there


@pytest.fixture(autouse=True)
def many_descriptors():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < IDLE + 2 * ACTIVE:
        pytest.skip(f"only {before[1]} descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def many_origin(ports):
    """A back end for thousands of connections; its address. GET /NAME gives NAME and LARGE bytes
    for names that begin with `large`; POST gives the number of bytes that came."""
    loop, port = asyncio.new_event_loop(), ports.take()

    async def serve(reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                writer.write(await answer(reader, head))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", port, backlog=4096))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"127.0.0.1:{port}"

    async def stop():
        server.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(stop(), loop).result(PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def answer(reader, head):
    line, *fields = head.decode("latin-1").split("\r\n")
    body = line.split(" ")[1].encode()
    for field in fields:
        name, _, value = field.partition(":")
        if name.lower() == "content-length":
            body = b"%d" % len(await reader.readexactly(int(value)))
    if body.startswith(b"/large"):
        body += b"x" * (LARGE - len(body))
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Tally:
    def __init__(self):
        self.answers, self.wrong = {"hasty": 0, "slow reader": 0, "slow writer": 0}, []


async def read_body(reader, piece=None):
    """The body of one counted response; slowly, `piece` bytes at a time, where that is given."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    if not piece:
        return await reader.readexactly(length)
    body = b""
    while len(body) < length:
        body += await reader.readexactly(min(piece, length - len(body)))
        await asyncio.sleep(0.02)
    return body


async def be_hasty(reader, writer, name):
    writer.write(b"GET /%s HTTP/1.1\r\nHost: example.com\r\n\r\n" % name)
    assert await read_body(reader) == b"/" + name
    await asyncio.sleep(0.5)


async def read_slowly(reader, writer, name):
    writer.write(b"GET /large-%s HTTP/1.1\r\nHost: example.com\r\n\r\n" % name)
    body = await read_body(reader, 8192)
    assert body.startswith(b"/large-%sx" % name) and len(body) == LARGE


async def write_slowly(reader, writer, name):
    writer.write(b"POST /%s HTTP/1.1\r\nHost: example.com\r\nContent-Length: 2000\r\n\r\n" % name)
    for _ in range(20):
        writer.write(b"x" * 100)
        await writer.drain()
        await asyncio.sleep(0.05)
    assert await read_body(reader) == b"2000"


KINDS = {"hasty": be_hasty, "slow reader": read_slowly, "slow writer": write_slowly}


async def be_active(address, number, tally, end):
    kind = ("hasty", "hasty", "hasty", "slow reader", "slow writer")[number % 5]
    try:
        reader, writer = await asyncio.open_connection(*address, limit=16384)
        count = 0
        while time.monotonic() < end:
            count += 1
            work = KINDS[kind](reader, writer, b"%d-%d" % (number, count))
            await asyncio.wait_for(work, 6 * PATIENCE)
            tally.answers[kind] += 1
        writer.close()
    except Exception as failure:  # each is accounted for
        tally.wrong.append(f"{kind} {number}: {type(failure).__name__} {failure}")


async def all_active(weir, tally):
    end, highest = time.monotonic() + SECONDS, 0
    working = asyncio.gather(*[be_active(weir.address, number, tally, end)
                               for number in range(ACTIVE)])
    while not working.done():
        await asyncio.sleep(0.5)
        highest = max(highest, weir.resident_kib())
    return highest


def ask(connection, name):
    connection.sendall(b"GET /%s HTTP/1.1\r\nHost: example.com\r\n\r\n" % name)
    data = connection.recv(4096)
    assert data.startswith(b"HTTP/1.1 200 ") and data.endswith(b"/" + name), data


def open_idle(address):
    connections = []
    for number in range(IDLE):
        connection = socket.create_connection(address, PATIENCE)
        ask(connection, b"%d" % number)
        connections.append(connection)
    return connections


@pytest.mark.parametrize("threads", [1, 2])
def test_thousands_of_connections_for_a_minute(start_weir, many_origin, threads):
    weir = start_weir(f"""
        threads: {threads}
        sites: [{{proxy: "http://{many_origin}"}}]
        timeouts: {{keep_alive: 30m}}
    """)
    before = weir.descriptors()
    idle = open_idle(weir.address)
    tally = Tally()
    highest = asyncio.run(all_active(weir, tally))
    print(f"{tally.answers}, {highest} KiB at most")
    assert tally.wrong == []
    assert min(tally.answers.values()) > ACTIVE / 10, tally.answers
    assert is_sanitized() or highest < RESIDENT_MAX, f"{highest} KiB"
    for number, connection in enumerate(idle):
        ask(connection, b"again-%d" % number)
        connection.close()
    poll_until(lambda: weir.descriptors() < before + 200, 60, "descriptors are closed")
