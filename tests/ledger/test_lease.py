"""Several collectors on one ledger: one writes, the others stand by, and one of them takes over when it ends."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from sqlalchemy import text

from slo.ledger.lease import Lease
from slo.ledger.store import Ledger
from tests.ledger.collectors import CYCLE_SECONDS, Past, collector, lock_holder, progress_of, wait_until
from tests.support.postgres import PostgresServer

STANDBY = "another collector writes the ledger"
Processes = Mapping[str, subprocess.Popen[bytes]]
Holder = Callable[[Processes], str | None]

HOLDERS = """
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
WHO_HOLDS = "SELECT application_name" + HOLDERS
END_WHO_HOLDS = "SELECT application_name, pg_terminate_backend(pid)" + HOLDERS


def name_of(dsn: str) -> str:
    return dsn.rpartition("/")[2]


@pytest.fixture
def holder(request: pytest.FixtureRequest, dsn: str) -> Holder:
    """Which of the collectors may write."""
    if not dsn.startswith("postgresql"):
        return lambda running: next((name for name, one in running.items() if one.pid == lock_holder(Path(dsn))), None)
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return lambda _: next((name for (name,) in server.execute(WHO_HOLDS, database=name_of(dsn))), None)


def said(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def test_one_of_two_holds_it_until_it_gives_it_back(dsn: str) -> None:
    with Ledger(dsn, create=True) as ours, Ledger(dsn) as theirs:
        mine, other = Lease(ours), Lease(theirs)
        assert mine.acquire()
        assert mine.acquire()
        assert not other.acquire()
        mine.release()
        assert other.acquire()
        assert not mine.acquire()
        other.release()


def test_it_ends_with_its_ledger(dsn: str) -> None:
    with Ledger(dsn, create=True) as theirs:
        with Ledger(dsn) as ours, Lease(ours) as mine:
            assert mine.acquire()
        assert Lease(theirs).acquire()


def test_of_two_collectors_one_collects_and_the_other_takes_over_when_it_is_killed(
    dsn: str, holder: Holder, past: Past, tmp_path: Path
) -> None:
    with collector(past, dsn, tmp_path, "first") as first:
        wait_until(lambda: progress_of(dsn) > 0, what="the first collects")
        with collector(past, dsn, tmp_path, "second") as second:
            running = {"first": first, "second": second}
            wait_until(lambda: STANDBY in said(tmp_path, "second"), what="the second stands by")
            assert holder(running) == "first"
            first.kill()
            first.wait()
            took = wait_until(lambda: holder(running) == "second", what="the second takes over")
            assert took < 2 * CYCLE_SECONDS
            assert second.poll() is None
    assert STANDBY not in said(tmp_path, "first")
    past.run_once(dsn, tmp_path)
    past.assert_counted_once(dsn)


def test_a_collector_that_is_stopped_gives_it_away(past: Past, tmp_path: Path) -> None:
    dsn = str(tmp_path / "slo.db")
    with collector(past, dsn, tmp_path, "first") as first:
        wait_until(lambda: progress_of(dsn) > 0, what="the first collects")
        with collector(past, dsn, tmp_path, "second", "--cycles", "1") as second:
            wait_until(lambda: STANDBY in said(tmp_path, "second"), what="the second stands by")
            first.terminate()
            assert first.wait(30) == 0
            wait_until(lambda: second.poll() is not None, what="the second has its turn")
            assert second.returncode == 0
    past.assert_counted_once(dsn)


AUDIT = """
    CREATE TABLE audit (writer TEXT);
    CREATE FUNCTION check_lock() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
        ) THEN
            INSERT INTO audit VALUES (current_setting('application_name'));
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER audited AFTER INSERT OR UPDATE OR DELETE ON block FOR EACH STATEMENT EXECUTE FUNCTION check_lock();
    CREATE TRIGGER audited AFTER INSERT OR DELETE ON checkpoint FOR EACH STATEMENT EXECUTE FUNCTION check_lock();
    CREATE TRIGGER audited AFTER INSERT OR DELETE ON epoch FOR EACH STATEMENT EXECUTE FUNCTION check_lock();
"""
"""Notes every writer that does not hold the lock on the very connection that it writes by."""


def test_whose_connection_ended_writes_no_more_until_it_holds_the_lock_again(
    postgres_server: PostgresServer, postgres_dsn: str, past: Past, tmp_path: Path
) -> None:
    database = name_of(postgres_dsn)
    with Ledger(postgres_dsn, create=True) as ledger, ledger.writer.begin():
        ledger.writer.execute(text(AUDIT))

    def ask(query: str) -> list[str]:
        return [str(row[0]) for row in postgres_server.execute(query, database=database)]

    with (
        collector(past, postgres_dsn, tmp_path, "first") as first,
        collector(past, postgres_dsn, tmp_path, "second") as second,
    ):
        for number in range(5):
            before = progress_of(postgres_dsn)
            if number < 2:  # later there may be nothing left to catch up with
                wait_until(lambda: progress_of(postgres_dsn) > before, what="somebody writes")  # noqa: B023
            wait_until(lambda: len(ask(END_WHO_HOLDS)) == 1, what="somebody holds the lock, and loses it")
        wait_until(lambda: len(ask(WHO_HOLDS)) == 1, what="somebody holds the lock in the end")
        assert first.poll() is second.poll() is None
    assert "terminating connection" in said(tmp_path, "first") + said(tmp_path, "second")
    past.run_once(postgres_dsn, tmp_path)
    assert postgres_server.execute("SELECT writer FROM audit", database=database) == []
    past.assert_counted_once(postgres_dsn)
