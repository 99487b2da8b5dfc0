"""`slo collect` as processes over a Prometheus that holds a fleet's past, to be watched and killed."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from slo.events import EventSeries
from slo.ledger.source import LedgerSource
from slo.ledger.store import Ledger
from slo.objective import Objective
from slo.source.fleet import Episode, Fleet, FleetSpec, Gap, simulate
from slo.source.prometheus import PrometheusSource
from slo.source.protocol import Measured
from slo.spec import load_objectives
from slo.window import Interval
from tests.cli.test_cases import environment
from tests.ledger.worlds import cumulatives

_BYTECODE = Path(__file__).parents[2] / ".pytest_cache" / "bytecode"
CYCLE_SECONDS = 2.0
DAYS = 8
OBJECTIVES = """
service: cloudshop
objectives:
  - name: availability
    target: 99.9%
    window: 7d
    sli:
      ratio:
        bad: http_requests_total{namespace="cloudshop-prod",status=~"5.."}
        total: http_requests_total{namespace="cloudshop-prod"}
  - name: latency
    target: 95%
    window: 7d
    group_by: [pod]
    sli:
      latency:
        histogram: http_request_duration_seconds{namespace="cloudshop-prod"}
        threshold: 300ms
        unit: seconds
"""


def warm_environment(extra: dict[str, str]) -> dict[str, str]:
    """Of a process that need not compile what it imports, even where bytecode is not to be written beside the code."""
    return environment({"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(_BYTECODE)} | extra)


def recent_fleet() -> Fleet:
    """Days of three pods that end some minutes ago, with churn, restarts, lazy series and a gap."""
    now = int(time.time()) // 60
    start = now // 1440 * 1440 - DAYS * 1440
    return simulate(
        FleetSpec(
            start=start,
            days=DAYS,
            tail_minutes=max(now - start - DAYS * 1440 - 2, 0),
            scrape_interval_seconds=60,
            requests_per_second=5.0,
            peak_to_trough=5.0,
            base_error_ratio=0.003,
            incidents=(Episode(3000, 30, 0.5),),
            slow_ratio=0.03,
            pod_lifetime_hours=30.0,
            lazy_series=True,
            resets_per_pod=3,
            gaps=(Gap(5000, 90),),
        )
    )


@dataclass(frozen=True)
class Past:
    """A Prometheus at `url` with the samples of an interval, and what there is to count in them, by objective."""

    url: str
    interval: Interval
    file: Path
    expected: dict[str, Measured]

    @classmethod
    def of_file(cls, file: Path, url: str, interval: Interval) -> Past:
        objectives = _objectives(file)
        found = PrometheusSource(url).events(objectives, [interval] * len(objectives), lambda _: None)
        return cls(url, interval, file, {id_: one for id_, one in found.items() if isinstance(one, Measured)})

    @classmethod
    def of_fleet(cls, fleet: Fleet, url: str, folder: Path) -> Past:
        file = folder / "objectives.yaml"
        file.write_text(OBJECTIVES, encoding="utf-8")
        end = fleet.spec.first_minute + fleet.spec.minutes
        return cls.of_file(file, url, Interval(fleet.spec.first_minute - 60, end))

    def command(self, dsn: str, *more: str) -> list[str]:
        arguments = ["collect", str(self.file), "--prometheus", self.url, "--ledger", dsn, *more]
        return [sys.executable, "-m", "slo", *arguments]

    def run_once(self, dsn: str, folder: Path) -> None:
        """A collector that catches up and ends."""
        with collector(self, dsn, folder, "last", "--cycles", "1") as process:
            assert process.wait(120) == 0, (folder / "last").read_text(encoding="utf-8")

    def assert_counted_once(self, dsn: str) -> None:
        """The ledger holds what a count of everything at once finds: in total, and at every minute edge."""
        with Ledger(dsn) as ledger:
            objectives = _objectives(self.file)
            found = LedgerSource(ledger).events(objectives, [self.interval] * len(objectives), lambda _: None)
        for id_, expected in self.expected.items():
            ours = found[id_]
            assert isinstance(ours, Measured), ours
            assert ours.groups.keys() == expected.groups.keys()
            for group, events in expected.groups.items():
                _assert_same(ours.groups[group], events, self.interval)


def _objectives(file: Path) -> list[Objective]:
    return list(load_objectives(file.read_text(encoding="utf-8"), file=file.name))


def _assert_same(found: EventSeries, expected: EventSeries, interval: Interval) -> None:
    ours, theirs = cumulatives(found, interval), cumulatives(expected, interval)
    assert ours[-1].tolist() == theirs[-1].tolist()
    assert abs(ours - theirs).max() <= 1


@contextmanager
def collector(past: Past, dsn: str, folder: Path, name: str, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A collector that says what it says into the file `name`, and is gone at the end."""
    env = warm_environment({"SLO_CYCLE": f"{CYCLE_SECONDS:g}s", "SLO_RETENTION": f"{DAYS + 2}d", "PGAPPNAME": name})
    with (
        (folder / name).open("ab") as said,
        subprocess.Popen(past.command(dsn, *more), cwd=folder, env=env, stdout=said, stderr=said) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def wait_until(holds: Callable[[], bool], *, within: float = 40.0, what: str = "") -> float:
    """How long it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + within, f"not within {within:g} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - began


def progress_of(dsn: str) -> int:
    """The sum of all checkpoints' horizons: it grows with every step that was written. Takes no lock."""
    query = "SELECT coalesce(sum(horizon), 0) FROM checkpoint"
    try:
        if dsn.startswith("postgresql"):
            with psycopg.connect(dsn) as connection:
                return int(connection.execute(query).fetchall()[0][0])
        with closing(sqlite3.connect(f"file:{dsn}?mode=ro", uri=True)) as database:
            return int(database.execute(query).fetchone()[0])
    except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):  # not made yet
        return 0


def lock_holder(database: Path) -> int | None:
    """The process that holds the lock beside an SQLite ledger."""
    place = database.with_name(f"{database.name}.lock")
    if not place.exists():
        return None
    inode = place.stat().st_ino
    found = re.search(rf"FLOCK +ADVISORY +WRITE (\d+) \S+:{inode} ", Path("/proc/locks").read_text(encoding="utf-8"))
    return int(found[1]) if found else None
