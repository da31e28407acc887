"""The harness itself, in one short walk: what a first test looks like."""

import os
import subprocess
import sys

import pytest


def test_a_request_goes_through(start_origin, start_proxy, connect):
    origin = start_origin()
    client = connect(start_proxy(origin))
    response = client.ask("GET", "/a?b")
    assert response.status == 200
    assert response.body == b"hello"
    assert origin.requests[0].target == "/a?b"


def test_pieces_arrive_one_by_one(start_origin, start_proxy, connect):
    origin = start_origin()
    client = connect(start_proxy(origin))
    message = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
    client.send_pieces([message[i:i + 1] for i in range(len(message))])
    assert client.read_response().status == 200


@pytest.mark.one_thread
@pytest.mark.parametrize("beside", [("-n", "2"), ()])
def test_what_is_written_down_is_written_by_one_test_at_a_time(beside):
    result = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", *beside, __file__],
                            env=os.environ | {"WEIR_WRITE_GOLDEN": "1"}, capture_output=True, text=True)
    assert ("run it without -n" in result.stderr) == bool(beside)
    assert (result.returncode == 0) == (not beside)
