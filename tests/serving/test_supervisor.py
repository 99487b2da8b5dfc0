"""The collector's process is really started, killed, stopped and lied to; what it found stays there."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slo.ledger.source import LedgerSource
from slo.ledger.store import Ledger
from slo.render.report_json import report_document
from slo.reporting import make_report
from slo.spec import load_objectives
from tests.ledger.collectors import Past
from tests.serving.children import (
    config,
    document,
    fill,
    is_running,
    objective_file,
    quick_cycles,
    supervised,
    until,
)
from tests.support.postgres import PostgresServer


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    quick_cycles(monkeypatch)


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    """A ledger with a day of shop/a."""
    found = str(tmp_path / "slo.db")
    fill(found, "a")
    return found


def test_a_past_is_collected_and_published_as_a_report_has_it(past: Past, tmp_path: Path) -> None:
    dsn = str(tmp_path / "new.db")

    async def run() -> None:
        collected = config(tmp_path, dsn, files=(str(past.file),), prometheus=past.url)
        async with supervised(collected) as (supervisor, _):
            first = await supervisor.first()
            assert list(first.objectives) == ["cloudshop/availability", "cloudshop/latency"]
            await until(
                lambda: (
                    supervisor.snapshot is not None
                    and (supervisor.snapshot.newest_minute or 0) >= past.interval.end - 1
                    and not supervisor.snapshot.status.failures
                ),
                "all of the past is counted",
            )
            pid = supervisor.pid
            snapshot = supervisor.snapshot
        assert snapshot is not None
        assert pid is not None
        assert not is_running(pid)
        every = load_objectives(past.file.read_text())
        with Ledger(dsn) as ledger:
            report = make_report(every, LedgerSource(ledger), at=snapshot.at, progress=lambda share: None)
        for entry in report_document(report)["objectives"]:
            found = document(snapshot, entry["slo"])
            assert found["group"] or found["bad_events"] > 0
            # The last minutes may have been read a second time since.
            assert found["total_events"] == pytest.approx(entry["total_events"], abs=5)
            assert found["bad_events"] == pytest.approx(entry["bad_events"], abs=5)

    asyncio.run(run())


def test_the_first_snapshot_is_of_what_the_ledger_holds_and_failures_are_told(dsn: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with supervised(config(tmp_path, dsn)) as (supervisor, _):
            found = document(await supervisor.first(), "shop/a")
            # The window may have moved on a minute, and the day before its first one is a part of a day.
            assert found["bad_events"] == pytest.approx(1440, abs=2)
            assert found["total_events"] == pytest.approx(11 * 1440, abs=22)
            await until(
                lambda: supervisor.status is not None and "shop/a" in supervisor.status.failures, "a failure is told"
            )
            text = supervisor.metrics().decode()
            assert "slo_collector_up 1.0" in text
            assert "slo_collector_failures 1" in text
            assert "slo_objective_files_ok 1.0" in text
            assert "slo_collector_lag_seconds" in text

    asyncio.run(run())


def test_a_child_that_is_killed_is_started_again_and_goes_on_counting_cycles(dsn: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with supervised(config(tmp_path, dsn)) as (supervisor, seen):
            before = await supervisor.first()
            pid = supervisor.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: supervisor.restarts > 0, "its end is noticed")
            assert supervisor.snapshot is not None
            count = len(seen.cycles)
            await until(lambda: len(seen.cycles) > count and supervisor.alive, "another publishes")
            assert supervisor.pid != pid
            assert supervisor.snapshot.cycle > before.cycle
            assert seen.cycles == sorted(set(seen.cycles))

    asyncio.run(run())


def test_a_child_that_hangs_is_ended(dsn: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with supervised(config(tmp_path, dsn), hung_after_seconds=15.0) as (supervisor, seen):
            await supervisor.first()
            pid = supervisor.pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            await until(lambda: not is_running(pid), "it is ended")
            count = len(seen.cycles)
            await until(lambda: len(seen.cycles) > count, "another publishes")

    asyncio.run(run())


def test_a_child_that_does_not_end_is_killed_at_the_deadline(dsn: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with supervised(config(tmp_path, dsn)) as (supervisor, _):
            await supervisor.first()
            pid = supervisor.pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            await supervisor.stop(0.5)
            assert not is_running(pid)

    asyncio.run(run())


PARENT = """
import asyncio, sys
from tests.serving.children import config, supervised
from pathlib import Path
async def run():
    async with supervised(config(Path(sys.argv[1]), sys.argv[2])) as (supervisor, _):
        await supervisor.first()
        print(supervisor.pid, flush=True)
        await asyncio.Event().wait()
asyncio.run(run())
"""


def test_a_child_whose_parent_is_killed_ends(dsn: str, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", PARENT, str(tmp_path), dsn]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as parent:
        try:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            assert is_running(pid)
        finally:
            parent.kill()
    asyncio.run(until(lambda: not is_running(pid), "the child ends"))


def test_files_are_read_again_when_they_change_and_broken_ones_are_told(
    dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "o.yaml"

    async def run() -> None:
        async with supervised(config(tmp_path, dsn)) as (supervisor, _):

            def ids() -> list[str]:
                return list(supervisor.snapshot.objectives) if supervisor.snapshot else []

            def files_ok() -> bool:
                return supervisor.status is not None and supervisor.status.files.ok

            await supervisor.first()
            assert files_ok()
            file.write_text(objective_file("a", "b"))
            await until(lambda: ids() == ["shop/a", "shop/b"], "the new objective is there")
            assert document(supervisor.snapshot, "shop/a")["total_events"] > 0
            assert document(supervisor.snapshot, "shop/b")["state"] == "no_data"
            file.write_text("objectives: [")
            await until(lambda: not files_ok(), "the broken file is told")
            assert ids() == ["shop/a", "shop/b"]
            assert supervisor.status is not None
            assert "o.yaml:" in supervisor.status.files.problems
            assert b"slo_objective_files_ok 0.0" in supervisor.metrics()
            pid = supervisor.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: supervisor.alive and supervisor.pid != pid, "another child runs")
            cycle = supervisor.snapshot.cycle if supervisor.snapshot else 0
            await until(lambda: supervisor.snapshot is not None and supervisor.snapshot.cycle > cycle, "it publishes")
            assert ids() == ["shop/a", "shop/b"]
            assert not files_ok()
            file.write_text(objective_file("b"))
            await until(lambda: ids() == ["shop/b"] and files_ok(), "the mended file is in force")

    with caplog.at_level(logging.INFO, "slo.collector"):
        asyncio.run(run())
    assert "the objectives from before stay in force" in caplog.text


def test_files_are_read_again_on_request(dsn: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with supervised(config(tmp_path, dsn, check_files_seconds=3600.0)) as (supervisor, _):
            await supervisor.first()
            assert supervisor.status is not None
            loaded_at = supervisor.status.files.loaded_at
            supervisor.reload()
            await until(
                lambda: supervisor.status is not None and supervisor.status.files.loaded_at > loaded_at, "they are read"
            )

    asyncio.run(run())


def test_a_ledger_that_is_lost_is_told_and_found_again(dsn: str, tmp_path: Path) -> None:
    file, away = Path(dsn), tmp_path / "away.db"

    async def run() -> None:
        async with supervised(config(tmp_path, dsn)) as (supervisor, _):

            def ledger_ok() -> bool:
                return supervisor.status is not None and supervisor.status.ledger_ok

            await supervisor.first()
            file.rename(away)
            await until(lambda: not ledger_ok(), "the loss is told")
            before = supervisor.snapshot
            assert before is not None
            assert document(before, "shop/a")["total_events"] > 0
            assert b"slo_ledger_ok 0.0" in supervisor.metrics()
            away.rename(file)
            await until(lambda: ledger_ok() and supervisor.snapshot is not before, "it is found again")
            assert document(supervisor.snapshot, "shop/a")["total_events"] > 0

    asyncio.run(run())


def test_a_postgresql_that_refuses_for_a_while_is_used_again(
    postgres_server: PostgresServer, postgres_dsn: str, tmp_path: Path
) -> None:
    fill(postgres_dsn, "a")
    name = postgres_dsn.rpartition("/")[2]

    async def run() -> None:
        async with supervised(config(tmp_path, postgres_dsn)) as (supervisor, _):

            def ledger_ok() -> bool:
                return supervisor.status is not None and supervisor.status.ledger_ok

            await supervisor.first()
            postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            postgres_server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name)
            await until(lambda: not ledger_ok(), "the loss is told")
            before = supervisor.snapshot
            postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await until(lambda: ledger_ok() and supervisor.snapshot is not before, "it is found again")
            assert document(supervisor.snapshot, "shop/a")["total_events"] > 0

    asyncio.run(run())


def test_a_replica_that_may_not_write_answers_from_what_the_other_writes(dsn: str, tmp_path: Path) -> None:
    async def run() -> None:
        collected = config(tmp_path, dsn)
        async with supervised(collected) as (writer, _):
            await writer.first()
            async with supervised(collected) as (standby, seen):
                await standby.first()
                await until(lambda: len(seen.cycles) > 2, "it publishes again and again")
                ours, theirs = document(standby.snapshot, "shop/a"), document(writer.snapshot, "shop/a")
                assert ours["total_events"] == pytest.approx(theirs["total_events"], abs=22)
                pid = writer.pid
                assert pid is not None
                await writer.stop()
                count = len(seen.cycles)
                await until(
                    lambda: (
                        standby.status is not None and "shop/a" in standby.status.failures and len(seen.cycles) > count
                    ),
                    "it takes over",
                )

    asyncio.run(run())


def test_counters_go_on_over_restarts(dsn: str, tmp_path: Path) -> None:
    def total(text: bytes) -> int:
        (line,) = [one for one in text.decode().splitlines() if one.startswith("slo_total_events_total{")]
        return int(line.rpartition(" ")[2])

    async def once() -> int:
        async with supervised(config(tmp_path, dsn)) as (supervisor, seen):
            await until(lambda: len(seen.cycles) > 2, "it publishes")
            assert supervisor.snapshot is not None
            return total(supervisor.snapshot.metrics)

    first = asyncio.run(once())
    second = asyncio.run(once())
    assert first == second == 11 * 1440
