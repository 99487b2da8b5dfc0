"""What a minute of collecting costs: `python -m bench.cycle` prints a Markdown table.

Objectives of 30 series each, scraped every 30 s, are collected for 15 minutes into an SQLite ledger, after one cycle
that catches up: each minute is read at once, and once more a quarter of an hour later. The answers are made in this
process, in JSON as a Prometheus would send it; making them is not counted, reading them is. Seconds are CPU seconds of
one cycle.
"""

from __future__ import annotations

import argparse
import re
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from bench.scale import START, objectives
from slo.ledger.collector import ServerCollector
from slo.ledger.pace import Lag
from slo.ledger.registry import track
from slo.ledger.store import Ledger
from slo.source.prometheus import PrometheusReader
from slo.source.prometheus_api import PrometheusApi

PODS, STATUSES = 10, ("200", "404", "500")
SCRAPE_MS, PHASE_MS = 30_000, 7_000
SIZES = (100, 300, 1000, 3000, 10_000)
WARM_UP_MINUTES = 32


class GeneratedApi(PrometheusApi):
    """Answers range queries for the series of bench.scale's objectives. seconds: CPU time spent making answers."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9", timeout_seconds=60.0)
        self.now_ms = 0
        self.seconds = 0.0
        self.samples = 0

    def server_time_ms(self) -> int:
        return self.now_ms

    def post(self, path: str, form: Mapping[str, str | list[str]]) -> dict[str, Any]:
        begun = time.process_time()
        body = self._body(str(form["query"]), int(str(form["time"])) * 1000)
        self.seconds += time.process_time() - begun
        envelope: dict[str, Any] = orjson.loads(body)
        return envelope

    def _body(self, query: str, end: int) -> bytes:
        result = []
        if query.startswith("requests_total"):
            length = re.search(r"\[(\d+)ms\]", query)
            services = re.search(r'service=~?"([^"]*)"', query)
            assert length is not None
            assert services is not None
            first = -(-(end - int(length[1]) - PHASE_MS) // SCRAPE_MS) * SCRAPE_MS + PHASE_MS
            times = np.arange(first, end + 1, SCRAPE_MS)
            values = [[at / 1000, str(int(at // 1000))] for at in times.tolist()]
            for service in services[1].split("|"):
                result += [
                    {"metric": _labels(service, pod, status), "values": values}
                    for pod in range(PODS)
                    for status in STATUSES
                ]
            self.samples += len(result) * len(values)
        kind = "vector" if query.startswith("min_over_time") else "matrix"
        return orjson.dumps({"status": "success", "data": {"resultType": kind, "result": result}})


def _labels(service: str, pod: int, status: str) -> dict[str, str]:
    return {
        "__name__": "requests_total",
        "namespace": "shop",
        "service": service,
        "pod": f"{service}-{pod}",
        "instance": f"10.0.{pod}.1:{service[1:]}",
        "job": "shop",
        "status": status,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.cycle", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="OBJECTIVES")
    parser.add_argument("--minutes", type=int, default=15, help="cycles that are measured, after one that catches up")
    options = parser.parse_args(arguments)
    print("| objectives | series | CPU s a cycle: mean | largest | samples read / existing | memory |")
    print("|---|---|---|---|---|---|", flush=True)
    for size in options.sizes:
        print(measure(size, options.minutes), flush=True)
    return 0


def measure(size: int, minutes: int) -> str:
    """One size in this process; memory is the highest so far, so sizes rise."""
    api = GeneratedApi()
    with tempfile.TemporaryDirectory() as folder, Ledger(f"{folder}/slo.db", create=True) as ledger:
        tracked = track(ledger, objectives(size), first_minute=START, at_minute=START)
        collector = ServerCollector(ledger, tracked, PrometheusReader(api), lag=Lag(0.0))
        seconds = []
        for minute in range(START + WARM_UP_MINUTES, START + WARM_UP_MINUTES + minutes + 1):
            if minute == START + WARM_UP_MINUTES + 1:
                api.samples = 0
            begun, made = time.process_time(), api.seconds
            api.now_ms = minute * 60_000 + 2000
            result = collector.cycle(lambda share: None)
            assert not result.failures, next(iter(result.failures.values()))
            seconds.append(time.process_time() - begun - (api.seconds - made))
    series = size * PODS * len(STATUSES)
    existing = series * minutes * 60_000 / SCRAPE_MS
    measured = seconds[1:]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return (
        f"| {size} | {series} | {sum(measured) / len(measured):.2f} | {max(measured):.2f}"
        f" | {api.samples / existing:.2f} | {memory:.0f} MB |"
    )


if __name__ == "__main__":
    sys.exit(main())
