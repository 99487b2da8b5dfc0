"""Supervisors of real children, over a ledger that was filled before, or over a Prometheus that holds a past."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slo.ledger.checkpoint import Checkpoint
from slo.ledger.store import Ledger, Write
from slo.ledger.text import indicator_text
from slo.serving.messages import ChildConfig
from slo.serving.snapshot import Snapshot
from slo.serving.supervisor import Supervisor
from slo.spec import load_objectives
from slo.window import Interval
from tests.ledger.ledgers import steady
from tests.support.prometheus import free_port

WITHIN_SECONDS = 90.0
OBJECTIVE = """\
service: shop
objectives:
  - {name: NAME, target: 90%, window: 1d, sli: {ratio: {bad: bad, total: all}}}
"""


def objective_file(*names: str) -> str:
    """Objectives of the service shop, alike but for their names."""
    head, line = OBJECTIVE.rstrip().rsplit("\n", 1)
    return "\n".join([head, *(line.replace("NAME", name) for name in names)]) + "\n"


def fill(dsn: str, *names: str, minutes: int = 1440) -> None:
    """Ten good events and a bad one in every minute up to now."""
    end = int(time.time()) // 60
    with Ledger(dsn, create=True) as ledger:
        for one in load_objectives(objective_file(*names)):
            epoch = ledger.begin_epoch(one.id, end - minutes, indicator_text(one))
            for start in range(end - minutes, end, 720):
                stretch = steady(Interval(start, min(start + 720, end)))
                ledger.write([Write(epoch, {(): stretch}, checkpoint=Checkpoint.at_start(stretch.end))])


def config(folder: Path, dsn: str, **changes: Any) -> ChildConfig:
    """Of the file o.yaml in a folder, and a Prometheus that is not there."""
    file = folder / "o.yaml"
    if not file.exists():
        file.write_text(objective_file("a"))
    made = ChildConfig(
        files=(str(file),), ledger=dsn, prometheus=f"http://127.0.0.1:{free_port()}", check_files_seconds=0.2
    )
    return replace(made, **changes)


class Seen:
    """What a supervisor handed over."""

    def __init__(self) -> None:
        self.cycles: list[int] = []

    async def __call__(self, snapshot: Snapshot) -> None:
        self.cycles.append(snapshot.cycle)


@asynccontextmanager
async def supervised(config: ChildConfig, **more: Any) -> AsyncIterator[tuple[Supervisor, Seen]]:
    seen = Seen()
    supervisor = Supervisor(config, seen, **more)
    await supervisor.start()
    try:
        yield supervisor, seen
    finally:
        await supervisor.stop()


async def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WITHIN_SECONDS
    while not holds():
        assert time.monotonic() < end, f"not within {WITHIN_SECONDS:g} s: {what}"
        await asyncio.sleep(0.05)


def is_running(pid: int) -> bool:
    """Also false for a process that has ended and that nobody has asked about."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def document(snapshot: Snapshot | None, slo: str) -> dict[str, Any]:
    assert snapshot is not None
    found = snapshot.objective_json(slo)
    assert found is not None, slo
    values: dict[str, Any] = json.loads(found)
    return values


def quick_cycles(patch: pytest.MonkeyPatch, seconds: float = 1.0) -> None:
    """For children that are started from now on; nothing of the user's settings reaches them."""
    for name in [name for name in os.environ if name.startswith("SLO_")]:
        patch.delenv(name)
    patch.setenv("SLO_CYCLE", f"{seconds:g}s")
    patch.setenv("SLO_RETENTION", "10d")
    patch.setenv("SLO_TIMEOUT_SECONDS", "5")
    patch.setenv("PYTHONDONTWRITEBYTECODE", "")
    patch.setenv("PYTHONPYCACHEPREFIX", str(Path(__file__).parents[2] / ".pytest_cache" / "bytecode"))
