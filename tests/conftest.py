"""What holds for all tests that pytest runs."""

import os

import pytest


def pytest_configure(config):
    """Each test that writes down what it sees reads the whole file and writes it anew."""
    if os.environ.get("WEIR_WRITE_GOLDEN") and config.getoption("dist", "no") != "no":
        raise pytest.UsageError("WEIR_WRITE_GOLDEN=1 writes whole files, of which tests that run "
                                "beside each other lose lines: run it without -n")
