"""How a ledger grows: `python -m bench.scale` prints a Markdown table, and with --plot FILE draws it.

For 100, 1,000 and 10,000 objectives with 30 days each: the time from start to the first answer, of evaluating every
window of every objective, and of appending a minute; the size on disk and in memory. Each size is measured in a
process of its own. Seconds are CPU seconds of that process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np

from slo.ledger.checkpoint import Checkpoint
from slo.ledger.memory import LedgerMemory
from slo.ledger.store import Epoch, Ledger, Write
from slo.ledger.stretch import FULL, Provenance, Stretch
from slo.ledger.text import indicator_text
from slo.objective import Objective, RatioSLI
from slo.reporting import make_report
from slo.selector import MatchOp, Selector
from slo.spec import load_objectives
from slo.window import datetime_of

START = 29_800_800
DAYS = 30
TAIL_MINUTES = 10 * 60 + 20
"""Of the last day, so that there are joined hours, quarters and live minutes."""

_FILE = """\
service: shop
objectives:
  - name: availability
    target: 99.9%
    window: 30d
    sli: {ratio: {bad: 'requests_total{service="shop",status=~"5.."}', total: 'requests_total{service="shop"}'}}
alerting: {policy: sre-workbook}
"""
SIZES = (100, 300, 1000, 3000, 10_000)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="OBJECTIVES")
    parser.add_argument("--one", nargs=2, metavar=("OBJECTIVES", "LEDGER"), help="measure one size in this process")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the growth (needs matplotlib)")
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(measure(int(options.one[0]), options.one[1])))
        return 0
    print(
        "| objectives | start to first answer | all windows of all | a minute appended | disk an objective | memory |"
    )
    print("|---|---|---|---|---|---|", flush=True)
    rows = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            ledger = f"{folder}/slo.db"
            build(size, ledger)
            command = [sys.executable, "-m", "bench.scale", "--one", str(size), ledger]
            row = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            row["disk_kb"] = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1000 / size
        rows.append(row)
        print(
            f"| {size} | {row['start']:.2f} s | {row['evaluate']:.3f} s | {row['append']:.3f} s"
            f" | {row['disk_kb']:.0f} KB | {row['memory_mb']:.0f} MB |",
            flush=True,
        )
    if options.plot:
        plot(rows, options.plot)
    return 0


def objectives(count: int) -> list[Objective]:
    """Objectives of many services, alike but for the service."""
    (one,) = load_objectives(_FILE)
    found = []
    for number in range(count):
        total = Selector("requests_total").where("service", MatchOp.EQUAL, f"s{number}")
        sli = RatioSLI(total=total, bad=total.where("status", MatchOp.REGEX, "5.."))
        found.append(replace(one, service=f"s{number}", target_ratio=Decimal("0.999"), sli=sli))
    return found


def build(count: int, dsn: str) -> None:
    """A ledger with 30 days of diurnal Poisson traffic, 0.1 to 60 requests a second, 0.05 % errors."""
    end = START + (DAYS - 1) * 1440 + TAIL_MINUTES
    with Ledger(dsn, create=True) as ledger:
        for low in range(0, count, 100):
            writes = []
            for one in objectives(count)[low : low + 100]:
                epoch = ledger.begin_epoch(one.id, START - 1440, indicator_text(one))
                writes.append((epoch, *counts(int(one.service[1:]), end)))
            for start, stop, provenance in _stretches(end):
                ledger.write([_write(*one, start, stop, provenance) for one in writes])


def counts(seed: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Good and bad events of every minute, from a day before START."""
    rng = np.random.default_rng(seed)
    minutes = np.arange(START - 1440, end)
    rate = 60 * 10 ** rng.uniform(-1, 1.8) * np.exp(0.8 * np.cos((minutes % 1440) / 1440 * 2 * np.pi))
    total = rng.poisson(rate)
    bad = rng.binomial(total, 0.0005)
    return total - bad, bad


def _stretches(end: int) -> Iterator[tuple[int, int, Provenance]]:
    today = end // 1440 * 1440
    live = (end - 20) // 15 * 15
    for day in range(START - 1440, today, 1440):
        yield day, day + 1440, Provenance.REREAD
    for start in range(today, live, 15):
        yield start, start + 15, Provenance.REREAD
    for start in range(live, end):
        yield start, start + 1, Provenance.LIVE


def _write(epoch: Epoch, good: np.ndarray, bad: np.ndarray, start: int, stop: int, provenance: Provenance) -> Write:
    cut = slice(start - START + 1440, stop - START + 1440)
    covered = np.full(stop - start, FULL, np.int16)
    checkpoint = Checkpoint.at_start(stop) if provenance is Provenance.REREAD else None
    return Write(epoch, {(): Stretch.of(start, good[cut], bad[cut], covered, provenance)}, checkpoint=checkpoint)


def measure(count: int, dsn: str) -> dict[str, float]:
    """CPU seconds of the start, of an evaluation and of a minute, and the memory at the end."""
    every = objectives(count)
    begun = time.process_time()
    with Ledger(dsn) as ledger:
        at = ledger.newest_minute()
        assert at is not None
        memory = LedgerMemory(ledger, every, at_minute=at)
        _evaluate(memory, every, datetime_of(at))
        start = time.process_time() - begun
        evaluate, append = [], []
        epochs = {epoch.slo: epoch for epoch in ledger.epochs()}
        rng = np.random.default_rng(0)
        for minute in range(at, at + 3):
            begun = time.process_time()
            writes = [_minute(epochs[one.id], minute, int(rng.poisson(600))) for one in every]
            ledger.write(writes)
            memory.apply(writes, at_minute=minute + 1)
            memory.prepare(minute + 1)
            append.append(time.process_time() - begun)
            begun = time.process_time()
            _evaluate(memory, every, datetime_of(minute + 1))
            evaluate.append(time.process_time() - begun)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "objectives": count,
        "start": start,
        "evaluate": min(evaluate),
        "append": min(append),
        "memory_mb": kilobytes / 1000,
    }


def _minute(epoch: Epoch, minute: int, good: int) -> Write:
    one = np.array([good]), np.array([0]), np.array([FULL], np.int16)
    return Write(epoch, {(): Stretch.of(minute, *one, Provenance.LIVE)})


def _evaluate(memory: LedgerMemory, every: Sequence[Objective], at: datetime) -> None:
    report = make_report(every, memory, at=at, progress=lambda share: None)
    assert len(report.objectives) == len(every)
    assert all(one.counts.total and one.coverage_ratio > 0.99 for one in report.objectives)


def plot(rows: Sequence[dict[str, float]], file: Path) -> None:
    """Every figure against the number of objectives, both axes logarithmic."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    sizes = [row["objectives"] for row in rows]
    for name, label in (
        ("start", "start to first answer, s"),
        ("evaluate", "all windows of all objectives, s"),
        ("append", "a minute appended, s"),
        ("memory_mb", "memory, MB"),
    ):
        axes.loglog(sizes, [row[name] for row in rows], marker="o", label=label)
    axes.set_xlabel("objectives")
    axes.grid(True, which="major", alpha=0.4)
    axes.legend()
    figure.tight_layout()
    figure.savefig(file)


if __name__ == "__main__":
    sys.exit(main())
