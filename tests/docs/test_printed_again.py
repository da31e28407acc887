"""What `weir check --effective` prints of every configuration that a document shows, and of every
file of examples/, is read as the same again."""

import shutil

import pytest

from documents import ROOT, WRAPS, all_blocks, whole, write_files
from harness.effective import check_printed

SHOWN = [block for block in all_blocks("yaml") if block.mark in WRAPS]
EXAMPLES = sorted(ROOT.glob("examples/*.yaml"))


@pytest.mark.parametrize("block", SHOWN, ids=str)
def test_a_shown_configuration_is_printed_as_the_same(block, directory):
    write_files(block.document, directory)
    (directory / "weir.yaml").write_text(whole(block))
    check_printed(directory, environment={"WEIR_TOKEN": "0123456789abcdef0123"})


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_printed_as_the_same(path, directory):
    shutil.copytree(ROOT / "examples", directory / "examples")
    check_printed(directory, f"examples/{path.name}")
