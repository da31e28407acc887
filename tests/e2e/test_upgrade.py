"""Another version in the place of the one that runs: `weir upgrade` and USR2."""

import os
import pathlib
import re
import shutil
import signal
import socket
import threading
from contextlib import contextmanager

import pytest

from harness.certificates import a_site
from harness.client import Client
from harness.deadline import poll_until, wait_for
from harness.h2_client import connect_h2
from harness.load import Load
from harness.supervised import body, is_gone, site
from harness.tls_client import TlsClient, trusting
from harness.weir import binary, run_weir_command

NEXT = "0.1.9-next"  # cut to the length of the version that there is


def version_of(program):
    said = run_weir_command("version", program=program).stdout
    return said.split()[-1]


class Installed:
    """A program on the disk that can be replaced, as packages do it: by another file."""

    def __init__(self, directory):
        self.path = directory / "bin" / "weir"
        self.path.parent.mkdir()
        shutil.copy(binary(), self.path)
        self.version = version_of(self.path)
        self.next = NEXT[:len(self.version)].ljust(len(self.version), "x")

    def replace(self, data, mode=0o755):
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.chmod(mode)
        fresh.rename(self.path)

    def replace_by_next(self, version=None):
        """The same program, which says that it is of another version."""
        data = binary().read_bytes()
        for end in (b"\0", b"\n"):
            data = data.replace(self.version.encode() + end, (version or self.next).encode() + end)
        self.replace(data)

    def replace_by_script(self, text):
        self.replace(f"#!/bin/sh\n{text}\n".encode())


@pytest.fixture
def installed(directory):
    return Installed(directory)


@pytest.fixture
def start_installed(start_supervised, installed):
    return lambda *arguments, **named: start_supervised(*arguments, program=installed.path,
                                                        **named)


def upgrade(weir, status=0):
    """What `weir upgrade` says."""
    said = run_weir_command("upgrade", "-c", weir.path, seconds=60)
    assert said.returncode == status, said.stdout + said.stderr + weir.weir.log
    return said.stdout if status == 0 else said.stderr


def version(weir):
    return weir.status()["version"]


def only_one_worker(weir):
    poll_until(lambda: len(weir.weir.processes()) == 2, what="the end of all workers but one")


# ---- an upgrade that is done

def test_the_version_changes_and_the_process_does_not(start_installed, installed):
    weir = start_installed(site("one"))
    before = weir.status()
    assert before["version"] == installed.version
    installed.replace_by_next()
    assert upgrade(weir) == f"upgraded from version {installed.version} to {installed.next}\n"
    after = weir.status()
    assert after["version"] == installed.next
    assert after["supervisor"] == before["supervisor"] == weir.weir.process.pid
    assert after["process"] != before["process"]
    poll_until(lambda: is_gone(before["process"]), what="the end of the worker before")
    assert body(weir.weir.address) == b"one"


def test_usr2_does_the_same(start_installed, installed):
    weir = start_installed(site("one"))
    installed.replace_by_next()
    weir.weir.signal(signal.SIGUSR2)
    line = weir.weir.wait_for_log("the upgrade is done")
    assert f"from={installed.version} to={installed.next}" in line
    assert version(weir) == installed.next


def test_one_after_the_other(start_installed, installed):
    weir = start_installed(site("one"))
    for _ in range(2):
        installed.replace_by_next()
        assert f"to {installed.next}" in upgrade(weir)
        installed.replace_by_next(installed.version)
        assert f"from version {installed.next} to {installed.version}" in upgrade(weir)
    only_one_worker(weir)
    assert body(weir.weir.address) == b"one"


def test_the_same_version_again(start_installed, installed):
    weir = start_installed(site("one"))
    assert f"from version {installed.version} to {installed.version}" in upgrade(weir)


def test_a_link_that_names_another_version_is_followed(start_supervised, installed, directory):
    link = directory / "current"
    link.symlink_to(installed.path)
    weir = start_supervised(site("one"), program=link)
    other = Installed(directory / "bin")
    other.replace_by_next()
    link.unlink()
    link.symlink_to(other.path)
    assert f"to {installed.next}" in upgrade(weir)


def test_the_rights_stay(start_installed):
    weir = start_installed(site("one", "sandbox: off\ncore_dumps: on\nuser: daemon\n"))
    rights = re.compile(r"^(?:Uid|Gid|Groups|CapEff|NoNewPrivs|Seccomp):.*", re.MULTILINE)

    def seen():
        return rights.findall(pathlib.Path(f"/proc/{weir.weir.worker()}/status").read_text())
    before = seen()
    weir.write(site("two", "user: nobody\n"))
    upgrade(weir)
    only_one_worker(weir)
    assert seen() == before
    assert body(weir.weir.address) == b"two"


def test_nothing_leaks_from_upgrade_to_upgrade(start_installed):
    weir = start_installed(site("one"))
    upgrade(weir)  # from now on as after an upgrade
    only_one_worker(weir)
    before = weir.weir.descriptors()
    for _ in range(3):
        upgrade(weir)
        only_one_worker(weir)
    poll_until(lambda: weir.weir.descriptors() <= before, what="no more descriptors than before")


def test_the_new_configuration_is_served(start_installed, installed, ports, directory):
    kept, gone, fresh = ports.take(), directory / "gone.sock", directory / "fresh.sock"
    weir = start_installed(f'listen: ["127.0.0.1:{kept}", "unix:{gone}"]\n' + site("one"),
                           address=("127.0.0.1", kept))
    assert body(str(gone)) == b"one"
    weir.write(f'listen: ["127.0.0.1:{kept}", "unix:{fresh}"]\n' + site("two"))
    installed.replace_by_next()
    upgrade(weir)
    assert body(weir.weir.address) == body(str(fresh)) == b"two"
    only_one_worker(weir)
    assert not gone.exists()
    weir.kill_worker()  # what serves after the upgrade is what the next worker serves
    assert body(weir.weir.address) == body(str(fresh)) == b"two"
    assert version(weir) == installed.next


@pytest.mark.parametrize("before,after", [(1, 2), (2, 1), (2, 3)])
def test_another_number_of_threads(start_installed, before, after):
    weir = start_installed(f"threads: {before}\n" + site("one"))
    weir.write(f"threads: {after}\n" + site("two"))
    upgrade(weir)
    assert weir.status()["threads"] == after
    for _ in range(20):
        assert body(weir.weir.address) == b"two"
    only_one_worker(weir)
    for _ in range(20):
        assert body(weir.weir.address) == b"two"


# ---- nobody is lost

def answering_or_echoing(connection):
    """The target a hundred times; a tunnel echoes."""
    while True:
        request = connection.read_request()
        if not request.value("Upgrade"):
            connection.answer(200, request.target.encode() * 100)
            continue
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        b"Upgrade: echo/1\r\n\r\n")
        while data := connection.read_some():
            connection.send(data)


def open_tunnel(weir):
    client = Client(weir.weir.address)
    client.send_request(fields=[("Connection", "Upgrade"), ("Upgrade", "echo/1")])
    assert client.read_response().status == 101
    return client


def check_tunnel(client, data):
    client.send(data)
    assert client.read_exactly(len(data)) == data


@contextmanager
def in_load(ask, count, *arguments):
    """`count` threads of ask(*arguments, stopping, wrong, done), each adding to `done` what it got;
    yields how to wait for so many more. Nothing may have gone wrong in the end."""
    stopping, wrong, done = threading.Event(), [], []
    clients = [threading.Thread(target=ask, args=(*arguments, stopping, wrong, done))
               for _ in range(count)]

    def wait_for_more(more):
        before = len(done)
        poll_until(lambda: len(done) >= before + more or wrong, what=f"{more} more")

    for client in clients:
        client.start()
    try:
        yield wait_for_more
    finally:
        stopping.set()
        for client in clients:
            client.join()
    assert not wrong


def ask_freshly(weir, stopping, wrong, done):
    """A connection for each request, without pause."""
    while not stopping.is_set():
        try:
            done.append(body(weir.weir.address))
        except Exception as failure:  # whatever it is, it was a lost request
            wrong.append(repr(failure))


def test_no_request_and_no_tunnel_is_lost(start_installed, installed, start_origin):
    origin = start_origin(answering_or_echoing)
    weir = start_installed(f"threads: 2\nsites: [{{proxy: '{origin.url}'}}]\n")
    tunnel = open_tunnel(weir)
    with in_load(ask_freshly, 1, weir):
        with Load(weir.weir, clients=6) as load:
            for following in (installed.next, installed.version, installed.next):
                load.wait_for(100)
                installed.replace_by_next(following)
                upgrade(weir)
                check_tunnel(tunnel, following.encode())
            load.wait_for(100)
            assert set(load.statuses) == {200} and load.cuts == 0, load.tell()
    tunnel.close()
    only_one_worker(weir)


def ask_in_http2(weir, stopping, wrong, done):
    """Without pause; a client that is told to leave comes back over another connection."""
    try:
        while not stopping.is_set():
            client = connect_h2(weir.weir.address)
            while not stopping.is_set() and client.goaway is None:
                response = client.ask()
                assert response.status == 200 and response.body == b"hello", response
                done.append(1)
            client.close()
    except Exception as failure:  # whatever it is, it was a lost request
        wrong.append(repr(failure))


def test_no_stream_is_lost_on_either_side(start_installed, installed, start_h2_origin, ports):
    """Clients and servers of HTTP/2 hear of the end (GOAWAY), and nothing that was asked fails."""
    origin, port = start_h2_origin(), ports.take()
    weir = start_installed(
        f'threads: 2\nlisten: [{{address: "127.0.0.1:{port}", h2c: on}}]\n'
        f'sites: [{{proxy: "{origin.url}"}}]\n', ("127.0.0.1", port))
    with in_load(ask_in_http2, 4, weir) as wait_for_more:
        for following in (installed.next, installed.version):
            wait_for_more(100)
            installed.replace_by_next(following)
            upgrade(weir)
        only_one_worker(weir)
    left = [connection for connection in origin.connections if connection.goaway]
    assert left and all(connection.goaway.error == 0 for connection in left)


def test_an_idle_connection_is_answered_once_more(start_installed, connect):
    weir = start_installed(site("one"))
    client = connect(weir.weir)
    assert client.ask().body == b"one"
    before = weir.status()["process"]
    weir.write(site("two"))
    upgrade(weir)
    response = client.ask()
    assert response.body == b"one" and response.list_of("Connection") == ["close"]
    client.expect_end()
    poll_until(lambda: is_gone(before), what="the end of the worker before")


def test_a_request_that_is_under_way_ends_where_it_began(start_installed, start_origin, connect):
    go_on = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.wait(go_on)
        connection.answer(200, b"whole")

    weir = start_installed(f"sites: [{{proxy: '{start_origin(behaviour).url}'}}]\n")
    client = connect(weir.weir)
    client.send_request()
    poll_until(lambda: weir.status()["connections"] == 1, what="the request under way")
    upgrade(weir)
    go_on.set()
    assert client.read_response().body == b"whole"
    client.close()
    only_one_worker(weir)


def test_nobody_waits_at_a_socket_of_the_worker_before(start_installed, start_origin):
    """It had one for each of its threads, of which the next one takes fewer."""
    weir = start_installed("threads: 4\ntimeouts: {drain: 1h}\n"
                           f"sites: [{{proxy: '{start_origin(answering_or_echoing).url}'}}]\n")
    tunnel = open_tunnel(weir)
    weir.write(f"threads: 1\n{site('two')}")
    upgrade(weir)
    for _ in range(20):
        assert body(weir.weir.address) == b"two"
    check_tunnel(tunnel, b"still there")
    tunnel.close()
    only_one_worker(weir)


def test_who_outstays_the_drain_time_is_cut(start_installed, start_origin):
    weir = start_installed("timeouts: {drain: 100ms}\n"
                           f"sites: [{{proxy: '{start_origin(answering_or_echoing).url}'}}]\n")
    tunnel = open_tunnel(weir)
    upgrade(weir)
    tunnel.expect_end()
    only_one_worker(weir)


def test_workers_that_leave_do_not_pile_up(start_installed, start_origin):
    weir = start_installed("timeouts: {drain: 1h}\n"
                           f"sites: [{{proxy: '{start_origin(answering_or_echoing).url}'}}]\n")
    tunnels = []
    for _ in range(4):
        tunnels.append(open_tunnel(weir))
        upgrade(weir)
    assert "too many workers of earlier upgrades" in upgrade(weir, status=1)
    for tunnel in tunnels:
        check_tunnel(tunnel, b"still there")
    workers = len(weir.weir.processes())
    tunnels.pop().close()
    poll_until(lambda: len(weir.weir.processes()) < workers, what="the end of one of them")
    upgrade(weir)
    for tunnel in tunnels:
        check_tunnel(tunnel, b"still there")
        tunnel.close()
    only_one_worker(weir)


# ---- over TLS

@pytest.fixture
def start_over_tls(start_installed, authority, ports):
    """start_over_tls(rest) runs one site of TLS, with `rest` for what it does."""
    def start(rest):
        authority.make("site", ["example.com"])
        port = ports.take()
        sites = a_site(rest=rest).replace("{files}", str(authority.directory))
        return start_installed(
            f'threads: 2\nlisten: [{{address: "127.0.0.1:{port}", tls: on}}]\nsites:\n{sites}',
            ("127.0.0.1", port))
    return start


def test_clients_over_tls_end_what_they_began(start_over_tls, start_origin, tls, h2_tls):
    asked, go_on = threading.Event(), threading.Event()

    def behaviour(connection):
        while True:
            request = connection.read_request()
            if request.target == "/slow":
                asked.set()
                connection.wait(go_on)
            connection.answer(200, request.target.encode() * 10_000)

    weir = start_over_tls(f"proxy: {start_origin(behaviour).url}")
    idle, busy = tls(weir.weir), h2_tls(weir.weir)
    assert idle.ask().status == 200
    stream = busy.send_request(path="/slow", scheme="https")
    wait_for(asked)
    upgrade(weir)
    assert tls(weir.weir).ask().status == 200
    response = idle.ask("GET", "/again")
    assert response.body == b"/again" * 10_000 and response.list_of("Connection") == ["close"]
    idle.expect_end()
    assert not idle.was_cut
    go_on.set()
    assert busy.read_response(stream).body == b"/slow" * 10_000
    assert busy.read_goaway().error == 0
    only_one_worker(weir)


def shake_hands(weir, authority, stopping, wrong, done):
    """A handshake for each request, without pause."""
    while not stopping.is_set():
        try:
            client = TlsClient(weir.weir.address, trusting(authority))
            assert client.ask().body == b"one"
            client.close()
            done.append(1)
        except Exception as failure:  # whatever it is, it was a lost request
            wrong.append(repr(failure))


def test_no_handshake_is_lost(start_over_tls, installed, authority):
    weir = start_over_tls("respond: {body: one}")
    with in_load(shake_hands, 2, weir, authority) as wait_for_more:
        for following in (installed.next, installed.version):
            wait_for_more(20)
            installed.replace_by_next(following)
            upgrade(weir)
        only_one_worker(weir)
        wait_for_more(20)


def test_a_ticket_from_before_costs_a_whole_handshake_and_no_more(start_over_tls, authority, tls):
    weir, context = start_over_tls("respond: {body: one}"), trusting(authority)

    def come(session=None):
        client = tls(weir.weir, context=context, session=session)
        assert client.ask().body == b"one"
        return client.socket

    first = come()
    second = come(first.session)
    assert second.session_reused
    upgrade(weir)
    third = come(second.session)
    assert not third.session_reused
    assert come(third.session).session_reused


# ---- an upgrade that fails

def fails(weir, installed, words):
    """Twice, so that one after a failed one is possible; then a good one."""
    serving = weir.status()["process"]
    for _ in range(2):
        said = upgrade(weir, status=1)
        assert re.search(words, said), said
        assert f"the upgrade has failed; version {installed.version} goes on" in said
        assert body(weir.weir.address) == b"one"
        assert weir.status()["process"] == serving
        assert version(weir) == installed.version
    only_one_worker(weir)
    installed.replace_by_next()
    assert f"to {installed.next}" in upgrade(weir)
    assert body(weir.weir.address) == b"one"


def test_a_program_that_cannot_be_executed(start_installed, installed):
    weir = start_installed(site("one"))
    installed.replace(binary().read_bytes(), mode=0o644)
    fails(weir, installed, "weir cannot be executed: Permission denied")


def test_a_program_that_is_missing(start_installed, installed):
    weir = start_installed(site("one"))
    installed.path.unlink()
    fails(weir, installed, "weir cannot be executed: No such file or directory")


def test_a_program_that_is_cut(start_installed, installed):
    weir = start_installed(site("one"))
    installed.replace(binary().read_bytes()[:4000])
    fails(weir, installed, "signal|cannot be executed")


def test_a_program_that_is_something_else(start_installed, installed):
    weir = start_installed(site("one"))
    installed.replace_by_script("echo hello")
    fails(weir, installed, "hello\n.*does not tell its version")


def test_a_program_that_dies_when_it_is_run(start_installed, installed):
    weir = start_installed(site("one"))
    installed.replace_by_script(f'[ "$1" = check ] && exec "{binary()}" "$@"; kill -SEGV $$')
    fails(weir, installed, "ended by a signal")


def test_a_program_that_knows_nothing_of_upgrades(start_installed, installed):
    weir = start_installed(site("one"))
    installed.replace_by_script(f'[ "$1" = check ] && exec "{binary()}" "$@"\n'
                                'echo "usage: weir run" >&2; exit 2')
    fails(weir, installed, "usage: weir run\n.*cannot take over from this one")


def test_a_program_that_cannot_read_what_is_left_to_it(start_installed, installed):
    weir = start_installed(site("one"))
    installed.replace_by_script(f'[ "$1" = check ] && exec "{binary()}" "$@"\n'
                                f'echo weir-estate 999 | exec "{binary()}" run --try-estate=0')
    fails(weir, installed, "cannot read what the running one would leave to it")


def test_a_worker_that_does_not_come_to_serve(start_installed, installed, ports):
    """The supervisor is then of the new version, and goes on with the worker of the one before."""
    weir, taken, fresh = start_installed(site("one")), ports.take(), ports.take()
    serving = weir.status()["process"]
    installed.replace_by_next()
    with socket.create_server(("127.0.0.1", taken)):
        weir.write(f'listen: ["%s:%d", "127.0.0.1:{fresh}", "127.0.0.1:{taken}"]\n'
                   % weir.weir.address + site("two"))
        for _ in range(2):
            said = upgrade(weir, status=1)
            assert "the new worker did not come to serve; standard error tells why" in said
            assert f"weir: cannot listen on 127.0.0.1:{taken}" in weir.weir.log
            assert weir.status()["process"] == serving and version(weir) == installed.version
            assert body(weir.weir.address) == b"one"
            with pytest.raises(ConnectionRefusedError):
                body(("127.0.0.1", fresh))
    upgrade(weir)
    for address in (weir.weir.address, ("127.0.0.1", taken), ("127.0.0.1", fresh)):
        assert body(address) == b"two"


def test_a_configuration_that_is_wrong(start_installed, installed):
    weir = start_installed(site("one"))
    weir.write("nonsense: true\n")
    said = upgrade(weir, status=1)
    assert 'unknown key "nonsense"' in said and "refuses the configuration" in said
    assert 'unknown key "nonsense"' in weir.weir.log
    assert body(weir.weir.address) == b"one"
    weir.write(site("two"))
    upgrade(weir)
    assert body(weir.weir.address) == b"two"


def test_one_process_cannot_be_upgraded(start_weir):
    weir = start_weir(site("one"))
    said = run_weir_command("upgrade", "-c", weir.arguments[2])
    assert said.returncode == 1 and "a Weir of one process cannot be upgraded" in said.stderr
    weir.signal(signal.SIGUSR2)
    weir.wait_for_log("a Weir of one process cannot be upgraded")
    assert body(weir.address) == b"one"


# ---- what comes in between

@pytest.fixture
def start_slowly(start_installed, installed, directory):
    """A Weir whose next program waits, with its check, until `go_on` is written to."""
    gate = directory / "gate"
    os.mkfifo(gate)

    def start(*arguments, **named):
        weir = start_installed(*arguments, **named)
        installed.replace_by_script(f'[ "$1" = check ] && read x <"{gate}"; '
                                    f'exec "{binary()}" "$@"')
        weir.weir.signal(signal.SIGUSR2)
        weir.weir.wait_for_log("an upgrade begins")
        return weir, lambda: gate.write_text("go on\n")
    return start


def test_only_one_upgrade_at_a_time(start_slowly):
    weir, go_on = start_slowly(site("one"))
    said = run_weir_command("upgrade", "-c", weir.path)
    assert said.returncode == 1 and "an upgrade is under way already" in said.stderr
    weir.weir.signal(signal.SIGUSR2)
    weir.weir.wait_for_log("an upgrade is under way; another one was not begun")
    go_on()
    weir.weir.wait_for_log("the upgrade is done")


def test_a_reload_while_the_new_program_checks(start_slowly):
    weir, go_on = start_slowly(site("one"))
    assert "was loaded" in weir.reload(site("two"))
    assert body(weir.weir.address) == b"two"
    go_on()
    weir.weir.wait_for_log("the upgrade is done")
    assert body(weir.weir.address) == b"two"


def test_a_worker_that_dies_while_the_new_program_checks(start_slowly):
    weir, go_on = start_slowly(site("one"))
    os.kill(weir.status()["process"], signal.SIGKILL)
    weir.weir.wait_for_log("a new worker is started")
    go_on()
    weir.weir.wait_for_log("the upgrade is done")
    assert body(weir.weir.address) == b"one"


def test_stopping_while_the_new_program_checks(start_slowly):
    weir, _ = start_slowly(site("one"))
    processes = weir.weir.processes()
    weir.weir.stop()
    assert "the upgrade has failed" in weir.weir.log
    assert all(is_gone(process) for process in processes[1:])


def test_stopping_while_the_worker_before_drains(start_installed, start_origin):
    weir = start_installed("timeouts: {drain: 1h}\n"
                           f"sites: [{{proxy: '{start_origin(answering_or_echoing).url}'}}]\n")
    tunnel = open_tunnel(weir)
    upgrade(weir)
    processes = weir.weir.processes()
    assert len(processes) == 3
    weir.weir.signal(signal.SIGTERM)
    weir.weir.wait_for_log("weir: stopping")
    check_tunnel(tunnel, b"still there")
    weir.weir.signal(signal.SIGTERM)
    tunnel.expect_end()
    weir.weir.wait_for_end()
    assert all(is_gone(process) for process in processes[1:])


def test_who_was_told_to_stop_is_not_upgraded(start_installed, start_origin):
    """Only a worker of before is left, which no next program would have to replace."""
    weir = start_installed("timeouts: {drain: 1h}\n"
                           f"sites: [{{proxy: '{start_origin(answering_or_echoing).url}'}}]\n")
    tunnel = open_tunnel(weir)
    upgrade(weir)
    weir.weir.signal(signal.SIGTERM)
    only_one_worker(weir)
    weir.weir.signal(signal.SIGUSR2)
    weir.weir.wait_for_log("Weir stops; an upgrade was not begun")
    check_tunnel(tunnel, b"still there")
    tunnel.close()
    weir.weir.wait_for_end()


def test_who_was_told_to_stop_is_not_upgraded_by_command_either(start_installed, start_origin):
    """While the worker that serves ends what it has begun."""
    weir = start_installed("timeouts: {drain: 1h}\n"
                           f"sites: [{{proxy: '{start_origin(answering_or_echoing).url}'}}]\n")
    before = open_tunnel(weir)
    upgrade(weir)
    tunnel = open_tunnel(weir)
    weir.weir.signal(signal.SIGTERM)
    weir.weir.wait_for_log("weir: stopping")
    said = run_weir_command("upgrade", "-c", weir.path)
    assert (said.returncode, "Weir is told to stop" in said.stderr) == (1, True)
    tunnel.close()
    only_one_worker(weir)
    check_tunnel(before, b"still there")
    before.close()
    weir.weir.wait_for_end()


def test_a_worker_that_dies_while_it_drains_is_not_replaced(start_installed, start_origin):
    weir = start_installed("timeouts: {drain: 1h}\n"
                           f"sites: [{{proxy: '{start_origin(answering_or_echoing).url}'}}]\n")
    tunnel, before = open_tunnel(weir), weir.status()["process"]
    upgrade(weir)
    serving = weir.status()["process"]
    os.kill(before, signal.SIGKILL)
    weir.weir.wait_for_log(f"the worker was ended by a signal process={before}")
    assert weir.weir.processes()[1:] == [serving]
    tunnel.close()


@pytest.mark.soak
def test_a_worker_that_is_not_ready_in_time(start_installed, installed, directory):
    """After thirty seconds: its log is a pipe that it waits for."""
    weir = start_installed(site("one"))
    before = weir.status()["process"]
    installed.replace_by_next()
    weir.weir.signal(signal.SIGUSR2)
    weir.weir.wait_for_log("the new program takes over")
    newcomer = poll_until(lambda: [process for process in weir.weir.processes()[1:]
                                   if process != before], what="the new worker")[0]
    os.kill(newcomer, signal.SIGSTOP)
    weir.weir.wait_for_log("the new worker was not ready in time", seconds=90)
    assert weir.status()["process"] == before
    assert body(weir.weir.address) == b"one"
