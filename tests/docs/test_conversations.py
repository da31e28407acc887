"""What documents show of a terminal is what a terminal shows. In what is printed, `...` stands for
anything. What a `cat` shows may come a moment later: a thread writes logs."""

import re
import time

import pytest

from documents import SERVED, SERVED_DEAD, after, all_blocks, write_files
from service import Service

SECONDS_MAX = 10
RUNNING = [block for block in all_blocks("yaml") if block.mark in (SERVED, SERVED_DEAD)]


def commands(block):
    """[command, what is printed behind it] in their order."""
    parts = re.split(r"^\$ ((?:.*\\\n)*.*)\n", block.text, flags=re.MULTILINE)
    assert not parts[0], f"{block}: a console begins with a command"
    return list(zip(parts[1::2], parts[2::2]))


def looks_like(printed, expected):
    pattern = re.escape(expected.rstrip("\n")).replace(re.escape("..."), ".*")
    return re.fullmatch(pattern, printed.rstrip("\n"), re.DOTALL)


def execute(service, command, expected):
    end = time.monotonic() + (SECONDS_MAX if command.startswith("cat ") else 0)
    while True:
        status, printed = service.execute(command)
        if time.monotonic() >= end or status == 0 and looks_like(printed, expected):
            assert status == 0, f"{command}: {printed}"
            return printed
        time.sleep(0.05)


def test_every_console_has_a_configuration():
    behind = [console for block in RUNNING for console in after(block)]
    assert [str(block) for block in all_blocks("console") if block not in behind] == []


@pytest.mark.parametrize("block", RUNNING, ids=str)
def test_the_console_shows_what_is_printed(block, directory, ports):
    consoles = [console for console in after(block) if console.language == "console"]
    assert consoles, "nothing is shown of it"
    write_files(block.document, directory)
    with Service(block.text, directory, ports, block.mark == SERVED) as service:
        for command, expected in [pair for console in consoles for pair in commands(console)]:
            printed = execute(service, command, expected)
            assert not expected or looks_like(printed, expected), f"{command}\n{printed}"
