"""Speed and memory of the engine: start-up, counting 1.5 million samples, evaluating one objective.

    python -m bench.speed

Prints a Markdown table of CPU seconds of this process (wall-clock for the start of the command) and peak memory.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
import timeit
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from slo.objective import Objective
from slo.source.fleet import FleetSpec, simulate
from slo.window import Interval, RollingWindow, minute_of
from tests.arithmetic.objectives import objective, steady
from tests.support.prometheus import prometheus_with

DAYS = 30
START = minute_of(datetime(2026, 10, 2, tzinfo=UTC))
WINDOW = Interval(START, START + DAYS * 1440)


def main() -> None:
    rows = [_help(), _evaluate(), *_count()]
    print("| what | allowed | measured |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def _help() -> tuple[str, str, str]:
    def run() -> None:
        subprocess.run([sys.executable, "-m", "slo", "--help"], stdout=subprocess.DEVNULL, check=True)

    best = min(timeit.repeat(run, number=1, repeat=9))
    return "`slo --help`, wall", "0.2 s", f"{best:.2f} s"


def _evaluate() -> tuple[str, str, str]:
    from slo.report import evaluate
    from slo.window import datetime_of

    events, one, at = steady(DAYS * 1440, bad=0.01, total=23.3), objective(), datetime_of(DAYS * 1440)
    best = min(timeit.repeat(lambda: evaluate(one, events, at=at), number=1000, repeat=7)) / 1000
    return "`evaluate` of one objective, all windows", "100 µs", f"{best * 1e6:.0f} µs"


def _count() -> list[tuple[str, str, str]]:
    """Six series at 15 s on nine pods' worth of churn hold 1.0 million samples; nine series hold 1.5 million."""
    fleet = simulate(FleetSpec(start=START, days=DAYS, pods=4, pod_lifetime_hours=8, lazy_series=True))
    samples = sum(one.times.size for one in fleet.series["http_requests_total"])
    truth = fleet.reached.within(WINDOW)
    with tempfile.TemporaryDirectory() as directory:
        series = (one for group in fleet.series.values() for one in group)
        with prometheus_with(series, Path(directory)) as url:
            here, there = get_context("spawn").Pipe()
            child = get_context("spawn").Process(target=_count_in_child, args=(url, there))
            child.start()
            cpu_seconds, peak_mib, bad, total = here.recv()
            child.join()
    what = f"{samples / 1e6:.2f} million raw samples ({DAYS} days at 15 s, churn) into events"
    return [
        (
            f"{what}, own CPU",
            "3 s for 1.5 million",
            f"{cpu_seconds:.2f} s, {cpu_seconds / samples * 1.5e6:.2f} s for 1.5",
        ),
        ("the same, peak memory of the process", "300 MB", f"{peak_mib * 1.048576:.0f} MB"),
        ("the same, bad / total against the truth", "", f"{bad} / {total} against {truth.bad} / {truth.total}"),
    ]


def _count_in_child(url: str, result: Connection) -> None:
    from slo.source.prometheus import PrometheusSource
    from slo.source.protocol import Measured

    one: Objective = objective(window=RollingWindow(DAYS * 1440))
    began = time.process_time()
    measured = PrometheusSource(url).events([one], [WINDOW], lambda _: None)[one.id]
    cpu_seconds = time.process_time() - began
    if not isinstance(measured, Measured):
        raise measured
    counts = measured.groups[()].within(WINDOW)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result.send((cpu_seconds, peak_mib, counts.bad, counts.total))


if __name__ == "__main__":
    main()
