"""What befalls the record's database: told in one line, nothing half-written, and over when it is over."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from slo.errors import RecordError, UsageError
from slo.record import Record
from slo.record.schema import RECORD
from tests.record.entries import AT, call, change
from tests.record.waiting import wait_until
from tests.support.postgres import PostgresServer
from tests.support.small_disk import run_on_small_disk

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits a second for a database instead of five."""
    monkeypatch.setattr("slo.record.connection.RECORD", replace(RECORD, busy_seconds=1, answer_seconds=1))


def opened(dsn: str) -> Record:
    return Record(dsn, create=True, now=lambda: AT, poll_seconds=0.05)


def assert_works(record: Record, entries: int) -> None:
    """A caller is kept, and the record says that nothing is amiss."""
    asyncio.run(record.asked(call()))
    assert len(record.query()) == entries
    wait_until(lambda: record.failure is None)


@pytest.mark.usefixtures("hasty")
def test_a_locked_file_is_told_and_over_when_it_is_over(tmp_path: Path) -> None:
    path = tmp_path / "slo-record.db"
    with opened(str(path)) as record, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RecordError, match="is locked by another program for too long"):
            record.decided([change()])
        assert record.failure is not None
        with pytest.raises(RecordError, match="is locked"):
            asyncio.run(record.asked(call()))
        other.execute("ROLLBACK")
        wait_until(lambda: record.failure is None)  # by itself, before anybody writes
        assert_works(record, 1)


@pytest.mark.usefixtures("hasty")
def test_a_locked_table_is_told_and_over_when_it_is_over(postgres_dsn: str) -> None:
    with opened(postgres_dsn) as record, psycopg.connect(postgres_dsn) as other:
        other.execute("LOCK TABLE entry")
        with pytest.raises(RecordError, match=r"is locked by another program for too long|gave no answer in time"):
            record.decided([change()])
        assert record.failure is not None
        other.rollback()
        wait_until(lambda: record.failure is None)
        assert_works(record, 1)


def test_a_server_that_went_and_came_back_is_written_to_again(
    postgres_server: PostgresServer, postgres_dsn: str
) -> None:
    name = urlsplit(postgres_dsn).path[1:]
    lost = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    with opened(postgres_dsn) as record:
        assert_works(record, 1)
        postgres_server.execute(lost)
        assert_works(record, 2)
        postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres_server.execute(lost)
        with pytest.raises(RecordError):
            record.decided([change()])
        wait_until(lambda: record.failure is not None)
        postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        wait_until(lambda: record.failure is None)
        assert_works(record, 3)


def test_overrides_that_are_known_hold_on_while_the_record_is_away(
    postgres_server: PostgresServer, postgres_dsn: str
) -> None:
    name = urlsplit(postgres_dsn).path[1:]
    with opened(postgres_dsn) as record:
        made = asyncio.run(record.override(gate="deploy", by="ada", reason="a fix", until=AT.replace(hour=13)))
        postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres_server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        wait_until(lambda: record.failure is not None)
        assert record.overrides(AT) == (made,)
        postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        wait_until(lambda: record.failure is None)


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path, away = tmp_path / "slo-record.db", tmp_path / "away.db"
    with opened(str(path)) as record:
        assert_works(record, 1)
        record._database.close()  # as a restore does: nothing of the old file is still to be written
        path.rename(away)
        assert_works(record, 1)
    with opened(str(away)) as old:
        assert len(old.query()) == 1


FULL = """
import asyncio, sys, time
from pathlib import Path
from slo.errors import RecordError
from slo.record import Record
from tests.record.entries import call

folder = Path(sys.argv[1])
ballast = folder / "ballast"
ballast.write_bytes(bytes(1 << 19))
with Record(str(folder / "slo-record.db"), create=True, poll_seconds=0.05) as record:
    kept = []
    try:
        while True:
            kept.append(asyncio.run(record.asked(call(body=b"x" * 1900))))
    except RecordError as error:
        print(error)
    assert record.failure, "a full disk is a failure"
    time.sleep(0.3)
    assert record.failure, "and goes on to be one"
    ballast.unlink()
    while record.failure:
        time.sleep(0.05)
    kept.append(asyncio.run(record.asked(call())))
    assert [one.id for one in record.query(limit=10_000)] == kept[::-1], "an answered entry is missing"
    print("kept", len(kept))
"""


def test_a_full_disk_is_told_and_recording_goes_on_once_there_is_room(tmp_path: Path) -> None:
    done = run_on_small_disk(tmp_path, [sys.executable, "-c", FULL, str(tmp_path)])
    assert done.returncode == 0, done.stderr
    assert "cannot be written: the disk is full; free some space, decisions are recorded again once" in done.stdout


def test_what_is_no_record_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"there is no record .*; `slo serve` makes one"):
        Record(str(tmp_path / "none.db"))
    with pytest.raises(RecordError, match="is a folder; name a file in it"):
        Record(str(tmp_path), create=True)
    with pytest.raises(UsageError, match=r"is no record; write a path, such as slo-record.db"):
        Record("mysql://user:secret@host/name", create=True)
    (tmp_path / "junk.db").write_bytes(b"not a database at all\n" * 300)
    with pytest.raises(RecordError, match="is no record, or its file is damaged"):
        Record(str(tmp_path / "junk.db"), create=True)
    with pytest.raises(RecordError, match="cannot be reached: connection refused"):
        Record("postgresql://slo@127.0.0.1:9/slo", create=True)


def test_a_ledger_is_not_taken_for_a_record(tmp_path: Path) -> None:
    from slo.ledger.store import Ledger

    path = tmp_path / "slo.db"
    Ledger(str(path), create=True).close()
    before = path.read_bytes()
    with pytest.raises(RecordError, match="is another program's database"):
        Record(str(path), create=True)
    assert path.read_bytes() == before
