"""Servers that take a request slowly: who takes something all the time is asked until it has all of
it, however late the system tells Weir that there is room again, and its time to answer begins then.
Those that take nothing are in test_limits.py and test_h2_servers.py, those of HTTP/2 there as well.
"""

import pytest

from harness.client import request_bytes
from harness.h2_client import INITIAL_WINDOW_SIZE, WINDOW_UPDATE

PIECES = [bytes(range(256)) * 256] * 48
BODY = b"".join(PIECES)  # 3 MiB, more than the system holds


def taking_slowly(connection):
    """For many times as long as a server may pause."""
    connection.slow_down(8 * 1024, 0.01)
    connection.answer(200, b"%d" % len(connection.read_request().body))


def taking_slowly_in_h2(connection):
    """With windows that are never shut."""
    connection.opens_windows = False
    connection.send_frame(WINDOW_UPDATE, 0, 0, (1 << 30).to_bytes(4, "big"))
    connection.answer(connection.read_request())  # from now on its settings are known
    connection.slow_down(8 * 1024, 0.01)
    request = connection.read_request()
    connection.answer(request, body=b"%d" % len(request.body))


@pytest.fixture(params=["HTTP/1.1", "TLS", "HTTP/2"])
def weir(request, start_origin, start_tls_origin, start_h2_origin, start_weir, authority, connect):
    if request.param == "HTTP/2":
        origin = start_h2_origin(taking_slowly_in_h2, settings={INITIAL_WINDOW_SIZE: 1 << 30})
    else:
        origin = (start_tls_origin if request.param == "TLS" else start_origin)(taking_slowly)
    origin.narrow(64 * 1024, 1460)
    weir = start_weir(f"""
        threads: 1
        sites: [{{proxy: '{origin.url}'}}]
        defaults: {{upstream: {{tls: {{ca: {authority.file}}}}}}}
        timeouts: {{between_bytes: 1s, first_byte: 1s}}""")
    if request.param == "HTTP/2":
        assert connect(weir).ask().status == 200
    return weir


@pytest.mark.parametrize("framing", ["counted", "chunked"])
def test_who_takes_a_request_steadily_gets_all_of_it(weir, connect, framing):
    client = connect(weir)
    client.send(request_bytes("POST", body=BODY if framing == "counted" else PIECES), 60)
    response = client.read_response()
    assert (response.status, response.body) == (200, b"%d" % len(BODY))
