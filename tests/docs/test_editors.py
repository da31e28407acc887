"""An editor that holds configurations to `weir schema` has nothing to say about any that a document
shows, nor about any file of examples/."""

import pytest

from documents import ROOT, WRAPS, all_blocks, whole
from harness.schema import complaint

CONFIGURATIONS = all_blocks("yaml")
GOOD = [block for block in CONFIGURATIONS if block.mark in WRAPS]
FILES = [block for block in CONFIGURATIONS if block.mark.startswith("file:")]
EXAMPLES = sorted(ROOT.glob("examples/**/*.yaml"))


@pytest.mark.parametrize("block", GOOD, ids=str)
def test_a_shown_configuration_is_permitted(block):
    assert complaint(whole(block)) is None


@pytest.mark.parametrize("block", FILES, ids=str)
def test_a_further_file_is_permitted(block):
    assert complaint(block.text) is None


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_permitted(path):
    assert complaint(path.read_text()) is None
