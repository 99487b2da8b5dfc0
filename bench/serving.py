"""What a cycle of the service costs: `python -m bench.serving` prints Markdown tables.

The collector's process after it has read and counted: taking over a minute of every objective, evaluating, judging by
two gates, serialising, compressing and writing a snapshot; and what the web process does with it. Each size is measured
in a process of its own, over the ledger of bench.scale: 30 days of each objective. Seconds are CPU seconds.
How memory grows over many cycles is measured by bench.soak.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bench import scale
from bench.scale import objectives
from slo.decision import fold
from slo.gate import Gate
from slo.ledger.store import Epoch, Ledger, Write
from slo.ledger.stretch import FULL, Provenance, Stretch
from slo.objective import Objective
from slo.serving.files import ObjectiveFiles
from slo.serving.following import Publishing
from slo.serving.messages import Channel
from slo.serving.notices import Notices
from slo.serving.snapshot import Snapshot
from slo.spec import Spec, load_files
from slo.window import datetime_of

SIZES = (1000, 10_000)
_GATES = """\
service: gates
objectives: []
gates:
  - {name: deploy, objectives: ["*/*"], min_budget_remaining: 0%, max_burn_rate: {1h: 14.4, 6h: 6}, max_data_age: 5m}
  - {name: chaos, objectives: ["*/*"], min_budget_remaining: 25%, max_burn_rate: {1h: 1, 6h: 1}, max_data_age: 5m}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, metavar="OBJECTIVES")
    parser.add_argument("--one", nargs=3, metavar=("OBJECTIVES", "CYCLES", "LEDGER"), help="measure in this process")
    parser.add_argument("--days", type=int, default=scale.DAYS, help="of history; building 30 of 10,000 takes long")
    options = parser.parse_args(arguments)
    scale.DAYS = options.days
    if options.one:
        print(json.dumps(measure(int(options.one[0]), int(options.one[1]), options.one[2])))
        return 0
    print("| objectives | first snapshot | a cycle | snapshot | opened | a gate folded | report gzip | memory |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for size in options.sizes:
        row = _in_a_process(size, 3)
        print(
            f"| {size} | {row['first']:.2f} s | {row['cycle']:.2f} s | {row['snapshot_mb']:.1f} MB"
            f" | {row['open_ms']:.1f} ms | {row['fold_ms']:.1f} ms | {row['gzip_mb']:.2f} MB"
            f" | {row['memory_mb']:.0f} MB |",
            flush=True,
        )
    return 0


def measure(count: int, cycles: int, dsn: str) -> dict[str, float]:
    """One size in this process."""
    with tempfile.TemporaryDirectory() as folder, Ledger(dsn) as ledger:
        minute = ledger.newest_minute()
        assert minute is not None
        clock = Clock(minute)
        publishing = make_publishing(objectives(count), Path(folder), clock)
        begun = time.process_time()
        publishing.read_files()
        publishing.opened(ledger)
        first = time.process_time() - begun
        epochs = {epoch.slo: epoch for epoch in ledger.epochs()}
        rng = np.random.default_rng(0)
        seconds, every = [], objectives(count)
        for _ in range(cycles):
            writes = [_minute(epochs[one.id], clock.minute, rng) for one in every]
            ledger.write(writes)
            clock.minute += 1
            begun = time.process_time()
            publishing.wrote(writes)
            publishing.plan()
            publishing.cycled([])
            seconds.append(time.process_time() - begun)
            *old, newest = sorted(Path(folder).glob("*.snapshot"))
            for path in old:
                path.unlink()
        return {
            "first": first,
            "cycle": float(np.median(seconds)),
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
            **_in_the_web_process(newest, clock()),
        }


class Clock:
    """Some seconds after a minute that is set by hand."""

    def __init__(self, minute: int) -> None:
        self.minute = minute

    def __call__(self) -> datetime:
        return datetime_of(self.minute) + timedelta(seconds=3)


class _FixedFiles(ObjectiveFiles):
    """Objectives that were never in a file."""

    def __init__(self, spec: Spec, folder: Path, clock: Clock) -> None:
        super().__init__([], folder / "kept", now=clock)
        self.spec = spec

    def refresh(self, accept: Callable[[Spec], None]) -> bool:
        return False


def make_publishing(asked: Sequence[Objective], folder: Path, clock: Clock) -> Publishing:
    """What the collector's process does with cycles, without the process; two gates name every objective."""
    spec = Spec(tuple(asked), _gates(folder))
    silent = os.open(os.devnull, os.O_WRONLY)
    return Publishing(
        _FixedFiles(spec, folder, clock),
        lambda chosen: {},
        Channel(silent),
        folder,
        Notices((), "", say=lambda message: None),
        vetoes=lambda gates, at: {},
        cycle_seconds=60.0,
        now=clock,
    )


def _gates(folder: Path) -> tuple[Gate, ...]:
    file = folder / "gates.yaml"
    file.write_text(_GATES)
    return load_files([file]).gates


def _minute(epoch: Epoch, minute: int, rng: np.random.Generator) -> Write:
    total = int(rng.poisson(600))
    bad = int(rng.binomial(total, 0.0005))
    one = np.array([total - bad]), np.array([bad]), np.array([FULL], np.int16)
    return Write(epoch, {(): Stretch.of(minute, *one, Provenance.LIVE)})


def _in_the_web_process(path: Path, at: datetime) -> dict[str, float]:
    begun = time.process_time()
    snapshot = Snapshot.open(path)
    opened = time.process_time() - begun
    begun = time.process_time()
    state = snapshot.gates["deploy"]
    decision = fold(state.gate, [state.verdicts[slo] for slo in state.slos], at=at, cycle=snapshot.cycle)
    folded = time.process_time() - begun
    assert decision.at == at
    return {
        "snapshot_mb": path.stat().st_size / 1e6,
        "gzip_mb": len(snapshot.report_gzip) / 1e6,
        "open_ms": opened * 1000,
        "fold_ms": folded * 1000,
    }


def _in_a_process(count: int, cycles: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        ledger = f"{folder}/slo.db"
        scale.build(count, ledger)
        command = [sys.executable, "-m", "bench.serving", "--one", str(count), str(cycles), ledger]
        row: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return row


if __name__ == "__main__":
    sys.exit(main())
