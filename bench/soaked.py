"""The processes that bench.soak lets run: `python -m bench.soaked collector|service FOLDER OBJECTIVES`.

Both are told what to do by lines of their standard input, and answer each with a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from bench import scale
from bench.serving import Clock, make_publishing
from slo.ledger.checkpoint import Checkpoint
from slo.ledger.store import Epoch, Ledger, Write
from slo.ledger.stretch import FULL, Provenance, Stretch
from slo.objective import Objective
from slo.window import RollingWindow

_WINDOW_DAYS = 3
"""No shorter than the longest burn-rate window, and full at the start: then what is held need not become more."""
_BAD_EVERY_MINUTES, _BAD_MINUTES = 240, 20
_QUARTER = 15

Counts = tuple[int, int]
"""Good and bad events of a minute."""


def main() -> int:
    name, folder, count = sys.argv[1:]
    if name == "collector":
        _collect(objectives(int(count)), Path(folder))
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(Path(folder)))
    return 0


def objectives(count: int) -> list[Objective]:
    """Those of bench.scale, over fewer days."""
    return [replace(one, window=RollingWindow(_WINDOW_DAYS * 1440)) for one in scale.objectives(count)]


def build(count: int, folder: str) -> None:
    """The ledger that the collector goes on with."""
    scale.DAYS = _WINDOW_DAYS + 2
    scale.build(count, f"{folder}/slo.db")


def _collect(asked: Sequence[Objective], folder: Path) -> None:
    """A minute for every line; tells where the snapshot of it lies."""
    with Ledger(str(folder / "slo.db")) as ledger:
        minute = ledger.newest_minute()
        assert minute is not None
        clock = Clock(minute)
        publishing = make_publishing(asked, folder, clock)
        publishing.read_files()
        publishing.opened(ledger)
        _tell_newest(folder, clock)
        epochs = {epoch.slo: epoch for epoch in ledger.epochs()}
        rng = np.random.default_rng(0)
        minutes: list[list[Counts]] = []
        for _ in sys.stdin:
            publishing.plan()
            minutes.append([_counts(number, clock.minute, rng) for number in range(len(asked))])
            clock.minute += 1
            lots = [_writes(asked, epochs, minutes[-1:], clock.minute, Provenance.LIVE)]
            if clock.minute % _QUARTER == 0:
                if len(minutes) >= _QUARTER:
                    lots.append(_writes(asked, epochs, minutes[-_QUARTER:], clock.minute, Provenance.REREAD))
                minutes.clear()
            for writes in lots:
                ledger.write(writes)
                publishing.wrote(writes)
            publishing.cycled([])
            _tell_newest(folder, clock)


def _counts(number: int, minute: int, rng: np.random.Generator) -> Counts:
    """In its bad time, a fifth of the requests of an objective fails."""
    is_bad = (minute + 31 * number) % _BAD_EVERY_MINUTES < _BAD_MINUTES
    total = int(rng.poisson(600))
    bad = int(rng.binomial(total, 0.2 if is_bad else 0.0001))
    return total - bad, bad


def _writes(
    asked: Sequence[Objective],
    epochs: dict[str, Epoch],
    minutes: Sequence[Sequence[Counts]],
    end: int,
    provenance: Provenance,
) -> list[Write]:
    """minutes: those up to the end, of every objective in its order."""
    table = np.array(minutes, np.int64)
    checkpoint = Checkpoint.at_start(end) if provenance is Provenance.REREAD else None
    covered = np.full(len(minutes), FULL, np.int16)
    found = []
    for number, one in enumerate(asked):
        good, bad = table[:, number, 0], table[:, number, 1]
        stretch = Stretch.of(end - len(minutes), good, bad, covered, provenance)
        found.append(Write(epochs[one.id], {(): stretch}, checkpoint=checkpoint))
    return found


def _tell_newest(folder: Path, clock: Clock) -> None:
    (newest,) = folder.glob("*.snapshot")
    taken = newest.rename(newest.with_suffix(".taken"))
    _tell({"path": str(taken), "at": clock().isoformat()})


def _tell(facts: dict[str, Any]) -> None:
    print(json.dumps(facts), flush=True)


class _SetClock:
    """Stands still until it is set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


async def _serve(folder: Path) -> None:
    """Takes over the snapshot that every line tells of, at the time that it tells; first tells its own address."""
    from slo.http.app import create_app
    from slo.http.auth import Authentication
    from slo.http.server import listen, make_server, url_of
    from slo.http.service import Rules, Service
    from slo.record import Record
    from slo.serving.snapshot import Snapshot

    sys.setswitchinterval(0.0005)  # as `slo serve` does
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    first = json.loads(await lines.readline())
    clock, listener = _SetClock(datetime.fromisoformat(first["at"])), listen("127.0.0.1", 0)
    with Record(str(folder / "record.db"), create=True, now=clock) as record:
        authentication = Authentication(None, anonymous="admin", now=clock)
        service = Service(record, authentication, rules=Rules(writes_per_second=1e6), now=clock)

        async def take(told: dict[str, Any]) -> None:
            clock.at, path = datetime.fromisoformat(told["at"]), Path(told["path"])
            snapshot = await asyncio.to_thread(Snapshot.open, path)
            path.unlink()
            await service.publish(snapshot)

        await take(first)
        server = make_server(create_app(service))
        running = [asyncio.create_task(server.serve(sockets=[listener])), asyncio.create_task(service.run())]
        _tell({"url": url_of(listener, tls=False).rstrip("/")})
        while line := await lines.readline():
            await take(json.loads(line))
            _tell({"taken": True})
        for task in running:
            task.cancel()


if __name__ == "__main__":
    sys.exit(main())
