"""Every wait of a test has an end. A sanitized or loaded machine may be ten times slower than a
quiet one, so the default is generous: it is never reached where everything is right."""

import os
import time

PATIENCE = float(os.environ.get("WEIR_TEST_PATIENCE", "10"))  # seconds


class Late(AssertionError):
    """What was awaited did not come in time."""


class Deadline:
    def __init__(self, seconds=None, what="it"):
        self.seconds = PATIENCE if seconds is None else seconds
        self.what = what
        self._end = time.monotonic() + self.seconds

    def left(self):
        """Seconds that are left; raises Late when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise Late(f"waited {self.seconds:g} s in vain: {self.what}")
        return left


def poll_until(condition, seconds=None, what="condition"):
    """Waits until condition() is true, for what has no event of its own (a counter in /proc).
    Returns its value."""
    deadline = Deadline(seconds, what)
    pause = 0.00002
    while not (value := condition()):
        time.sleep(min(pause, deadline.left()))
        pause = min(pause * 1.5, 0.01)
    return value


def wait_for(event, what="an event of the test"):
    """Waits for a threading.Event."""
    if not event.wait(PATIENCE):
        raise Late(f"waited {PATIENCE:g} s in vain: {what}")
