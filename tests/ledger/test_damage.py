"""Files that are no ledger, or a damaged one, and places that cannot be written: each told in its own words."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slo.errors import LedgerError
from slo.ledger.store import Ledger, Write
from slo.window import Interval
from tests.ledger.collectors import warm_environment
from tests.ledger.stretches import held, stretch
from tests.support.small_disk import run_on_small_disk

ROOT = Path(__file__).parents[2]
START = 20_000 * 1440
OBJECTIVES = str(ROOT / "examples" / "cloudshop.yaml")
WITHOUT_POWER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""Root may write everything: this takes that right from a command."""


def written(path: Path, *, days: int = 1) -> Path:
    """A ledger with some days in it."""
    with Ledger(str(path), create=True) as ledger:
        for day in range(days):
            epoch = ledger.begin_epoch(f"cloudshop/day-{day}", START, "any")
            rng = random.Random(day)
            ledger.write([Write(epoch, {(): stretch(START, [rng.randrange(2**30) for _ in range(1440)])})])
    return path


def collect(ledger: Path, *, command: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    """`slo collect` from a server that nobody is; the ledger is opened before that matters."""
    arguments = ["collect", OBJECTIVES, "--prometheus", "http://127.0.0.1:9", "--cycles", "1", "--ledger", str(ledger)]
    return subprocess.run(
        [*(command or []), sys.executable, "-m", "slo", *arguments],
        env=warm_environment({"SLO_CYCLE": "1s"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_told(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert words in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 3


def test_a_ledger_that_is_not_there_is_made_only_where_it_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"there is no ledger .*; `slo collect` makes one"):
        Ledger(str(tmp_path / "slo.db"))
    with pytest.raises(LedgerError, match="there is no folder"):
        Ledger(str(tmp_path / "no" / "slo.db"), create=True)
    with pytest.raises(LedgerError, match="is a folder; name a file in it"):
        Ledger(str(tmp_path), create=True)
    assert list(tmp_path.iterdir()) == []


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE meta (key, value)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="is another program's database; choose another file"):
        Ledger(str(path), create=True)
    assert path.read_bytes() == before
    assert_told(collect(path), "is another program's database; choose another file")


def test_an_empty_file_is_not_taken_for_a_new_ledger(tmp_path: Path) -> None:
    path = tmp_path / "slo.db"
    path.touch()
    with pytest.raises(LedgerError, match="is an empty file; restore it, or remove it to begin a new one"):
        Ledger(str(path), create=True)
    assert path.stat().st_size == 0


@pytest.mark.parametrize(
    "junk", [b"not a database at all\n" * 300, b"\x00" * 8192, b"SQLite format 3\x00" + b"\xff" * 4080]
)
def test_a_file_of_something_else_is_told_and_kept(junk: bytes, tmp_path: Path) -> None:
    path = tmp_path / "slo.db"
    path.write_bytes(junk)
    with pytest.raises(LedgerError, match=r"is no ledger, or its file is damaged; restore it|is damaged"):
        Ledger(str(path), create=True)
    assert path.read_bytes() == junk


@pytest.mark.parametrize("size", [1, 100, 4096, 20_000])
def test_a_truncated_ledger_is_told_and_never_made_anew(size: int, tmp_path: Path) -> None:
    path = written(tmp_path / "slo.db", days=20)
    assert path.stat().st_size > 2 * size
    os.truncate(path, size)
    kept = path.read_bytes()
    with pytest.raises(LedgerError, match="damaged"):
        _read_everything(path)
    assert path.read_bytes() == kept


def test_a_ledger_with_flipped_bytes_is_never_told_wrongly(tmp_path: Path) -> None:
    """Either the damage is told, or it lies where it changes nothing."""
    original = written(tmp_path / "slo.db", days=5)
    expected, intact = _read_everything(original), original.read_bytes()
    told = 0
    for seed in range(60):
        rng = random.Random(seed)
        damaged = bytearray(intact)
        for _ in range(40):
            damaged[rng.randrange(100, len(damaged))] ^= 1 << rng.randrange(8)
        path = tmp_path / f"{seed}.db"
        path.write_bytes(damaged)
        try:
            assert _read_everything(path) == expected, seed
        except LedgerError as error:
            assert "damaged" in str(error) or "failed" in str(error), error
            told += 1
    assert told > 40


def _read_everything(path: Path) -> list[list[tuple[int, int, int, int]]]:
    with Ledger(str(path), create=True) as ledger:
        return [held(ledger, epoch, Interval(START, START + 1440)) for epoch in ledger.epochs()]


@contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    before = stat.S_IMODE(path.stat().st_mode)
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)


def test_a_file_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "slo.db")
    with mode(path, 0o444):
        done = collect(path, command=WITHOUT_POWER)
    assert_told(done, "cannot be written: it is read-only; let the user that runs slo write it and its folder")


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "slo.db")
    with mode(path, 0):
        done = collect(path, command=WITHOUT_POWER)
    assert_told(done, "cannot be opened: its folder or file may not be written or read by this user")


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = written(folder / "slo.db")
    with mode(folder, 0o555):
        assert_told(collect(path, command=WITHOUT_POWER), "cannot be")
        assert_told(collect(folder / "new.db", command=WITHOUT_POWER), "cannot be opened: its folder or file may not")
    assert [one.name for one in folder.iterdir()] == ["slo.db"]


FILL = """
import sys
from pathlib import Path
from slo.errors import LedgerError
from slo.ledger.store import Ledger, Write
from slo.window import Interval
from tests.ledger.stretches import stretch
import numpy as np

folder, start = Path(sys.argv[1]), int(sys.argv[2])
ballast = folder / "ballast"
if len(sys.argv) > 3:
    ballast.write_bytes(bytes(1 << 19))
noise = np.random.default_rng(1)
with Ledger(str(folder / "slo.db"), create=True) as ledger:
    epoch = ledger.begin_epoch("cloudshop/availability", start, "any")
    day = 0
    failed = None
    while day < 400:
        good = noise.integers(0, 2**50, 1440).tolist()
        try:
            ledger.write([Write(epoch, {(): stretch(start + day * 1440, good)})])
        except LedgerError as error:
            if failed is not None:
                break
            failed = error
            print("failed after", day, error, flush=True)
            if not ballast.exists():
                break
            ballast.unlink()
            ledger.write([Write(epoch, {(): stretch(start + day * 1440, good)})])
        day += 1
    ids = ledger.series([epoch.id])[epoch.id].values()
    held = sum(size for _, _, size, *_ in ledger.sums(ids, Interval(start, start + 999 * 1440)))
    print("held", held // 1440, "written", day)
"""


def run_script(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=warm_environment({}), capture_output=True, text=True, timeout=120, check=False
    )


def test_a_full_disk_is_told_and_counting_goes_on_once_there_is_room(tmp_path: Path) -> None:
    done = run_on_small_disk(tmp_path, [sys.executable, "-c", FILL, str(tmp_path), str(START), "ballast"])
    assert "cannot be written: the disk is full; free some space, counting goes on from where it stopped" in done.stdout
    assert done.returncode == 0, done.stderr
    _, held_days, _, written_days = done.stdout.splitlines()[-1].split()
    assert held_days == written_days
    assert int(held_days) > int(done.stdout.split()[2])


def test_a_file_that_may_not_grow_loses_nothing_of_what_it_holds(tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -f 1000; exec "$@"', "sh"]
    done = run_script([*limited, sys.executable, "-c", FILL, str(tmp_path), str(START)])
    assert "cannot be read or written: the disk reports an error" in done.stdout, done.stderr
    with Ledger(str(tmp_path / "slo.db")) as ledger:
        epoch = ledger.epochs()[0]
        days = int(done.stdout.split()[2])
        goods = [good for good, *_ in held(ledger, epoch, Interval(START, START + days * 1440))]
        assert len([good for good in goods if good]) >= days * 1440 - 1
