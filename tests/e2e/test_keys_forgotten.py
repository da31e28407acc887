"""In memory a key is numbers of the library; the text that was read is overwritten. What is served
is kept by the supervisor alone, for the worker after the next."""

import os
import signal

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from harness.certificates import a_site
from harness.deadline import poll_until
from harness.process_memory import found_in, readable
from harness.supervised import READY

pytestmark = readable

MARK = "c29tZXRoaW5nIHRoYXQgaXMgdGhlcmU"  # is in the configuration, and so in every memory
PAIR = f"{{host: example.com, respond: {{status: 200, body: {MARK}}}, tls: "
SITES = {
    "a file of its own": PAIR + "{certificate: {files}/many/site.pem, key: {files}/many/site.key}}",
    "in the certificate": PAIR + "{certificate: {files}/many/site.pem}}",
    "a list": PAIR + "{certificates: [{certificate: {files}/many/site.pem, "
                     "key: {files}/many/site.key}]}}",
    "a directory": PAIR + "{certificates: {files}/many}}",
    "shown to servers": PAIR + "{certificate: {files}/other.pem, key: {files}/other.key}}\n"
                               "  - {host: b.example.com, proxy: shown}",
}
UPSTREAM = ("upstreams: {shown: {servers: ['https://127.0.0.1:9'], tls: {"
            "certificate: {files}/many/site.pem, key: {files}/many/site.key}}}")


class Secrets:
    """The byte strings that must not be found: the lines of a key, and its secret numbers as they
    stand in the file. The library keeps them the other way round."""

    def __init__(self, text):
        self.lines = {line for line in text.splitlines() if len(line) >= 32 and b"---" not in line}
        key = load_pem_private_key(text, None)
        numbers = key.private_numbers()
        secret = [numbers.d, numbers.p, numbers.q] if isinstance(key, rsa.RSAPrivateKey) else [
            numbers.private_value]
        self.numbers = {one.to_bytes((key.key_size if one.bit_length() > key.key_size // 2 else
                                      key.key_size // 2) // 8, "big") for one in secret}
        assert self.lines and self.numbers
        self.all = self.lines | self.numbers


@pytest.fixture
def make(authority):
    """make() writes another key with a certificate and gives its secrets."""
    (authority.directory / "many").mkdir()
    authority.make("other", ["example.com"])

    def write(kind="ecdsa", joined=False):
        authority.make("new", ["example.com"], kind)
        for end in ["key", "pem"]:
            text = (authority.directory / f"new.{end}").read_bytes()
            if joined and end == "pem":
                text += (authority.directory / "new.key").read_bytes()
            (authority.directory / f"many/new.{end}").write_bytes(text)
            os.replace(authority.directory / f"many/new.{end}",
                       authority.directory / f"many/site.{end}")
        return Secrets((authority.directory / "new.key").read_bytes())
    return write


def left_in(process, secrets):
    """What is found of them in a process that has its configuration in memory."""
    found = found_in(process, secrets | {MARK.encode()})
    assert MARK.encode() in found
    return found - {MARK.encode()}


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
@pytest.mark.parametrize("where", SITES)
def test_a_key_is_forgotten_as_text(make, start_tls, tls, where, kind):
    secrets = make(kind, where == "in the certificate")
    weir = start_tls(f"  - {SITES[where]}\n", UPSTREAM if where == "shown to servers" else "")
    assert tls(weir).ask().status == 200
    assert not left_in(weir.process.pid, secrets.all)


@pytest.fixture
def start(make, start_tls, tls):
    """start(where) gives a supervised Weir that has a key, and the key's secrets."""
    def run(where="a file of its own"):
        secrets = make(joined=where == "in the certificate")
        weir = start_tls(f"  - {SITES[where]}\n",
                         UPSTREAM if where == "shown to servers" else "", supervised=True)
        client = tls(weir)
        assert client.ask().status == 200
        client.close()
        return weir, secrets
    return run


def await_end_of(weir, secrets):
    """Also as the library has it, as soon as no connection needs it."""
    everything = secrets.all | {one[::-1] for one in secrets.numbers}
    for process in [weir.process.pid, weir.worker()]:
        poll_until(lambda process=process: not left_in(process, everything),
                   what=f"the end of the key in {weir.processes()}")


def expect_in_supervisor_alone(weir, secrets):
    assert left_in(weir.process.pid, secrets.all) == secrets.lines
    assert not left_in(weir.worker(), secrets.all)


@pytest.mark.parametrize("where", SITES)
def test_a_worker_does_not_have_what_its_supervisor_keeps(start, where):
    expect_in_supervisor_alone(*start(where))


def test_neither_has_the_worker_in_the_place_of_a_dead_one(start):
    weir, secrets = start()
    seen = weir.log.count("\n")
    os.kill(weir.worker(), signal.SIGKILL)
    weir.wait_for_log(READY, start=seen)
    expect_in_supervisor_alone(weir, secrets)


@pytest.mark.parametrize("where", SITES)
def test_nobody_has_the_key_from_before_a_renewal(start, make, where):
    weir, old = start(where)
    new = make(joined=where == "in the certificate")
    weir.wait_for_log("certificates that have changed were read again")
    await_end_of(weir, old)
    expect_in_supervisor_alone(weir, new)


def reload(weir, said="the configuration was loaded"):
    seen = weir.log.count("\n")
    weir.signal(signal.SIGHUP)
    weir.wait_for_log(said, start=seen)


@pytest.fixture
def configuration(directory):
    return directory / "weir-0" / "weir.yaml"


def named(file, configuration):
    """Another pair of files in the configuration."""
    text = configuration.read_text()
    configuration.write_text(text.replace("many/site.", f"{file}."))


@pytest.mark.parametrize("where", ["a file of its own", "shown to servers"])
def test_nobody_has_the_key_from_before_a_reload(start, configuration, where):
    weir, old = start(where)
    named("other", configuration)
    reload(weir)
    await_end_of(weir, old)


def test_nobody_has_the_key_of_a_configuration_that_was_refused(start, make, authority,
                                                                configuration):
    weir, served = start()
    authority.make("refused", ["example.com"])
    named("refused", configuration)
    configuration.write_text(configuration.read_text() + "nonsense: true\n")
    reload(weir, "the configuration was not loaded")
    await_end_of(weir, Secrets((authority.directory / "refused.key").read_bytes()))
    expect_in_supervisor_alone(weir, served)


def test_nobody_has_the_key_of_a_file_that_is_too_large(make, authority, start_tls):
    make()
    authority.make("many/large", ["large.example.com"])
    key = authority.directory / "many/large.key"
    secrets = Secrets(key.read_bytes())
    key.write_bytes(key.read_bytes() + b"#" * (256 << 10))
    weir = start_tls(f"  - {SITES['a directory']}\n")
    weir.wait_for_log("a certificate cannot be served and is left out")
    assert not left_in(weir.process.pid, secrets.all)


def test_nobody_has_the_key_from_before_an_upgrade_and_a_reload(start, configuration):
    """What one supervisor hands to the next is text as well."""
    weir, old = start()
    weir.signal(signal.SIGUSR2)
    weir.wait_for_log("the upgrade is done")
    poll_until(lambda: len(weir.processes()) == 2, what="the end of the worker before")
    expect_in_supervisor_alone(weir, old)
    named("other", configuration)
    reload(weir)
    await_end_of(weir, old)
