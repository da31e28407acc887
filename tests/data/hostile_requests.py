"""Requests that try to be read in two ways, or in no way at all: our own list, from the grammar of
RFC 9110, 9112 and 3986 and from the known classes of request smuggling. tests/e2e sends each of
them through Weir, in several splits of its bytes, to an origin that records what reaches it.

What is expected of a case:
  Refuse    one response with one of the statuses, then the connection is closed; not one byte of
            the request reaches the origin
  Cut       the head was fine and may have gone on before the body turned out to be broken: no
            complete request reaches the origin, and the client gets one of the statuses or none
  Forward   reaches the origin in one unambiguous form, with what is said here
  Either    the RFC leaves it open: refused (or cut) or forwarded, but nothing in between"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Refuse:
    statuses: tuple = (400,)


@dataclass(frozen=True)
class Cut:
    statuses: tuple = (400,)


@dataclass(frozen=True)
class Forward:
    """`targets`: any of these is right. `fields`: a name with the value it must have, or None where
    it must be missing. `then`: what must happen to the bytes behind the request."""
    targets: tuple = ("/",)
    body: bytes = b""
    fields: dict = field(default_factory=dict)
    trailers: dict = field(default_factory=dict)
    requests: int = 1
    then: Refuse = None


@dataclass(frozen=True)
class Either:
    refuse: object                  # Refuse or Cut
    forward: Forward


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    rule: str                       # where it is written
    expect: object
    ends: bool = False              # the client closes its sending side behind the bytes


CASES = []
HOST = b"Host: example.com"
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: example.com\r\n\r\n"


def case(name, data, rule, expect, ends=False):
    assert all(known.name != name for known in CASES), name
    CASES.append(Case(name, data, rule, expect, ends))


def head(*lines):
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def get(*fields, target=b"/", version=b"HTTP/1.1", method=b"GET"):
    return head(method + b" " + target + b" " + version, HOST, *fields)


def post(*fields, body=b"", version=b"HTTP/1.1"):
    return head(b"POST / " + version, HOST, *fields) + body


def chunked(body, *fields):
    return post(b"Transfer-Encoding: chunked", *fields, body=body)


# The request line (RFC 9112 3)

VERSION = Refuse((400, 505))

for name, line in {
    "two-spaces-before-target": b"GET  / HTTP/1.1",
    "two-spaces-before-version": b"GET /  HTTP/1.1",
    "space-first": b" GET / HTTP/1.1",
    "tab-first": b"\tGET / HTTP/1.1",
    "space-last": b"GET / HTTP/1.1 ",
    "tab-last": b"GET / HTTP/1.1\t",
    "tab-for-first-space": b"GET\t/ HTTP/1.1",
    "tab-for-second-space": b"GET /\tHTTP/1.1",
    "vertical-tab-for-space": b"GET\x0b/ HTTP/1.1",
    "form-feed-for-space": b"GET /\x0cHTTP/1.1",
    "no-version": b"GET /",
    "no-version-but-space": b"GET / ",
    "no-target": b"GET HTTP/1.1",
    "no-target-but-spaces": b"GET  HTTP/1.1",
    "no-method": b"/ HTTP/1.1",
    "no-method-but-space": b" / HTTP/1.1",
    "method-alone": b"GET",
    "space-alone": b" ",
    "two-versions": b"GET / HTTP/1.1 HTTP/1.1",
    "space-in-target": b"GET /a b HTTP/1.1",
    "space-in-query": b"GET /?a=b c HTTP/1.1",
    "nul-in-method": b"GE\x00T / HTTP/1.1",
    "nul-in-target": b"GET /\x00 HTTP/1.1",
    "nul-in-version": b"GET / HTTP/1.1\x00",
    "control-in-target": b"GET /\x01 HTTP/1.1",
    "tab-in-target": b"GET /a\tb HTTP/1.1",
    "delete-in-target": b"GET /\x7f HTTP/1.1",
    "control-in-query": b"GET /?\x1f HTTP/1.1",
    "cr-in-target": b"GET /\r HTTP/1.1",
    "cr-in-query": b"GET /?a\rb HTTP/1.1",
    "cr-behind-version": b"GET / HTTP/1.1\r",
    "cr-for-space": b"GET\r/ HTTP/1.1",
    "method-with-at": b"G@T / HTTP/1.1",
    "method-with-colon": b"GET: / HTTP/1.1",
    "method-with-parenthesis": b"G(T / HTTP/1.1",
    "method-with-comma": b"GET,POST / HTTP/1.1",
    "method-quoted": b'"GET" / HTTP/1.1',
    "method-with-slash": b"GET/ / HTTP/1.1",
    "method-with-high-byte": b"G\xc9T / HTTP/1.1",
    "method-with-brackets": b"[GET] / HTTP/1.1",
}.items():
    case(f"line-{name}", head(line, HOST), "9112 3", Refuse())

for name, version in {
    "lower-case": b"http/1.1", "mixed-case": b"Http/1.1", "2.0": b"HTTP/2.0", "3.0": b"HTTP/3.0",
    "0.9": b"HTTP/0.9", "0.0": b"HTTP/0.0", "1.10": b"HTTP/1.10", "1.01": b"HTTP/1.01",
    "01.1": b"HTTP/01.1", "no-minor": b"HTTP/1", "empty-minor": b"HTTP/1.", "no-major": b"HTTP/.1",
    "no-dot": b"HTTP/11", "comma": b"HTTP/1,1", "letter-behind": b"HTTP/1.1x", "sign": b"HTTP/-1.1",
    "plus": b"HTTP/+1.1", "https": b"HTTPS/1.1", "no-slash": b"HTTP1.1", "backslash": b"HTTP\\1.1",
    "name-alone": b"HTTP/", "other-protocol": b"RTSP/1.0", "hex": b"HTTP/1.a",
    "high-digit": b"HTTP/1.\xb9", "9.9": b"HTTP/9.9",
}.items():
    case(f"version-{name}", get(version=version), "9112 2.3", VERSION)

case("version-1.2", get(version=b"HTTP/1.2"), "9110 2.5", Either(VERSION, Forward()))
case("version-1.9", get(version=b"HTTP/1.9"), "9110 2.5", Either(VERSION, Forward()))

case("method-lower-case-is-another-method", get(method=b"get"), "9110 9.1", Forward())
case("method-unknown", get(method=b"BREW"), "9110 9.1", Forward())
case("method-of-all-token-bytes", get(method=b"!#$%&'*+-.^_`|~09azAZ"), "9110 5.6.2",
     Either(Refuse((400, 501)), Forward()))
case("method-overlong", get(method=b"A" * 70000), "9112 3", Refuse((400, 414, 431, 501)))
case("method-connect-authority",
     b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
     "9110 9.3.6", Refuse((400, 405, 501)))
case("method-connect-path", b"CONNECT / HTTP/1.1\r\nHost: example.com\r\n\r\n" + NEXT, "9110 9.3.6",
     Refuse((400, 405, 501)))
case("method-trace-with-body", head(b"TRACE / HTTP/1.1", HOST, b"Content-Length: 5") + b"hello",
     "9110 9.3.8", Refuse())
case("method-trace-with-chunks",
     head(b"TRACE / HTTP/1.1", HOST, b"Transfer-Encoding: chunked") + b"0\r\n\r\n" + NEXT,
     "9110 9.3.8", Refuse())
case("method-trace-with-empty-body", head(b"TRACE / HTTP/1.1", HOST, b"Content-Length: 0"),
     "9110 9.3.8", Forward())

# Before and around the head (RFC 9112 2.2)

case("empty-line-first", b"\r\n" + get(), "9112 2.2", Forward())
case("two-empty-lines-first", b"\r\n\r\n" + get(), "9112 2.2", Either(Refuse(), Forward()))
case("bare-lf-first", b"\n" + get(), "9112 2.2", Refuse())
case("bare-cr-first", b"\r" + get(), "9112 2.2", Refuse())
case("nul-first", b"\x00" + get(), "9112 2.2", Refuse())
case("byte-order-mark-first", b"\xef\xbb\xbf" + get(), "9112 2.2", Refuse())
case("all-lines-end-in-lf", get().replace(b"\r\n", b"\n"), "9112 2.2", Refuse())
case("request-line-ends-in-lf", get().replace(b"\r\n", b"\n", 1), "9112 2.2", Refuse())
case("request-line-ends-in-cr", b"GET / HTTP/1.1\rHost: example.com\r\n\r\n", "9112 2.2", Refuse())
case("request-line-ends-in-lf-cr", b"GET / HTTP/1.1\n\rHost: example.com\r\n\r\n", "9112 2.2",
     Refuse())
case("field-line-ends-in-lf", b"GET / HTTP/1.1\r\nHost: example.com\nX-A: b\r\n\r\n", "9112 2.2",
     Refuse())
case("field-line-ends-in-cr", b"GET / HTTP/1.1\r\nHost: example.com\rX-A: b\r\n\r\n", "9112 2.2",
     Refuse())
case("field-line-ends-in-cr-cr-lf", b"GET / HTTP/1.1\r\nHost: example.com\r\r\n\r\n", "9112 2.2",
     Refuse())
case("head-ends-in-lf", b"GET / HTTP/1.1\r\nHost: example.com\r\n\n" + NEXT, "9112 2.2", Refuse())
case("head-ends-in-lf-lf", b"GET / HTTP/1.1\r\nHost: example.com\n\n" + NEXT, "9112 2.2", Refuse())
case("head-ends-in-cr-cr-lf", b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\r\n" + NEXT, "9112 2.2",
     Refuse())
case("head-ends-in-lf-cr-lf", b"GET / HTTP/1.1\r\nHost: example.com\n\r\n" + NEXT, "9112 2.2",
     Refuse())
case("http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "9113 3.4", VERSION)
case("tls-hello", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(48)) + b"\r\n\r\n",
     "9112 3", Refuse())
case("ssh-banner", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "9112 3", Refuse())
case("proxy-protocol-unasked", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get(), "9112 3", VERSION)
case("response-for-request", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "9112 3", Refuse())

# The target (RFC 9112 3.2, RFC 3986 3)

TARGET = "9112 3.2"
for name, target in {
    "asterisk-with-get": b"*", "asterisk-twice": b"**", "asterisk-query": b"*?a",
    "authority-form": b"example.com:80", "word": b"foo", "query-alone": b"?a=b",
    "fragment-alone": b"#a", "fragment": b"/a#b", "fragment-behind-query": b"/a?b#c",
    "relative-dot": b".", "relative-dots": b"../a", "backslash-first": b"\\a",
    "encoded-slash-first": b"%2fa",
    "scheme-without-slashes": b"http:example.com", "scheme-with-one-slash": b"http:/example.com/",
    "scheme-alone": b"http://", "scheme-with-empty-host": b"http:///a",
    "empty-host-with-port": b"http://:80/", "userinfo": b"http://user@example.com/",
    "userinfo-with-password": b"http://user:pw@example.com/",
    "empty-userinfo": b"http://@example.com/",
    "userinfo-trick": b"http://example.com@evil.example/", "scheme-ftp": b"ftp://example.com/",
    "scheme-javascript": b"javascript:alert(1)", "scheme-file": b"file:///etc/passwd",
    "port-too-large": b"http://example.com:99999/", "port-negative": b"http://example.com:-1/",
    "port-word": b"http://example.com:http/", "port-hex": b"http://example.com:0x50/",
    "port-twice": b"http://example.com:80:80/", "ipv6-open": b"http://[::1/",
    "ipv6-malformed": b"http://[zz]/", "ipv6-with-tail": b"http://[::1]x/",
    "ipv6-bare": b"http://::1/", "backslash-in-authority": b"http://example.com\\@evil.example/",
    "fragment-in-authority": b"http://example.com#@evil.example/",
    "escape-in-authority": b"http://%65xample.com/",
    "escaped-nul-in-authority": b"http://example.com%00.evil.example/",
    "comma-in-authority": b"http://example.com,evil.example/",
    "semicolon-in-authority": b"http://example.com;evil.example/",
    "quote-in-authority": b'http://exam"ple.com/', "absolute-fragment": b"http://example.com/a#b",
    "escape-nul": b"/%00", "escape-nul-inside": b"/a%00b",
    "escape-nul-absolute": b"http://example.com/%00",
    "escape-cut": b"/%4", "escape-without-digits": b"/%", "escape-malformed": b"/%zz",
    "escape-of-percent-cut": b"/%%41", "escape-iis": b"/%u0041", "escape-half": b"/a%2",
    "backslash": b"/a\\b", "backslash-dots": b"/..\\a", "dots-with-encoded-slash": b"/a/..%2fb",
    "encoded-slash-before-dots": b"/%2f../a", "encoded-dots-and-slash": b"/%2e%2e%2fetc/passwd",
    "encoded-slashes-around-dots": b"/a%2f..%2fb", "encoded-slash-around-dot": b"/a%2F.%2Fb",
    "dots-with-encoded-backslash": b"/a/..%5cb", "encoded-backslash-before-dots": b"/%5c../a",
    "encoded-dots-and-backslash": b"/x/%2e%2e%5cy", "double-slash-dots": b"/a//../b",
    "double-slash-first-dots": b"//../a", "double-slash-encoded-dots": b"/a//%2e%2e/b",
    "dots-double-slash": b"/a/..//b", "half-encoded-dots-and-slash": b"/a/.%2e%2fb",
}.items():
    case(f"target-{name}", get(target=target), TARGET, Refuse())

# RFC 3986 has no place for these, though some clients send them: whatever happens, the origin must
# see a valid target that means the same.
for name, target, forms in (
    ("non-ascii", b"/\xc3\xa4", ("/%C3%A4", "/%c3%a4")),
    ("non-ascii-query", b"/?\xff", ("/?%FF", "/?%ff")),
    ("braces", b"/{a}", ("/{a}", "/%7Ba%7D", "/%7ba%7d")),
    ("pipe", b"/a|b", ("/a|b", "/a%7Cb", "/a%7cb")),
    ("quote", b'/"', ('/"', "/%22")),
    ("angles", b"/<a>", ("/<a>", "/%3Ca%3E", "/%3ca%3e")),
    ("caret-and-backtick", b"/^`", ("/^`", "/%5E%60", "/%5e%60")),
    ("brackets-in-query", b"/?a[]=1", ("/?a[]=1", "/?a%5B%5D=1")),
    ("backslash-in-query", b"/?a\\b", ("/?a\\b", "/?a%5Cb", "/?a%5cb")),
    ("nul-escape-in-query", b"/?a=%00", ("/?a=%00",)),
    ("broken-escape-in-query", b"/?a=%zz", ("/?a=%zz", "/?a=%25zz")),
    ("encoded-crlf", b"/%0d%0aX-A:%20b", ("/%0d%0aX-A:%20b", "/%0D%0AX-A:%20b")),
    ("word-with-encoded-slash-dots", b"/a..%2fb", ("/a..%2fb", "/a..%2Fb")),
    ("dots-with-parameter", b"/a/..;/b", ("/a/..;/b",)),
):
    case(f"target-{name}", get(target=target), TARGET, Either(Refuse((400, 421)), Forward(forms)))

for name, target, forms in (
    ("double-slash-first", b"//evil.example/a", ("//evil.example/a",)),
    ("double-slash", b"/a//b", ("/a//b",)),
    ("dots", b"/a/../b", ("/b",)),
    ("encoded-dots", b"/a/%2e%2E/b", ("/b",)),
    ("dots-above-root", b"/../../etc/passwd", ("/etc/passwd",)),
    ("dot", b"/a/./b", ("/a/b",)),
    ("dot-last", b"/a/.", ("/a/",)),
    ("dots-last", b"/a/b/..", ("/a/",)),
    ("encoded-dot-alone", b"/%2e", ("/",)),
    ("three-dots", b"/.../a", ("/.../a",)),
    ("dots-in-query", b"/a?/../b", ("/a?/../b",)),
    ("double-encoded-dots", b"/%252e%252e/a", ("/%252e%252e/a",)),
    ("overlong-utf8-dots", b"/%c0%ae%c0%ae/a", ("/%c0%ae%c0%ae/a", "/%C0%AE%C0%AE/a")),
    ("encoded-slash", b"/a%2fb", ("/a%2fb", "/a%2Fb")),
    ("encoded-backslash", b"/a%5cb", ("/a%5cb", "/a%5Cb")),
    ("encoded-letters", b"/%41%7e", ("/A~",)),
    ("empty-query", b"/a?", ("/a?",)),
    ("question-marks", b"/a??b?", ("/a??b?",)),
    ("escapes-in-query", b"/?%2e%2E/%41&a=%2f", ("/?%2e%2E/%41&a=%2f",)),
    ("colon-first-segment", b"/http://evil.example/", ("/http://evil.example/",)),
    ("absolute", b"http://example.com/a?b", ("/a?b",)),
    ("absolute-without-path", b"http://example.com", ("/",)),
    ("absolute-with-query-alone", b"http://example.com?a", ("/?a",)),
    ("absolute-upper-case", b"HTTP://EXAMPLE.COM/a", ("/a",)),
    ("absolute-dots", b"http://example.com/a/../b", ("/b",)),
):
    case(f"target-{name}", get(target=target), "3986 6.2.2", Forward(forms))

case("target-options-asterisk", get(target=b"*", method=b"OPTIONS"), "9112 3.2.4", Forward(("*",)))
case("target-options-absolute-without-path",
     get(target=b"http://example.com", method=b"OPTIONS"), "9112 3.2.4", Forward(("*",)))
case("target-options-absolute-with-path",
     get(target=b"http://example.com/", method=b"OPTIONS"), "9112 3.2.4", Forward(("/",)))
case("target-options-absolute-with-query",
     get(target=b"http://example.com?a", method=b"OPTIONS"), "9112 3.2.4", Forward(("/?a",)))
case("target-absolute-beats-host",
     head(b"GET http://example.com/a HTTP/1.1", b"Host: other.example"), "9112 3.2.2",
     Either(Refuse(), Forward(("/a",), fields={"Host": "example.com"})))
case("target-absolute-without-host", head(b"GET http://example.com/ HTTP/1.1"), "9112 3.2",
     Refuse())
case("target-absolute-with-two-hosts",
     head(b"GET http://example.com/ HTTP/1.1", HOST, b"Host: other.example"), "9112 3.2", Refuse())
case("target-absolute-with-bad-host", head(b"GET http://example.com/ HTTP/1.1", b"Host: a b"),
     "9112 3.2", Refuse())
case("target-overlong", get(target=b"/" + b"a" * 20000), "9110 15.5.15", Refuse((414,)))
case("target-overlong-query", get(target=b"/?" + b"a" * 20000), "9110 15.5.15", Refuse((414,)))
case("target-of-many-dots", get(target=b"/" + b"../" * 1000 + b"a"), "3986 5.2.4", Forward(("/a",)))

# Fields (RFC 9112 5, RFC 9110 5)

FIELD = "9112 5.1"
for name, line in {
    "space-before-colon": b"X-A : b", "tab-before-colon": b"X-A\t: b", "empty-name": b": b",
    "space-for-name": b" : b", "no-colon": b"X-A", "no-colon-with-space": b"X-A b",
    "space-in-name": b"X A: b", "nul-in-name": b"X\x00A: b", "control-in-name": b"X\x1fA: b",
    "delete-in-name": b"X\x7fA: b", "high-byte-in-name": b"X\xe9A: b", "quote-in-name": b'X"A: b',
    "slash-in-name": b"X/A: b", "at-in-name": b"X@A: b", "bracket-in-name": b"X[A]: b",
    "comma-in-name": b"X,A: b", "semicolon-in-name": b"X;A: b", "equals-in-name": b"X=A: b",
    "brace-in-name": b"{X}: b", "parenthesis-in-name": b"X(A): b", "question-in-name": b"X?: b",
    "backslash-in-name": b"X\\A: b", "lf-in-name": b"X\nA: b", "cr-in-name": b"X\rA: b",
    "angle-in-name": b"<X>: b",
    "nul-in-value": b"X-A: b\x00c", "control-in-value": b"X-A: b\x01c",
    "bell-in-value": b"X-A: \x07",
    "backspace-in-value": b"X-A: b\x08", "vertical-tab-in-value": b"X-A: b\x0bc",
    "form-feed-in-value": b"X-A: b\x0cc", "escape-in-value": b"X-A: \x1b[31m",
    "delete-in-value": b"X-A: b\x7f", "cr-in-value": b"X-A: b\rc", "cr-last-in-value": b"X-A: b\r",
    "cr-alone-as-value": b"X-A: \r", "lf-in-value": b"X-A: b\nc",
    "lf-smuggles-field": b"X-A: b\nX-B: c",
    "nul-last-in-value": b"X-A: b\x00", "cr-smuggles-field": b"X-A: b\rX-B: c",
    "spaces-alone": b"   ", "tab-alone": b"\t",
}.items():
    case(f"field-{name}", get(line, b"X-Z: z"), FIELD, Refuse())

for name, line in {
    "space": b"X-A: b\r\n c", "tab": b"X-A: b\r\n\tc", "empty": b"X-A: b\r\n ",
    "in-empty-value": b"X-A:\r\n b", "of-a-field-line": b"X-A: b\r\n X-B: c",
    "content-length": b"Content-Length:\r\n 5",
    "transfer-encoding": b"Transfer-Encoding:\r\n chunked",
    "connection": b"Connection: keep-alive,\r\n close",
}.items():
    case(f"fold-{name}", get(line), "9112 5.2", Refuse())
case("fold-of-host", b"GET / HTTP/1.1\r\nHost: example.com\r\n .evil.example\r\n\r\n", "9112 5.2",
     Refuse())
case("fold-of-request-line", b"GET / HTTP/1.1\r\n X-A: b\r\nHost: example.com\r\n\r\n", "9112 2.2",
     Refuse())
case("fold-of-request-line-by-tab", b"GET / HTTP/1.1\r\n\tX-A: b\r\nHost: example.com\r\n\r\n",
     "9112 2.2", Refuse())

case("field-high-bytes-in-value", get(b"X-A: \x80\xff\xc3\xa4"), "9110 5.5",
     Forward(fields={"X-A": "\x80\xff\xc3\xa4"}))
case("field-empty-value", get(b"X-A:"), "9110 5.5", Forward(fields={"X-A": ""}))
case("field-spaces-as-value", get(b"X-A:   \t "), "9110 5.5", Forward(fields={"X-A": ""}))
case("field-tab-in-value", get(b"X-A: b\tc"), "9110 5.5", Forward(fields={"X-A": "b\tc"}))
case("field-without-space", get(b"X-A:b"), "9110 5.6.3", Forward(fields={"X-A": "b"}))
case("field-value-with-colons", get(b"X-A: b: c:"), "9110 5.5", Forward(fields={"X-A": "b: c:"}))
case("field-name-of-all-token-bytes", get(b"!#$%&'*+-.^_`|~09az: b"), "9110 5.6.2",
     Forward(fields={"!#$%&'*+-.^_`|~09az": "b"}))
case("field-too-many", get(*[b"X-%d: a" % number for number in range(300)]), "6585 5",
     Refuse((431,)))
case("field-too-large", get(b"X-A: " + b"a" * 70000), "6585 5", Refuse((431,)))
case("field-name-too-large", get(b"X" * 70000 + b": a"), "6585 5", Refuse((431,)))
case("fields-too-large-together", get(*[b"X-%d: %s" % (i, b"a" * 1000) for i in range(80)]),
     "6585 5",
     Refuse((431,)))

# Host (RFC 9112 3.2, RFC 9110 7.2)

HOSTS = "9112 3.2"
case("host-missing", head(b"GET / HTTP/1.1"), HOSTS, Refuse())
case("host-missing-with-other-field", head(b"GET / HTTP/1.1", b"X-Host: example.com"), HOSTS,
     Refuse())
case("host-twice", head(b"GET / HTTP/1.1", HOST, b"Host: other.example"), HOSTS, Refuse())
case("host-twice-the-same", head(b"GET / HTTP/1.1", HOST, HOST), HOSTS, Refuse())
case("host-twice-by-case", head(b"GET / HTTP/1.1", HOST, b"hOST: other.example"), HOSTS, Refuse())
case("host-twice-far-apart", head(b"GET / HTTP/1.1", HOST, *[b"X-%d: a" % i for i in range(40)],
                                  b"Host: other.example"), HOSTS, Refuse())
case("host-twice-one-empty", head(b"GET / HTTP/1.1", HOST, b"Host:"), HOSTS, Refuse())
case("host-twice-in-1.0", head(b"GET / HTTP/1.0", HOST, b"Host: other.example"), HOSTS, Refuse())
case("host-space-before-colon", head(b"GET / HTTP/1.1", b"Host : example.com"), HOSTS, Refuse())
case("host-twice-one-with-space", head(b"GET / HTTP/1.1", HOST, b"Host : other.example"), HOSTS,
     Refuse())

for name, value in {
    "space": b"exam ple.com", "tab": b"exam\tple.com", "slash": b"example.com/a",
    "question": b"example.com?a", "fragment": b"example.com#a", "userinfo": b"user@example.com",
    "userinfo-password": b"user:pw@example.com", "backslash": b"example.com\\a",
    "quote": b'exam"ple.com', "angle": b"<example.com>", "url": b"http://example.com/",
    "port-word": b"example.com:http", "port-too-large": b"example.com:65536",
    "port-huge": b"example.com:99999999999999999999", "port-negative": b"example.com:-80",
    "port-plus": b"example.com:+80", "port-twice": b"example.com:80:80",
    "port-space": b"example.com: 80",
    "ipv6-open": b"[::1", "ipv6-bare": b"::1", "ipv6-malformed": b"[zz]", "ipv6-tail": b"[::1]a",
    "high-byte": b"ex\xe4mple.com", "nul": b"example.com\x00", "caret": b"exam^ple.com",
    "brace": b"{example}.com", "pipe": b"exam|ple.com", "broken-escape": b"example.com%zz",
    "at-alone": b"@", "brackets-alone": b"[]", "two-values": b"example.com other.example",
}.items():
    case(f"host-with-{name}", head(b"GET / HTTP/1.1", b"Host: " + value), HOSTS, Refuse())

for name, value in {
    "nothing": b"", "port-alone": b":80", "comma": b"example.com,other.example",
    "comma-and-space": b"example.com, other.example", "semicolon": b"example.com;other.example",
    "escape": b"ex%61mple.com", "escaped-nul": b"example.com%00.other.example",
    "asterisk": b"*.example.com", "ampersand": b"example.com&a=b", "apostrophe": b"exam'ple.com",
    "dollar": b"$host", "parenthesis": b"(example.com)", "plus": b"exam+ple.com",
    "zone": b"[fe80::1%25eth0]", "future-address": b"[v1.a]", "port-zero": b"example.com:0",
    "dot-alone": b".", "dots-alone": b"..", "dots-and-port": b"..:80", "dot-first": b".example.com",
    "empty-label": b"example..com", "dots-last": b"example.com..",
}.items():
    case(f"host-of-{name}", head(b"GET / HTTP/1.1", b"Host: " + value), "9110 4.2.1", Refuse())
case("host-empty-in-1.0", b"GET / HTTP/1.0\r\nHost:\r\n\r\n", "9110 4.2.1", Refuse())
case("host-with-empty-port", head(b"GET / HTTP/1.1", b"Host: example.com:"), "9110 4.2.3",
     Either(Refuse(), Forward(fields={"Host": "example.com:"})))
case("host-with-underscore", head(b"GET / HTTP/1.1", b"Host: my_app.example"), "3986 3.2.2",
     Forward(fields={"Host": "my_app.example"}))
case("host-with-port", head(b"GET / HTTP/1.1", b"Host: example.com:8080"), "9110 7.2",
     Forward(fields={"Host": "example.com:8080"}))
case("host-ipv6", head(b"GET / HTTP/1.1", b"Host: [2001:db8::1]:80"), "9110 7.2",
     Forward(fields={"Host": "[2001:db8::1]:80"}))
case("host-upper-case-with-dot", head(b"GET / HTTP/1.1", b"Host: EXAMPLE.com."), "9110 7.2",
     Forward(fields={"Host": "EXAMPLE.com."}))
case("host-without-space", head(b"GET / HTTP/1.1", b"Host:example.com"), "9110 5.6.3",
     Forward(fields={"Host": "example.com"}))
case("host-missing-in-1.0", b"GET / HTTP/1.0\r\n\r\n", HOSTS, Forward())

# Content-Length (RFC 9110 8.6, RFC 9112 6.3)

LENGTH = "9112 6.3"
for name, value in {
    "plus": b"+5", "minus": b"-5", "two-by-space": b"5 5", "list-same": b"5, 5",
    "list-same-tight": b"5,5", "list-different": b"5, 6", "list-empty-member": b"5,", "hex": b"0x5",
    "letter-behind": b"5a", "fraction": b"5.0", "exponent": b"5e0", "empty": b"", "word": b"five",
    "quoted": b'"5"', "semicolon": b"5;", "underscore": b"1_0", "binary": b"0b101",
    "arabic-digit": b"\xd9\xa5", "vertical-tab": b"5\x0b", "nul": b"5\x00",
    "2^64+5": b"18446744073709551621",
    "2^128": b"340282366920938463463374607431768211461", "thirty-nines": b"9" * 30,
    "minus-zero": b"-0", "with-chunked": b"5, chunked", "parenthesis": b"(5)", "octal": b"0o5",
    "comma-first": b",5", "2^63+x": b"9223372036854775813999", "many-zeros": b"0" * 30 + b"5x",
}.items():
    case(f"length-{name}", post(b"Content-Length: " + value, body=b"hello" + NEXT), LENGTH,
         Refuse())

case("length-space-before-colon", post(b"Content-Length : 5", body=b"hello"), FIELD, Refuse())
case("length-twice-same", post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), LENGTH,
     Refuse())
case("length-twice-different",
     post(b"Content-Length: 5", b"Content-Length: 0", body=b"hello" + NEXT),
     LENGTH, Refuse())
case("length-twice-different-turned",
     post(b"Content-Length: 0", b"Content-Length: 48", body=NEXT), LENGTH, Refuse())
case("length-twice-zero", get(b"Content-Length: 0", b"Content-Length: 0"), LENGTH, Refuse())
case("length-twice-by-case", post(b"content-length: 5", b"CONTENT-LENGTH: 6", body=b"hello!"),
     LENGTH,
     Refuse())
case("length-twice-one-empty", post(b"Content-Length: 5", b"Content-Length:", body=b"hello"),
     LENGTH,
     Refuse())
case("length-three-times", post(*[b"Content-Length: 5"] * 3, body=b"hello"), LENGTH, Refuse())
case("length-leading-zeros", post(b"Content-Length: 0005", body=b"hello"), LENGTH,
     Either(Refuse(), Forward(body=b"hello")))
case("length-name-with-underscore", get(b"Content_Length: 5"), "3875 4.1.18",
     Forward(fields={"Content_Length": None}))
case("length-of-get", get(b"Content-Length: 5") + b"hello", "9110 9.3.1", Forward(body=b"hello"))
case("length-of-get-with-request-as-body", get(b"Content-Length: %d" % len(NEXT)) + NEXT,
     "9110 9.3.1",
     Forward(body=NEXT))
case("length-of-delete", get(b"Content-Length: 5", method=b"DELETE") + b"hello", "9110 9.3.5",
     Forward(body=b"hello"))
case("length-of-1.0", post(b"Content-Length: 5", body=b"hello", version=b"HTTP/1.0"), LENGTH,
     Forward(body=b"hello"))
case("length-shorter-than-bytes", post(b"Content-Length: 5", body=b"hello(garbage)\r\n\r\n"),
     LENGTH,
     Forward(body=b"hello", then=Refuse()))
case("length-zero-with-bytes-behind", post(b"Content-Length: 0", body=b"[x]\r\n\r\n"), LENGTH,
     Forward(then=Refuse()))
case("length-missing-with-bytes-behind", post(body=b"[x]\r\n\r\n"), LENGTH, Forward(then=Refuse()))
case("length-longer-than-bytes", post(b"Content-Length: 10", body=b"hello"), "9112 8", Cut(),
     ends=True)
case("length-2^63-1", post(b"Content-Length: 9223372036854775807", body=b"hello"), "9112 8",
     Cut((400, 413)), ends=True)
case("length-2^32+5", post(b"Content-Length: 4294967301", body=b"hello"), "9112 8", Cut((400, 413)),
     ends=True)

# Transfer-Encoding (RFC 9112 6.1, 6.3)

CODING = "9112 6.1"
UNKNOWN = Refuse((400, 501))
BODY = b"5\r\nhello\r\n0\r\n\r\n"
BOTH = "9112 6.3"
case("both-length-first", post(b"Content-Length: 6", b"Transfer-Encoding: chunked",
                               body=b"0\r\n\r\nG"), BOTH, Refuse())
case("both-coding-first", post(b"Transfer-Encoding: chunked", b"Content-Length: 4",
                               body=b"2e\r\n" + NEXT + b"\r\n0\r\n\r\n"), BOTH, Refuse())
case("both-agreeing", post(b"Content-Length: 15", b"Transfer-Encoding: chunked", body=BODY), BOTH,
     Refuse())
case("both-length-zero", post(b"Content-Length: 0", b"Transfer-Encoding: chunked", body=BODY), BOTH,
     Refuse())
case("both-in-get", get(b"Content-Length: 5", b"Transfer-Encoding: chunked") + BODY, BOTH, Refuse())
case("both-in-1.0", post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=BODY,
                         version=b"HTTP/1.0"), BOTH, Refuse())
case("both-with-identity",
     post(b"Content-Length: 5", b"Transfer-Encoding: identity", body=b"hello"),
     BOTH, UNKNOWN)
case("both-with-unknown", post(b"Content-Length: 5", b"Transfer-Encoding: x", body=b"hello" + NEXT),
     BOTH, UNKNOWN)
case("both-with-empty-coding", post(b"Content-Length: 5", b"Transfer-Encoding:", body=b"hello"),
     BOTH,
     UNKNOWN)
case("both-behind-connection-list",
     post(b"Connection: Transfer-Encoding", b"Content-Length: 5", b"Transfer-Encoding: chunked",
          body=BODY), BOTH, Refuse())

for name, value in {
    "prefix": b"xchunked", "suffix": b"chunkedx", "quoted": b'"chunked"',
    "apostrophes": b"'chunked'",
    "parameter": b"chunked;q=1", "parameter-empty": b"chunked;", "twice": b"chunked, chunked",
    "not-last": b"chunked, gzip", "not-last-identity": b"chunked, identity", "gzip": b"gzip",
    "gzip-before": b"gzip, chunked", "identity": b"identity",
    "identity-before": b"identity, chunked",
    "empty": b"", "comma": b",", "by-space": b"chunked chunked", "split": b"chun ked",
    "short": b"chunk",
    "unknown": b"cow", "unknown-before": b"cow, chunked", "high-byte": b"\xffchunked",
    "high-byte-behind": b"chunked\xa0", "kelvin": b"chun\xe2\x84\xaaed", "slash": b"chunked/1",
    "colon-behind": b"chunked:", "equals": b"chunked=1", "tilde": b"~chunked",
    "semicolon-first": b";chunked",
}.items():
    case(f"coding-{name}", post(b"Transfer-Encoding: " + value, body=BODY + NEXT), CODING, UNKNOWN)

for name, line in {
    "nul": b"Transfer-Encoding: chunked\x00", "vertical-tab": b"Transfer-Encoding: \x0bchunked",
    "vertical-tab-behind": b"Transfer-Encoding: chunked\x0b",
    "form-feed": b"Transfer-Encoding:\x0cchunked",
    "cr-before": b"Transfer-Encoding: \rchunked", "cr-behind": b"Transfer-Encoding: chunked\r",
    "delete": b"Transfer-Encoding: chunked\x7f",
    "lf-before-field": b"X-A: b\nTransfer-Encoding: chunked",
    "cr-before-field": b"X-A: b\rTransfer-Encoding: chunked",
    "space-before-colon": b"Transfer-Encoding : chunked",
    "tab-before-colon": b"Transfer-Encoding\t: chunked",
    "space-before-name": b" Transfer-Encoding: chunked",
    "name-with-space": b"Transfer Encoding: chunked",
    "name-with-nul": b"Transfer\x00-Encoding: chunked",
    "name-with-cr": b"Transfer-Encoding\r: chunked", "fold": b"Transfer-Encoding: chun\r\n ked",
    "fold-before": b"Transfer-Encoding:\r\n\tchunked",
    "backspace": b"Transfer-Encoding: \x08chunked",
}.items():
    case(f"coding-bytes-{name}", post(line, b"Content-Length: 4", body=BODY + NEXT), FIELD,
         Refuse())
    case(f"coding-bytes-{name}-alone", post(line, body=BODY + NEXT), FIELD, Refuse())

for name, lines in {
    "chunked-chunked": (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "chunked-identity": (b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
    "identity-chunked": (b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"),
    "gzip-chunked": (b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"),
    "chunked-unknown": (b"Transfer-Encoding: chunked", b"Transfer-encoding: x"),
    "by-case": (b"transfer-encoding: chunked", b"TRANSFER-ENCODING: chunked"),
}.items():
    case(f"coding-twice-{name}", post(*lines, body=BODY + NEXT), CODING, UNKNOWN)
case("coding-twice-one-empty",
     post(b"Transfer-Encoding: chunked", b"Transfer-Encoding:", body=BODY),
     CODING, Either(UNKNOWN, Forward(body=b"hello")))

case("coding-in-1.0", post(b"Transfer-Encoding: chunked", body=BODY, version=b"HTTP/1.0"), CODING,
     Refuse())
case("coding-in-1.0-keep-alive", post(b"Transfer-Encoding: chunked", b"Connection: keep-alive",
                                      body=BODY + NEXT, version=b"HTTP/1.0"), CODING, Refuse())
case("coding-upper-case", post(b"Transfer-Encoding: CHUNKED", body=BODY), "9112 7",
     Forward(body=b"hello"))
case("coding-name-lower-case", post(b"transfer-encoding: chunked", body=BODY), "9110 5.1",
     Forward(body=b"hello"))
case("coding-without-space", post(b"Transfer-Encoding:chunked", body=BODY), "9110 5.6.3",
     Forward(body=b"hello"))
case("coding-with-tabs-around", post(b"Transfer-Encoding:\tchunked \t", body=BODY), "9110 5.6.3",
     Forward(body=b"hello"))
case("coding-empty-members", post(b"Transfer-Encoding: ,chunked,", body=BODY), "9110 5.6.1.2",
     Either(UNKNOWN, Forward(body=b"hello")))
case("coding-of-get", get(b"Transfer-Encoding: chunked") + BODY, "9112 6.3", Forward(body=b"hello"))
case("coding-named-by-connection",
     post(b"Connection: Transfer-Encoding", b"Transfer-Encoding: chunked",
                                        body=BODY), "9110 7.6.1",
     Either(Refuse(), Forward(body=b"hello")))
case("coding-name-with-underscore", post(b"Transfer_Encoding: chunked", body=BODY), "3875 4.1.18",
     Forward(fields={"Transfer_Encoding": None}, then=Refuse()))
case("coding-and-pipelined", post(b"Transfer-Encoding: chunked", body=BODY) + get(), "9112 9.3.2",
     Forward(body=b"hello", requests=2))

# Chunks (RFC 9112 7.1)

CHUNK = "9112 7.1"
for name, body in {
    "size-plus": b"+5\r\nhello\r\n0\r\n\r\n", "size-minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "size-0x": b"0x5\r\nhello\r\n0\r\n\r\n", "size-space-first": b" 5\r\nhello\r\n0\r\n\r\n",
    "size-tab-first": b"\t5\r\nhello\r\n0\r\n\r\n",
    "size-space-behind": b"5 \r\nhello\r\n0\r\n\r\n",
    "size-tab-behind": b"5\t\r\nhello\r\n0\r\n\r\n", "size-empty": b"\r\nhello\r\n0\r\n\r\n",
    "size-letter": b"g\r\nhello\r\n0\r\n\r\n", "size-letter-behind": b"5h\r\nhello\r\n0\r\n\r\n",
    "size-nul": b"5\x00\r\nhello\r\n0\r\n\r\n", "size-comma": b"5,\r\nhello\r\n0\r\n\r\n",
    "size-underscore": b"0_5\r\nhello\r\n0\r\n\r\n", "size-fraction": b"5.0\r\nhello\r\n0\r\n\r\n",
    "size-quoted": b'"5"\r\nhello\r\n0\r\n\r\n', "size-two": b"5 5\r\nhello\r\n0\r\n\r\n",
    "size-high-byte": b"5\xa0\r\nhello\r\n0\r\n\r\n",
    "size-vertical-tab": b"5\x0b\r\nhello\r\n0\r\n\r\n",
    "size-2^64+5": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "size-2^68": b"100000000000000005\r\nhello\r\n0\r\n\r\n",
    "size-2^128+5": b"100000000000000000000000000000005\r\nhello\r\n0\r\n\r\n",
    "size-all-f": b"f" * 17 + b"\r\nhello\r\n0\r\n\r\n",
    "size-negative-by-overflow": b"fffffffffffffffff0\r\nhello\r\n0\r\n\r\n",
    "size-equals": b"=5\r\nhello\r\n0\r\n\r\n", "size-colon": b"5:\r\nhello\r\n0\r\n\r\n",
    "size-minus-zero": b"5\r\nhello\r\n-0\r\n\r\n", "size-plus-zero": b"5\r\nhello\r\n+0\r\n\r\n",
    "line-ends-in-lf": b"5\nhello\r\n0\r\n\r\n", "line-ends-in-cr": b"5\rhello\r\n0\r\n\r\n",
    "line-ends-in-cr-cr-lf": b"5\r\r\nhello\r\n0\r\n\r\n",
    "line-ends-in-lf-cr": b"5\n\rhello\r\n0\r\n\r\n",
    "line-cr-inside": b"5\r;a\r\nhello\r\n0\r\n\r\n",
    "data-without-crlf": b"5\r\nhello0\r\n\r\n", "data-ends-in-lf": b"5\r\nhello\n0\r\n\r\n",
    "data-ends-in-cr": b"5\r\nhello\r0\r\n\r\n",
    "data-ends-in-two-others": b"5\r\nhelloXX0\r\n\r\n",
    "data-ends-in-lf-cr": b"5\r\nhello\n\r0\r\n\r\n", "data-longer": b"5\r\nhello!\r\n0\r\n\r\n",
    "data-shorter": b"5\r\nhell\r\n0\r\n\r\n", "data-ends-in-cr-cr": b"5\r\nhello\r\r0\r\n\r\n",
    "last-ends-in-lf": b"5\r\nhello\r\n0\n\r\n", "last-ends-in-lf-lf": b"5\r\nhello\r\n0\n\n",
    "last-then-lf": b"5\r\nhello\r\n0\r\n\n", "last-then-cr-other": b"5\r\nhello\r\n0\r\n\rX",
    "last-ends-in-cr-cr-lf": b"5\r\nhello\r\n0\r\r\n\r\n",
    "last-with-space": b"5\r\nhello\r\n0 \r\n\r\n",
    "extension-lf": b"5;\nhello\r\n0\r\n\r\n",
    "extension-lf-inside": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "extension-cr-inside": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "extension-nul": b"5;a=\x00\r\nhello\r\n0\r\n\r\n",
    "extension-control": b"5;a=\x01\r\nhello\r\n0\r\n\r\n",
    "extension-delete": b"5;a\x7f\r\nhello\r\n0\r\n\r\n",
    "extension-without-semicolon": b"5 a=b\r\nhello\r\n0\r\n\r\n",
    "extension-quoted-crlf": b'5;a="\r\n0\r\n\r\n' + NEXT + b'"\r\nhello\r\n0\r\n\r\n',
    "extension-of-last-lf": b"5\r\nhello\r\n0;a\n\r\n",
    "extension-overlong": b"5;a=" + b"b" * 70000 + b"\r\nhello\r\n0\r\n\r\n",
    "second-size-broken": b"5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n",
    "last-extension-smuggles": b"0;\n\r\n" + NEXT,
}.items():
    case(f"chunk-{name}", chunked(body), CHUNK, Cut())

for name, body in {
    "extension-empty": b"5;\r\nhello\r\n0\r\n\r\n",
    "extension-without-value": b"5;a=\r\nhello\r\n0\r\n\r\n",
    "extension-without-name": b"5;=b\r\nhello\r\n0\r\n\r\n",
    "extension-bad-token": b"5;a@=b\r\nhello\r\n0\r\n\r\n",
    "extension-quote-open": b'5;a="b\r\nhello\r\n0\r\n\r\n',
    "extension-quote-tail": b'5;a="b"c\r\nhello\r\n0\r\n\r\n',
    "extension-two-semicolons": b"5;;a\r\nhello\r\n0\r\n\r\n",
    "extension-space-in-name": b"5;a b\r\nhello\r\n0\r\n\r\n",
    "extension-high-byte": b"5;\xff\r\nhello\r\n0\r\n\r\n",
    "extension-space-behind": b"5;a \r\nhello\r\n0\r\n\r\n",
}.items():
    case(f"chunk-{name}", chunked(body), "9112 7.1.1", Cut())

case("chunk-size-2^63", chunked(b"8000000000000000\r\nhello"), CHUNK, Cut((400, 413)), ends=True)
case("chunk-size-2^64-1", chunked(b"ffffffffffffffff\r\nhello"), CHUNK, Cut((400, 413)), ends=True)
case("chunk-size-2^32+5", chunked(b"100000005\r\nhello\r\n0\r\n\r\n"), CHUNK, Cut((400, 413)),
     ends=True)
case("chunk-cut-in-size", chunked(b"5"), "9112 8", Cut(), ends=True)
case("chunk-cut-in-data", chunked(b"5\r\nhel"), "9112 8", Cut(), ends=True)
case("chunk-cut-behind-data", chunked(b"5\r\nhello\r\n"), "9112 8", Cut(), ends=True)
case("chunk-cut-in-last", chunked(b"5\r\nhello\r\n0"), "9112 8", Cut(), ends=True)
case("chunk-cut-before-final-line", chunked(b"5\r\nhello\r\n0\r\n"), "9112 8", Cut(), ends=True)
case("chunk-cut-in-final-line", chunked(b"5\r\nhello\r\n0\r\n\r"), "9112 8", Cut(), ends=True)
case("chunk-cut-in-trailers", chunked(b"5\r\nhello\r\n0\r\nX-A: b\r\n"), "9112 8", Cut(), ends=True)
case("head-cut", b"GET / HTTP/1.1\r\nHost: example.com\r\n", "9112 8", Cut(), ends=True)
case("request-line-cut", b"GET / HT", "9112 8", Cut(), ends=True)

HELLO = Forward(body=b"hello")
case("chunk-size-leading-zeros", chunked(b"0000005\r\nhello\r\n000\r\n\r\n"), CHUNK, HELLO)
case("chunk-size-many-zeros", chunked(b"0" * 40 + b"5\r\nhello\r\n0\r\n\r\n"), CHUNK,
     Either(Cut(), HELLO))
case("chunk-size-hex-cases", chunked(b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), CHUNK,
     Forward(body=b"01234567890123456789"))
case("chunk-none-but-last", chunked(b"0\r\n\r\n"), CHUNK, Forward())
case("chunk-data-like-chunks", chunked(b"9\r\n0\r\n\r\nGET \r\n0\r\n\r\n"), CHUNK,
     Forward(body=b"0\r\n\r\nGET "))
case("chunk-data-like-request", chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(NEXT), NEXT)), CHUNK,
     Forward(body=NEXT))
case("chunk-extension", chunked(b"5;a=b\r\nhello\r\n0;c\r\n\r\n"), "9112 7.1.1", HELLO)
case("chunk-extension-quoted", chunked(b'5;a="b;c\\"d"\r\nhello\r\n0\r\n\r\n'), "9112 7.1.1", HELLO)
case("chunk-extension-spaces", chunked(b"5 ; a = b\r\nhello\r\n0\r\n\r\n"), "9112 7.1.1",
     Either(Cut(), HELLO))
case("chunk-extensions-more-than-data",
     chunked(b"".join(b"1;%s\r\nx\r\n" % (b"a" * 2000) for _ in range(200)) + b"0\r\n\r\n"),
     "9112 7.1.1", Cut((400, 413)))
case("chunk-garbage-behind", chunked(BODY + b"(garbage)\r\n\r\n"), CHUNK,
     Forward(body=b"hello", then=Refuse()))

# Trailers (RFC 9112 7.1.2, RFC 9110 6.5)

def trailing(*lines):
    return chunked(b"5\r\nhello\r\n0\r\n" + head(*lines))


TRAILER = "9110 6.5.1"
case("trailer-plain", trailing(b"X-A: b"), TRAILER, HELLO)
for name in ("Content-Length", "Transfer-Encoding", "Host", "Connection", "Authorization", "Cookie",
             "Content-Type", "Content-Encoding", "Content-Range", "Cache-Control", "Expect",
             "Range",
             "If-Match", "Max-Forwards", "TE", "Trailer", "Upgrade", "X-Forwarded-For", "Forwarded",
             "Set-Cookie", "Keep-Alive", "Proxy-Connection", "Via"):
    value = {"Content-Length": b"5", "Transfer-Encoding": b"chunked"}.get(name, b"x")
    case(f"trailer-{name.lower()}", trailing(b"X-A: b", name.encode() + b": " + value), TRAILER,
         Either(Cut(), Forward(body=b"hello", trailers={name: None})))
case("trailer-smuggles-length", trailing(b"Content-Length: 100") + get(), TRAILER,
     Either(Cut(), Forward(body=b"hello", trailers={"Content-Length": None}, requests=2)))
for name, line in {
    "space-before-colon": b"X-A : b", "no-colon": b"X-A", "space-first": b" X-A: b",
    "fold": b"X-A: b\r\n c", "nul": b"X-A: b\x00", "lf": b"X-A: b\nX-B: c", "cr": b"X-A: b\rc",
    "empty-name": b": b", "bad-name": b"X(A): b", "chunk-size": b"5", "control": b"X-A: \x01",
}.items():
    case(f"trailer-with-{name}", trailing(line), "9112 5.1", Cut())
case("trailer-ends-in-lf", chunked(b"5\r\nhello\r\n0\r\nX-A: b\n\r\n"), "9112 2.2", Cut())
case("trailers-end-in-lf", chunked(b"5\r\nhello\r\n0\r\nX-A: b\r\n\n"), "9112 2.2", Cut())
case("trailers-too-many", trailing(*[b"X-%d: a" % number for number in range(300)]), "6585 5",
     Cut((400, 431)))
case("trailers-too-large", trailing(b"X-A: " + b"a" * 70000), "6585 5", Cut((400, 431)))

# Connection and its like (RFC 9110 7.6.1)

HOP = "9110 7.6.1"
for name in ("Host", "Content-Length", "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded",
             "Cookie",
             "Authorization", "Connection", "close, Host", "keep-alive, Host, X-Forwarded-Host"):
    case(f"connection-lists-{name.lower().replace(', ', '-and-')}",
         post(b"Cookie: a=b", b"Authorization: Basic YTpi", b"Content-Length: 5",
              b"Connection: " + name.encode(), body=b"hello"), HOP,
         Forward(body=b"hello", fields={"Host": "example.com", "X-Forwarded-For": "127.0.0.1",
                                        "Cookie": "a=b", "Authorization": "Basic YTpi"}))
GONE = Forward(fields={"X-A": None})
case("connection-lists-a-field", get(b"Connection: X-A", b"X-A: b"), HOP, GONE)
case("connection-lists-by-case", get(b"connection: x-a", b"X-A: b"), HOP, GONE)
case("connection-lists-behind-others", get(b"Connection: keep-alive, X-A", b"X-A: b"), HOP, GONE)
case("connection-lists-with-empty-members", get(b"Connection: ,, X-A ,,", b"X-A: b"), HOP, GONE)
case("connection-twice", get(b"Connection: keep-alive", b"X-A: b", b"Connection: X-A"), HOP, GONE)
case("connection-lists-field-before-it", get(b"X-A: b", b"X-A: c", b"Connection: X-A"), HOP, GONE)
case("connection-with-tabs", get(b"Connection:\tX-A\t,\tclose", b"X-A: b"), HOP, GONE)
case("connection-many", get(b"Connection: " + b", ".join(b"x%d" % i for i in range(2000)),
                            b"X-A: b", b"Connection: X-A"), HOP, Refuse())
case("connection-many-lines", get(*[b"Connection: a"] * 65), HOP, Refuse())
case("connection-of-64-names", get(b"Connection: X-A" + b", a" * 63, b"X-A: b"), HOP, GONE)
case("connection-malformed", get(b"Connection: X A;=@"), HOP, Either(Refuse(), Forward()))
case("keep-alive-field", get(b"Connection: keep-alive", b"Keep-Alive: timeout=9"), HOP,
     Forward(fields={"Keep-Alive": None}))
case("keep-alive-field-unlisted", get(b"Keep-Alive: 300"), HOP,
     Forward(fields={"Keep-Alive": None}))
case("proxy-connection", get(b"Proxy-Connection: keep-alive"), HOP,
     Forward(fields={"Proxy-Connection": None}))
case("te-chunked", get(b"TE: chunked"), "9110 10.1.4", Either(Refuse(), Forward()))
case("te-gzip", get(b"TE: gzip;q=1", b"Connection: TE"), "9110 10.1.4", Forward())
case("connection-close-then-more", get(b"Connection: close") + NEXT, "9112 9.6", Forward())

# Upgrade (RFC 9110 7.8)

SETTINGS = b"HTTP2-Settings: AAMAAABkAAQAAP__"
PLAIN = Forward(fields={"Upgrade": None, "HTTP2-Settings": None})
case("upgrade-h2c", get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", SETTINGS),
     "9110 7.8",
     PLAIN)
case("upgrade-h2c-upper-case",
     get(b"Connection: upgrade, http2-settings", b"Upgrade: H2C", SETTINGS),
     "9110 7.8", PLAIN)
case("upgrade-h2c-without-connection", get(b"Upgrade: h2c", SETTINGS), "9110 7.8", PLAIN)
case("upgrade-h2c-settings-unlisted", get(b"Connection: Upgrade", b"Upgrade: h2c", SETTINGS),
     "9110 7.8",
     PLAIN)
case("upgrade-h2c-with-body",
     post(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", SETTINGS,
                                   b"Content-Length: 5", body=b"hello"), "9110 7.8",
     Forward(body=b"hello", fields={"Upgrade": None, "HTTP2-Settings": None}))
case("upgrade-h2c-spaces", get(b"Connection: Upgrade", b"Upgrade:  h2c \t"), "9110 7.8", PLAIN)
case("upgrade-unlisted-websocket", get(b"Upgrade: websocket"), "9110 7.8", PLAIN)
case("upgrade-in-1.0", get(b"Connection: Upgrade", b"Upgrade: websocket", version=b"HTTP/1.0"),
     "9110 7.8", PLAIN)
case("upgrade-connection-without-protocol", get(b"Connection: Upgrade"), "9110 7.8", PLAIN)
case("upgrade-nul", get(b"Connection: Upgrade", b"Upgrade: web\x00socket"), FIELD, Refuse())

# Expect (RFC 9110 10.1.1)

EXPECT = "9110 10.1.1"
for name, value in {"unknown": b"200-ok", "list": b"100-continue, x", "empty": b"",
                    "prefix": b"x100-continue", "parameter": b"100-continue;a=b",
                    "word-before": b"y 100-continue"}.items():
    case(f"expect-{name}", post(b"Expect: " + value, b"Content-Length: 5", body=b"hello"), EXPECT,
         Either(Refuse((400, 417)), Forward(body=b"hello")))
case("expect-by-case", post(b"Expect: 100-Continue", b"Content-Length: 5", body=b"hello"), EXPECT,
     Forward(body=b"hello"))
case("expect-of-get", get(b"Expect: 100-continue"), EXPECT, Forward())
case("expect-in-1.0", post(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello",
                           version=b"HTTP/1.0"), EXPECT, Forward(body=b"hello"))
case("expect-twice", post(b"Expect: 100-continue", b"Expect: 100-continue", b"Content-Length: 5",
                          body=b"hello"), EXPECT,
                          Either(Refuse((400, 417)), Forward(body=b"hello")))
case("expect-with-request-as-body",
     post(b"Expect: 100-continue", b"Content-Length: %d" % len(NEXT), body=NEXT), EXPECT,
     Forward(body=NEXT))

# Who the client is: replaced, not believed

case("forwarded-for-spoofed", get(b"X-Forwarded-For: 192.0.2.1"), "7239 8.1",
     Forward(fields={"X-Forwarded-For": "127.0.0.1"}))
case("forwarded-for-spoofed-twice",
     get(b"X-Forwarded-For: 192.0.2.1", b"X-Forwarded-For: 192.0.2.2"),
     "7239 8.1", Forward(fields={"X-Forwarded-For": "127.0.0.1"}))
case("forwarded-host-spoofed", get(b"X-Forwarded-Host: evil.example"), "7239 8.1",
     Forward(fields={"X-Forwarded-Host": "example.com"}))
case("forwarded-proto-spoofed", get(b"X-Forwarded-Proto: https"), "7239 8.1",
     Forward(fields={"X-Forwarded-Proto": "http"}))

for name, value in {
    "X-Forwarded-Prefix": b"/admin", "X-Forwarded-Server": b"evil.example",
    "X-Forwarded-Ssl": b"on", "X-Forwarded-Scheme": b"https", "x-forwarded-user": b"root",
    "X_Forwarded_Prefix": b"/admin", "X-Forwarded-Client-Cert": b"Hash=a",
}.items():
    case(f"forwarded-family-{name}", get(name.encode() + b": " + value), "7239 8.1",
         Forward(fields={name: None}))

# What CGI and its heirs take for another field (RFC 3875 4.1.18)

for name in ("X_Forwarded_For", "X-Forwarded_For", "x_forwarded-for", "X_Forwarded_Host",
             "X_Forwarded_Proto", "X_Real_IP", "Content_Type", "Content_Length", "Keep_Alive",
             "Proxy_Connection", "HTTP2_Settings", "If_Match", "X_Request_Id", "Proxy", "PROXY",
             "User_Agent", "Set_Cookie", "Cache_Control", "Proxy_Authorization",
             "X.Forwarded.For", "X-Forwarded.For", "x.real.ip", "X+Forwarded~Proto",
             "Content.Length", "Transfer!Encoding", "X.Forwarded.Prefix"):
    case(f"disguise-{name}", get(name.encode() + b": 192.0.2.1"), "3875 4.1.18",
         Forward(fields={name: None, "X-Forwarded-For": "127.0.0.1"}))
    case(f"disguise-trailer-{name}", trailing(b"X-A: b", name.encode() + b": 5"), "3875 4.1.18",
         Forward(body=b"hello", trailers={name: None, "X-A": "b"}))
case("disguise-named-by-connection", get(b"Connection: X_Forwarded_For", b"X_Forwarded_For: a"),
     "3875 4.1.18", Forward(fields={"X_Forwarded_For": None, "X-Forwarded-For": "127.0.0.1"}))
case("disguise-of-both", post(b"Content_Length: 1", b"Content-Length: 5", b"Transfer_Encoding: x",
                              body=b"hello"), "3875 4.1.18",
     Forward(body=b"hello", fields={"Content_Length": None, "Transfer_Encoding": None}))
for name in ("my_field", "my.field", "my+field"):
    case(f"marks-in-a-name-of-nobody-{name}", get(name.encode() + b": a"), "9110 5.1",
         Forward(fields={name: "a"}))

# Pipelines (RFC 9112 9.3.2)

case("pipelined-good", get() + get() + get(), "9112 9.3.2", Forward(requests=3))
case("pipelined-good-then-bad", get() + b"GET / HTTP/1.1\r\nX-A: b\r\n\r\n" + NEXT, "9112 9.3.2",
     Forward(then=Refuse()))
case("pipelined-good-then-conflict",
     get() + post(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=BODY) + NEXT,
     "9112 6.3",
     Forward(then=Refuse()))
case("pipelined-empty-lines-between", get() + b"\r\n" + get(), "9112 2.2", Forward(requests=2))
case("pipelined-good-then-http2", get() + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "9113 3.4",
     Forward(then=VERSION))
case("pipelined-good-then-lf", get() + b"\n" + get(), "9112 2.2", Forward(then=Refuse()))
