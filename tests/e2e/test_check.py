"""`weir check` as people see it: every wrong file of tests/data/conf_check.txt, word for word.

A case there is `### name`, the file weir.yaml, further files each behind `+++ path`, and behind
`>>>` what is printed on stderr; a case without errors ends with what is printed on stdout.
WEIR_WRITE_GOLDEN=1 writes down what is printed now, to be read before it is committed.
"""

import os
import pathlib
import re

import pytest

from harness.weir import run_weir_command

pytestmark = pytest.mark.one_thread  # commands that serve nothing

CASES = pathlib.Path(__file__).resolve().parents[1] / "data" / "conf_check.txt"
ENVIRONMENT = {"WEIR_TEST_PORT": "8081", "WEIR_TEST_MISSING": ""}


def read_cases():
    """{name: ({path: text}, expected output)}"""
    cases = {}
    for part in re.split(r"^### ", CASES.read_text(), flags=re.MULTILINE)[1:]:
        name, _, rest = part.partition("\n")
        files, _, expected = rest.partition("\n>>>\n")
        main, *more = re.split(r"^\+\+\+ (.*)\n", files + "\n", flags=re.MULTILINE)
        named = {"weir.yaml": main} | dict(zip(more[::2], more[1::2]))
        assert name not in cases, f"two cases are called {name!r}"
        cases[name] = (named, expected.rstrip("\n") + "\n")
    return cases


def write_down(name, printed):
    parts = re.split(r"^(?=### )", CASES.read_text(), flags=re.MULTILINE)
    for i, part in enumerate(parts):
        if part.startswith(f"### {name}\n"):
            parts[i] = part.partition("\n>>>\n")[0] + "\n>>>\n" + printed + "\n"
    CASES.write_text("".join(parts))


@pytest.mark.parametrize("name", read_cases())
def test_a_file_is_told_what_is_wrong_with_it(name, directory):
    files, expected = read_cases()[name]
    for path, text in files.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_text(text.replace("<tab>", "\t"))
        (directory / path).chmod(0o644)
    result = run_weir_command("check", directory=directory, environment=ENVIRONMENT)
    printed = result.stderr + result.stdout
    if os.environ.get("WEIR_WRITE_GOLDEN"):
        write_down(name, printed)
        return
    assert printed == expected
    assert result.returncode == (1 if re.search(r"\d+ errors?", result.stderr) else 0)
    assert "\033" not in printed


@pytest.mark.parametrize("arguments", [(), ("--one-process",)])
@pytest.mark.parametrize("name", ["many errors at once", "several files that do not fit"])
def test_who_would_serve_it_is_told_the_same(name, arguments, directory):
    """`weir run` says all of it, in the same words; the count at the end is for `weir check`."""
    files, expected = read_cases()[name]
    for path, text in files.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_text(text)
    errors, count = re.fullmatch(r"(.*\n)weir\.yaml: (\d+) errors\n", expected, re.DOTALL).groups()
    assert int(count) > 1
    result = run_weir_command("run", *arguments, directory=directory, environment=ENVIRONMENT)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", errors)


def test_the_file_may_be_named(directory):
    (directory / "other.yaml").write_text("sites: [{proxy: 'http://127.0.0.1:1'}]\n")
    for arguments in (["-c", "other.yaml"], ["--config", "other.yaml"], ["--config=other.yaml"]):
        result = run_weir_command("check", *arguments, directory=directory)
        assert result.returncode == 0
        assert result.stdout == "other.yaml: 1 site, 0 routes, 0 upstreams: good\n"
        assert result.stderr == ""


@pytest.mark.parametrize("arguments, told", [
    (["-c", "missing.yaml"], "weir: cannot read missing.yaml: No such file or directory\n"),
    (["-c", "."], "weir: cannot read .: Is a directory\n"),
    (["-c", "/dev/null"], "weir: cannot read /dev/null: it is no file\n"),
])
def test_what_cannot_be_read_is_told(arguments, told, directory):
    result = run_weir_command("check", *arguments, directory=directory)
    assert (result.returncode, result.stderr, result.stdout) == (1, told, "")


def test_warnings_are_errors_to_whoever_is_strict(directory):
    good = "sites: [{proxy: 'http://127.0.0.1:1'}]\n"
    (directory / "weir.yaml").write_text(good)
    for arguments in (["--strict"], ["--strict", "--effective"]):
        assert run_weir_command("check", *arguments, directory=directory).returncode == 0
    (directory / "weir.yaml").write_text("upstreams: {a: [b:1]}\n" + good)
    assert run_weir_command("check", directory=directory).returncode == 0
    for arguments in (["--strict"], ["--strict", "--effective"]):
        result = run_weir_command("check", *arguments, directory=directory)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.endswith("\nweir.yaml: 1 warning\n")


def test_a_token_in_a_file_for_everybody_is_told(directory):
    file = directory / "weir.yaml"
    file.write_text("admin: {address: '127.0.0.1:1', token: 0123456789abcdef}\n"
                    "sites: [{respond: 204}]\n")
    file.chmod(0o640)
    assert run_weir_command("check", directory=directory).stderr == ""
    file.chmod(0o644)
    assert "may be read by everybody" in run_weir_command("check", directory=directory).stderr
    file.write_text(file.read_text().replace("0123456789abcdef", "'${env.WEIR_TEST_TOKEN}'"))
    result = run_weir_command("check", directory=directory,
                              environment={"WEIR_TEST_TOKEN": "0123456789abcdef"})
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["--nonsense"], ["weir.yaml"], ["-c"]])
def test_a_wrong_command_line_is_status_two(arguments, directory):
    result = run_weir_command("check", *arguments, directory=directory)
    assert result.returncode == 2
    assert result.stderr.startswith("weir check: ")


def test_help_is_told(directory):
    result = run_weir_command("check", "--help", directory=directory)
    assert result.returncode == 0
    assert result.stdout.startswith("usage: weir check")


def test_a_file_of_twenty_thousand_errors_ends_with_a_count(directory):
    (directory / "weir.yaml").write_text("".join(f"nonsense{i}: 1\n" for i in range(20000)))
    result = run_weir_command("check", directory=directory)
    assert result.returncode == 1
    assert result.stderr.count(": error: ") == 100
    assert result.stderr.endswith("… and 19900 more\nweir.yaml: 20000 errors\n")


def test_bytes_for_the_terminal_are_not_passed_on(directory):
    (directory / "weir.yaml").write_bytes(b'"a\\e[31m\xe2\x80\xae": x\nsites: []\n')
    result = run_weir_command("check", directory=directory)
    assert result.returncode == 1
    assert "\033" not in result.stderr and "\u202e" not in result.stderr
