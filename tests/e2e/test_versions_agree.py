"""What a request may hold is the same in HTTP/1.1 and in HTTP/2, byte for byte: neither version is
the way around what the other one refuses."""

import pytest

METHOD, SCHEME, PATH, HOST = [(b":method", b"GET")], [(b":scheme", b"http")], [
    (b":path", b"/")], [(b":authority", b"a")]


def with_target(target):
    return (b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            METHOD + SCHEME + HOST + [(b":path", target)], lambda request: request.target)


def with_host(host):
    return (b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n",
            METHOD + SCHEME + PATH + [(b":authority", host)], lambda request: request.value("Host"))


def with_method(method):
    return (method + b" / HTTP/1.1\r\nHost: a\r\n\r\n",
            [(b":method", method)] + SCHEME + PATH + HOST, lambda request: request.method)


def with_field(name, value):
    return (b"GET / HTTP/1.1\r\nHost: a\r\n" + name + b": " + value + b"\r\n\r\n",
            METHOD + SCHEME + PATH + HOST + [(name, value)],
            lambda request: request.value(name.decode("latin-1")))


PLACES = {  # the byte is never at an end of a value, where HTTP/1.1 takes spaces off
    "path": lambda byte: with_target(b"/a" + byte + b"b"),
    "dots": lambda byte: with_target(b"/a/.." + byte + b"/b"),
    "escape": lambda byte: with_target(b"/a%%%02xb" % byte[0]),
    "dots before an escape": lambda byte: with_target(b"/a/..%%%02x/b" % byte[0]),
    "query": lambda byte: with_target(b"/?a" + byte + b"b"),
    "host": lambda byte: with_host(b"a" + byte + b"b"),
    "port": lambda byte: with_host(b"a:8" + byte + b"1"),
    "method": lambda byte: with_method(b"G" + byte + b"T"),
    "value": lambda byte: with_field(b"x", b"a" + byte + b"b"),
    "name": lambda byte: with_field(b"x" + byte.lower() + b"y", b"a"),
    "expectation": lambda byte: with_field(b"expect", b"100" + byte + b"continue"),
}


@pytest.mark.parametrize("place", PLACES)
def test_every_byte_means_the_same_to_both_versions(start_origin, start_h2c, h2, connect, place):
    origin = start_origin()
    weir = start_h2c(f"- proxy: {origin.url}", "limits: {stream_resets: 1000}")
    client = h2(weir)
    for byte in range(256):
        if place == "name" and byte in b":":
            continue  # ends the name in HTTP/1.1
        line, fields, seen = PLACES[place](bytes([byte]))
        told = []
        for ask in (lambda: one(connect, weir, line), lambda: client.read_response(
                client.send_headers(fields)).status or 400):
            before = len(origin.requests)
            status = ask()
            came = [seen(request) for request in origin.requests[before:]]
            assert len(came) == (status == 200), (byte, status, came)
            told.append(came)
        assert told[0] == told[1], byte


def one(connect, weir, line):
    client = connect(weir)
    client.send(line)
    status = client.read_response().status
    client.close()
    return status
