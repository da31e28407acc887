"""A raw client: sends exactly the bytes it is given, reads with the strict parser."""

from harness import http1
from harness.stream import Stream, connect_to


def request_bytes(method="GET", target="/", host="example.com", fields=(), body=b"", version="1.1",
                  trailers=None):
    """A well-formed request. A bytes body is counted; a list of bytes is sent in chunks."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in fields]
    if isinstance(body, list):
        lines.append("Transfer-Encoding: chunked")
        return _head(lines) + chunked_bytes(body, trailers or ())
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return _head(lines) + body


def chunked_bytes(pieces, trailers=()):
    """A chunked body with its last chunk."""
    data = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return data + b"0\r\n" + _head([f"{name}: {value}" for name, value in trailers])


def _head(lines):
    return "".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n"


class Client(Stream):
    def __init__(self, address, **parts):
        super().__init__(connect_to(address, **parts))

    def send_request(self, method="GET", target="/", **parts):
        """Sends a request made by request_bytes(), without waiting for the answer."""
        self.send(request_bytes(method, target, **parts))

    def read_response(self, method="GET"):
        """The next final response, complete with its body; 1xx before it are in its `interim`.
        Raises Ended (closed before it), Cut (closed within it), Malformed, Late."""
        return http1.read_response(self, method)

    def read_response_head(self):
        """The next head alone, 1xx too; the body is then read with read_exactly() and the like."""
        return http1.read_response_head(self)

    def ask(self, method="GET", target="/", **parts):
        """One request and its response."""
        self.send_request(method, target, **parts)
        return self.read_response(method)
