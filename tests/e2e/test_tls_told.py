"""What is wrong with certificates is told in the error log: at the start, at a reload, when they
change, and while Weir runs when one ends; each once, and not without end."""

import re
import signal

import pytest

from harness.certificates import Authority, a_site
from harness.deadline import poll_until
from harness.weir import run_weir_command

LEFT_OUT = "error a certificate cannot be served and is left out"
EXPIRED = "error a certificate has expired and clients refuse it; get a new one"
SOON = "warning a certificate expires soon; get a new one in time"
NOT_YET = ("error a certificate does not hold yet and clients refuse it; look at the clock of this "
           "host")
NAME = "warning no certificate holds for a name of a site; get one that names it too"
MORE = "warning of what is wrong with certificates there is more than is told"
RENEWED = "notice certificates that have changed were read again"
DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z"
BAD = ["left", "expired", "soon", "early", "name"]


@pytest.fixture
def bad_sites(authority):
    """A good site, and one for each thing that may be wrong."""
    authority.make("good", ["good.example.com"])
    authority.make("expired", ["expired.example.com"], begins=-20, ends=-2)
    authority.make("soon", ["soon.example.com"], begins=-20, ends=13)
    authority.make("early", ["early.example.com"], begins=2)
    authority.make("name", ["other.example.com"])
    authority.make("left", ["left.example.com"])
    (authority.directory / "left.key").write_bytes((authority.directory / "good.key").read_bytes())
    return "".join(a_site(f"{name}.example.com", name) for name in ["good", *BAD])


def lines(log, sentence):
    return [line for line in log.splitlines() if sentence in line]


def expect_all(log, files):
    """Each is told once."""
    for sentence, rest in [
            (LEFT_OUT, f'file={files}/left.key site=left.example.com problem="the private key in it is '
                       'not that of the certificate" advice="name the key with which the '
                       'certificate was asked for"'),
            (EXPIRED, f"file={files}/expired.pem site=expired.example.com ended={DATE}"),
            (SOON, f"file={files}/soon.pem site=soon.example.com ends={DATE} days=13"),
            (NOT_YET, f"file={files}/early.pem site=early.example.com begins={DATE}"),
            (NAME, "name=name.example.com site=name.example.com names=other.example.com")]:
        found = lines(log, sentence)
        assert len(found) == 1, (sentence, log)
        assert re.search(f"Z {re.escape(sentence)} {rest}$", found[0])


def is_told(weir, times=1):
    """The last of them has come, and so often; gives the log."""
    poll_until(lambda: len(lines(weir.log, NAME)) == times, what="it to be told")
    return weir.log


def last_line(weir, sentence):
    told = weir.log.splitlines()
    return max(number for number, line in enumerate(told, 1) if sentence in line)


# At the start and when something changes

def test_all_of_it_is_told_once(authority, start_tls, bad_sites):
    """Standard error is where the error log goes: it has each as an event, and not once more."""
    weir = start_tls(bad_sites)
    expect_all(is_told(weir), authority.directory)
    assert "warning: " not in weir.log and "weir.yaml:" not in weir.log


def test_and_the_same_at_a_reload(authority, start_tls, bad_sites):
    weir = start_tls(bad_sites, supervised=True)
    is_told(weir)
    seen = weir.log.count("\n")
    weir.signal(signal.SIGHUP)
    weir.wait_for_log("the configuration was loaded", start=seen)
    expect_all("\n".join(is_told(weir, 2).splitlines()[seen:]), authority.directory)
    assert "weir.yaml:" not in weir.log


def test_another_error_log_has_it_too(authority, start_tls, bad_sites, directory):
    """And standard error tells what the file has to do with it, as `weir check` does."""
    weir = start_tls(bad_sites, "log: {error: {to: error.log}}")
    told = directory / "weir-0" / "error.log"
    poll_until(lambda: NAME in told.read_text(), what="it to be told")
    weir.signal(signal.SIGHUP)
    poll_until(lambda: told.read_text().count(NAME) == 2, what="it to be told again")
    weir.stop()
    before, after = told.read_text().split("notice the configuration was loaded")
    expect_all(before, authority.directory)
    expect_all(after, authority.directory)
    assert len(lines(weir.log, ": warning: ")) == 2 * len(BAD)
    assert not lines(weir.log, EXPIRED)


def test_who_asks_for_a_reload_is_told_by_the_file(start_tls, bad_sites, directory):
    weir = start_tls(bad_sites, supervised=True)
    said = run_weir_command("reload", "-c", directory / "weir-0" / "weir.yaml")
    assert said.returncode == 0
    assert len(lines(said.stdout + said.stderr, "warning: ")) == len(BAD)
    assert len(lines(is_told(weir, 2), EXPIRED)) == 2


def test_what_changes_is_told_and_nothing_again(authority, start_tls, bad_sites):
    weir = start_tls(bad_sites, supervised=True)
    is_told(weir)
    authority.make("soon", ["soon.example.com"], begins=-20, ends=-1)
    weir.wait_for_log(f"{re.escape(EXPIRED)} file=.*/soon.pem")
    authority.make("expired", ["expired.example.com"])
    weir.wait_for_log(RENEWED, start=last_line(weir, EXPIRED))
    authority.make("good", ["good.example.com"], begins=-3, ends=2)
    weir.wait_for_log(f"{SOON} file=.*/good.pem .*days=2$")
    for sentence, number in [(LEFT_OUT, 1), (NOT_YET, 1), (NAME, 1), (EXPIRED, 2), (SOON, 2)]:
        assert len(lines(weir.log, sentence)) == number
    assert "weir.yaml:" not in weir.log


def test_of_many_some_are_told_and_how_many_more(authority, start_tls):
    (authority.directory / "many").mkdir()
    authority.make("many/good", ["good.example.com"])
    for number in range(23):
        authority.make(f"many/{number}", [f"{number}.example.com"], begins=-20, ends=-1)
    weir = start_tls("  - tls: {certificates: {files}/many}\n    respond: 204\n", "threads: 1")
    weir.wait_for_log(f'{MORE} what="expired certificates" more=13$')
    assert len(lines(weir.log, EXPIRED)) == 10
    assert all(f"directory={authority.directory}/many" in line for line in lines(weir.log, EXPIRED))


def test_what_another_one_has_taken_the_place_of_is_not_told(authority, start_tls, directory):
    """In a directory; one name is enough for it to be told."""
    (authority.directory / "many").mkdir()
    authority.make("many/old", ["example.com"], begins=-20, ends=-1)
    authority.make("many/new", ["example.com", "www.example.com"])
    authority.make("many/half", ["example.com", "api.example.com"], begins=-20, ends=-1)
    weir = start_tls("  - tls: {certificates: {files}/many}\n    respond: 204\n")
    weir.wait_for_log(f"{EXPIRED} file=.*/half.pem")
    said = run_weir_command("check", "-c", directory / "weir-0" / "weir.yaml")
    assert "half.pem" in said.stderr and "old.pem" not in said.stderr + weir.log


# While it runs

def ending(write, weir, soon, ended):
    """write(seconds) makes what ends so soon. That it will, and then that it has, is told once each;
    on a machine that is too busy for the first, another time."""
    for seconds in (4, 40):
        seen = len(weir.log.splitlines())
        write(seconds)
        weir.wait_for_log(ended, start=seen)
        told = weir.log.splitlines()[seen:]
        assert sum(ended in line for line in told) == 1
        if any(soon in line for line in told):
            return
    raise AssertionError(f"never told: {soon}")


def test_one_that_ends_while_it_runs(authority, start_tls, tls):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site(), "threads: 1", supervised=True)
    ending(lambda seconds: authority.make("site", ["example.com"], seconds=seconds), weir,
           f"{SOON} file={authority.directory}/site.pem site=example.com",
           f"{EXPIRED} file={authority.directory}/site.pem site=example.com")
    authority.make("site", ["example.com"])
    weir.wait_for_log(RENEWED, start=last_line(weir, EXPIRED))
    assert tls(weir).ask().status == 200


@pytest.fixture
def asking_clients(authority, directory, start_tls):
    """A site that asks clients for certificates: Weir, and the authority of these."""
    (directory / "clients").mkdir()
    authority.make("site", ["example.com"])
    clients = Authority(directory / "clients", "clients")
    clients.revoke("revoked")
    asks = f"site.key, client: {{ca: {clients.file}, crl: {directory}/clients/revoked.crl}}}}"
    return start_tls(a_site().replace("site.key}", asks), "threads: 1", supervised=True), clients


def test_authorities_of_clients_that_end(asking_clients, directory):
    weir, clients = asking_clients
    ending(lambda seconds: Authority(directory / "clients", "clients", seconds=seconds), weir,
           "warning all authorities of a file expire soon; add those that come after them "
           f"file={clients.file} site=example.com",
           "error all authorities of a file have expired and nobody is accepted by them; get new "
           f"ones file={clients.file} site=example.com")


def test_a_list_of_revocations_that_ends(asking_clients):
    weir, clients = asking_clients
    ending(lambda seconds: clients.revoke("revoked", ends=seconds / 86400), weir,
           "warning a list of revocations ceases to hold soon; get a new one in time "
           f"file={clients.directory}/revoked.crl site=example.com",
           "error a list of revocations holds no longer and no client of its authority is "
           f"accepted; get a new one file={clients.directory}/revoked.crl site=example.com")


def test_what_servers_are_shown_and_looked_at_by(authority, directory, start_tls):
    (directory / "servers").mkdir()
    authority.make("site", ["example.com"])
    authority.make("own", ["weir"])
    servers = Authority(directory / "servers", "servers")
    weir = start_tls(a_site(rest="proxy: app"), "threads: 1\nupstreams: {app: {servers: "
                     f"['https://127.0.0.1:1'], tls: {{ca: {servers.file}, certificate: "
                     "{files}/own.pem, key: {files}/own.key}}}", supervised=True)
    ending(lambda seconds: authority.make("own", ["weir"], seconds=seconds), weir,
           "warning the certificate that servers are shown expires soon; get a new one in time "
           f"file={authority.directory}/own.pem upstream=app",
           "error the certificate that servers are shown has expired and they refuse it; get a new "
           f"one file={authority.directory}/own.pem upstream=app")
    ending(lambda seconds: Authority(directory / "servers", "servers", seconds=seconds), weir,
           "warning all authorities of a file expire soon; add those that come after them "
           f"file={servers.file} upstream=app",
           "error all authorities of a file have expired and nobody is accepted by them; get new "
           f"ones file={servers.file} upstream=app")
