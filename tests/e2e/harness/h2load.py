"""Load over HTTP/2 by h2load, which comes with nghttp2."""

import subprocess
import threading

from harness.deadline import PATIENCE


class H2Load:
    """h2load, again and again, in a thread of its own until it is left; `outcomes` is what each run
    says of its requests."""

    def __init__(self, url, requests=2000):
        self.command = ["h2load", "-n", str(requests), "-c", "4", "-m", "16", url]
        self.outcomes, self.is_over = [], threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.outcomes or not self.is_over.is_set():
            said = subprocess.run(self.command, capture_output=True, text=True,
                                  timeout=PATIENCE * 3).stdout
            self.outcomes.append(next((line for line in said.splitlines()
                                       if line.startswith("requests:")), said))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
