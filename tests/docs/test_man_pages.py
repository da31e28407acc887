"""weir(1) and weir.yaml(5), made from what the program says of itself."""

import pathlib
import re
import subprocess

import pytest

import vocabulary
from harness.weir import binary, run_weir_command

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "man-pages"


@pytest.fixture(name="pages")
def make_pages(directory):
    subprocess.run([TOOL, binary(), directory], check=True, timeout=60)
    return directory


def formatted(page):
    """The text of a page; nothing may be wrong with its source."""
    result = subprocess.run(["groff", "-man", "-ww", "-Tascii", "-P-c", page], check=True, text=True,
                            capture_output=True, timeout=20)
    assert result.stderr == ""
    return re.sub(r".\x08", "", result.stdout)


def test_all_commands_are_in_the_page_of_the_program(pages):
    text = formatted(pages / "weir.1")
    for command in vocabulary.commands():
        assert re.search(rf"^ +{command}\b", text, re.MULTILINE)
        for option in vocabulary.options(command):
            assert f"--{option}" in text


def test_all_settings_and_variables_are_in_the_page_of_the_file(pages):
    text = formatted(pages / "weir.yaml.5")
    listed, variables = run_weir_command("settings").stdout.split("\nVariables")
    names = [line.split()[0] for line in listed.splitlines() if line]
    for name in set(names):
        # The sentence stands in the same line where the name is short.
        told = re.findall(rf"^ {{7}}{re.escape(name)}(?:  .*| [A-Z].*)?$", text, re.MULTILINE)
        assert len(told) == names.count(name)
    assert text.count(" stands ") >= len(names)
    for name in re.findall(r"^(\$\S+)", variables, re.MULTILINE):
        assert re.search(rf"^ +{re.escape(name)}\b", text, re.MULTILINE)
