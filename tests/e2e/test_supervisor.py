"""`weir run` as users have it: a supervisor and its worker, which may die and is replaced."""

import os
import re
import signal
import socket
import threading

import pytest

from harness.client import Client
from harness.deadline import poll_until
from harness.load import Load
from harness.supervised import READY, body, is_gone, site, stands_still
from harness.weir import run_weir_command, write_configuration

# ---- a worker that dies

def test_service_goes_on_when_the_worker_is_killed_under_load(start_supervised, start_origin):
    def behaviour(connection):
        while True:
            connection.answer(200, connection.read_request().target.encode() * 100)
    weir = start_supervised(f"threads: 2\nsites: [{{proxy: '{start_origin(behaviour).url}'}}]\n")
    with Load(weir.weir, clients=8) as load:
        load.wait_for(100)
        weir.kill_worker()
        load.wait_for(100)
        # What was in flight was cut: of each client one request at most, and the next connection
        # is never refused.
        others = [text for text in load.wrong if "closed without an answer" not in text
                  and "ConnectionReset" not in text and "BrokenPipe" not in text]
        assert len(load.wrong) <= 8 and not others, load.wrong
        load.wrong.clear()


def test_who_waits_to_be_accepted_is_served_by_the_next_worker(start_supervised):
    weir = start_supervised(site("hello"))
    worker = weir.weir.worker()
    os.kill(worker, signal.SIGSTOP)
    poll_until(lambda: stands_still(worker), what="all threads of the worker standing still")
    client = Client(weir.weir.address)  # the system takes it; the worker that stands still does not
    client.send_request()
    seen = weir.lines()
    os.kill(worker, signal.SIGKILL)
    weir.weir.wait_for_log(READY, start=seen)
    assert client.read_response().body == b"hello"
    client.close()


def test_a_wrong_file_does_not_matter_to_the_next_worker(start_supervised):
    weir = start_supervised(site("one"))
    weir.write("nonsense: true\n")
    weir.kill_worker()
    assert body(weir.weir.address) == b"one"
    weir.path.unlink()
    weir.kill_worker()
    assert body(weir.weir.address) == b"one"


def test_the_next_worker_serves_what_was_last_published(start_supervised):
    weir = start_supervised(site("one"))
    assert "was loaded" in weir.reload(site("two"))
    assert "not loaded" in weir.reload("nonsense: true\n")
    weir.write(site("three"))
    weir.kill_worker()
    assert body(weir.weir.address) == b"two"
    assert "was loaded" in weir.reload(site("three"))
    assert body(weir.weir.address) == b"three"
    weir.kill_worker()
    assert body(weir.weir.address) == b"three"


def test_included_files_are_kept(start_supervised, directory):
    part = directory / "parts"
    part.mkdir()
    (part / "one.yaml").write_text(site("one"))
    weir = start_supervised(f"include: '{part}/*.yaml'\n")
    (part / "one.yaml").unlink()
    (part / "two.yaml").write_text(site("two"))
    weir.kill_worker()
    assert body(weir.weir.address) == b"one"
    seen = weir.lines()
    weir.weir.signal(signal.SIGHUP)
    weir.weir.wait_for_log("the configuration was loaded", start=seen)
    assert body(weir.weir.address) == b"two"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGALRM, signal.SIGABRT])
def test_it_is_told_why_a_worker_died(start_supervised, number):
    weir = start_supervised(site("one"))
    worker = weir.weir.worker()
    os.kill(worker, number)
    line = weir.weir.wait_for_log("the worker was ended by a signal")
    assert f"process={worker} signal={number.name[3:]}\n" in line


def test_workers_that_keep_dying_are_started_later_and_later(start_supervised):
    weir = start_supervised(site("one"))
    for _ in range(4):
        weir.kill_worker()
    pauses = re.findall(r"a new worker is started .* milliseconds=(\d+)", weir.weir.log)
    assert pauses == ["0", "100", "200", "400"]
    assert body(weir.weir.address) == b"one"


def test_stopping_while_there_is_no_worker(start_supervised):
    weir = start_supervised(site("one"))
    for _ in range(4):
        weir.kill_worker()
    os.kill(weir.weir.worker(), signal.SIGKILL)
    weir.weir.wait_for_log("a new worker is started .* milliseconds=800")
    weir.weir.stop()


# ---- listeners

def test_listeners_that_come_by_reload_outlive_the_worker(start_supervised, ports, directory):
    weir, port, path = start_supervised(site("one")), ports.take(), str(directory / "weir.sock")
    listen = 'listen: ["%s:%d", "127.0.0.1:%d", "unix:%s"]\n' % (*weir.weir.address, port, path)
    assert "was loaded" in weir.reload(listen + site("two"))
    weir.kill_worker()
    for address in (weir.weir.address, ("127.0.0.1", port), path):
        assert body(address) == b"two"


def test_listeners_that_go_by_reload_are_closed_by_both(start_supervised, ports, directory):
    first, second, path = ports.take(), ports.take(), directory / "weir.sock"
    weir = start_supervised(f'listen: ["127.0.0.1:{first}", "127.0.0.1:{second}", "unix:{path}"]\n'
                            + site("one"), address=("127.0.0.1", first))
    assert body(("127.0.0.1", second)) == body(str(path)) == b"one"
    assert "was loaded" in weir.reload(f'listen: ["127.0.0.1:{first}"]\n' + site("two"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", second), timeout=5)
    assert not path.exists()
    with socket.create_server(("127.0.0.1", second)):
        weir.kill_worker()
        assert body(weir.weir.address) == b"two"


def test_a_listener_that_cannot_be_had_leaves_nothing_open(start_supervised, ports):
    weir, free = start_supervised(site("one")), ports.take()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = 'listen: ["%s:%d", "127.0.0.1:%d", "127.0.0.1:%d"]\n' % (
            *weir.weir.address, free, taken.getsockname()[1])
        assert "not loaded" in weir.reload(listen + site("two"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free), timeout=5)
    assert body(weir.weir.address) == b"one"


# ---- signals, commands, logs

def test_status_knows_both_processes(start_supervised):
    weir = start_supervised(site("one"))
    status = weir.status()
    assert status["supervisor"] == weir.weir.process.pid
    assert status["process"] == weir.weir.worker()


def test_reload_and_stop_by_command(start_supervised):
    weir = start_supervised(site("one"))
    weir.kill_worker()  # the admin side outlives it, too
    weir.write(site("two"))
    assert run_weir_command("reload", "-c", weir.path).returncode == 0
    assert body(weir.weir.address) == b"two"
    weir.write("nonsense: true\n")
    said = run_weir_command("reload", "-c", weir.path)
    assert said.returncode == 1 and 'unknown key "nonsense"' in said.stdout + said.stderr
    weir.write(site("two"))
    worker = weir.weir.worker()
    assert run_weir_command("stop", "-c", weir.path).returncode == 0
    socket.create_server(weir.weir.address).close()  # is free at once
    weir.weir.wait_for_end()
    assert is_gone(worker)


def holding(connection):
    connection.read_request()
    connection.hold()


def test_term_lets_what_runs_end_and_the_second_one_does_not(start_supervised, start_origin,
                                                             connect):
    origin = start_origin(holding)
    weir = start_supervised(f"timeouts: {{drain: 1h}}\nsites: [{{proxy: '{origin.url}'}}]\n")
    worker = weir.weir.worker()
    client = connect(weir.weir)
    client.send_request()
    origin.wait_for_requests(1)
    weir.weir.signal(signal.SIGTERM)
    weir.weir.wait_for_log("weir: stopping")
    assert weir.weir.is_running() and not is_gone(worker)
    weir.weir.signal(signal.SIGTERM)
    client.read_to_end()
    weir.weir.wait_for_end()
    assert is_gone(worker)


def is_refused(where):
    try:
        Client(where).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    return False


@pytest.fixture
def stopping(start_weir, start_origin, connect, ports, directory):
    """stopping(supervised) gives a Weir that was told to stop while it serves a request; where it
    has listened; and what ends that request, and Weir with it."""
    go_on = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.wait(go_on)
        connection.answer(200, b"whole")

    def start(supervised):
        origin, places = start_origin(behaviour), [("127.0.0.1", ports.take()), f"{directory}/s"]
        weir = start_weir(f'listen: ["127.0.0.1:{places[0][1]}", "unix:{places[1]}"]\nthreads: 3\n'
                          f"admin: unix:{directory}/a\ntimeouts: {{drain: 1h}}\n"
                          f"sites: [{{proxy: '{origin.url}'}}]\n", supervised=supervised)
        client = connect(places[0])
        client.send_request()
        origin.wait_for_requests(1)
        weir.signal(signal.SIGTERM)
        weir.wait_for_log("weir: stopping")

        def end():
            go_on.set()
            assert client.read_response().body == b"whole"
            client.close()
            weir.wait_for_end()
        return weir, places, end
    return start


@pytest.mark.parametrize("supervised", [True, False])
def test_who_comes_while_it_stops_is_refused_at_once(stopping, supervised):
    """He would wait in the queue of a socket from which nobody accepts."""
    weir, places, end = stopping(supervised)
    for place in places:
        poll_until(lambda: is_refused(place), what="a refusal")
        assert all(is_refused(place) for _ in range(20))
    end()


@pytest.mark.parametrize("supervised", [True, False])
def test_it_is_told_why_nothing_is_loaded_while_it_stops(stopping, supervised):
    weir, _, end = stopping(supervised)
    told = run_weir_command("reload", "-c", weir.arguments[2])
    assert (told.returncode, told.stdout) == (1, "")
    assert "the one before stays: Weir is told to stop" in told.stderr
    weir.signal(signal.SIGHUP)
    weir.wait_for_log('not loaded; the one before stays problem="Weir is told to stop"')
    end()


def test_a_signal_to_both_processes_counts_once(start_supervised, start_origin, connect):
    go_on = threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.wait(go_on)
        connection.answer(200, b"whole")

    origin = start_origin(behaviour)
    weir = start_supervised(f"timeouts: {{drain: 1h}}\nsites: [{{proxy: '{origin.url}'}}]\n")
    client, worker = connect(weir.weir), weir.weir.worker()
    client.send_request()
    origin.wait_for_requests(1)
    for _ in range(2):
        os.kill(worker, signal.SIGTERM)
    weir.weir.signal(signal.SIGTERM)
    weir.weir.wait_for_log("weir: stopping")
    os.kill(worker, signal.SIGTERM)
    go_on.set()
    assert client.read_response().body == b"whole"
    client.close()
    weir.weir.wait_for_end()


def test_a_worker_that_dies_while_it_stops_is_not_replaced(start_supervised, start_origin,
                                                           connect):
    origin = start_origin(holding)
    weir = start_supervised(f"timeouts: {{drain: 1h}}\nsites: [{{proxy: '{origin.url}'}}]\n")
    client = connect(weir.weir)
    client.send_request()
    origin.wait_for_requests(1)
    weir.weir.signal(signal.SIGTERM)
    weir.weir.wait_for_log("weir: stopping")
    os.kill(weir.weir.worker(), signal.SIGKILL)
    weir.weir.wait_for_end(status=1)
    assert weir.weir.log.count(READY) == 1


def test_a_worker_that_dies_after_weir_stop_is_not_replaced(start_supervised, start_origin,
                                                            connect):
    origin = start_origin(holding)
    weir = start_supervised(f"timeouts: {{drain: 1h}}\nsites: [{{proxy: '{origin.url}'}}]\n")
    client, worker = connect(weir.weir), weir.weir.worker()
    client.send_request()
    origin.wait_for_requests(1)
    stop = threading.Thread(target=run_weir_command, args=("stop", "-c", weir.path))
    stop.start()  # it waits for the end
    weir.weir.wait_for_log("weir: stopping")
    os.kill(worker, signal.SIGKILL)
    stop.join()
    weir.weir.wait_for_end(status=1)
    assert weir.weir.log.count(READY) == 1


def test_a_worker_that_hangs_is_replaced(start_supervised):
    weir = start_supervised(site("one", "timeouts: {hang: 5s}\n"))
    worker, seen = weir.weir.worker(), weir.lines()
    os.kill(worker, signal.SIGSTOP)
    line = weir.weir.wait_for_log("the worker gives no sign of life; it is ended", seconds=60)
    assert f"process={worker} seconds=5\n" in line
    weir.weir.wait_for_log(READY, start=seen, seconds=60)
    assert is_gone(worker)
    assert body(weir.weir.address) == b"one"
    assert weir.status()["process"] == weir.weir.worker()


@pytest.mark.soak
def test_a_worker_that_is_well_is_left_alone(start_supervised):
    """For four times as long as it may be silent."""
    weir = start_supervised(site("one", "timeouts: {hang: 5s}\n"))
    worker = weir.weir.worker()
    threading.Event().wait(20)
    assert body(weir.weir.address) == b"one"
    assert weir.weir.worker() == worker and "no sign of life" not in weir.weir.log


def test_logs_are_written_by_every_worker_and_opened_anew(start_supervised):
    weir = start_supervised(site("one", "log: {access: {to: access.log}}\n"))
    log = weir.path.parent / "access.log"
    assert body(weir.weir.address) == b"one"
    poll_until(lambda: log.exists() and log.read_text().count("\n") == 1, what="the first line")
    weir.kill_worker()
    assert body(weir.weir.address) == b"one"
    poll_until(lambda: log.read_text().count("\n") == 2, what="the second line, behind the first")
    log.rename(log.with_suffix(".old"))
    weir.weir.signal(signal.SIGUSR1)
    weir.weir.wait_for_log("the logs were opened anew")
    assert body(weir.weir.address) == b"one"
    poll_until(lambda: log.read_text().count("\n") == 1, what="the line in the new file")


def test_the_worker_ends_when_the_supervisor_is_killed(start_supervised, start_origin, connect):
    weir = start_supervised(site("one"))
    client, worker = connect(weir.weir), weir.weir.worker()
    assert client.ask().body == b"one"
    weir.weir.abandon()
    poll_until(lambda: is_gone(worker), what="the end of the worker")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(weir.weir.address, timeout=5)


@pytest.mark.soak
def test_a_worker_that_does_not_stop_is_killed(start_supervised):
    """After ten seconds, which is why this is no test for every day."""
    weir = start_supervised(site("one", "timeouts: {drain: 100ms}\n"))
    os.kill(weir.weir.worker(), signal.SIGSTOP)
    weir.weir.signal(signal.SIGTERM)
    weir.weir.wait_for_log("the worker does not stop; it is ended", seconds=60)
    weir.weir.wait_for_end(status=1)


def test_the_next_worker_serves_though_a_log_cannot_be_opened(start_supervised, directory):
    (directory / "logs").mkdir()
    weir = start_supervised(site("one", f"log: {{access: {{to: {directory}/logs/access.log}}}}\n"))
    (directory / "logs").rename(directory / "elsewhere")
    weir.kill_worker()
    weir.weir.wait_for_log("a log cannot be opened for the new worker; its lines are lost .*"
                           'access.log problem="No such file or directory"')
    assert body(weir.weir.address) == b"one"
    (directory / "elsewhere").rename(directory / "logs")
    weir.weir.signal(signal.SIGUSR1)
    weir.weir.wait_for_log("the logs were opened anew files=1")
    log = directory / "logs" / "access.log"
    before = log.read_text()
    assert body(weir.weir.address) == b"one"
    poll_until(lambda: len(log.read_text()) > len(before), what="a line")


# ---- a first start that fails

def test_a_first_start_that_fails_is_not_repeated(directory, ports):
    address = ("127.0.0.1", ports.take())
    said = run_weir_command("run", "-c", write_configuration(directory, "nonsense: 1\n", address))
    assert said.returncode == 1 and 'unknown key "nonsense"' in said.stderr
    path = write_configuration(directory, site("one"), address)
    with socket.create_server(address):
        said = run_weir_command("run", "-c", path)
    assert said.returncode == 1
    assert said.stderr == "weir: cannot listen on %s:%d: Address already in use; ss -ltnp tells by whom\n" % address


def test_nothing_leaks_from_worker_to_worker(start_supervised):
    weir = start_supervised(site("one"))
    before = weir.weir.descriptors()
    for _ in range(3):
        weir.kill_worker()
        assert weir.reload(site("one"))
    poll_until(lambda: weir.weir.descriptors() == before, what="as many descriptors as before")
