"""Prometheus itself reads the metrics for a minute of load, and comes to the same figures."""

import json
import os
import subprocess
import urllib.parse
import urllib.request

import pytest

from harness.deadline import poll_until
from harness.load import Load

pytestmark = pytest.mark.soak

SECONDS = float(os.environ.get("WEIR_SOAK_SECONDS", "60"))


@pytest.fixture
def start_prometheus(directory, ports):
    """start_prometheus(port) runs one that reads the metrics there every second; gives a function
    that asks it for the value of an expression."""
    running = []

    def start(target):
        port = ports.take()
        path = directory / "prometheus.yaml"
        path.write_text("global: {scrape_interval: 1s}\nscrape_configs:\n"
                        f"  - {{job_name: weir, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}\n")
        running.append(subprocess.Popen(
            ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return lambda expression: ask(port, expression)

    yield start
    for process in running:
        process.terminate()
        process.wait(30)


def ask(port, expression):
    """The only value of the expression; None while there is none."""
    query = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{query}", timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
    except OSError:
        return None  # it is not up yet
    return float(found[0]["value"][1]) if found else None


def test_a_minute_of_load_is_the_same_to_prometheus(start_prometheus, start_weir, start_origin,
                                                    ports):
    def behaviour(connection):
        while request := connection.read_request():
            connection.answer(200, request.target.encode() * 100)

    admin = ports.take()
    weir = start_weir(f"admin: 127.0.0.1:{admin}\nsites: [{{proxy: '{start_origin(behaviour).url}'}}]\n")
    prometheus = start_prometheus(admin)
    poll_until(lambda: prometheus('up{job="weir"}') == 1, 60, "Prometheus")
    with Load(weir) as load:
        load.stopping.wait(SECONDS)
    sent = len(load.statuses)
    poll_until(lambda: prometheus('sum(weir_exchanges_total{status="2xx"})') == sent, 30,
               f"{sent} exchanges in Prometheus")
    assert prometheus("sum(weir_exchange_duration_seconds_count)") == sent
    assert prometheus("sum(weir_response_body_bytes_total)") > 100 * sent
    assert prometheus("max_over_time(weir_exchanges_running[2m])") <= 4
