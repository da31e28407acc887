"""What whoever writes the words of another proxy is told to write is known to this one."""

import re

import pytest

from documents import ROOT
from harness.weir import run_weir_command

SOURCE = (ROOT / "src/conf/foreign_words.c").read_text()
SETTINGS = run_weir_command("settings").stdout


def written():
    """Each `key: value` of HERE("…"), once."""
    found = {text.replace('\\"', '"') for text in re.findall(r'HERE\("((?:[^"\\]|\\.)*)"\)', SOURCE)}
    return sorted(found)


def places(text):
    yield f"{text}\n"
    yield f"sites: [{{{text}}}]\n"
    yield f"sites: [{{routes: [{{{text}}}]}}]\n"
    yield f"upstreams: {{shop: {{{text}}}}}\n"


def test_the_words_are_found():
    assert len(written()) > 20


@pytest.mark.parametrize("text", written())
def test_what_is_told_of_a_key_can_stand_somewhere(text, directory):
    said = []
    for number, place in enumerate(places(text)):
        path = directory / f"{number}.yaml"
        path.write_text(place)
        said.append(run_weir_command("check", "-c", path).stderr)
        if not re.search(r"unknown key|cannot stand|is not YAML|must be", said[-1]):
            return
    pytest.fail("\n".join(said))


@pytest.mark.parametrize("name", sorted(set(re.findall(r'VARIABLE\("([\w.]+)"\)', SOURCE))))
def test_what_is_told_of_a_variable_is_one(name):
    assert re.search(rf"^\${re.escape(name)} ", SETTINGS, re.MULTILINE)
