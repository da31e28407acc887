"""Whatever the binary knows, the documents tell of; and what they name in the source is there."""

import re

import pytest

import vocabulary
from documents import DOCUMENTS, FENCE, ROOT
from harness.weir import run_weir_command

MANUAL = "\n".join(path.read_text() for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()


def is_told(name):
    """In a block of code, or in backquotes in the text."""
    return re.search(rf"(?:`[^`\n]*|^[^|`]*\b){re.escape(name)}\b", MANUAL, re.MULTILINE)


def in_code(word):
    return re.search(rf"`[^`\n]*{word}[^`\n]*`", MANUAL)


def test_the_tables_are_found():
    assert len(vocabulary.settings()) > 50
    assert len(vocabulary.variables()) > 15
    assert {"run", "check", "proxy", "demo"} <= set(vocabulary.commands())


@pytest.mark.parametrize("name", vocabulary.settings())
def test_a_setting_is_told(name):
    assert in_code(rf"\b{name}\b")


def places(name):
    """Configurations with the key in each place where a key may stand."""
    inside = [f"{around}: {{{name}: x}}" for around in
              ("timeouts", "limits", "log", "log: {access", "log: {access: {when", "log: {error", "headers: {request",
               "headers: {response", "rewrite", "redirect", "respond", "not", "upstream",
               "tls", "hsts")]
    for line in [f"{name}: x", *inside]:
        line += "}" * (line.count("{") - line.count("}"))
        yield f"{line}\n"
        yield f"defaults:\n  {line}\n"
        yield f"sites:\n- {line}\n"
        yield f"sites:\n- routes:\n  - {line}\n"
        yield f"upstreams:\n  shop:\n    {line}\n"
    yield f"listen: [{{address: ':80', {name}: x}}]\n"
    yield f"upstreams: {{shop: {{servers: [{{address: 'a:1', {name}: x}}]}}}}\n"


@pytest.mark.parametrize("name", vocabulary.settings())
def test_the_tables_speak_of_keys_that_are_known(name, directory):
    """So that the way in which they are found cannot go wrong unseen."""
    unknown = re.compile(rf'unknown key "{name}"|"(?:[\w.]*\.)?{name}" cannot stand')
    for number, text in enumerate(places(name)):
        path = directory / f"{number}.yaml"
        path.write_text(text)
        if not unknown.search(run_weir_command("check", "-c", path).stderr):
            return
    raise AssertionError(f"{name} is known nowhere")


@pytest.mark.parametrize("word", vocabulary.choices())
def test_a_choice_is_told(word):
    assert in_code(rf"\b{word}\b")


@pytest.mark.parametrize("name", vocabulary.variables())
def test_a_variable_is_told(name):
    assert re.search(rf"\${re.escape(name)}", MANUAL)


@pytest.mark.parametrize("command", vocabulary.commands())
def test_a_command_is_told(command):
    assert f"weir {command}" in MANUAL
    for option in vocabulary.options(command):
        assert re.search(rf"weir {command}\b[^`\n]*--{option}|`--{option}", MANUAL), option


# The source

@pytest.mark.parametrize("file, function", sorted(set(re.findall(
    r"`([a-z]+/[\w/]+\.[ch]):(\w+)`", ARCHITECTURE))), ids=lambda part: part)
def test_a_function_is_where_the_architecture_says(file, function):
    source = (ROOT / "src" / file).read_text()
    assert re.search(rf"^(?:COLD |WHOLE )?[a-z][^;{{}}\n]*\b{function}\(", source, re.MULTILINE)


@pytest.mark.parametrize("file", sorted(set(re.findall(
    r"`((?:[a-z]+/)+[\w-]+\.[ch])[:`]", ARCHITECTURE))))
def test_a_file_is_where_the_architecture_says(file):
    system = file.split("/")[0] in ("arpa", "sys") and not (ROOT / "src" / file).exists()
    assert (ROOT / "src" / file).exists() or (system and f"`{file}` |" in ARCHITECTURE)


# Links

def headings(document):
    text = FENCE.sub("", document.read_text())
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-")
            for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", document.read_text())):
        if re.match(r"[a-z]+://", link):
            continue
        path, _, heading = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not heading or heading in headings(target), link
