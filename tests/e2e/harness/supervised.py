"""A Weir of two processes, as users have it."""

import json
import os
import pathlib
import signal

from harness.client import Client
from harness.weir import run_weir_command, write_configuration

READY = "weir: ready"


class Supervised:
    """A supervised Weir whose workers can be killed and whose file can be replaced."""

    def __init__(self, weir):
        self.weir, self.path = weir, pathlib.Path(weir.arguments[2])

    def lines(self):
        return self.weir.log.count("\n")

    def kill_worker(self, number=signal.SIGKILL):
        """Its process id; returns when the next one serves."""
        seen, worker = self.lines(), self.weir.worker()
        os.kill(worker, number)
        self.weir.wait_for_log(READY, start=seen)
        assert self.weir.worker() != worker
        return worker

    def write(self, text):
        write_configuration(self.path.parent, text, self.weir.address)

    def reload(self, text):
        self.write(text)
        seen = self.lines()
        self.weir.signal(signal.SIGHUP)
        return self.weir.wait_for_log(r"the configuration was (not )?loaded", start=seen)

    def status(self):
        return json.loads(run_weir_command("status", "-c", self.path).stdout)


def site(body, rest=""):
    return f"sites:\n  - respond: {{body: {body}}}\n{rest}"


def body(where):
    client = Client(where)
    try:
        return client.ask().body
    finally:
        client.close()


def is_gone(process):
    try:
        return "State:\tZ" in pathlib.Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return True


def stands_still(process):
    """All its threads are stopped."""
    return all("State:\tT" in (task / "status").read_text()
               for task in pathlib.Path(f"/proc/{process}/task").iterdir())
