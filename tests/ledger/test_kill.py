"""A collector that is killed, at whatever moment, has counted every event once when another has gone on."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from slo.demo.shop import DemoShop
from slo.ledger.source import LedgerSource
from slo.ledger.store import Ledger
from slo.spec import load_objectives
from slo.window import Interval
from tests.ledger.collectors import Past, collector, progress_of, wait_until
from tests.ledger.worlds import measured
from tests.support.postgres import PostgresServer
from tests.support.prometheus import prometheus_with

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("SLO_KILLS", "20"))
IN_MAKE_TEST = 8
"""Enough to find a fault that shows often; `make test-platform` and continuous integration look for the others."""


@contextmanager
def fresh_ledger(kind: str, number: int, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    if kind == "sqlite":
        yield str(folder / f"{number}.db")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.fresh_database() as dsn:
        yield dsn


def wait_for_a_moment(process: subprocess.Popen[bytes], dsn: str, rng: random.Random) -> None:
    """Until some time after the start, or after so many steps were written; or the end, where that is sooner."""
    if rng.random() < 0.25:
        _wait(process, rng.uniform(0.0, 2.0))
        return
    for _ in range(rng.randint(1, 3)):
        before = progress_of(dsn)
        wait_until(lambda: progress_of(dsn) > before or process.poll() is not None, what="a step")  # noqa: B023
    _wait(process, rng.uniform(0.0, 0.2))


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def collect_under_fire(past: Past, dsn: str, folder: Path, rng: random.Random) -> int:
    """Start collectors and kill them until one comes to its end; how many were killed."""
    kills = 0
    while True:
        with collector(past, dsn, folder, "killed", "--cycles", "1") as process:
            wait_for_a_moment(process, dsn, rng)
            if process.poll() is not None:
                assert process.returncode == 0, (folder / "killed").read_text(encoding="utf-8")
                return kills
            process.kill()
            kills += 1


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("sqlite", IN_MAKE_TEST * 3 // 4),
        ("postgresql", IN_MAKE_TEST // 4),
        pytest.param("sqlite", KILLS * 3 // 4, marks=pytest.mark.platform),
        pytest.param("postgresql", KILLS // 4, marks=pytest.mark.platform),
    ],
)
def test_a_collector_killed_at_any_moment_counts_every_event_once(
    kind: str, wanted: int, past: Past, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """SLO_KILLS says how often in `make test-platform`."""
    kills = number = 0
    while kills < wanted:
        with fresh_ledger(kind, number, tmp_path, request) as dsn:
            kills += collect_under_fire(past, dsn, tmp_path, random.Random(number))
            past.assert_counted_once(dsn)
            if kind == "sqlite":
                with closing(sqlite3.connect(dsn)) as database:
                    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        number += 1


LIVE_MINUTES = 4


@pytest.mark.platform
def test_killed_collectors_of_a_live_shop_count_every_request_once(tmp_path: Path) -> None:
    """The shop is scraped every second for some minutes; then it stands still, so that everything can be told."""
    file = ROOT / "examples" / "cloudshop.yaml"
    dsn, rng = str(tmp_path / "slo.db"), random.Random(1)
    with DemoShop(live=False) as shop:
        begin = time.monotonic()
        hosts = tuple(urlsplit(url).netloc for url in shop.urls)
        with prometheus_with([], tmp_path, scrape=hosts) as url:
            live = Past(url, Interval(int(shop.started_at) // 60 - 5, 0), file, {})
            killed = 0
            while (elapsed := time.monotonic() - begin) < LIVE_MINUTES * 60:
                with collector(live, dsn, tmp_path, "killed") as process:
                    pause = time.monotonic() + rng.uniform(1, 12)
                    while time.monotonic() < pause:
                        shop.advance_to(time.monotonic() - begin)
                        _wait(process, 0.25)
                    assert process.poll() is None, (tmp_path / "killed").read_text(encoding="utf-8")
                    process.kill()
                    killed += 1
            truth, end = shop.truth(), int(shop.started_at + elapsed) // 60 + 2
            wait_until(lambda: time.time() > (end + 1) * 60, within=240, what="the last minute is over")
            interval = Interval(live.interval.start, end)
            Past.of_file(file, url, interval).run_once(dsn, tmp_path)
            Past.of_file(file, url, interval).assert_counted_once(dsn)
        with Ledger(dsn) as ledger:
            objective = next(one for one in load_objectives(file.read_text(), file=file.name) if one.name == "latency")
            found = measured(LedgerSource(ledger), objective, interval).groups[()].within(interval)
    assert killed > 10
    assert found.total == pytest.approx(truth.total, abs=5)
    assert found.bad == pytest.approx(truth.slow, abs=1)
