"""Messages put together by chance, from parts that are right and some that are not; from a seed, so
that a failure can be played again."""

import random

BODIES = [b"", b"hello", b"GET /inner HTTP/1.1\r\nHost: example.com\r\n\r\n", b"0\r\n\r\n",
          b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]

# Each: what is right, and what stands there in few of the cases.
SPACES = [b" "], [b"  ", b"\t", b"\x0b"]
VERSIONS = [b"HTTP/1.1"], [b"HTTP/1.0", b"HTTP/1.2", b"http/1.1", b"HTTP/1.1 "]
ENDS = [b"\r\n"], [b"\n", b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"\t\r\n", b"\x00\r\n", b""]
COLONS = [b": ", b":", b":\t"], [b" : ", b"\t: ", b":\x0b", b":\r\n ", b"\x00:", b"=", b" "]
LENGTHS = [b"%d"], [b"0%d", b"+%d", b"-%d", b"%d, %d", b"%d ", b"0x%x", b"%d\x0b", b"%d\r\n 1"]
CODINGS = ([b"chunked", b"Chunked"],
           [b"xchunked", b"chunked, identity", b"identity, chunked", b'"chunked"', b"chunked;a",
            b" chunked", b"\x0bchunked", b"chunked\r\n ", b"gzip, chunked", b""])
SIZES = ([b"%x", b"%X", b"0%x", b"%x;a=b"],
         [b"+%x", b"0x%x", b" %x", b"%x ", b"%x;", b'%x;a="\r\n"', b"-%x", b"1000000000000000%x",
          b"%x\n", b"%xg"])
LASTS = [b"0", b"00"], [b"-0", b"", b"0 ", b"0\n"]
METHODS = [b"GET", b"POST", b"PUT", b"HEAD", b"DELETE"]
REQUEST_EXTRAS = ([b"X-A: b", b"X-A: \xff", b"Connection: X-A, keep-alive", b"TE: trailers",
                   b"X-A:"],
                  [b"X\x80: b", b" X-A: b", b"X-A: b\r\n c", b"", b":", b"Host: other.example",
                   b"Upgrade: h2c", b"Connection: Content-Length", b"Connection: close",
                   b"Connection: Transfer-Encoding", b"Expect: 100-continue", b"TE: chunked",
                   b"X-A:\x00", b"X-A: b\rContent-Length: 3"])
STATUSES = [b"200 OK", b"404 Not Found", b"200 ", b"204 No Content", b"304 Not Modified"], \
    [b"20 OK", b"2000 OK", b"200\tOK", b"099 Low", b"101 Switching", b"100 Continue", b"200 O\x00K"]
RESPONSE_EXTRAS = ([b"X-A: b", b"X-A: \xff", b"Connection: X-A, keep-alive", b"X-A:",
                    b"Set-Cookie: a=b",
                    b"Connection: close"],
                   [b"X\x80: b", b" X-A: b", b"X-A: b\r\n c", b"", b":",
                    b"Connection: Content-Length",
                    b"Connection: Transfer-Encoding", b"Upgrade: h2c", b"X-A:\x00",
                    b"X-A: b\rContent-Length: 3"])


class Writer:
    """Most choices are good ones, so that the bad ones get far. `data` is the result."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.data = b"".join(self.message(number) for number in range(self.chance.randint(1, 3)))

    def some(self, choices):
        """One of a list, or of a pair of a list of right ones and one of wrong ones."""
        if isinstance(choices, tuple):
            choices = choices[self.rarely(0.02)]
        return self.chance.choice(choices)

    def rarely(self, share=0.05):
        return self.chance.random() < share

    def field(self, name, value):
        return name + self.some(COLONS) + value + self.some(ENDS)

    def framing(self, body):
        """Fields and bytes of a body: counted, chunked, both, none."""
        counted, chunked = self.chance.random() < 0.5, self.chance.random() < 0.5
        fields = []
        if counted:
            length = max(0, len(body) + (self.chance.randint(-2, 2) if self.rarely() else 0))
            form = self.some(LENGTHS)
            fields.append(self.field(b"Content-Length", form % ((length,) * form.count(b"%"))))
            if self.rarely():
                fields.append(self.field(b"content-length", b"%d" % length))
        if chunked and (not counted or self.rarely(0.1)):
            fields.append(self.field(b"Transfer-Encoding", self.some(CODINGS)))
            return fields, self.chunks(body)
        return fields, body if counted else b""

    def chunks(self, body):
        data, at = b"", 0
        while at < len(body):
            size = self.chance.randint(1, len(body) - at)
            told = size + (self.chance.randint(-1, 1) if self.rarely(0.02) else 0)
            data += self.some(SIZES) % told + self.some(ENDS) + body[at:at + size] + self.some(ENDS)
            at += size
        trailer = self.field(b"X-T", b"t") if self.rarely() else b""
        return data + self.some(LASTS) + self.some(ENDS) + trailer + self.some(ENDS)

    def pieces(self):
        count = self.chance.randint(0, min(4, len(self.data) - 1))
        places = [0, *sorted(self.chance.sample(range(1, len(self.data)), count)), len(self.data)]
        return [self.data[a:b] for a, b in zip(places, places[1:])]


class RequestWriter(Writer):
    def message(self, number):
        line = self.some(SPACES).join([self.some(METHODS), b"/%d" % number, self.some(VERSIONS)])
        fields, wire = self.framing(self.some(BODIES))
        if not self.rarely(0.01):
            fields.append(self.field(b"Host", b"example.com"))
        if self.rarely(0.5):
            fields.append(self.some(REQUEST_EXTRAS) + self.some(ENDS))
        self.chance.shuffle(fields)
        return line + self.some(ENDS) + b"".join(fields) + self.some(ENDS) + wire


class ResponseWriter(Writer):
    def message(self, number):
        line = self.some(VERSIONS) + self.some(SPACES) + self.some(STATUSES)
        fields, wire = self.framing(self.some(BODIES))
        if self.rarely(0.5):
            fields.append(self.some(RESPONSE_EXTRAS) + self.some(ENDS))
        self.chance.shuffle(fields)
        hints = b"HTTP/1.1 103 Early Hints\r\n\r\n" if self.rarely() else b""
        return hints + line + self.some(ENDS) + b"".join(fields) + self.some(ENDS) + wire
