"""How far servers of HTTP/2 may send ahead of clients: as far as `stream_window` of their upstream
says, for each response by itself, and no further, whatever clients do not take."""

import pathlib
import signal
import threading

import pytest

from harness.deadline import poll_until, wait_for
from harness.h2_client import FIRST_WINDOW, INITIAL_WINDOW_SIZE
from harness.weir import is_sanitized, write_configuration

KIB, MIB = 1024, 1024 * 1024
CALLS = 100    # on one connection


def send_what_goes(connection, requests):
    """Content of all of them, until no window is open."""
    while any(connection.room(request) > 0 for request in requests):
        for request in requests:
            room = connection.room(request)
            if room > 0:
                connection.send_data(request, bytes(room))
        connection.ping()
        connection.ping()  # windows may open behind the first answer


@pytest.mark.parametrize("window, settings, defaults", [
    (512 * KIB, "", ""), (2 * MIB, ", stream_window: 2MiB", ""),
    (FIRST_WINDOW, "", "defaults: {upstream: {stream_window: 65535}}"),
    (MIB, ", stream_window: 1MiB", "defaults: {upstream: {stream_window: 65535}}")])
def test_the_window_is_that_of_the_upstream(start_h2_origin, start_weir, connect, window, settings,
                                            defaults):
    def behaviour(connection):
        connection.answer(connection.read_request())
        connection.read_to_end()

    origin = start_h2_origin(behaviour)
    weir = start_weir(f'''
        upstreams: {{app: {{servers: ["{origin.url}"]{settings}}}}}
        sites: [{{proxy: app}}]
        limits: {{stream_window: 1MiB}}  # of clients, and no affair of servers
        {defaults}
    ''')
    assert connect(weir).ask("GET", "/").status == 200
    connection = origin.connections[0]
    assert connection.peer_settings[INITIAL_WINDOW_SIZE] == window
    assert FIRST_WINDOW + connection.opened.get(0, 0) == CALLS * window


def test_a_server_sends_a_window_ahead_of_its_client(start_h2_origin, start_h2c, h2):
    """Nothing is taken meanwhile, and the server never had to wait."""
    body = bytes(range(256)) * (2 * KIB)

    def behaviour(connection):
        request = connection.read_request()
        assert connection.window(request) == len(body)
        connection.send_head(request, [(":status", "200")])
        connection.send_data(request, body, end=True)
        connection.ping()
        sent.append(request)
        while True:
            connection.answer(connection.read_request(), body=b"quick")

    sent = []
    client = h2(start_h2c(f'- proxy: "{start_h2_origin(behaviour).url}"'), {INITIAL_WINDOW_SIZE: 8})
    client.open_window(0, MIB)
    slow = client.send_request()
    poll_until(lambda: sent)
    assert client.ask().body == b"quick"
    assert len(client.response(slow).body) <= 8
    client.open_window(slow, MIB)
    assert client.read_response(slow).body == body


def test_upstreams_with_windows_of_their_own_share_no_connection(start_h2_origin, start_weir,
                                                                 connect):
    origin = start_h2_origin()
    weir = start_weir(f'''
        threads: 1
        upstreams:
          near: {{servers: ["{origin.url}"], stream_window: 128KiB}}
          far: {{servers: ["{origin.url}"], stream_window: 4MiB}}
        sites: [{{host: near, proxy: near}}, {{host: far, proxy: far}}]
    ''')
    client = connect(weir)
    for host in ("near", "far", "near", "far"):
        assert client.ask("GET", "/", host=host).body == b"hello"
    assert [connection.peer_settings[INITIAL_WINDOW_SIZE] for connection in origin.connections] \
        == [128 * KIB, 4 * MIB]


def test_a_reload_changes_the_window_of_what_comes(start_h2_origin, start_weir, connect):
    """Who is in the middle goes on under what was announced to him."""
    def behaviour(connection):
        while True:
            request = connection.read_request()
            if request.get(":path") == "/held":
                connection.send_head(request, [(":status", "200")])
                connection.send_data(request, b"half")
                connection.wait(reloaded)
                connection.send_data(request, b" and half", end=True)
            else:
                connection.answer(request, body=b"new")

    def text(window):
        return (f'threads: 1\nupstreams: {{app: {{servers: ["{origin.url}"], '
                f"stream_window: {window}}}}}\nsites: [{{proxy: app}}]\n")

    reloaded = threading.Event()
    origin = start_h2_origin(behaviour)
    weir = start_weir(text("128KiB"))
    held = connect(weir)
    held.send_request("GET", "/held")
    assert held.read_response_head().status == 200
    write_configuration(pathlib.Path(weir.arguments[2]).parent, text("1MiB"), weir.address)
    weir.signal(signal.SIGHUP)
    weir.wait_for_log("the configuration was loaded")
    assert connect(weir).ask("GET", "/").body == b"new"
    reloaded.set()
    assert held.read_until(b"0\r\n\r\n") == b"4\r\nhalf\r\n9\r\n and half\r\n0\r\n\r\n"
    assert [connection.peer_settings[INITIAL_WINDOW_SIZE] for connection in origin.connections] \
        == [128 * KIB, MIB]


def test_many_clients_that_take_nothing_hold_up_no_other(start_h2_origin, start_h2c, h2):
    """Most of the connection's window lies in their responses, and a part of the rest has been taken
    and is still to be given back."""
    body = bytes(range(256)) * (16 * KIB)

    def behaviour(connection):
        held = [connection.read_request() for _ in range(CALLS - 1)]
        for request in held:
            connection.send_head(request, [(":status", "200")])
        send_what_goes(connection, held)
        is_full.set()
        request = connection.read_request()
        connection.send_head(request, [(":status", "200")])
        connection.send_patiently(request, body, end=True)
        connection.read_to_end()

    is_full, origin = threading.Event(), start_h2_origin(behaviour)
    weir = start_h2c("- proxy: app", f'upstreams: {{app: {{servers: ["{origin.url}"], '
                                     "stream_window: 65535}}")
    slow, quick = h2(weir, {INITIAL_WINDOW_SIZE: 0}), h2(weir, {INITIAL_WINDOW_SIZE: len(body)})
    quick.open_window(0, len(body))
    for _ in range(CALLS - 1):
        slow.send_request()
    wait_for(is_full)
    assert quick.ask().body == body


def test_many_uploads_that_nobody_takes_hold_up_no_other(start_h2_origin, start_origin, start_h2c,
                                                         h2):
    """The same the other way."""
    def behaviour(connection):
        connection.opens_windows = False
        connection.read_to_end()

    held = start_h2_origin(behaviour, settings={INITIAL_WINDOW_SIZE: 0})
    body = bytes(MIB)
    weir = start_h2c(f"""
        - host: held
          proxy: "{held.url}"
        - proxy: {start_origin(lambda c: c.answer(body=b"%d" % len(c.read_request().body))).url}
    """, "limits: {streams: 10, stream_window: 65535}")
    client = h2(weir)
    client.read_until(lambda: client.settings)
    streams = [client.send_request("POST", host="held", end=False) for _ in range(9)]
    while any(client.room(stream) > 0 for stream in streams):
        for stream in streams:
            client.send_data(stream, bytes(max(client.room(stream), 0)))
        client.ping()
        client.ping()
    stream = client.send_request("POST", end=False)
    client.send_patiently(stream, body, end=True)
    assert client.read_response(stream).body == b"%d" % len(body)


def test_what_clients_do_not_take_is_bounded(start_h2_origin, start_h2c, h2):
    """Forty responses of which nothing is taken: a window is held of each, and a little more that is
    on its way to the client."""
    COUNT, WINDOW, ON_THE_WAY = 40, MIB, 320 * KIB

    def behaviour(connection):
        requests = [connection.read_request() for _ in range(COUNT)]
        for request in requests:
            connection.send_head(request, [(":status", "200")])
        send_what_goes(connection, requests)
        result.append([connection.sent_data[request.stream] for request in requests])
        connection.read_to_end()

    result = []
    weir = start_h2c('- proxy: app', f'upstreams: {{app: {{servers: '
                     f'["{start_h2_origin(behaviour).url}"], stream_window: {WINDOW}}}}}')
    client = h2(weir, {INITIAL_WINDOW_SIZE: 0})
    before = weir.resident_kib()
    streams = [client.send_request() for _ in range(COUNT)]
    sent = poll_until(lambda: result)[0]
    assert all(WINDOW <= count <= WINDOW + ON_THE_WAY for count in sent)
    grown = weir.resident_kib() - before
    assert is_sanitized() or grown < COUNT * (WINDOW + ON_THE_WAY) // KIB
    assert client.read_head(streams[0]).status == 200
