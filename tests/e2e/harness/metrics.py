"""Reads the page of metrics, as strictly as its format is (Prometheus text 0.0.4)."""

import re

from harness.client import Client

SAMPLE = re.compile(r'^(\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\\n]|\\["\\n])*)"')


class Metrics:
    """`metrics("weir_exchanges_total", site="a")` sums all samples that have these labels."""

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.splitlines():
            if line.startswith(("# HELP ", "# TYPE ")):
                continue
            found = SAMPLE.match(line)
            assert found, f"no line of metrics: {line!r}"
            self.samples.append((found[1], dict(LABEL.findall(found[2] or "")), float(found[3])))

    def __call__(self, name, **labels):
        return sum(value for sample, has, value in self.samples
                   if sample == name and labels.items() <= has.items())

    def names(self):
        return {name for name, _, _ in self.samples}


def read_metrics(address):
    client = Client(address)
    try:
        answer = client.ask("GET", "/metrics", host="localhost")
    finally:
        client.close()
    assert answer.status == 200
    return Metrics(answer.body.decode())
