"""Upgrades: what the server agrees to becomes a tunnel, without any setting (RFC 9110 7.8)."""

import asyncio
import threading

import pytest

from harness.client import request_bytes
from harness.deadline import wait_for
from harness.origin import answering, in_turn
from harness.websocket import ask_websocket

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "echo/1")]
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n"
          b"X-A: b\r\n\r\n")


def upgrading(talk):
    """A behaviour that switches protocols and then does `talk`."""
    def behaviour(connection):
        request = connection.read_request()
        assert request.list_of("Connection") == ["upgrade"]
        assert request.value("Upgrade") == "echo/1"
        connection.send(SWITCH)
        talk(connection)
    return behaviour


def echo(connection):
    while data := connection.read_some():
        connection.send(data)


def open_tunnel(client):
    client.send_request(fields=UPGRADE)
    response = client.read_response()
    assert response.status == 101, f"{response}: {response.body!r}"
    return response


def test_bytes_go_both_ways(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(upgrading(echo))))
    response = open_tunnel(client)
    assert response.list_of("Connection") == ["upgrade"]
    assert response.value("Upgrade") == "echo/1"
    assert response.value("X-A") == "b"
    for data in (b"a", b"\x00\r\n\r\n\xff", b"GET / HTTP/1.1\r\n\r\n"):
        client.send(data)
        assert client.read_exactly(len(data)) == data


@pytest.mark.parametrize("fields", [
    b"", b"Connection: Upgrade\r\n", b"Connection: Upgrade\r\nUpgrade: leak/1\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"Connection: Upgrade\r\nUpgrade:\r\n",
    b"Connection: Upgrade\r\nUpgrade: echo/1, leak\r\n"])
def test_a_server_changes_only_to_what_was_asked_for(start_origin, start_proxy, connect, fields):
    origin = start_origin(lambda connection: (
        connection.read_request(),
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\nleak")))
    client = connect(start_proxy(origin))
    client.send_request(fields=UPGRADE)
    assert client.read_response().status == 502
    assert b"leak" not in client.received


def test_one_of_several_protocols_in_another_case_is_asked_for(start_origin, start_proxy, connect):
    origin = start_origin(lambda connection: (
        connection.read_request(), connection.send(SWITCH.replace(b"echo/1", b"ECHO/1")),
        echo(connection)))
    client = connect(start_proxy(origin))
    client.send_request(fields=[("Connection", "Upgrade"), ("Upgrade", "a, h2c, echo/1")])
    assert client.read_response().status == 101
    client.send(b"a")
    assert client.read_exactly(1) == b"a"


def test_bytes_behind_the_101_are_delivered(start_origin, start_proxy, connect):
    def behaviour(connection):
        connection.read_request()
        connection.send(SWITCH + b"welcome")
        echo(connection)

    client = connect(start_proxy(start_origin(behaviour)))
    open_tunnel(client)
    assert client.read_exactly(7) == b"welcome"
    client.send(b"thanks")
    assert client.read_exactly(6) == b"thanks"


def test_bytes_behind_the_request_are_delivered(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(upgrading(echo))))
    client.send(request_bytes(fields=UPGRADE) + b"early")
    assert client.read_response().status == 101
    assert client.read_exactly(5) == b"early"


def test_nothing_reaches_the_server_before_it_has_switched(start_origin, start_proxy, connect):
    """Early bytes might be a request that nobody has checked."""
    asked, may_switch = threading.Event(), threading.Event()

    def behaviour(connection):
        connection.read_request()
        asked.set()
        connection.wait(may_switch)
        connection.expect_silence()
        connection.send(SWITCH)
        echo(connection)

    client = connect(start_proxy(start_origin(behaviour)))
    client.send(request_bytes(fields=UPGRADE) + b"GET /smuggled HTTP/1.1\r\n\r\n")
    wait_for(asked)
    may_switch.set()
    assert client.read_response().status == 101
    assert client.read_until(b"\r\n\r\n") == b"GET /smuggled HTTP/1.1\r\n\r\n"


def test_a_refused_upgrade_is_an_ordinary_exchange(start_origin, start_proxy, connect):
    origin = start_origin(answering(b"no", status=426, reason="Upgrade Required"))
    client = connect(start_proxy(origin))
    client.send(request_bytes(fields=UPGRADE) + request_bytes("GET", "/next"))
    for _ in range(2):
        response = client.read_response()
        assert (response.status, response.body) == (426, b"no")
    assert [request.target for request in origin.requests] == ["/", "/next"]


def test_a_half_closed_client_still_receives(start_origin, start_proxy, connect):
    def talk(connection):
        data = connection.read_to_end()
        connection.send(b"got " + data)

    client = connect(start_proxy(start_origin(upgrading(talk))))
    open_tunnel(client)
    client.send(b"everything")
    client.end_sending()
    assert client.read_to_end() == b"got everything"


def test_a_half_closed_server_still_receives(start_origin, start_proxy, connect):
    got = []
    done = threading.Event()

    def talk(connection):
        connection.send(b"bye")
        connection.end_sending()
        got.append(connection.read_to_end())
        done.set()

    client = connect(start_proxy(start_origin(upgrading(talk))))
    open_tunnel(client)
    assert client.read_to_end() == b"bye"
    client.send(b"not yet")
    client.close()
    wait_for(done)
    assert got == [b"not yet"]


def test_a_server_that_closes_closes_the_client(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(upgrading(lambda connection: connection.send(b"x")))))
    open_tunnel(client)
    assert client.read_to_end() == b"x"
    client.close()


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_client_that_goes_ends_the_tunnel(start_origin, start_proxy, connect, end):
    origin = start_origin(upgrading(echo))
    client = connect(start_proxy(origin))
    open_tunnel(client)
    getattr(client, end)()
    origin.wait_until(lambda: origin.connections[0].finished.is_set(), "the server is told")


def test_a_server_that_resets_ends_the_tunnel(start_origin, start_proxy, connect):
    client = connect(start_proxy(start_origin(upgrading(lambda connection: connection.reset()))))
    client.send_request(fields=UPGRADE)
    client.read_to_end()
    assert client.received.startswith((b"HTTP/1.1 101 ", b"HTTP/1.1 502 "))


def test_a_silent_tunnel_is_closed_in_time(start_origin, start_proxy, connect):
    origin = start_origin(upgrading(echo))
    client = connect(start_proxy(origin, settings="timeouts: {tunnel: 1s}"))
    open_tunnel(client)
    client.send(b"a")
    assert client.read_exactly(1) == b"a"
    client.expect_end()
    origin.wait_until(lambda: origin.connections[0].finished.is_set(), "the server is told")


def test_much_goes_through_a_tunnel_both_ways_at_once(start_origin, start_proxy, connect):
    size = 16 * 1024 * 1024
    client = connect(start_proxy(start_origin(upgrading(echo))))
    open_tunnel(client)
    client.keep_received = False
    sender = threading.Thread(target=lambda: client.socket.sendall(b"x" * size))
    client.socket.settimeout(60)
    sender.start()
    got = 0
    while got < size:
        got += len(client.socket.recv(1 << 20))
    sender.join()
    assert got == size


def test_a_server_that_is_slow_in_a_tunnel_holds_the_client_back(start_origin, start_proxy,
                                                                 connect):
    """Back-pressure: a peer that does not read stops the other, and Weir does not hoard."""
    size, may_read = 64 * 1024 * 1024, threading.Event()

    def talk(connection):
        connection.keep_received = False
        connection.wait(may_read, 60)
        connection.skim(size)
        connection.send(b"all")

    client = connect(start_proxy(start_origin(upgrading(talk))))
    open_tunnel(client)
    sent = client.send_until_blocked(b"x" * 65536, size)
    assert sent < size
    may_read.set()
    client.send(b"x" * (size - sent), 60)
    assert client.read_exactly(3) == b"all"


def test_a_tunnels_connection_is_never_used_for_another_request(start_origin, start_proxy, connect):
    origin = start_origin(in_turn(upgrading(echo), answering(b"next")))
    weir = start_proxy(origin)
    client = connect(weir)
    open_tunnel(client)
    client.close()
    assert connect(weir).ask().body == b"next"
    assert len(origin.connections) == 2


def test_several_protocols_are_offered_as_they_came(start_origin, start_proxy, connect):
    def behaviour(connection):
        request = connection.read_request()
        assert request.list_of("Upgrade") == ["foo/2", "echo/1"]
        connection.send(SWITCH)
        echo(connection)

    client = connect(start_proxy(start_origin(behaviour)))
    client.send_request(fields=[("Connection", "keep-alive, Upgrade"),
                                ("Upgrade", "foo/2, echo/1")])
    assert client.read_response().status == 101
    client.send(b"x")
    assert client.read_exactly(1) == b"x"


def test_h2c_is_dropped_from_a_list(start_origin, start_proxy, connect):
    def behaviour(connection):
        request = connection.read_request()
        assert request.list_of("Upgrade") == ["echo/1"]
        assert not request.has("HTTP2-Settings")
        connection.send(SWITCH)
        echo(connection)

    client = connect(start_proxy(start_origin(behaviour)))
    client.send_request(fields=[("Connection", "Upgrade, HTTP2-Settings"),
                                ("Upgrade", "h2c, echo/1"), ("HTTP2-Settings", "AAMAAABk")])
    assert client.read_response().status == 101


# The real thing

def test_websockets(start_weir, websocket_echo):
    weir = start_weir(f"sites: [{{proxy: \"http://{websocket_echo}\"}}]")
    messages = ["hello", b"\x00\xff", "", "x" * 200000, b"y" * 1000000]
    url = f"ws://{weir.address[0]}:{weir.address[1]}/chat?a=b"
    assert asyncio.run(ask_websocket(url, messages)) == messages


def test_many_websockets_at_once(start_weir, websocket_echo):
    weir = start_weir(f"sites: [{{proxy: \"http://{websocket_echo}\"}}]")
    url = f"ws://{weir.address[0]}:{weir.address[1]}/"

    async def all_of_them():
        return await asyncio.gather(*[ask_websocket(url, [str(number)]) for number in range(50)])

    assert asyncio.run(all_of_them()) == [[str(number)] for number in range(50)]


def test_a_server_that_switches_before_it_took_the_request_gets_all_of_it(
        start_origin, start_proxy, connect, directory):
    """What is still on its way to the server goes before the bytes of the tunnel."""
    may_switch = threading.Event()
    taken = []

    def behaviour(connection):
        connection.wait(may_switch)
        connection.send(SWITCH)
        taken.append(connection.read_until(b"\r\n0\r\n\r\n"))
        echo(connection)

    origin = start_origin(behaviour, address=str(directory / "app"))
    client = connect(start_proxy(origin))
    client.send_request("POST", fields=UPGRADE, body=[b"x" * 300000])
    client.wait_until_read()
    may_switch.set()
    assert client.read_response_head().status == 101
    client.send(b"behind")
    assert client.read_exactly(6) == b"behind"
    assert taken[0].count(b"x") >= 300000
