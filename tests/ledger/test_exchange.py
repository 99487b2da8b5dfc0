"""What is exported and imported again is the same to the last minute, and nothing wrong gets in."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.errors import UsageError
from slo.ledger.checkpoint import Checkpoint
from slo.ledger.exchange import EVER, SeriesRows, exported
from slo.ledger.exchange_read import read_rows
from slo.ledger.exchange_write import write_rows
from slo.ledger.importing import Imported, take_in
from slo.ledger.source import LedgerSource
from slo.ledger.store import Ledger, Promise, Write
from slo.ledger.stretch import Provenance, Stretch
from slo.objective import Group
from slo.source.protocol import Measured
from slo.window import Interval, datetime_of
from tests.ledger.ledgers import T0, new_ledger, put, steady
from tests.source.test_frame import objective
from tests.support.postgres import PostgresServer

CART: Group = (("service", "cart"), ("pod", 'a"b'))
BOTH = pytest.mark.parametrize("suffix", [".csv", ".parquet"])


def export(ledger: Ledger, path: Path, interval: Interval = EVER) -> int:
    return write_rows(path, exported(ledger, (), interval))


def take(ledger: Ledger, path: Path, *, replace: bool = False) -> Imported:
    return take_in(ledger, read_rows(path), replace=replace)


def table(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype=str, keep_default_na=False)


def filled(folder: Path) -> Ledger:
    """Two objectives: one with an old indicator, groups, a live tail, a hole and a target that was changed."""
    ledger = new_ledger(folder)
    old = ledger.begin_epoch("shop/a", T0, '{"total":"x"}')
    put(ledger, old, steady(Interval(T0, T0 + 3000), provenance=Provenance.BACKFILLED))
    new = ledger.begin_epoch("shop/a", T0 + 2900, '{"total":"y"}')
    put(ledger, new, steady(Interval(T0 + 2950, T0 + 4000)))
    put(ledger, new, steady(Interval(T0 + 2950, T0 + 4000), covered=0, bad=0), CART)
    put(ledger, new, steady(Interval(T0 + 9000, T0 + 9030), provenance=Provenance.LIVE))
    other = ledger.begin_epoch("shop/b", T0, '{"total":"z"}')
    put(ledger, other, steady(Interval(T0, T0 + 10), good=2**40))
    ledger.record_promises([Promise("shop/a", 0, "0.99", "30d"), Promise("shop/a", T0 + 100, "0.999", "28d")])
    return ledger


@BOTH
def test_an_export_that_is_imported_exports_the_same(suffix: str, tmp_path: Path) -> None:
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    with filled(tmp_path) as ledger, new_ledger(tmp_path, "other.db") as other:
        rows = export(ledger, first)
        assert take(other, first) == Imported(rows, 2)
        assert export(other, second) == rows == 3000 + 1050 + 1050 + 30 + 10
        pd.testing.assert_frame_equal(table(first), table(second))
        assert [e.since for e in other.epochs()] == [e.since for e in ledger.epochs()]
        assert other.promises() == ledger.promises()


@BOTH
def test_what_was_imported_is_reported_as_it_was(suffix: str, tmp_path: Path) -> None:
    def counted(ledger: Ledger) -> list[list[int]]:
        found = LedgerSource(ledger).events([objective("a")], [Interval(T0, T0 + 9100)], lambda share: None)
        one = found["shop/a"]
        assert isinstance(one, Measured)
        return [[*np.diff(events.good), *np.diff(events.bad)] for events in one.groups.values()]

    path = tmp_path / f"x{suffix}"
    with filled(tmp_path) as ledger, new_ledger(tmp_path, "other.db") as other:
        export(ledger, path)
        take(other, path)
        assert counted(other) == counted(ledger)


@st.composite
def stretches(draw: st.DrawFn) -> list[Stretch]:
    """Stretches in the order of time, with everything that a minute can be."""
    found, at = [], draw(st.integers(T0, T0 + 2000))
    for size in draw(st.lists(st.integers(1, 400), min_size=1, max_size=4)):
        counts = st.lists(st.integers(0, 2**50), min_size=1, max_size=3)
        good, bad = (np.resize(np.array(draw(counts), np.int64), size) for _ in range(2))
        covered = np.resize(np.array(draw(st.lists(st.integers(0, 1000), min_size=1, max_size=5)), np.int16), size)
        codes = np.resize(np.array(draw(st.lists(st.integers(0, 4), min_size=1, max_size=5)), np.uint8), size)
        found.append(Stretch(at, good, bad, covered, codes))
        at += size + draw(st.integers(0, 3000))
    return found


@settings(max_examples=40, deadline=None)
@given(whole=stretches(), group=stretches(), suffix=st.sampled_from([".csv", ".parquet"]), to_postgres=st.booleans())
def test_any_counts_survive_the_way_to_the_other_kind_of_database(
    postgres_server: PostgresServer, whole: list[Stretch], group: list[Stretch], suffix: str, to_postgres: bool
) -> None:
    with tempfile.TemporaryDirectory() as name, postgres_server.fresh_database() as dsn:
        folder = Path(name)
        first, second = folder / f"first{suffix}", folder / f"second{suffix}"
        one, two = (str(folder / "slo.db"), dsn) if to_postgres else (dsn, str(folder / "slo.db"))
        with Ledger(one, create=True) as ledger, Ledger(two, create=True) as other:
            epoch = ledger.begin_epoch("shop/a", T0, "{}")
            for labels, parts in (((), whole), (CART, group)):
                for part in parts:
                    put(ledger, epoch, part, labels)
            rows = export(ledger, first)
            take(other, first)
            assert export(other, second) == rows
            pd.testing.assert_frame_equal(table(first), table(second))


@BOTH
def test_only_the_minutes_of_the_interval_are_exported(suffix: str, tmp_path: Path) -> None:
    with filled(tmp_path) as ledger:
        assert export(ledger, tmp_path / f"x{suffix}", Interval(T0 + 5, T0 + 20)) == 15 + 5


@BOTH
def test_a_ledger_without_counts_gives_a_table_without_rows(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    with new_ledger(tmp_path) as ledger:
        assert export(ledger, path) == 0
        assert list(table(path).columns)[:3] == ["slo", "epoch", "epoch_since"]
        assert take(ledger, path) == Imported(0, 0)


def test_a_failed_export_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("precious")

    def broken() -> Iterator[SeriesRows]:
        yield from ()
        raise OSError(28, "No space left on device")

    with pytest.raises(UsageError, match=r"x.csv: cannot be written: No space left on device"):
        write_rows(path, broken())
    assert path.read_text() == "precious"
    assert [one.name for one in tmp_path.iterdir()] == ["x.csv"]


def simple(**columns: object) -> pd.DataFrame:
    """Three minutes of somebody else's counts, with as few columns as there may be."""
    start = [f"{datetime_of(T0 + i):%Y-%m-%dT%H:%M:%SZ}" for i in range(3)]
    return pd.DataFrame({"slo": "shop/a", "start": start, "good": [1, 2, 3], "bad": [0, 0, 1]} | columns)


def test_a_hand_made_table_is_imported_and_fully_covered(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    simple().to_csv(path, index=False)
    with new_ledger(tmp_path) as ledger:
        assert take(ledger, path) == Imported(3, 1)
        (rows,) = exported(ledger, (), EVER)
    assert (rows.epoch.number, rows.epoch.since, rows.good.tolist()) == (1, T0, [1, 2, 3])
    assert (rows.covered.tolist(), set(rows.provenance)) == ([1000] * 3, {Provenance.IMPORTED})


def test_history_is_put_before_what_was_counted(tmp_path: Path) -> None:
    simple().to_csv(tmp_path / "x.csv", index=False)
    with new_ledger(tmp_path) as ledger:
        put(ledger, ledger.begin_epoch("shop/a", T0 + 3, "{}"), steady(Interval(T0 + 3, T0 + 5)))
        take(ledger, tmp_path / "x.csv")
        (rows,) = exported(ledger, (), EVER)
    assert (rows.epoch.since, rows.good.tolist()) == (T0, [1, 2, 3, 10, 10])


def test_history_of_another_indicator_goes_into_an_epoch_before_the_first(tmp_path: Path) -> None:
    simple(indicator="other").to_csv(tmp_path / "x.csv", index=False)
    with new_ledger(tmp_path) as ledger:
        put(ledger, ledger.begin_epoch("shop/a", T0 + 3, "{}"), steady(Interval(T0 + 3, T0 + 5)))
        take(ledger, tmp_path / "x.csv")
        assert [(e.number, e.since, e.indicator) for e in ledger.epochs()] == [(0, T0, "other"), (1, T0 + 3, "{}")]


@pytest.mark.parametrize("number", [1, 2])
def test_an_overlap_is_refused_unless_it_shall_be_replaced(number: int, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    simple(epoch=number).to_csv(path, index=False)
    with new_ledger(tmp_path) as ledger:
        put(ledger, ledger.begin_epoch("shop/a", T0 - 10, "{}"), steady(Interval(T0 - 10, T0 + 2)))
        time = f"{datetime_of(T0):%Y-%m-%dT%H:%M:%SZ}"
        with pytest.raises(UsageError, match=f"shop/a has counts of {time} in the ledger .* already; --replace"):
            take(ledger, path)
        (before,) = exported(ledger, (), EVER)
        assert before.start.size == 12
        take(ledger, path, replace=True)
        last = list(exported(ledger, (), EVER))[-1]
        assert last.good.tolist()[-3:] == [1, 2, 3]


def test_minutes_that_a_collector_will_count_are_refused(tmp_path: Path) -> None:
    simple().to_csv(tmp_path / "x.csv", index=False)
    with new_ledger(tmp_path) as ledger:
        epoch = ledger.begin_epoch("shop/a", T0 - 10, "{}")
        ledger.write([Write(epoch, {}, checkpoint=Checkpoint.at_start(T0 + 1))])
        with pytest.raises(UsageError, match="shop/a is counted by a collector from"):
            take(ledger, tmp_path / "x.csv", replace=True)


def test_one_wrong_row_keeps_all_out(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    simple(bad=[0, 0, -1]).to_csv(path, index=False)
    with new_ledger(tmp_path) as ledger:
        with pytest.raises(UsageError, match="row 3"):
            take(ledger, path)
        assert ledger.epochs() == []


def test_two_indicators_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    simple(epoch=1, indicator="other").to_csv(path, index=False)
    with new_ledger(tmp_path) as ledger:
        ledger.begin_epoch("shop/a", T0, "{}")
        with pytest.raises(UsageError, match="epoch 1 of shop/a is counted by another indicator"):
            take(ledger, path)


WRONG: dict[str, tuple[Callable[[], pd.DataFrame], str]] = {
    "missing column": (lambda: simple().drop(columns="good"), "has no column 'good'; found: slo, start, bad"),
    "unknown column": (lambda: simple(colour="red"), "has a column 'colour', which means nothing here"),
    "empty objective": (lambda: simple(slo=["shop/a", "", "b"]), "row 2: slo is empty"),
    "negative": (lambda: simple(good=[1, 2, -3]), r"row 3: good is wrong \('-3'\); write a whole number of events"),
    "fraction": (lambda: simple(good=[1, 2.5, 3]), r"row 2: good is wrong \('2.5'\)"),
    "too many": (lambda: simple(good=[1, 2, 10**17]), "row 3: good is wrong"),
    "no number": (lambda: simple(good=["1", "x", "3"]), r"row 2: good is wrong \('x'\)"),
    "covered": (lambda: simple(covered=[1000, 1001, 0]), "row 2: covered is wrong"),
    "provenance": (lambda: simple(provenance=["live", "me", "live"]), "row 2: provenance is unknown .* one of none, "),
    "target": (lambda: simple(target=["0.9", "1.1", ""]), r"row 2: target is wrong \('1.1'\)"),
    "labels": (lambda: simple(labels=["", "a=b", ""]), r"row 2: labels is wrong \('a=b'\)"),
    "no time": (lambda: simple(start=["yesterday", "", ""]), r"row 1: start is not a time \('yesterday'\)"),
    "no zone": (lambda: simple(start="2026-01-01T00:00:00"), "row 1: start is not a time"),
    "no such day": (lambda: simple(start="2026-02-31T00:00:00Z"), "row 1: start is not a time"),
    "seconds": (lambda: simple(start="2026-01-01T00:00:30Z"), "row 1: start is within a minute"),
    "too old": (lambda: simple(start="1960-01-01T00:00:00Z"), "row 1: start is not between 1970 and 3000"),
    "twice": (lambda: simple(start="2026-01-01T00:00:00Z"), "row 2: shop/a at 2026-01-01T00:00:00Z comes twice"),
}


@BOTH
@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_with_its_row(case: str, suffix: str, tmp_path: Path) -> None:
    make, words = WRONG[case]
    path, frame = tmp_path / f"x{suffix}", make()
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    with new_ledger(tmp_path) as ledger, pytest.raises(UsageError, match=words):
        take(ledger, path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.txt", b"", "the name ends in .txt; give a .parquet or a .csv file"),
        ("x.csv", b"", "is empty"),
        ("x.csv", b"slo,start,good,bad\n\xff\xfe,,,\n", "is not a CSV file in UTF-8"),
        ("x.parquet", b"PAR1 or not", "x.parquet: "),
        ("x.parquet", b"", "x.parquet: "),
    ],
)
def test_a_file_that_is_none_is_refused(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with new_ledger(tmp_path) as ledger, pytest.raises(UsageError, match=words):
        take(ledger, tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger, pytest.raises(UsageError, match="No such file"):
        take(ledger, tmp_path / "x.csv")
