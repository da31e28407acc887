"""Clients that keep Weir busy while a test does something to it; every answer is accounted for."""

import threading

from harness import http1
from harness.client import Client
from harness.deadline import Deadline, Late


class Load:
    """A context in which `clients` threads ask for targets of their own, below `folder`, without
    pause. A 200 must be the target a hundred times, or one of `bodies`. At its end nothing may have
    been wrong: no answer of another request, nothing malformed, no connection closed without an
    answer, no status but 200, 502, 503, 504."""

    def __init__(self, weir, clients=4, fields=(), folder="", bodies=()):
        self.weir, self.fields, self.folder, self.bodies = weir, fields, folder, bodies
        self.stopping = threading.Event()
        self.statuses, self.cuts, self.wrong = [], 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._ask, args=(number,))
                        for number in range(clients)]
        for thread in self.threads:
            thread.start()

    def _ask(self, number):
        client, count = None, 0
        while not self.stopping.is_set():
            client = client or self._connect()
            if not client:
                return
            count += 1
            if not self._ask_once(client, f"{self.folder}/{number}-{count}"):
                client.close()
                client = None
        if client:
            client.close()

    def _connect(self):
        try:
            return Client(self.weir.address)
        except OSError as failure:
            self.wrong.append(f"cannot connect: {type(failure).__name__} {failure}")
            return None

    def _ask_once(self, client, target):
        """Whether the connection is still good."""
        try:
            response = client.ask("GET", target, fields=self.fields)
            self._note(response, target)
            return "close" not in response.list_of("Connection")
        except (http1.Cut, http1.Ended) as cut:
            self._note_cut(cut)
        except (AssertionError, OSError) as failure:
            self.wrong.append(f"{target}: {type(failure).__name__} {failure}")
        return False

    def _note(self, response, target):
        with self.lock:
            self.statuses.append(response.status)
            right = self.bodies or [target.encode() * 100]
            if response.status == 200 and response.body not in right:
                self.wrong.append(f"{target} got {response.body[:100]!r}")

    def _note_cut(self, cut):
        with self.lock:
            if getattr(cut, "partial", None) is None:
                self.wrong.append(f"closed without an answer: {cut}")
            self.cuts += 1

    def wait_for(self, count, status=200):
        """Until `count` more answers with that status have come."""
        deadline, pause = Deadline(30, f"{count} answers with {status}"), threading.Event()
        wanted = self.statuses.count(status) + count
        while self.statuses.count(status) < wanted:
            try:
                deadline.left()
            except Late as late:
                raise Late(f"{late}: {self.tell()}") from None
            pause.wait(0.005)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._stop()
        if kind is None:
            self.check()

    def _stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a client hangs"

    def check(self):
        assert not self.wrong, self.wrong[:5]
        assert set(self.statuses) <= {200, 502, 503, 504}, self.tell()

    def check_all_well(self):
        """Nobody has noticed anything."""
        self.check()
        assert set(self.statuses) == {200} and self.cuts == 0, self.tell()

    def tell(self):
        return ({status: self.statuses.count(status) for status in set(self.statuses)},
                f"{self.cuts} cut", self.wrong[:5])
