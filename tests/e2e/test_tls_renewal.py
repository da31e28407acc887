"""Certificates that change on the disk are served without anybody asking for it, and by a reload."""

import os
import signal
import subprocess
import threading

import pytest

from harness.certificates import a_site
from harness.deadline import PATIENCE
from harness.supervised import READY

RENEWED = "notice certificates that have changed were read again"
KEPT = "error a changed certificate cannot be served; the one before stays file="


def serial(client):
    return int(client.socket.getpeercert()["serialNumber"], 16)


def renewed(weir, change):
    """What `change` gives, when it is served."""
    seen = weir.log.count("\n")
    made = change()
    weir.wait_for_log(RENEWED, start=seen)
    return made.serial_number if made else None


def test_a_changed_certificate_is_served_and_nothing_else_is_read(authority, start_tls, tls,
                                                                  directory):
    authority.make("site", ["example.com"])
    weir = start_tls(a_site(), supervised=True)
    before = tls(weir)
    (directory / "weir-0" / "weir.yaml").write_text("nonsense: true\n")
    made = renewed(weir, lambda: authority.make("site", ["example.com"]))
    assert serial(tls(weir)) == made
    assert before.ask(host="example.com").status == 200
    seen = weir.log.count("\n")
    os.kill(weir.worker(), signal.SIGKILL)
    weir.wait_for_log(READY, start=seen)
    assert serial(tls(weir)) == made
    made = renewed(weir, lambda: authority.make("site", ["example.com"]))
    assert serial(tls(weir)) == made


def test_a_bad_one_is_told_once_and_the_one_before_stays(authority, start_tls, tls):
    """Also where only the first half of a pair is there, until the other one comes."""
    def rename(part):
        os.replace(authority.directory / f"next.{part}", authority.directory / f"b.{part}")

    for name in ["a", "b"]:
        authority.make(name, [f"{name}.example.com"])
    weir = start_tls(a_site("a.example.com", "a") + a_site("b.example.com", "b"), supervised=True)
    old = serial(tls(weir, "b.example.com"))
    made = authority.make("next", ["b.example.com"]).serial_number
    renewed(weir, lambda: rename("pem"))
    assert serial(tls(weir, "b.example.com")) == old
    for _ in range(2):
        fresh = renewed(weir, lambda: authority.make("a", ["a.example.com"]))
        assert serial(tls(weir, "a.example.com")) == fresh
        assert serial(tls(weir, "b.example.com")) == old
    assert weir.log.count(KEPT) == 1
    renewed(weir, lambda: rename("key"))
    assert serial(tls(weir, "b.example.com")) == made
    renewed(weir, (authority.directory / "b.pem").unlink)
    assert serial(tls(weir, "b.example.com")) == made
    assert weir.log.count(KEPT) == 2


def test_certificates_come_to_a_directory_and_go(authority, start_tls, tls):
    (authority.directory / "many").mkdir()
    authority.make("many/1", ["a.example.com"])
    weir = start_tls("  - tls: {certificates: {files}/many}\n    respond: 204\n", supervised=True)
    renewed(weir, lambda: authority.make("many/2", ["b.example.com"]))
    assert tls(weir, "b.example.com").shown() == ["b.example.com"]
    renewed(weir, (authority.directory / "many" / "1.pem").unlink)
    assert tls(weir, None).shown() == ["b.example.com"]
    renewed(weir, lambda: (authority.directory / "many" / "2.pem").write_text(""))
    assert tls(weir, "b.example.com").shown() == ["b.example.com"]
    assert weir.log.count(KEPT) == 1


class Asking:
    """h2load, again and again, in a thread of its own until it is left; `outcomes` is what each run
    says of its requests."""

    def __init__(self, address):
        self.command = ["h2load", "-n", "2000", "-c", "4", "-m", "16",
                        f"https://{address[0]}:{address[1]}/"]
        self.outcomes, self.is_over = [], threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.outcomes or not self.is_over.is_set():
            said = subprocess.run(self.command, capture_output=True, text=True,
                                  timeout=PATIENCE * 3).stdout
            self.outcomes.append(next((line for line in said.splitlines()
                                       if line.startswith("requests:")), said))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.soak)])
def test_reloads_with_new_certificates_fail_no_stream(authority, start_tls, tls, times):
    authority.make("site", ["example.com"])
    weir = start_tls("  - tls: {certificate: {files}/site.pem, key: {files}/site.key}\n"
                     "    respond: {status: 200, body: hello}\n", "threads: 2", supervised=True)
    with Asking(weir.address) as asking:
        for _ in range(times):
            made = authority.make("site", ["example.com"])
            seen = weir.log.count("\n")
            weir.signal(signal.SIGHUP)
            weir.wait_for_log("the configuration was loaded", start=seen)
            assert serial(tls(weir)) == made.serial_number
    wrong = [said for said in asking.outcomes
             if "2000 succeeded, 0 failed, 0 errored, 0 timeout" not in said]
    assert not wrong
