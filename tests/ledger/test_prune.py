"""What is removed is what was said, no more, and it is gone as a whole or not at all."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from sqlalchemy import select

from slo.collecting import CollectedSource, Collecting, Pace, Plan
from slo.ledger.checkpoint import Checkpoint
from slo.ledger.exchange import EVER, exported
from slo.ledger.prune import compact, expire, gone, old, remove
from slo.ledger.schema import BLOCK, CHECKPOINT, EPOCH, GAP, PROMISE, SERIES
from slo.ledger.store import Gap, Ledger, Promise, Write
from slo.ledger.stretch import Provenance, Stretch
from slo.window import Interval, datetime_of
from tests.ledger.ledgers import T0, new_ledger, put, reader, steady
from tests.source.test_frame import objective

DAY = 1440
D0 = T0 - T0 % DAY


def fill(ledger: Ledger) -> None:
    """Two objectives over three days, with a group, a gap, a checkpoint and a target each."""
    for name in ("shop/a", "shop/b"):
        epoch = ledger.begin_epoch(name, D0, "{}")
        whole = steady(Interval(D0, D0 + 3 * DAY))
        at = Checkpoint.at_start(D0 + 3 * DAY)
        gap = Gap(epoch.id, D0 + 5, D0 + 10, 0, at)
        ledger.write([Write(epoch, {(): whole, (("pod", "x"),): whole}, checkpoint=at, gaps=(gap,))])
        ledger.record_promises([Promise(name, 0, "0.99", "30d")])


def rows(ledger: Ledger) -> dict[str, int]:
    """How many each table has."""
    tables = (EPOCH, PROMISE, SERIES, BLOCK, CHECKPOINT, GAP)
    return {one.name: sum(1 for _ in ledger.rows(select(one))) for one in tables}


def test_everything_of_an_objective_that_is_gone_is_removed_and_nothing_else(ledger: Ledger) -> None:
    fill(ledger)
    before = rows(ledger)
    removal = gone(ledger, {"shop/a", "shop/new"})
    assert (removal.slos, removal.blocks, removal.minutes) == (("shop/b",), 6, 6 * DAY)
    assert rows(ledger) == before, "looking removes nothing"
    remove(ledger, removal)
    assert rows(ledger) == {table: count // 2 for table, count in before.items()}
    assert [epoch.slo for epoch in ledger.epochs()] == ["shop/a"]
    assert gone(ledger, {"shop/a"}).slos == ()


def test_old_minutes_go_in_whole_days(ledger: Ledger) -> None:
    fill(ledger)
    removal = old(ledger, D0 + 2 * DAY - 1)
    assert (removal.slos, removal.blocks, removal.before) == (("shop/a", "shop/b"), 4, D0 + DAY)
    remove(ledger, removal)
    assert {int(one.start[0]) for one in exported(ledger, (), EVER)} == {D0 + DAY}
    assert rows(ledger)["gap"] == 0
    assert old(ledger, D0 + 2 * DAY - 1).slos == ()


def test_a_former_epoch_goes_with_its_last_minute_the_newest_stays(ledger: Ledger) -> None:
    former, newest = (ledger.begin_epoch("shop/a", since, text) for since, text in ((D0, "x"), (D0 + DAY, "y")))
    put(ledger, former, steady(Interval(D0, D0 + DAY)))
    put(ledger, newest, steady(Interval(D0 + DAY, D0 + 2 * DAY)))
    expire(ledger, D0 + DAY)
    assert [epoch.number for epoch in ledger.epochs()] == [2]
    expire(ledger, D0 + 9 * DAY)
    assert [epoch.number for epoch in ledger.epochs()] == [2]
    put(ledger, newest, steady(Interval(D0 + 3 * DAY, D0 + 3 * DAY + 5)))
    (left,) = exported(ledger, (), EVER)
    assert left.start.size == 5


def test_space_is_given_back_only_where_it_is_much(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    with new_ledger(tmp_path) as ledger:
        for name in ("shop/a", "shop/b"):
            good, bad = (rng.integers(0, 2**40, 400 * DAY) for _ in range(2))
            covered = np.full(good.size, 1000, np.int16)
            put(ledger, ledger.begin_epoch(name, D0, "{}"), Stretch.of(D0, good, bad, covered, Provenance.REREAD))
        assert not compact(ledger)
        size = (tmp_path / "slo.db").stat().st_size
        remove(ledger, gone(ledger, {"shop/a"}))
        assert compact(ledger)
        assert (tmp_path / "slo.db").stat().st_size < 0.6 * size
        assert not compact(ledger)
        assert sum(one.start.size for one in exported(ledger, (), EVER)) == 400 * DAY


def test_a_collector_lets_go_once_a_day(tmp_path: Path) -> None:
    source = reader(Interval(D0, D0 + 4 * DAY))
    source.now_ms = (D0 + 2 * DAY + 30) * 60_000
    # Asked once at the start, then after each cycle.
    times = iter([D0 + 2 * DAY + 30, D0 + 2 * DAY + 30, D0 + 2 * DAY + 31, D0 + 3 * DAY + 5])
    first: list[int] = []

    def now() -> datetime:
        with Ledger(str(tmp_path / "slo.db")) as ledger:
            first.extend(int(one.start[0]) for one in exported(ledger, (), EVER))
        return datetime_of(next(times))

    plan = Plan(objectives=[objective("a")], sources={"": CollectedSource(reader=source, lag_seconds=0.0)})
    collecting = Collecting(
        str(tmp_path / "slo.db"),
        lambda: plan,
        Pace(cycle_seconds=0.01, backfill_minutes=2 * DAY, retention_minutes=DAY),
        say=lambda message: None,
        progress=lambda share: None,
        now=now,
    )
    assert collecting.run(3)
    now_first = next(iter(exported(Ledger(str(tmp_path / "slo.db")), (), EVER))).start[0]
    assert [*first, now_first] == [D0 + 30, D0 + DAY, D0 + DAY, D0 + 2 * DAY]
