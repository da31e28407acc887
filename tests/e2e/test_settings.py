"""`weir settings`: the reference in the terminal."""

import re

import pytest

from harness.weir import run_weir_command

pytestmark = pytest.mark.one_thread  # commands that serve nothing


def settings():
    listed = run_weir_command("settings").stdout.split("\nVariables")[0]
    return [line.split()[0] for line in listed.splitlines() if line]


def test_all_settings_and_variables_are_listed():
    said = run_weir_command("settings").stdout
    assert {"threads", "timeouts.connect", "limits.header_size", "proxy", "log.access",
            "host"} <= set(settings())
    assert re.search(r"^\$client_ip +\w", said, re.MULTILINE)
    assert re.search(r"^\$request\.header\.NAME +\w", said, re.MULTILINE)


def test_one_is_told_with_everything():
    said = run_weir_command("settings", "timeouts.connect")
    assert said.returncode == 0
    for line in ("timeouts.connect", "    value     a duration, with its unit: ms, s, m, h or d",
                 "    default   5s", "    inherited yes"):
        assert line in said.stdout.splitlines()
    assert re.search(r"^    limits    \d+ms to \d+h$", said.stdout, re.MULTILINE)
    assert re.search(r"^    stands    at the top, .*in a route or in an upstream$", said.stdout,
                     re.MULTILINE)
    assert run_weir_command("settings", "connect").stdout == said.stdout


def test_a_group_is_told_setting_by_setting():
    said = run_weir_command("settings", "limits").stdout
    assert said.count("    example   limits: {") == said.count("\n    stands ") > 3


def test_a_slip_is_put_right():
    said = run_weir_command("settings", "timeouts.conect")
    assert said.returncode == 1
    assert said.stderr == ('weir settings: there is no setting "timeouts.conect"; did you mean '
                           '"timeouts.connect"?\n')


def test_each_is_told():
    """With all others of that name: those of a group (`tls`), or in a group (`sticky.path`)."""
    for name in settings():
        said = run_weir_command("settings", name).stdout.splitlines()
        assert name in said
        told = sum(re.fullmatch(rf"(\w+\.)*{re.escape(name)}(\.\w+)?", line) is not None for line in said)
        assert sum(line.startswith("    stands    ") for line in said) == told
        assert sum(line.startswith("    example   ") for line in said) == told
