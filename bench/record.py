"""How long callers wait for the record: `python -m bench.record` prints a Markdown table.

Callers come at random (a Poisson process) at a steady rate, each with an entry of its own, whether or not those before
it were answered; the wait is from then to the answer, after the commit. A full cycle is one call with a change of every
verdict, as at a first start. SQLite with a durable commit, in the folder of --folder; PostgreSQL with --dsn.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from slo.decision import Outcome
from slo.record import Record
from tests.record.entries import call, change

RATES = (100, 300, 1000)
VERDICTS = 10_000
MOST_P99_MS = 25.0
BODY = b'{"name": "checkout", "namespace": "prod", "phase": "Progressing", "metadata": {"try": "1"}}'


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.record", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each rate (10)")
    parser.add_argument("--folder", type=Path, default=Path(), help="whose disk to measure (here)")
    parser.add_argument("--dsn", help="a PostgreSQL database to measure instead")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        dsn = options.dsn or str(Path(folder) / "slo-record.db")
        with Record(dsn, create=True) as record:
            return _measure(record, options.seconds)


def _measure(record: Record, seconds: float) -> int:
    asyncio.run(_arrivals(record, 100, 1.0))  # warm up
    print("| callers a second | answered | p50 | p99 | longest | CPU |\n|---|---|---|---|---|---|")
    worst = 0.0
    for rate in RATES:
        before = time.process_time()
        waits = np.array(asyncio.run(_arrivals(record, rate, seconds))) * 1000
        cpu = (time.process_time() - before) / seconds
        p50, p99 = np.percentile(waits, (50, 99))
        print(f"| {rate} | {len(waits)} | {p50:.1f} ms | {p99:.1f} ms | {waits.max():.1f} ms | {cpu:.0%} |", flush=True)
        worst = max(worst, p99 if rate <= 300 else 0.0)
    began = time.perf_counter()
    at = datetime.now(UTC)
    record.decided([change(Outcome.DENY, slo=f"shop/objective-{number}", at=at) for number in range(VERDICTS)])
    print(f"\n{VERDICTS} changed verdicts: {time.perf_counter() - began:.2f} s", end="; ")
    began = time.perf_counter()
    known = len(record.last())
    print(f"the last outcomes of {known} of them: {time.perf_counter() - began:.2f} s")
    return 1 if worst > MOST_P99_MS else 0


async def _arrivals(record: Record, rate: float, seconds: float) -> list[float]:
    """How many seconds each caller waited."""
    rng, asking = random.Random(1), []
    begin = due = time.perf_counter()
    while due < begin + seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        asking.append(asyncio.create_task(_one(record, due)))
        due += rng.expovariate(rate)
    return list(await asyncio.gather(*asking))


async def _one(record: Record, due: float) -> float:
    await record.asked(call(body=BODY))
    return time.perf_counter() - due


if __name__ == "__main__":
    sys.exit(main())
