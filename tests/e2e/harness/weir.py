"""Weir itself, as a process of the test."""

import os
import pathlib
import re
import select
import signal
import subprocess
import threading

from harness.deadline import Deadline, Late, poll_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
TROUBLE = re.compile(r"Sanitizer|runtime error:|assertion failed", re.IGNORECASE)


def binary():
    """What is tested: $WEIR_BINARY, else build/weir."""
    path = pathlib.Path(os.environ.get("WEIR_BINARY") or ROOT / "build" / "weir").resolve()
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: build it with make, or set WEIR_BINARY")
    return path


def is_sanitized():
    """Under sanitizers memory is no measure."""
    data = binary().read_bytes()
    return b"__asan_init" in data or b"__tsan_init" in data


class WeirFailed(AssertionError):
    """Weir died, did not come up, did not go down, or complained."""


class Weir:
    """`weir ARGUMENTS`, from its start until it is ready, then until stop(). `address` is that of
    its first listener; `log` what it has said on stderr so far. `program` is another file than the
    binary that is tested; `descriptors` are passed on to it. Without `is_awaited` it may still be
    on its way to be ready."""

    def __init__(self, arguments, address=None, directory=None, environment=None, program=None,
                 descriptors=(), is_awaited=True):
        self.arguments = [str(argument) for argument in arguments]
        self.address, self.directory = address, directory
        self._lines, self._changed, self._closed = [], threading.Condition(), False
        self.process = subprocess.Popen(
            [str(program or binary()), *self.arguments], cwd=directory, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=descriptors,
            env={**os.environ, **(environment or {})})
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self._stopped = False
        try:
            if is_awaited:
                self.wait_for_log(r"^weir: ready")
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise

    # Its log

    def _read_log(self):
        with self.process.stderr as stderr:
            for line in stderr:
                self._append(line.decode("utf-8", "replace"))
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _append(self, line):
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()

    @property
    def log(self):
        with self._changed:
            return "".join(self._lines)

    def wait_for_log(self, pattern, seconds=None, start=0):
        """The first line, from number `start` on, in which the regular expression is found."""
        deadline, number = Deadline(seconds, f"log line with {pattern!r}"), start
        with self._changed:
            while True:
                for line in self._lines[number:]:
                    if re.search(pattern, line):
                        return line
                number = max(number, len(self._lines))
                if self._closed:
                    raise WeirFailed(f"weir ended without a line {pattern!r}: {self._tail()}")
                try:
                    self._changed.wait(deadline.left())
                except Late as late:
                    raise WeirFailed(f"{late}{self._tail()}") from None

    def _tail(self):
        return "\n--- stderr of weir ---\n" + "".join(self._lines[-60:])

    # Its process

    def is_running(self):
        return self.process.poll() is None

    def processes(self):
        """Its process id and those of all its descendants."""
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            try:
                for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                    waiting += [int(child) for child in path.read_text().split()]
            except OSError:
                pass  # it, or a thread of it, has ended meanwhile
        return found

    def worker(self):
        """The process id of the worker of a supervised one, as soon as there is one."""
        return poll_until(lambda: self.processes()[1:], what="a worker")[0]

    def resident_kib(self):
        """Resident memory of all its processes."""
        total = 0
        for pid in self.processes():
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            match = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
            total += int(match[1]) if match else 0
        return total

    def descriptors(self):
        """Open file descriptors of all its processes."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.processes())

    def check(self):
        """Raises where it died or complained of itself."""
        if not self._stopped and not self.is_running():
            self._reader.join(5)
            raise WeirFailed(f"weir died: {self.process.returncode}{self._tail()}")
        if TROUBLE.search(self.log):
            raise WeirFailed("weir found fault with itself" + self._tail())

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """Asks it to end (TERM) and asserts that it does so cleanly."""
        if self._stopped:
            return
        self.check()
        self.signal(signal.SIGTERM)
        self.wait_for_end()

    def wait_for_end(self, status=0):
        """Asserts that it ends by itself, with that exit status: for who asked it to stop by other
        means than stop()."""
        self._stopped = True
        if not self._has_ended(Deadline().left()):
            self.process.kill()
            self.process.wait()
            raise WeirFailed(f"weir did not end{self._tail()}")
        self.process.wait()
        self._reader.join(5)
        if self.process.returncode != status:
            raise WeirFailed(f"weir ended with {self.process.returncode}{self._tail()}")
        self.check()

    def _has_ended(self, seconds):
        """As soon as it has: Popen.wait() with a timeout looks every 50 ms."""
        if self.process.poll() is not None:
            return True
        descriptor, ended = os.pidfd_open(self.process.pid), select.poll()
        ended.register(descriptor, select.POLLIN)
        try:
            return bool(ended.poll(1000 * seconds))
        finally:
            os.close(descriptor)

    def abandon(self):
        """Ends it without a word, after another failure."""
        self._stopped = True
        self.process.kill()
        self.process.wait()
        self._reader.join(5)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        elif self.is_running():
            self.abandon()


def write_configuration(directory, text, address):
    """Puts the text into weir.yaml there, with `listen` where it says none."""
    if not re.search(r"^listen:", text, re.MULTILINE):
        listen = f"unix:{address}" if isinstance(address, str) else f"{address[0]}:{address[1]}"
        text = f'listen: "{listen}"\n{text}'
    path = pathlib.Path(directory) / "weir.yaml"
    path.write_text(text)
    return path


def run_weir_command(*arguments, directory=None, environment=None, seconds=20, program=None):
    """A command that ends by itself, as `weir check`: its exit status, stdout and stderr."""
    result = subprocess.run([str(program or binary()), *map(str, arguments)], cwd=directory, text=True,
                            capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL,
                            env={**os.environ, **(environment or {})}, check=False)
    assert not TROUBLE.search(result.stderr), result.stderr
    return result
