"""The documents and examples are tests, too: whatever they show is tried with the real binary
($WEIR_BINARY, else build/weir). How a block is marked: documents.py."""

import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness.ports import Ports  # noqa: E402


@pytest.fixture(scope="session")
def ports():
    """Reserved loopback ports: ports.take() gives one."""
    return Ports()


@pytest.fixture
def directory():
    """An empty directory with a path short enough for Unix sockets."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="weir-"))
    yield path
    shutil.rmtree(path)
