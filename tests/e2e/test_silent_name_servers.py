"""Name servers that say nothing: whoever tells Weir to stop, or to serve something else, does not
wait for them. That Weir has ended while its question is still open shows in that it did not ask
again, which it does after `resolver.timeout`."""

import signal

import pytest

from harness.deadline import poll_until
from harness.dns_server import SILENCE, DnsServer
from harness.origin import answering
from harness.weir import write_configuration

NAME = "silent.test"
OPEN = 2  # questions: for A and for AAAA
WAYS = pytest.mark.parametrize("supervised", [False, True], ids=["one process", "supervised"])


@pytest.fixture
def names(ports):
    server = DnsServer(("127.0.0.1", ports.take()))
    server.fail(NAME, SILENCE)
    yield server
    server.stop()


@pytest.fixture
def configuration(names, start_origin, directory):
    """configuration(line) has one server that answers, and the servers of that line."""
    good = start_origin(answering(b"hello"))

    def text(line=f"'{NAME}:80'", more=""):
        return (f"threads: 1\nadmin: unix:{directory}/admin.sock\n{more}"
                f"resolver: {{name_servers: '{names.text}', timeout: 20s}}\n"
                f"upstreams:\n  app: {{servers: ['{good.server}']}}\n"
                f"  other: {{servers: [{line}]}}\n"
                f"sites: [{{host: other.test, proxy: other}}, {{proxy: app}}]\n")

    return text


def wait_for_questions(names):
    poll_until(lambda: names.count(NAME) == OPEN, what="that the name is asked for")


def end(weir, names):
    weir.signal(signal.SIGTERM)
    weir.wait_for_end()
    assert names.count(NAME) == OPEN


@WAYS
def test_term(names, configuration, start_weir, connect, supervised):
    weir = start_weir(configuration(), supervised=supervised)
    wait_for_questions(names)
    client = connect(weir)
    assert client.ask().body == b"hello"
    client.close()
    end(weir, names)


def test_term_while_several_look_ups_wait(names, configuration, start_weir):
    """One for each thread that looks names up, and more; and one that has found its name."""
    others = [f"silent-{number}.test" for number in range(6)]
    for other in others:
        names.fail(other, SILENCE)
    names.set("found.test", "A", "127.0.0.2")
    line = ", ".join(f"'{name}:80'" for name in ["found.test", NAME, *others])
    weir = start_weir(configuration(line))
    poll_until(lambda: sum(map(names.count, [NAME, *others])) >= 3 * OPEN, what="three questions")
    weir.stop()
    assert all(names.count(name) <= OPEN for name in [NAME, *others])


@WAYS
def test_term_at_the_start(names, configuration, start_weir, supervised):
    weir = start_weir(configuration(), supervised=supervised, is_awaited=False)
    wait_for_questions(names)
    end(weir, names)
    assert "weir: ready" not in weir.log


@WAYS
@pytest.mark.parametrize("line", [f"'{NAME}:80'", f"{{dns: '{NAME}:80'}}"], ids=["name", "dns"])
def test_term_during_a_reload(names, configuration, start_weir, supervised, line):
    weir = start_weir(configuration("'127.0.0.1:1'"), supervised=supervised)
    write_configuration(weir.directory, configuration(line), weir.address)
    weir.signal(signal.SIGHUP)
    wait_for_questions(names)
    end(weir, names)


def test_a_reload_that_waits_for_names_is_given_up(names, configuration, start_weir):
    """Both signals are there when it goes on, and the one of the reload is taken first."""
    weir = start_weir(configuration("'127.0.0.1:1'"))
    write_configuration(weir.directory, configuration(f"{{dns: '{NAME}:80'}}"), weir.address)
    for number in [signal.SIGSTOP, signal.SIGHUP, signal.SIGTERM, signal.SIGCONT]:
        weir.signal(number)
    weir.wait_for_end()
    assert 'the one before stays problem="Weir is told to stop"' in weir.log


def test_a_name_that_a_reload_takes_away(names, configuration, start_weir, connect):
    """What was served before is let go of, though a thread still asks for its name."""
    weir = start_weir(configuration())
    wait_for_questions(names)
    write_configuration(weir.directory, configuration("'127.0.0.1:1'"), weir.address)
    weir.signal(signal.SIGHUP)
    weir.wait_for_log("the configuration was loaded")
    client = connect(weir)
    assert client.ask().body == b"hello"
    client.close()
    end(weir, names)


def test_a_second_term_cuts_what_runs(names, configuration, start_weir, start_origin, connect):
    """With an exchange under way the first one waits for it, whatever names do."""
    origin = start_origin(lambda connection: connection.read_request() and connection.read_to_end())
    weir = start_weir(configuration(f"'{NAME}:80'").replace(
        "{proxy: app}", f"{{proxy: '{origin.server}'}}"), supervised=True)
    wait_for_questions(names)
    client = connect(weir)
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    origin.wait_for_requests(1)
    weir.signal(signal.SIGTERM)
    weir.wait_for_log("weir: stopping")
    end(weir, names)
