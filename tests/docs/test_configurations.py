"""Every configuration that a document shows, and every file of examples/, is good; every wrong one
is wrong in the words that stand below it. WEIR_WRITE_GOLDEN=1 writes down what is said now, to be
read before it is committed."""

import os
import shutil

import pytest

from documents import ROOT, WRAPS, after, all_blocks, blocks, whole, write_files
from harness.weir import run_weir_command

CONFIGURATIONS = all_blocks("yaml")
GOOD = [block for block in CONFIGURATIONS if block.mark in WRAPS]
WRONG = [block for block in CONFIGURATIONS if block.mark == "wrong"]
EXAMPLES = sorted(ROOT.glob("examples/*.yaml"))


def check(directory, name="weir.yaml"):
    return run_weir_command("check", "-c", name, directory=directory)


def test_every_mark_is_known():
    marks = {block.mark for block in CONFIGURATIONS if not block.mark.startswith("file:")}
    assert marks <= {*WRAPS, "wrong"}
    assert GOOD != [] and WRONG != [] and EXAMPLES != []


@pytest.mark.parametrize("block", GOOD, ids=str)
def test_a_shown_configuration_is_good(block, directory):
    write_files(block.document, directory)
    (directory / "weir.yaml").write_text(whole(block))
    result = check(directory)
    assert (result.returncode, result.stderr) == (0, ""), f"{whole(block)}\n{result.stderr}"


def write_down(block, text):
    document = block.document.read_text()
    block.document.write_text(document.replace(f"```\n{block.text}```", f"```\n{text}```"))


@pytest.mark.parametrize("block", WRONG, ids=str)
def test_a_wrong_one_is_told_as_shown(block, directory):
    (directory / "weir.yaml").write_text(block.text)
    said = next(after(block), None)
    assert said and not said.language, "what weir check says is missing below"
    result = check(directory)
    assert result.returncode == 1
    if os.environ.get("WEIR_WRITE_GOLDEN"):
        write_down(said, result.stderr)
    else:
        assert result.stderr == said.text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_good(path, directory):
    shutil.copytree(ROOT / "examples", directory / "examples")
    result = check(directory / "examples", path.name)
    assert (result.returncode, result.stderr) == (0, "")
