"""docs/http2.md says how many cases try what the RFCs require of HTTP/2; so many there are."""

import re
import subprocess
import sys

from documents import ROOT

SENTENCE = re.compile(r"(\d+) cases for what clients send, and (\d+) for what servers send")


def requirements(file):
    """How many cases it has that name the section of an RFC."""
    collected = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q",
                                "-p", "no:cacheprovider", ROOT / "tests/e2e" / file], check=True,
                               text=True, capture_output=True, timeout=60).stdout
    return len(re.findall(r"\[(?:RFC \d+ )?\d+(?:\.\d+)*\b.*\]$", collected, re.MULTILINE))


def test_the_number_of_requirements_is_what_the_document_says():
    said = SENTENCE.search((ROOT / "docs/http2.md").read_text())
    assert said, "the sentence"
    assert [int(number) for number in said.groups()] == [
        requirements("test_h2_conformance.py"), requirements("test_h2_server_conformance.py")]
