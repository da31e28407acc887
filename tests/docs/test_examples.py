"""The files of examples/ as they run: in front of servers that answer with what they received."""

import asyncio
import re
import shutil
import threading

import pytest
import websockets

from documents import ROOT
from harness.client import Client
from service import Service

EXAMPLES = ROOT / "examples"


@pytest.fixture
def serve(directory, ports):
    """serve(name) runs an example; more arguments go to Service."""
    services = []

    def start(name, **parts):
        shutil.copytree(EXAMPLES, directory, dirs_exist_ok=True)
        services.append(Service((EXAMPLES / name).read_text(), directory, ports, **parts))
        return services[-1]

    yield start
    for service in services:
        service.__exit__(None, None, None)


def ask(service, target="/", host="example.com", port="8080", method="GET", **parts):
    where = ("127.0.0.1", service.listeners[port])
    client = Client(where)
    try:
        return client.ask(method, target, host=host, **parts)
    finally:
        client.close()


def received(response):
    """What the server says that it received: its first line, and its fields."""
    first, *lines = response.body.decode().splitlines()
    return first, dict(line.split(": ", 1) for line in lines if ": " in line)


def test_every_example_is_told_of_and_runs():
    names = {path.name for path in EXAMPLES.glob("*.yaml")}
    source = open(__file__, encoding="utf-8").read()
    assert names == set(re.findall(r"\]\(([\w-]+\.yaml)\)", (EXAMPLES / "README.md").read_text()))
    assert names == set(re.findall(r'serve\("([\w-]+\.yaml)"', source))


def test_smallest(serve):
    service = serve("smallest.yaml")
    response = ask(service, "/any?x=1", host="whoever.example", port="80")
    assert response.value("X-Server") == "3000"
    assert received(response)[0] == "GET /any?x=1"


def test_fuller(serve):
    service = serve("fuller.yaml")
    moved = ask(service, "/a?b", host="www.shop.example.com", port="80")
    assert (moved.status, moved.value("Location")) == (308, "http://shop.example.com/a?b")
    response = ask(service, "/", host="eu.shop.example.com")
    assert response.value("X-Server") in ("3000", "3001")
    assert not response.has("Server") and response.value("X-Frame-Options") == "DENY"
    assert ask(service, "/reports/1", host="shop.example.com").value("X-Server") == "3002"
    upload = ask(service, "/upload", host="shop.example.com", method="POST", body=b"x" * 100)
    assert upload.status == 200
    assert ask(service, "/healthz", host="shop.example.com").body == b"good\n"
    assert ask(service, "/", host="other.example.com").status == 404


def test_rewriting(serve):
    service = serve("rewriting.yaml")
    blog = ask(service, "/blog/2024/hello")
    assert received(blog)[0] == "GET /2024/hello"
    assert received(blog)[1]["X-Client"] == "127.0.0.1"
    assert blog.has("X-Served-By") and not blog.has("Server")
    line, fields = received(ask(service, "/products/7?full=1"))
    assert (line, fields["Host"]) == ("GET /api/v1/items/7?full=1", "items.internal")
    line, fields = received(ask(service, "/u/ann/photos"))
    assert (line, fields["X-User"]) == ("GET /photos", "ann")
    moved = ask(service, "/article/12")
    assert (moved.status, moved.value("Location")) == (301, "/blog/12")
    assert ask(service, "/nothing").status == 404


def test_trusted_proxies(serve):
    service = serve("trusted-proxies.yaml")
    fields = received(ask(service, fields=[("X-Forwarded-For", "198.51.100.7, 10.0.0.9")]))[1]
    assert fields["X-Real-IP"] == "198.51.100.7"
    assert fields["X-Forwarded-For"] == "198.51.100.7, 10.0.0.9, 127.0.0.1"
    for client, status in (("192.0.2.7", 200), ("2001:db8::1", 200), ("198.51.100.7", 403)):
        assert ask(service, "/admin/", fields=[("X-Forwarded-For", client)]).status == status


def test_many_sites(serve):
    service = serve("many-sites.yaml")
    response = ask(service, host="www.blog.example.com")
    assert response.value("X-Server") == "3000" and not response.has("Server")
    assert ask(service, host="shop.example.com").value("X-Server") in ("3001", "3002")
    assert ask(service, host="other.example.com").body == b"nobody of that name here\n"


def test_unix_sockets(serve):
    service = serve("unix-sockets.yaml")
    client = Client(service.sockets["/run/weir/weir.sock"])
    try:
        response = client.ask(fields=[("X-Forwarded-For", "192.0.2.7")])
    finally:
        client.close()
    assert received(response)[1]["X-Forwarded-For"] == "192.0.2.7, unknown"


class Chat:
    """A server of WebSockets that repeats what it hears, in a thread."""

    def __init__(self, port):
        self._loop, ready = asyncio.new_event_loop(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port, ready))
        self._thread.start()
        assert ready.wait(10)

    def _run(self, port, ready):
        async def repeat(socket):
            async for message in socket:
                await socket.send(f"you said {message}")

        async def serve():
            self._over = asyncio.Event()
            async with websockets.serve(repeat, "127.0.0.1", port):
                ready.set()
                await self._over.wait()

        self._loop.run_until_complete(serve())
        self._loop.close()

    def stop(self):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)


def test_websocket(serve):
    async def talk(port):
        url = f"ws://chat.example.com:{port}/socket"
        async with websockets.connect(url, host="127.0.0.1", port=port) as socket:
            await socket.send("hello")
            return await socket.recv()

    service = serve("websocket.yaml", serves=False)
    chat = Chat(service.servers["3000"])
    try:
        assert asyncio.run(talk(service.listeners["8080"])) == "you said hello"
    finally:
        chat.stop()
