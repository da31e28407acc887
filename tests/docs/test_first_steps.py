"""What somebody does first: the line of the README, and what the demo tells to try."""

import re
import subprocess

import pytest

from documents import ROOT
from harness.client import Client
from harness.deadline import poll_until
from harness.origin import Origin
from harness.weir import Weir, binary
from service import echo


@pytest.fixture
def port(ports):
    return ports.take()


def curl(line):
    result = subprocess.run(["sh", "-c", line], text=True, capture_output=True, timeout=30,
                            check=False)
    assert result.returncode == 0, f"{line}: {result.stderr}"
    return result.stdout


def test_one_application_one_line(ports, port):
    line = re.search(r"^weir (proxy --from :8080 --to http://127\.0\.0\.1:3000)$",
                     (ROOT / "README.md").read_text(), re.MULTILINE)[1]
    server = ports.take()
    line = line.replace(":8080", f"127.0.0.1:{port}").replace(":3000", f":{server}")
    with Origin(("127.0.0.1", server), echo("app")), Weir(line.split()):
        assert curl(f"curl -s http://127.0.0.1:{port}/a").startswith("GET /a\n")


def four_pages(port):
    """One behind the other over one connection: who answered, and the first line."""
    client = Client(("127.0.0.1", port))
    pages = [client.ask() for _ in range(4)]
    client.close()
    return [(page.value("X-Server"), page.body.decode().split("\n")[0]) for page in pages]


def test_the_demo_does_what_it_says(directory, port):
    told = directory / "told"
    with open(told, "w") as output:
        demo = subprocess.Popen([binary(), "demo", "--from", f"127.0.0.1:{port}"], stdout=output,
                                stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        poll_until(lambda: "Ctrl-C" in told.read_text(), what="what the demo tells")
        lines = re.findall(r"(curl -i .*?)(?:   .*)?$", told.read_text(), re.MULTILINE)
        answers = {line.split(str(port))[1]: curl(line) for line in lines}
        pages = four_pages(port)
    finally:
        demo.terminate()
        assert demo.wait(30) == 0
    assert "GET /any/path" in answers["/any/path"]
    assert "GET /users" in answers["/api/users"]
    assert "this is Weir itself" in answers["/hello"]
    assert "Location: /here" in answers["/moved"]
    assert answers["/"].endswith("text")
    assert len(answers) == len(lines) == 5
    assert "amber (twice as often), birch, cedar" in told.read_text()
    assert sorted(pages) == [(name, f"this is {name}, and it received:")
                             for name in ("amber", "amber", "birch", "cedar")]
