"""The lines of `sh` that begin with `weir`, as they stand, beside a Weir that runs: each is done, and
says something. What they name lies in a directory of the test in place of /etc/weir."""

import json
import os
import subprocess

import pytest

from documents import ROOT, all_blocks
from harness.weir import Weir, binary

SECONDS_MAX = 60
INSTALLED = "/etc/weir/weir.yaml"
CONFIGURATION = """\
listen: "127.0.0.1:%d"
upstreams: {app: ["127.0.0.1:%d"]}
sites: [{host: shop.example.com, proxy: app}]
"""


def lines(block):
    """Without the others: those of packages, and of the tree, need rights or long."""
    return [line for line in block.text.splitlines() if line.startswith("weir ")]


# That of the README keeps its terminal; test_first_steps.py has it.
BLOCKS = [block for block in all_blocks("sh") if block.document.parent == ROOT / "docs"
          and lines(block)]


class Terminal:
    def __init__(self, directory, ports):
        self.directory, self.weir = directory, None
        self.environment = {**os.environ, "PATH": f"{binary().parent}:{os.environ['PATH']}"}
        (directory / "weir.yaml").write_text(CONFIGURATION % (ports.take(), ports.take()))

    def start(self, *words):
        """What `weir run` does with these words, until it is ready."""
        assert self.weir is None
        self.weir = Weir(["run", *words], directory=self.directory)

    def execute(self, line):
        line = line.replace(INSTALLED, str(self.directory / "weir.yaml"))
        command = line.split("#")[0].split()
        if command[1] == "run":
            self.start(*command[2:])
            return
        result = subprocess.run(["sh", "-c", line], cwd=self.directory, env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=SECONDS_MAX, check=False)
        assert result.returncode == 0, f"{line}\n{result.stdout}"
        assert result.stdout or ">" in command, f"{line} says nothing"
        if command[1] == "stop":
            self.weir.wait_for_end()

    def close(self):
        if self.weir:
            self.weir.stop()


@pytest.fixture
def terminal(directory, ports):
    terminal = Terminal(directory, ports)
    yield terminal
    terminal.close()


def test_the_blocks_are_found():
    shown = {line.split()[1] for block in BLOCKS for line in lines(block)}
    assert {"run", "check", "reload", "upgrade", "stop", "status", "schema"} <= shown


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_what_is_shown_can_be_typed(block, terminal):
    if not any(line.startswith("weir run ") for line in lines(block)):
        terminal.start("-c", str(terminal.directory / "weir.yaml"))
    for line in lines(block):
        terminal.execute(line)
    for path in terminal.directory.glob("*.json"):
        assert json.loads(path.read_text()), path.name
