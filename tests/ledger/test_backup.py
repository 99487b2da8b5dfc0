"""The commands by which docs/operating.md backs up: run as they stand there, while something is being written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

from slo.cli import run
from slo.clock import utc_now
from slo.decision import Outcome
from slo.ledger.store import Ledger
from slo.record import DecisionChange, Record
from slo.window import Interval
from tests.ledger.ledgers import T0, put, steady
from tests.support.postgres import PostgresServer, binary

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


def block_with(words: str) -> str:
    found: list[str] = [block for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if words in block]
    assert len(found) == 1, words
    return found[0]


def shell(commands: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = ":".join([str(Path(sys.executable).parent), str(Path(binary("pg_dump")).parent), os.environ["PATH"]])
    environ = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **variables}
    command = ["bash", "-euc", commands]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_a_postgresql_is_dumped_and_restored_by_the_commands_of_the_page(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    with postgres_server.fresh_database() as dsn, postgres_server.fresh_database() as other:
        with Ledger(dsn, create=True) as ledger:
            put(ledger, ledger.begin_epoch("shop/a", T0, '{"total":"x"}'), steady(Interval(T0, T0 + 90)))
        done = shell(block_with("pg_dump"), tmp_path, SLO_LEDGER=dsn, OTHER_DATABASE=other)
        assert done.returncode == 0, done.stderr
        files = [tmp_path / name for name in ("live.csv", "restored.csv")]
        for database, file in zip((dsn, other), files, strict=True):
            assert run(["ledger", "export", str(file), "--ledger", database]) == 0
    assert len(files[0].read_text(encoding="utf-8").splitlines()) == 91
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_running_service_is_backed_up_by_the_commands_of_the_page(tmp_path: Path) -> None:
    commands = block_with("live.backup(copy)")
    stop = threading.Event()
    begun = threading.Event()

    def write() -> None:
        with Ledger(str(tmp_path / "slo.db"), create=True) as ledger:
            epoch = ledger.begin_epoch("shop/a", T0, '{"total":"x"}')
            minute = T0
            while not stop.is_set() or minute < T0 + 20:
                put(ledger, epoch, steady(Interval(minute, minute + 1)))
                minute += 1
                begun.set()

    writer = threading.Thread(target=write)
    change = DecisionChange(gate="deploy", at=utc_now(), outcome=Outcome.ALLOW, allowed=True, decision_id="d1")
    with Record(str(tmp_path / "slo-record.db"), create=True) as record:
        record.decided([change])
        writer.start()
        try:
            assert begun.wait(120)
            done = shell(commands, tmp_path)
        finally:
            stop.set()
            writer.join(120)
    assert done.returncode == 0, done.stderr
    assert "shop/a" in done.stdout
    with Record(str(tmp_path / "backup" / "slo-record.db"), create=False) as copied:
        assert [entry.decision_id for entry in copied.query()] == ["d1"]
    exported = tmp_path / "minutes.csv"
    assert run(["ledger", "export", str(exported), "--ledger", str(tmp_path / "backup" / "slo.db")]) == 0
    rows = exported.read_text(encoding="utf-8").splitlines()
    assert len(rows) > 1
    assert len({len(row.split(",")) for row in rows}) == 1
