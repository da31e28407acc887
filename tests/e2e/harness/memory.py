"""Reading messages out of bytes that were received already."""

from harness import http1


class Bytes:
    """As much of a Stream as the parsers of http1 ask for, over bytes that are all there."""

    def __init__(self, data):
        self._data = bytes(data)

    @property
    def rest(self):
        return self._data

    def read_line(self):
        if b"\n" not in self._data:
            if not self._data:
                raise http1.Ended("nothing left")
            raise http1.Cut("closed in the middle of a line", self.read_to_end())
        line, self._data = self._data.split(b"\n", 1)
        if not line.endswith(b"\r") or b"\r" in line[:-1]:
            raise http1.Malformed(f"bare CR or LF in {line!r}")
        return line[:-1]

    def read_exactly(self, count):
        if len(self._data) < count:
            raise http1.Cut(f"{len(self._data)} of {count} bytes", self.read_to_end())
        data, self._data = self._data[:count], self._data[count:]
        return data

    def read_to_end(self):
        data, self._data = self._data, b""
        return data


def parse_responses(data, methods=()):
    """All final responses in `data`; raises what http1.read_response raises, save at the end."""
    stream, responses = Bytes(data), []
    while stream.rest:
        method = methods[len(responses)] if len(responses) < len(methods) else "GET"
        responses.append(http1.read_response(stream, method))
    return responses
