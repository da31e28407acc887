"""What the worker may do, and what it may ask the supervisor for."""

import ctypes
import grp
import os
import pathlib
import pwd
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess

import pytest

from harness.metrics import read_metrics
from harness.supervised import body, site
from harness.weir import binary, is_sanitized, run_weir_command, write_configuration


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


# ---- the rights of the worker

root_only = pytest.mark.skipif(os.getuid() != 0, reason="to become somebody else takes root")
walled = pytest.mark.skipif(is_sanitized(), reason="a sanitized build has no walls")
NOBODY, NOGROUP = pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid
ALL = "0000000000000000"  # of no capability


def status_of(process):
    """{field: words} of /proc/PID/status."""
    lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def assert_is(process, user, group):
    status = status_of(process)
    assert status["Uid"] == [str(user)] * 4
    assert status["Gid"] == [str(group)] * 4
    assert status["Groups"] == []
    for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
        assert status[kind] == [ALL], kind
    assert status["NoNewPrivs"] == ["1"]
    assert status["Seccomp"] == ["0" if is_sanitized() else "2"]


def leaves_cores(process):
    """Not asked of a sanitized build, in which the search for leaks needs what is asked here."""
    limit = re.search(r"Max core file size +(\S+)",
                      pathlib.Path(f"/proc/{process}/limits").read_text())
    # Of who may not be dumped all in /proc belongs to root.
    belongs_to = os.stat(f"/proc/{process}/fd").st_uid
    return limit[1] != "0" and belongs_to == int(status_of(process)["Uid"][0])


@root_only
def test_the_worker_is_nobody_and_so_is_the_next_one(start_supervised):
    weir = start_supervised(site("one"))
    worker = weir.worker()
    assert_is(worker, NOBODY, NOGROUP)
    for task in pathlib.Path(f"/proc/{worker}/task").iterdir():
        if not is_sanitized():  # where there is a thread that we have not made
            assert_is(f"{worker}/task/{task.name}", NOBODY, NOGROUP)
    seen = lines(weir)
    os.kill(worker, signal.SIGKILL)
    weir.wait_for_log("weir: ready", start=seen)
    assert weir.worker() != worker
    assert_is(weir.worker(), NOBODY, NOGROUP)
    assert body(weir.address) == b"one"


@root_only
@pytest.mark.parametrize("named, user, group", [
    ("daemon", pwd.getpwnam("daemon").pw_uid, pwd.getpwnam("daemon").pw_gid),
    ("daemon:mail", pwd.getpwnam("daemon").pw_uid, grp.getgrnam("mail").gr_gid),
    ("\"4242:4343\"", 4242, 4343),
    ("\"nobody:4343\"", NOBODY, 4343)])
def test_the_worker_is_who_the_configuration_says(start_supervised, named, user, group):
    weir = start_supervised(site("one", f"user: {named}\n"))
    assert_is(weir.worker(), user, group)
    assert body(weir.address) == b"one"


@root_only
def test_root_stays_root_where_that_is_asked_for(start_supervised):
    weir = start_supervised(site("one", "user: root\n"))
    assert "keeps all rights of root" in weir.log
    status = status_of(weir.worker())
    assert status["Uid"] == ["0"] * 4 and status["CapEff"] != [ALL]
    assert body(weir.address) == b"one"


@root_only
@pytest.mark.parametrize("named, told", [
    ("nosuchuser", 'nobody can become "nosuchuser": there is no such user'),
    ("'nobody:nosuchgroup'", 'nobody can become "nobody:nosuchgroup": there is no such group'),
    ("'4242'", 'nobody can become "4242": nobody knows the group of this user'),
    ("''", "a user, or a user and a group"), ("'nobody:'", "a user, or a user and a group"),
    ("':daemon'", "a user, or a user and a group"), ("[nobody]", "a user, or a user and a group"),
    ("x" * 100, "a user, or a user and a group")])
def test_a_user_that_nobody_can_become(directory, named, told):
    words = run_wrong(directory, f"user: {named}\n" + site("one"))
    assert told in words and "weir.yaml:1:" in words


def test_a_reload_with_a_user_that_nobody_can_become_is_refused(start_supervised):
    weir = start_supervised(site("one"))
    assert "not loaded" in reload(weir, site("two", "user: nosuchuser\n"))
    assert body(weir.address) == b"one"


def test_another_user_takes_a_restart(start_supervised):
    weir = start_supervised(site("one"))
    worker = weir.worker()
    before = status_of(worker)["Uid"]
    assert "was loaded" in reload(weir, site("two", "user: daemon\nsandbox: off\n"))
    weir.wait_for_log("user, sandbox and core_dumps take a restart; those before stay")
    seen = lines(weir)
    os.kill(worker, signal.SIGKILL)
    weir.wait_for_log("weir: ready", start=seen)
    assert status_of(weir.worker())["Uid"] == before
    assert status_of(weir.worker())["Seccomp"] == ["0" if is_sanitized() else "2"]
    assert body(weir.address) == b"two"


@walled
def test_cores_are_left_only_where_they_are_asked_for(start_supervised, start_weir):
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("there are none here")
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        without = start_supervised(site("one"))
        with_cores = start_supervised(site("one", "core_dumps: on\n"))
        alone = start_weir(site("one"))
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    for process in [*without.processes(), *alone.processes()]:
        assert not leaves_cores(process)
    for process in with_cores.processes():
        assert leaves_cores(process)


def test_the_worker_knows_what_it_takes_of_the_system(start_supervised, directory):
    admin = str(directory / "admin.sock")
    weir = start_supervised(site("one", f"admin: 'unix:{admin}'\n"))
    metrics = read_metrics(admin)
    assert metrics("weir_open_descriptors") > 5
    assert metrics("weir_threads") == len(os.listdir(f"/proc/{weir.worker()}/task"))
    assert metrics("weir_resident_memory_bytes") > 1_000_000


def test_as_one_process_it_stays_who_it_is(start_weir):
    weir = start_weir(site("one", "user: daemon\n"))
    weir.wait_for_log("as one process Weir keeps the user it was started as")
    assert status_of(weir.process.pid)["Uid"] == [str(os.getuid())] * 4
    assert status_of(weir.process.pid)["NoNewPrivs"] == ["1"]


# ---- what works all the same

def low_port():
    for port in range(1023, 600, -1):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port below 1024 is free")


@root_only
def test_what_takes_root_comes_by_reload(start_supervised, directory):
    weir = start_supervised(site("one"))
    port, part = low_port(), directory / "part.yaml"
    part.write_text(site("two"))
    part.chmod(0o600)
    directory.chmod(0o700)
    assert "was loaded" in reload(weir, f"listen: ['127.0.0.1:{weir.address[1]}', "
                                        f"'127.0.0.1:{port}']\ninclude: {part}\n")
    assert body(weir.address) == body(("127.0.0.1", port)) == b"two"
    assert status_of(weir.worker())["CapEff"] == [ALL]


def test_logs_in_a_directory_of_root_are_opened_anew(start_supervised, directory):
    directory.chmod(0o700)
    weir = start_supervised(site("one", f"log: {{access: {{to: {directory}/access.log}}}}\n"))
    (directory / "access.log").rename(directory / "old.log")
    weir.signal(signal.SIGUSR1)
    weir.wait_for_log("the logs were opened anew files=1")
    assert body(weir.address) == b"one"
    weir.stop()
    assert (directory / "access.log").read_text().count("\n") == 1
    assert (directory / "access.log").stat().st_uid == os.getuid()


def test_standard_output_can_be_a_log(start_supervised):
    weir = start_supervised(site("one", "log: {access: {to: /dev/stdout}}\n"))
    assert body(weir.address) == b"one"


def test_names_are_looked_up(start_supervised, start_origin):
    origin = start_origin()
    weir = start_supervised(f"sites: [{{proxy: 'http://localhost:{origin.address[1]}'}}]\n")
    assert body(weir.address) == b"hello"


def test_a_server_on_a_unix_socket_can_be_reached(start_supervised, start_origin, directory):
    directory.chmod(0o711)
    origin = start_origin(address=str(directory / "origin.sock"))
    (directory / "origin.sock").chmod(0o666)
    weir = start_supervised(f"sites: [{{proxy: '{origin.server}'}}]\n")
    assert body(weir.address) == b"hello"


def test_large_bodies_go_through_pipes(start_supervised, start_origin):
    def behaviour(connection):
        connection.read_request()
        connection.answer(200, b"x" * 4_000_000)
    weir = start_supervised(f"sites: [{{proxy: '{start_origin(behaviour).url}'}}]\n")
    assert len(body(weir.address)) == 4_000_000


def test_a_client_on_a_unix_socket_is_served(start_supervised, directory):
    path = str(directory / "weir.sock")
    weir = start_supervised(f"listen: 'unix:{path}'\n" + site("one"), address=path)
    assert body(path) == b"one"
    weir.stop()
    assert not os.path.exists(path)


# ---- the sandbox

def test_a_sandbox_that_is_off_is_warned_of(start_supervised):
    weir = start_supervised(site("one", "sandbox: off\n"))
    assert "may open files and make any system call" in weir.log
    assert status_of(weir.worker())["Seccomp"] == ["0"]
    assert status_of(weir.worker())["NoNewPrivs"] == ["1"]
    assert body(weir.address) == b"one"


def refuse_calls(*calls):
    """In this process and its children these system calls fail as if the system had none: each a
    number, and the value of the first argument or None."""
    load, equals, give = 0x20, 0x15, 0x06
    allow, as_missing = 0x7fff0000, 0x00050026
    program = []
    for number, argument in calls:
        test = [] if argument is None else [(load, 0, 0, 16), (equals, 0, 1, argument)]
        program += [(load, 0, 0, 0), (equals, 0, len(test) + 1, number), *test,
                    (give, 0, 0, as_missing)]
    program.append((give, 0, 0, allow))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    libc = ctypes.CDLL(None)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # no new privileges
    header = struct.pack("=HxxxxxxQ", len(program), ctypes.addressof(code))
    assert libc.prctl(22, 2, header, 0, 0) == 0  # the filter


@walled
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are of this machine")
@pytest.mark.parametrize("calls, told", [
    ([(444, None)], "this system has no Landlock"),
    ([(317, None), (157, 22)], "this system has no filter of system calls")])
def test_a_system_without_is_told_of_and_served(directory, ports, calls, told):
    address = ("127.0.0.1", ports.take())
    path = write_configuration(directory, site("one"), address)
    process = subprocess.Popen([binary(), "run", "-c", path], cwd=directory, text=True,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                               preexec_fn=lambda: refuse_calls(*calls))
    try:
        assert told in wait_until_ready(process)
        assert body(address) == b"one"
    finally:
        end(process)


# ---- as anybody

def wait_until_ready(process):
    """What it has told until then."""
    told = ""
    while "ready" not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    return told


def end(process):
    process.terminate()
    assert process.wait(20) == 0
    process.stderr.close()


@root_only
def test_who_is_not_root_can_do_all_that(directory, ports):
    place = directory / "weir"
    place.mkdir()
    directory.chmod(0o755)
    os.chown(place, 65534, 65534)
    address = ("127.0.0.1", ports.take())
    path = write_configuration(place, site("one", "user: daemon\n"
                                           "log: {access: {to: access.log}}\n"), address)
    become = {"user": 65534, "group": 65534, "extra_groups": []}
    program = shutil.copy(binary(), place)  # what root has built others may have no way to
    process = subprocess.Popen([program, "run", "-c", path], cwd=place, stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, text=True, **become)
    try:
        assert "only root can become" in wait_until_ready(process)
        assert body(address) == b"one"
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        assert_is(int(children.split()[0]), 65534, 65534)
        write_configuration(place, site("two", "log: {access: {to: access.log}}\n"), address)
        for command in ("reload", "status", "stop"):
            subprocess.run([program, command, "-c", path], check=True, timeout=20, cwd=place,
                           stdout=subprocess.DEVNULL, **become)
        assert process.wait(20) == 0
        assert (place / "access.log").read_text().count("\n") == 1
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
