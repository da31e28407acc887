"""One Weir and one origin for the many cases of a corpus. Cases are played one after the other; a
sentinel request behind each tells when Weir has dealt with it, and that it left nothing behind."""

import itertools

from harness.client import Client, request_bytes
from harness.origin import Origin
from harness.weir import Weir, write_configuration

SENTINEL = "/sentinel-"


class Bench:
    """The behaviour of the origin must answer a sentinel with its target as body. Weir is started
    anew where a case killed it."""

    def __init__(self, ports, directory, behaviour, settings=""):
        self.directory, self.settings = directory, settings
        self.origin = Origin(("127.0.0.1", ports.take()), behaviour)
        self.address = ("127.0.0.1", ports.take())
        self.weir = None
        self._sentinels = itertools.count()

    def ready(self):
        if self.weir is None:
            text = f'threads: 1\nsites: [{{proxy: "{self.origin.url}"}}]\n{self.settings}'
            path = write_configuration(self.directory, text, self.address)
            self.weir = Weir(["run", "-c", path, "--one-process"], self.address,
                             self.directory)
        return self

    def ask_sentinel(self, client=None):
        """A request that nothing is wrong with, on a connection of its own or on that of `client`.
        What came before it has been dealt with when it is answered, and it must get its own
        answer."""
        own = client or Client(self.address)
        target = f"{SENTINEL}{next(self._sentinels)}"
        try:
            own.send(request_bytes("GET", target))
            response = own.read_response()
        finally:
            if not client:
                own.close()
        self.origin.settle()
        assert (response.status, response.body) == (200, target.encode()), \
            f"the next request, {target}, got {response}: {response.body!r}"

    def troubles(self):
        """What Weir and the origin have to complain of since the last time, as texts."""
        troubles, self.origin.failures = self.origin.failures, []
        try:
            self.weir.check()
        except AssertionError as failure:
            troubles.append(str(failure))
            self.weir.abandon()
            self.weir = None
        return troubles

    def stop(self):
        self.origin.stop()
        if self.weir:
            self.weir.stop()
