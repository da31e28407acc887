"""docs/what-to-do-when.md holds every sentence that Weir can tell when something is wrong, and no
other. They are read from the source, which is why a sentence stands there as a literal."""

import re

import pytest

from documents import ROOT
from vocabulary import SOURCES

RUNBOOK = (ROOT / "docs/what-to-do-when.md").read_text()
LITERAL = r'((?:"(?:[^"\\]|\\.)*"(?:\s*PRI\w+)?\s*)+)'
SOURCE = {str(path.relative_to(ROOT / "src")): path.read_text() for path in SOURCES}
# Commands that start nothing and reach nobody speak of their own arguments, or of a file.
OTHER_COMMANDS = {f"main/{name}.c" for name in ("check", "demo", "explain", "main", "proxy",
                                                "request_tests", "settings")}
ENDS = set(SOURCE) - OTHER_COMMANDS
COMPOSED = {"cannot listen on …: …", "cannot listen on … for the admin side: …"}  # of parts
# About the command line, with its help behind it; behind what `weir check` has told.
ELSEWHERE = {'"…" is one word too many…', 'weir run: "…" is one word too many…', "… and … more"}


def text_of(literal):
    text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literal))
    text = text.replace(r"\n", "").replace(r"\"", '"')
    return re.sub(r"%(?:\.\*)?[a-z]+", "…", text).strip()


def found(form, files=None):
    """What the form captures, [first group, literal as text], in these files or in all."""
    return [[*groups[:-1], text_of(groups[-1])] for name, text in SOURCE.items()
            if files is None or name in files
            for groups in re.findall(form, text, re.DOTALL)]


def errors():
    """{words: (name, status)} of the table of errors."""
    rows = re.findall(r'E\((\w+), (\d+), \w+,[\s\\]*"([^"]*)"\)', SOURCE["base/error.h"])
    return {words: (name.lower(), status) for name, status, words in rows if name != "NONE"}


def wrappers():
    """Functions that tell a sentence which was given to them."""
    return {name for path, text in SOURCE.items() if path.endswith(".c") and path != "obs/log.c"
            for name in re.findall(r"^[\w ]+\b(\w+)\([^()]*\bchar \*sentence\b[^()]*\)\n\{", text,
                                   re.MULTILINE)}


def events():
    """{sentence: level} of the error log; None where it goes through a wrapper."""
    told = {sentence: level.lower() for level, sentence in
            found(rf"\blog_event\(\s*LOG_(\w+),\s*{LITERAL}", set(SOURCE) - {"obs/log.h"})}
    told |= {sentence: level.lower() for level, sentence in
             found(rf"\bwrite_line\(wall_ms, LOG_(\w+), {LITERAL}", ["obs/log.c"])}
    told |= {sentence: "warning" if name == "UNFIT" else "debug" for name, sentence in
             found(rf"\bF\((\w+), {LITERAL}\)", ["tls/tls.h"]) if name != "NONE"}
    for wrapper in sorted(wrappers()):
        told |= {sentence: None for _, sentence in found(rf"\b{wrapper}\((\w+),\s*{LITERAL}")}
    return told


def ends():
    """What goes to standard error, and what a worker or a command fails with."""
    literals = found(rf"(fprintf)\(stderr,\s*{LITERAL}", ENDS)
    literals += found(rf"(fputs)\({LITERAL},\s*stderr", ENDS)
    literals += found(rf"(fprintf)\(told,\s*{LITERAL}", ["main/load.c"])
    literals += found(rf"(worker_fail|tell)\(\w+,\s*{LITERAL}", ENDS)
    literals += found(rf"(text_print)\(&text, {LITERAL}", ["control/log_writer.c"])
    literals += [[form, f"{text} …"] for form, text in
                 found(rf"(text_add)\(&text, SLICE\({LITERAL}", ["exchange/exchange.c"])]
    said = {re.sub(r"^…: ", "", text) for _, text in literals}
    return {text for text in said if re.search(r"\w \w|: \w", text)} - ELSEWHERE


def rows(columns):
    """The cells of the rows of tables of that many columns, below their heads."""
    lines = re.findall(r"^\| (`.*) \|$", RUNBOOK, re.MULTILINE)
    cells = [[cell.strip() for cell in line.split(" |")] for line in lines]
    return [[cell.removeprefix("| ").strip() for cell in row] for row in cells
            if len(row) == columns]


def sentences(columns):
    return [row[0].strip("`") for row in rows(columns)]


def test_the_sentences_are_found():
    assert len(errors()) == SOURCE["base/error.h"].count("    E(") - 1 > 35
    assert {"close_unannounced"} <= wrappers()
    assert len(events()) > 20
    assert len(ends()) > 15


def test_no_sentence_is_put_together_while_it_runs():
    """Otherwise it would be missing below, unseen."""
    for name, text in SOURCE.items():
        for told in re.findall(r"\blog_event\(([^;]*);", text) if name != "obs/log.h" else []:
            assert re.match(r'\s*[^"]*?,\s*("|sentence,|error_words\(|tls_failure_words\()', told), f"{name}: {told}"


@pytest.mark.parametrize("words", errors())
def test_an_error_is_told(words):
    cells = {row[0].strip("`"): (row[1].strip("`"), row[2]) for row in rows(5)}
    assert cells.get(words) == errors()[words]


@pytest.mark.parametrize("sentence", events())
def test_an_event_is_told(sentence):
    cells = {row[0].strip("`"): row[1] for row in rows(4)}
    assert sentence in cells
    assert events()[sentence] in (None, cells[sentence])


@pytest.mark.parametrize("text", sorted(ends()))
def test_an_end_is_told(text):
    assert text in sentences(2)


def test_nothing_is_told_that_nobody_says():
    assert set(sentences(5)) == set(errors())
    assert set(sentences(4)) == set(events())
    assert set(sentences(2)) <= ends() | COMPOSED
    assert len(sentences(2)) == len(set(sentences(2)))
    assert not [row for row in rows(3)]


@pytest.mark.parametrize("error", errors())
def test_an_error_has_somebody_who_makes_it(error):
    name = f"ERROR_{errors()[error][0].upper()}"
    assert [path for path, text in SOURCE.items() if re.search(rf"\b{name}\b", text)]
