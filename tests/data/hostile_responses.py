"""Responses of a broken or hostile server: our own list, from the grammar of RFC 9110 and 9112 and
from the known ways to confuse a proxy about where a response ends. tests/e2e lets an origin send
each of them, in several splits, and looks at what the client gets.

What is expected of a case:
  BadGateway  a 502 of Weir's own; nothing of the response reaches the client
  Cut         the head was fine and may have gone on: the client sees that the body was cut, never a
              proper end; or a 502, where nothing had gone on yet
  Pass        the client gets exactly this
  Either      the RFC leaves it open: Pass or BadGateway

Whatever happens, the connection to the server is not used again behind BadGateway, Cut and
`poisoned` ones, `leak` never reaches the client, and the next request gets its own answer."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class BadGateway:
    pass


@dataclass(frozen=True)
class Cut:
    pass


@dataclass(frozen=True)
class Pass:
    """`fields`: a name with the value it must have, or None where it must be missing."""
    status: int = 200
    body: bytes = b""
    fields: dict = field(default_factory=dict)
    trailers: dict = field(default_factory=dict)
    interim: tuple = None    # statuses of the interim responses before it; None: any


@dataclass(frozen=True)
class Either:
    passed: Pass


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    rule: str
    expect: object
    method: str = "GET"
    then: str = "stay"       # what the server does behind it: stay, close, reset
    poisoned: bool = False   # bytes are left on the connection: it must not be used again


CASES = []
BAD = BadGateway()


def case(name, data, rule, expect, **more):
    assert all(known.name != name for known in CASES), name
    CASES.append(Case(name, data, rule, expect, **more))


def head(*lines):
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def ok(*fields, body=b"", line=b"HTTP/1.1 200 OK"):
    return head(line, *fields) + body


def counted(*fields, body=b"hello", line=b"HTTP/1.1 200 OK"):
    return ok(*fields, b"Content-Length: %d" % len(body), body=body, line=line)


def chunked(body, *fields):
    return ok(b"Transfer-Encoding: chunked", *fields, body=body)


SECOND = counted(b"X-Leak: leak", body=b"leak")
HELLO = Pass(body=b"hello")

# The status line (RFC 9112 4)

for name, line in {
    "two-spaces": b"HTTP/1.1  200 OK", "space-first": b" HTTP/1.1 200 OK",
    "tab-first": b"\tHTTP/1.1 200 OK", "tab-for-space": b"HTTP/1.1\t200 OK",
    "two-digits": b"HTTP/1.1 20 OK", "four-digits": b"HTTP/1.1 2000 OK",
    "letter-in-status": b"HTTP/1.1 20x OK", "no-status": b"HTTP/1.1 OK",
    "version-alone": b"HTTP/1.1",
    "no-version": b"200 OK", "lower-case": b"http/1.1 200 OK", "http2": b"HTTP/2.0 200 OK",
    "http3": b"HTTP/3 200 OK", "http0.9": b"HTTP/0.9 200 OK", "no-minor": b"HTTP/1 200 OK",
    "minor-10": b"HTTP/1.10 200 OK", "shoutcast": b"ICY 200 OK", "plus": b"HTTP/1.1 +200 OK",
    "minus": b"HTTP/1.1 -200 OK", "zero-first": b"HTTP/1.1 0200 OK",
    "status-000": b"HTTP/1.1 000 Zero",
    "status-099": b"HTTP/1.1 099 Low", "status-600": b"HTTP/1.1 600 High",
    "status-999": b"HTTP/1.1 999 High", "nul-in-reason": b"HTTP/1.1 200 O\x00K",
    "control-in-reason": b"HTTP/1.1 200 O\x01K", "delete-in-reason": b"HTTP/1.1 200 O\x7fK",
    "cr-in-reason": b"HTTP/1.1 200 O\rK", "lf-in-reason": b"HTTP/1.1 200 O\nX-Leak: leak",
    "tab-behind-status": b"HTTP/1.1 200\tOK", "request": b"GET / HTTP/1.1",
    "html": b"<html>leak</html>",
    "comma-in-version": b"HTTP/1,1 200 OK",
    "full-width-digits": b"HTTP/1.1 \xef\xbc\x92\xef\xbc\x900 OK",
    "nul-first": b"\x00HTTP/1.1 200 OK", "hex-status": b"HTTP/1.1 0c8 OK",
    "status-with-dot": b"HTTP/1.1 403.1 No", "colon": b"HTTP/1.1: 200 OK",
}.items():
    case(f"line-{name}", counted(line=line, body=b"leak"), "9112 4", BAD)
case("line-empty-first", b"\r\n" + counted(body=b"leak"), "9112 4", BAD)
case("line-lf-first", b"\n" + counted(body=b"leak"), "9112 4", BAD)
case("line-ssh", b"SSH-2.0-leak\r\n", "9112 4", BAD, then="close")
case("line-tls-alert", b"\x15\x03\x01\x00\x02\x02\x46", "9112 4", BAD, then="close")
case("line-overlong-reason", counted(line=b"HTTP/1.1 200 " + b"leak" * 50000), "9112 4", BAD)
case("line-without-end", b"HTTP/1.1 200 " + b"leak" * 50000, "9112 4", BAD)
case("line-without-reason", counted(line=b"HTTP/1.1 200"), "9112 4", Either(HELLO))
case("line-version-1.2", counted(line=b"HTTP/1.2 200 OK"), "9110 2.5", Either(HELLO))
case("line-high-bytes-in-reason", counted(line=b"HTTP/1.1 200 \xc3\xa4"), "9112 4", Either(HELLO))
case("line-empty-reason", counted(line=b"HTTP/1.1 200 "), "9112 4", HELLO)
case("line-unknown-status", counted(line=b"HTTP/1.1 299 Odd"), "9110 15", Pass(299, b"hello"))

# Lines and fields (RFC 9112 2.2, 5)

FIELD = "9112 5"
for name, line in {
    "no-colon": b"X-A", "empty-name": b": leak", "space-in-name": b"X A: leak",
    "nul-in-name": b"X\x00A: leak", "control-in-name": b"X\x01A: leak",
    "high-byte-in-name": b"X\xe4: leak",
    "bracket-in-name": b"X(A): leak", "quote-in-name": b'X"A": leak', "slash-in-name": b"X/A: leak",
    "nul-in-value": b"X-A: le\x00ak", "control-in-value": b"X-A: le\x01ak",
    "escape-in-value": b"X-A: \x1b[0m",
    "delete-in-value": b"X-A: le\x7fak", "vertical-tab-in-value": b"X-A: le\x0bak",
    "cr-in-value": b"X-A: b\rX-Leak: leak",
    "cr-last": b"X-A: leak\r", "lf-in-value": b"X-A: b\nX-Leak: leak",
    "lf-ends-line": b"X-A: b\nX-B: leak",
    "splits-response": b"Location: /a\n\nHTTP/1.1 200 OK\nX-Leak: leak", "spaces-alone": b"  ",
    "equals-in-name": b"Set=Cookie: leak", "lf-in-name": b"X\nA: leak",
}.items():
    case(f"field-{name}", counted(line, b"X-Leak: leak", body=b"leak"), FIELD, BAD)
case("field-space-before-first", counted(b" X-A: leak"), "9112 2.2", BAD)
case("field-space-before-colon", counted(b"X-A : b"), "9112 5.1",
     Either(Pass(body=b"hello", fields={"X-A": "b"})))
case("field-tab-before-colon", counted(b"X-A\t: b"), "9112 5.1",
     Either(Pass(body=b"hello", fields={"X-A": "b"})))
case("field-fold", counted(b"X-A: b\r\n c"), "9112 5.2",
     Either(Pass(body=b"hello", fields={"X-A": "b c"})))
case("field-fold-by-tab", counted(b"X-A: b\r\n\tc"), "9112 5.2",
     Either(Pass(body=b"hello", fields={"X-A": "b c"})))
case("field-fold-of-length", ok(b"Content-Length:\r\n 5", body=b"hello"), "9112 5.2", Either(HELLO))
case("field-fold-of-coding", ok(b"Transfer-Encoding:\r\n chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
     "9112 5.2", Either(HELLO))
case("lines-end-in-lf", counted(body=b"leak").replace(b"\r\n", b"\n"), "9112 2.2", BAD)
case("status-line-ends-in-lf", counted(body=b"leak").replace(b"\r\n", b"\n", 1), "9112 2.2", BAD)
case("status-line-ends-in-cr", counted(body=b"leak").replace(b"\r\n", b"\r", 1), "9112 2.2", BAD)
case("head-ends-in-lf", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\nleak", "9112 2.2", BAD)
case("head-ends-in-cr-cr-lf", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\r\nleak", "9112 2.2",
     BAD)
case("head-too-large", counted(b"X-A: " + b"leak" * 50000), "9112 5", BAD)
case("head-too-many-fields", counted(*[b"X-%d: leak" % i for i in range(5000)]), "9112 5", BAD)
case("head-without-end", b"HTTP/1.1 200 OK\r\n" + b"X-A: leak\r\n" * 100000, "9112 5", BAD)
case("field-high-bytes-in-value", counted(b"X-A: \xe4\xff"), "9110 5.5",
     Pass(body=b"hello", fields={"X-A": "\xe4\xff"}))
case("field-empty-value", counted(b"X-A:"), "9110 5.5", Pass(body=b"hello", fields={"X-A": ""}))
case("field-hop-by-hop",
     counted(b"Connection: X-A, keep-alive", b"X-A: leak", b"Keep-Alive: timeout=9",
                                 b"Proxy-Connection: keep-alive", b"Upgrade: h2c"), "9110 7.6.1",
     Pass(body=b"hello", fields={"X-A": None, "Keep-Alive": None, "Proxy-Connection": None,
                                  "Upgrade": None}))
case("field-connection-lists-too-much",
     counted(b"Connection: " + b"a, " * 65, body=b"leak!"), "9110 7.6.1", BAD)
case("field-connection-lists-length", counted(b"Connection: Content-Length"), "9110 7.6.1", HELLO)
case("field-connection-lists-coding",
     chunked(b"5\r\nhello\r\n0\r\n\r\n", b"Connection: Transfer-Encoding"),
     "9110 7.6.1", HELLO)

# Content-Length (RFC 9110 8.6, RFC 9112 6.3)

LENGTH = "9112 6.3"
for name, value in {
    "plus": b"+5", "minus": b"-5", "by-space": b"5 5", "list-different": b"5, 6", "hex": b"0x5",
    "letter": b"5a", "fraction": b"5.0", "word": b"five", "2^64+5": b"18446744073709551621",
    "thirty-nines": b"9" * 30, "quoted": b'"5"', "comma": b"5,", "semicolon": b"5;",
    "minus-zero": b"-0", "empty": b"", "arabic-digit": b"\xd9\xa5",
}.items():
    case(f"length-{name}", ok(b"Content-Length: " + value, body=b"leak!"), LENGTH, BAD)
case("length-twice-different", ok(b"Content-Length: 5", b"Content-Length: 6", body=b"leak!!"),
     LENGTH, BAD)
case("length-twice-turned", ok(b"Content-Length: 0", b"Content-Length: 4", body=b"leak"), LENGTH,
     BAD)
case("length-twice-same", ok(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), LENGTH,
     Either(HELLO))
case("length-list-same", ok(b"Content-Length: 5, 5", body=b"hello"), LENGTH, Either(HELLO))
case("length-leading-zeros", ok(b"Content-Length: 0005", body=b"hello"), LENGTH, Either(HELLO))
case("length-space-before-colon", ok(b"Content-Length : 5", body=b"hello"), "9112 5.1",
     Either(HELLO))
case("length-too-long", ok(b"Content-Length: 10", body=b"hello"), "9112 8", Cut(), then="close")
case("length-too-long-reset", ok(b"Content-Length: 10", body=b"hello"), "9112 8", Cut(),
     then="reset")
case("length-without-body", ok(b"Content-Length: 10"), "9112 8", Cut(), then="close")
case("length-one-byte-missing", ok(b"Content-Length: 6", body=b"hello"), "9112 8", Cut(),
     then="close")
case("length-2^63-1", ok(b"Content-Length: 9223372036854775807", body=b"hello"), "9112 8", Cut(),
     then="close")

# Transfer-Encoding (RFC 9112 6.1)

CODING = "9112 6.1"
BODY = b"5\r\nhello\r\n0\r\n\r\n"
for name, fields in {
    "unknown": (b"x",), "prefix": (b"xchunked",), "suffix": (b"chunkedx",),
    "twice": (b"chunked, chunked",),
    "not-last": (b"chunked, gzip",), "gzip": (b"gzip",), "gzip-before": (b"gzip, chunked",),
    "identity": (b"identity",), "quoted": (b'"chunked"',), "parameter": (b"chunked;a=b",),
    "empty": (b"",),
    "two-fields": (b"chunked", b"chunked"), "two-fields-identity": (b"chunked", b"identity"),
    "two-fields-gzip": (b"gzip", b"chunked"), "by-space": (b"chunked chunked",),
    "high-byte": (b"chunked\xa0",),
}.items():
    case(f"coding-{name}", ok(*[b"Transfer-Encoding: " + value for value in fields],
                              body=b"4\r\nleak\r\n0\r\n\r\n"), CODING, BAD)
for name, line in {
    "vertical-tab": b"Transfer-Encoding: \x0bchunked", "nul": b"Transfer-Encoding: chunked\x00",
    "cr": b"Transfer-Encoding: chunked\r", "lf": b"X-A: b\nTransfer-Encoding: chunked",
}.items():
    case(f"coding-bytes-{name}", ok(line, body=b"4\r\nleak\r\n0\r\n\r\n"), FIELD, BAD)
case("coding-space-before-colon", ok(b"Transfer-Encoding : chunked", body=BODY), "9112 5.1",
     Either(HELLO))
case("coding-in-1.0",
     ok(b"Transfer-Encoding: chunked", body=b"4\r\nleak\r\n0\r\n\r\n", line=b"HTTP/1.0 200 OK"),
     CODING, BAD, then="close")
case("both", ok(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=BODY), LENGTH,
     Either(Pass(body=b"hello", fields={"Content-Length": None})), poisoned=True)
case("both-turned", ok(b"Transfer-Encoding: chunked", b"Content-Length: 3", body=BODY), LENGTH,
     Either(Pass(body=b"hello", fields={"Content-Length": None})), poisoned=True)
case("coding-upper-case", ok(b"Transfer-Encoding: Chunked", body=BODY), "9112 7", HELLO)

# Chunks (RFC 9112 7.1)

CHUNK = "9112 7.1"
for name, body in {
    "size-letter": b"g\r\nhello\r\n0\r\n\r\n", "size-plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "size-minus": b"-5\r\nhello\r\n0\r\n\r\n", "size-0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size-space-first": b" 5\r\nhello\r\n0\r\n\r\n",
    "size-space-behind": b"5 \r\nhello\r\n0\r\n\r\n",
    "size-empty": b"\r\nhello\r\n0\r\n\r\n",
    "size-2^64+5": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "size-2^128+5": b"1" + b"0" * 31 + b"5\r\nhello\r\n0\r\n\r\n",
    "size-nul": b"5\x00\r\nhello\r\n0\r\n\r\n",
    "line-lf": b"5\nhello\r\n0\r\n\r\n", "line-cr": b"5\rhello\r\n0\r\n\r\n",
    "data-without-crlf": b"5\r\nhello0\r\n\r\n", "data-lf": b"5\r\nhello\n0\r\n\r\n",
    "data-longer": b"5\r\nhello!\r\n0\r\n\r\n", "data-shorter": b"5\r\nhell\r\n0\r\n\r\n",
    "last-lf": b"5\r\nhello\r\n0\n\n", "last-then-lf": b"5\r\nhello\r\n0\r\n\n",
    "extension-lf": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "extension-nul": b"5;\x00\r\nhello\r\n0\r\n\r\n",
    "extension-overlong": b"5;a=" + b"b" * 200000 + b"\r\nhello\r\n0\r\n\r\n",
    "second-size": b"5\r\nhello\r\nleak\r\n0\r\n\r\n",
    "trailer-no-colon": b"5\r\nhello\r\n0\r\nX-A\r\n\r\n",
    "trailer-fold": b"5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n",
    "trailer-nul": b"5\r\nhello\r\n0\r\nX-A: \x00\r\n\r\n",
    "trailer-lf": b"5\r\nhello\r\n0\r\nX-A: b\n\r\n",
    "trailer-space": b"5\r\nhello\r\n0\r\nX-A : b\r\n\r\n",
    "trailers-too-large": b"5\r\nhello\r\n0\r\nX-A: " + b"leak" * 50000 + b"\r\n\r\n",
}.items():
    case(f"chunk-{name}", chunked(body), CHUNK, Cut())
for name, body in {
    "at-once": b"", "in-size": b"5", "behind-size": b"5\r\n", "in-data": b"5\r\nhel",
    "behind-data": b"5\r\nhello",
    "behind-chunk": b"5\r\nhello\r\n", "in-last": b"5\r\nhello\r\n0",
    "behind-last": b"5\r\nhello\r\n0\r\n",
    "in-final-line": b"5\r\nhello\r\n0\r\n\r", "in-trailers": b"5\r\nhello\r\n0\r\nX-A: b\r\n",
}.items():
    case(f"chunk-cut-{name}", chunked(body), "9112 8", Cut(), then="close")
case("chunk-cut-by-reset", chunked(b"5\r\nhello\r\n"), "9112 8", Cut(), then="reset")
case("chunk-extension", chunked(b"5;a=b\r\nhello\r\n0;c=\"d\"\r\n\r\n"), "9112 7.1.1", HELLO)
case("chunk-leading-zeros", chunked(b"0005\r\nhello\r\n00\r\n\r\n"), CHUNK, HELLO)
case("chunk-trailer", chunked(b"5\r\nhello\r\n0\r\nX-A: b\r\n\r\n"), "9112 7.1.2", HELLO)
for name in ("Content-Length", "Transfer-Encoding", "Set-Cookie", "Connection", "Content-Type",
             "Location",
             "Cache-Control", "WWW-Authenticate"):
    case(f"chunk-trailer-{name.lower()}",
         chunked(b"5\r\nhello\r\n0\r\n" + name.encode() + b": leak\r\n\r\n"),
         "9110 6.5.1", Pass(body=b"hello", trailers={name: None}))

# Ends (RFC 9112 8)

case("nothing", b"", "9112 8", BAD, then="close")
case("nothing-reset", b"", "9112 8", BAD, then="reset")
case("cut-in-line", b"HTTP/1.1 20", "9112 8", BAD, then="close")
case("cut-behind-line", b"HTTP/1.1 200 OK\r\n", "9112 8", BAD, then="close")
case("cut-in-field", b"HTTP/1.1 200 OK\r\nX-Leak: le", "9112 8", BAD, then="close")
case("cut-in-empty-line", b"HTTP/1.1 200 OK\r\nX-Leak: leak\r\n\r", "9112 8", BAD, then="close")
case("reset-in-head", b"HTTP/1.1 200 OK\r\nX-Leak: leak\r\n", "9112 8", BAD, then="reset")
case("until-close", ok(body=b"hello"), LENGTH, HELLO, then="close")
case("until-close-empty", ok(), LENGTH, Pass(), then="close")
case("until-close-1.0", ok(body=b"hello", line=b"HTTP/1.0 200 OK"), LENGTH, HELLO, then="close")
case("until-close-with-keep-alive", ok(b"Connection: keep-alive", body=b"hello"), LENGTH, HELLO,
     then="close")
case("until-close-but-reset", ok(body=b"hello"), "9112 8", Cut(), then="reset")

# Bodies where there is none, and bytes behind the end (RFC 9112 6.3)

NONE = "9112 6.3"
case("head-with-body", counted(body=b"leak"), NONE, Pass(fields={"Content-Length": "4"}),
     method="HEAD", poisoned=True)
case("head-with-chunks", chunked(b"4\r\nleak\r\n0\r\n\r\n"), NONE, Pass(), method="HEAD",
     poisoned=True)
case("head-with-second-response", ok(b"Content-Length: 9") + SECOND, NONE, Pass(), method="HEAD",
     poisoned=True)
case("head-without-framing", ok(), NONE, Pass(), method="HEAD")
case("204-with-body", ok(body=b"leak", line=b"HTTP/1.1 204 No Content"), NONE, Pass(204),
     poisoned=True)
case("204-with-length", counted(body=b"leak", line=b"HTTP/1.1 204 No Content"), NONE,
     Either(Pass(204, fields={"Content-Length": None})), poisoned=True)
case("204-with-chunks",
     ok(b"Transfer-Encoding: chunked", body=b"4\r\nleak\r\n0\r\n\r\n",
        line=b"HTTP/1.1 204 No Content"),
     NONE, Either(Pass(204, fields={"Transfer-Encoding": None})), poisoned=True)
case("204-with-second-response", ok(body=SECOND, line=b"HTTP/1.1 204 No Content"), NONE, Pass(204),
     poisoned=True)
for name, line in {"length": b"Content-Length: 4", "no-length": b"Content-Length: 0",
                    "chunks": b"Transfer-Encoding: chunked"}.items():
    case(f"204-to-head-with-{name}", ok(line, line=b"HTTP/1.1 204 No Content"), "9110 8.6",
         Either(Pass(204, fields={"Content-Length": None, "Transfer-Encoding": None})),
         method="HEAD")
case("304-with-body", counted(body=b"leak", line=b"HTTP/1.1 304 Not Modified"), NONE, Pass(304),
     poisoned=True)
case("304-with-chunks",
     ok(b"Transfer-Encoding: chunked", body=b"4\r\nleak\r\n0\r\n\r\n",
        line=b"HTTP/1.1 304 Not Modified"),
     NONE, Either(Pass(304)), poisoned=True)
case("304-with-length-alone", ok(b"Content-Length: 4", line=b"HTTP/1.1 304 Not Modified"), NONE,
     Pass(304))
case("extra-bytes", counted() + b"leak", NONE, HELLO, poisoned=True)
case("extra-crlf", counted() + b"\r\n", NONE, HELLO, poisoned=True)
case("extra-response", counted() + SECOND, NONE, HELLO, poisoned=True)
case("extra-response-behind-empty", ok(b"Content-Length: 0") + SECOND, NONE, Pass(), poisoned=True)
case("extra-response-behind-chunks", chunked(BODY) + SECOND, NONE, HELLO, poisoned=True)
case("extra-bytes-behind-chunks", chunked(BODY) + b"leak", NONE, HELLO, poisoned=True)
case("extra-chunk-behind-last", chunked(BODY + b"4\r\nleak\r\n0\r\n\r\n"), NONE, HELLO,
     poisoned=True)
case("extra-response-with-close", counted(b"Connection: close") + SECOND, NONE, HELLO,
     poisoned=True)
case("redirect-with-second-response",
     ok(b"Location: /a", b"Content-Length: 0", line=b"HTTP/1.1 302 Found") + SECOND, NONE,
     Pass(302, fields={"Location": "/a"}), poisoned=True)

# Interim responses (RFC 9110 15.2)

INTERIM = "9110 15.2"
SWITCH = b"HTTP/1.1 101 Switching Protocols"
case("101-unasked", head(SWITCH, b"Connection: Upgrade", b"Upgrade: leak") + b"leak", INTERIM, BAD)
case("101-unasked-without-fields", head(SWITCH) + SECOND, INTERIM, BAD)
case("101-unasked-h2c",
     head(SWITCH, b"Connection: Upgrade", b"Upgrade: h2c") + b"\0\0\0\4\0\0\0\0\0", INTERIM, BAD)
case("100-unasked", head(b"HTTP/1.1 100 Continue") + counted(), INTERIM, HELLO)
case("100-with-length", head(b"HTTP/1.1 100 Continue", b"Content-Length: 4") + b"leak" + counted(),
     INTERIM, BAD)
case("100-with-chunks", head(b"HTTP/1.1 100 Continue", b"Transfer-Encoding: chunked")
     + b"4\r\nleak\r\n0\r\n\r\n" + counted(), INTERIM, BAD)
case("100-with-response-as-body",
     head(b"HTTP/1.1 100 Continue", b"Content-Length: 42") + counted(body=b"leak") + counted(),
     INTERIM, BAD)
case("103-with-length-and-no-body", head(b"HTTP/1.1 103 Early Hints", b"Content-Length: 5")
     + counted(body=b"leak!"), INTERIM, BAD)
case("100-with-length-of-zero", head(b"HTTP/1.1 100 Continue", b"Content-Length: 0") + counted(),
     INTERIM, Either(HELLO))
case("100-then-another-protocol", head(b"HTTP/1.1 100 Continue") + b"leak", INTERIM, BAD)
case("another-protocol-without-a-line-end", b"220 leak", "9112 4", BAD)
case("100-alone", head(b"HTTP/1.1 100 Continue"), INTERIM, BAD, then="close")
case("103-alone", head(b"HTTP/1.1 103 Early Hints", b"Link: </a>"), INTERIM, BAD, then="close")
case("103-then-malformed", head(b"HTTP/1.1 103 Early Hints", b"Link: </a>") + b"leak\r\n\r\n",
     INTERIM, BAD)
case("103-malformed", head(b"HTTP/1.1 103 Early Hints", b"X A: leak") + counted(body=b"leak"),
     INTERIM, BAD)
case("103-then-good", head(b"HTTP/1.1 103 Early Hints", b"Link: </a>") + counted(), "8297 2",
     Pass(body=b"hello", interim=(103,)))
case("199-unknown", head(b"HTTP/1.1 199 Odd") + counted(), INTERIM, HELLO)
case("interim-flood", head(b"HTTP/1.1 102 Processing") * 20000 + counted(), INTERIM, Either(HELLO))
case("interim-flood-large", head(b"HTTP/1.1 103 Early Hints", b"Link: " + b"x" * 8000) * 2000
     + counted(), INTERIM, Either(HELLO))
