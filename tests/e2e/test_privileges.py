"""What the worker may do, and what it may ask the supervisor for."""

import os
import pathlib
import signal
import subprocess

import pytest

from harness.client import Client
from harness.weir import binary, run_weir_command, write_configuration


def site(body, rest=""):
    return f"sites:\n  - respond: {{body: {body}}}\n{rest}"


def body(where):
    client = Client(where)
    try:
        return client.ask().body
    finally:
        client.close()


@pytest.fixture
def start_supervised(start_weir):
    return lambda *arguments, **named: start_weir(*arguments, supervised=True, **named)


def path_of(weir):
    return pathlib.Path(weir.arguments[2])


def lines(weir):
    return weir.log.count("\n")


def reload(weir, text=None):
    """The line that tells how it went."""
    if text is not None:
        write_configuration(path_of(weir).parent, text, weir.address)
    seen = lines(weir)
    weir.signal(signal.SIGHUP)
    return weir.wait_for_log("the configuration was (not )?loaded", start=seen)


def run_wrong(directory, text):
    """What a `weir run` that does not come to serve says."""
    path = directory / "weir.yaml"
    path.write_text(text)
    result = run_weir_command("run", "-c", path, directory=directory)
    assert result.returncode == 1
    return result.stderr


# ---- the check before the worker

def test_what_is_wrong_at_the_start_is_told_once(directory):
    told = run_wrong(directory, "listen: ':8080'\nnonsense: true\n")
    assert told.count('unknown key "nonsense"') == 1
    assert "weir.yaml:2:1" in told


def test_a_missing_file_at_the_start_is_told_once(directory):
    told = run_wrong(directory, "include: parts/one.yaml\n")
    assert told.count("No such file") == 1, told


def test_a_warning_at_the_start_is_told_once(start_supervised):
    weir = start_supervised(site("one", "upstreams: {idle: {servers: ['127.0.0.1:1']}}\n"))
    assert weir.log.count("nobody uses the upstream") == 1


def test_what_is_wrong_at_a_reload_is_told_as_it_is(start_supervised, directory):
    weir = start_supervised(site("one"))
    part = directory / "part.yaml"
    part.mkdir()
    seen = lines(weir)
    assert "not loaded" in reload(weir, f"include: {part}\n")
    assert "Is a directory" in weir.wait_for_log("part.yaml", start=seen)
    part.rmdir()
    part.write_text(site("two"))
    assert "was loaded" in reload(weir)
    assert body(weir.address) == b"two"


def test_ten_reloads_leave_no_process_behind(start_supervised):
    weir = start_supervised(site("one"))
    worker = weir.worker()
    for number in range(10):
        assert "was loaded" in reload(weir, site(f"body-{number}"))
    assert weir.processes() == [weir.process.pid, worker]


# ---- logs

def test_a_log_that_comes_by_reload_is_written_and_opened_anew(start_supervised, directory):
    weir = start_supervised(site("one"))
    log = directory / "access.log"
    assert "was loaded" in reload(weir, site("one", f"log: {{access: {{to: {log}}}}}\n"))
    assert body(weir.address) == b"one"
    log.rename(directory / "old.log")
    seen = lines(weir)
    weir.signal(signal.SIGUSR1)
    weir.wait_for_log("the logs were opened anew files=1", start=seen)
    assert log.exists()


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_a_link_that_others_may_have_put_there_is_not_followed(directory, mode):
    logs, target = directory / "logs", directory / "target"
    logs.mkdir()
    logs.chmod(mode)
    target.write_text("precious\n")
    (logs / "access.log").symlink_to(target)
    told = run_wrong(directory, f"listen: 'unix:{directory}/socket'\n"
                                + site("one", f"log: {{access: {{to: {logs}/access.log}}}}\n"))
    assert "it is a link in a directory where others write" in told
    assert target.read_text() == "precious\n"


def test_a_link_of_our_own_is_followed(start_supervised, directory):
    (directory / "link.log").symlink_to(directory / "file.log")
    weir = start_supervised(site("one", f"log: {{access: {{to: {directory}/link.log}}}}\n"))
    assert body(weir.address) == b"one"
    weir.stop()
    assert (directory / "file.log").read_text().count("\n") == 1


# ---- as anybody

@pytest.mark.skipif(os.getuid() != 0, reason="to become somebody else takes root")
def test_who_is_not_root_can_do_all_that(directory, ports):
    place = directory / "weir"
    place.mkdir()
    directory.chmod(0o755)
    os.chown(place, 65534, 65534)
    address = ("127.0.0.1", ports.take())
    path = write_configuration(place, site("one", "log: {access: {to: access.log}}\n"), address)
    become = {"user": 65534, "group": 65534, "extra_groups": []}
    process = subprocess.Popen([binary(), "run", "-c", path], cwd=place, stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, text=True, **become)
    try:
        told = ""
        while "ready" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        assert body(address) == b"one"
        write_configuration(place, site("two", "log: {access: {to: access.log}}\n"), address)
        for command in ("reload", "status", "stop"):
            subprocess.run([binary(), command, "-c", path], check=True, timeout=20, cwd=place,
                           stdout=subprocess.DEVNULL, **become)
        assert process.wait(20) == 0
        assert (place / "access.log").read_text().count("\n") == 1
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
