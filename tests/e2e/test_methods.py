"""Methods of which HTTP asks something special of who passes them on."""

import pytest

from harness.origin import answering

@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_max_forwards_is_counted_down(start_origin, start_proxy, connect, method):
    """RFC 9110 7.6.2."""
    origin = start_origin()
    response = connect(start_proxy(origin)).ask(method, fields=[("Max-Forwards", "5")])
    if response.status == 200:
        assert origin.requests[0].value("Max-Forwards") == "4"
    else:
        assert method == "TRACE" and response.status in (405, 501)


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_max_forwards_of_none_goes_no_further(start_origin, start_proxy, connect, method):
    origin = start_origin()
    connect(start_proxy(origin)).ask(method, fields=[("Max-Forwards", "0")])
    assert origin.requests == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_max_forwards_of_other_methods_means_nothing(start_origin, start_proxy, connect, method):
    origin = start_origin()
    connect(start_proxy(origin)).ask(method, fields=[("Max-Forwards", "0")])
    assert origin.requests[0].value("Max-Forwards") == "0"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS",
                                    "PROPFIND", "BREW", "get"])
def test_methods_go_on_as_they_are(start_origin, start_proxy, connect, method):
    origin = start_origin(answering(b""))
    assert connect(start_proxy(origin)).ask(method).status == 200
    assert origin.requests[0].method == method
