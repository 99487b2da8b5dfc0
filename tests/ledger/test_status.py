"""What the state of a ledger tells: how far, how completely, where from, and that it tells it quickly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slo.errors import UsageError
from slo.ledger.checkpoint import Checkpoint
from slo.ledger.schema import VERSION
from slo.ledger.status import ObjectiveStatus, look, size_bytes
from slo.ledger.store import Promise, Write
from slo.ledger.stretch import Provenance
from slo.ledger_views import status_json, status_table
from slo.window import Interval
from tests.ledger.ledgers import T0, new_ledger, put, steady

CHOSEN = ("shop/*",)


def state(folder: Path, *, at: int = T0 + 4000) -> ObjectiveStatus:
    with new_ledger(folder) as ledger:
        (one,) = look(ledger, CHOSEN, at).objectives
    return one


def test_an_objective_that_was_never_counted_has_nothing_to_tell(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        ledger.begin_epoch("shop/a", T0, "{}")
    one = state(tmp_path)
    assert (one.counted, one.live_until, one.final_until, one.lag_minutes, one.coverage_ratio) == (None,) * 5
    assert one.minutes is not None
    assert (one.minutes.gap_count, dict(one.minutes.provenance_ratio)) == (0, {})


def test_live_and_final_ends_and_the_lag_are_told(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        epoch = ledger.begin_epoch("shop/a", T0, "{}")
        final, live = steady(Interval(T0, T0 + 60)), steady(Interval(T0 + 60, T0 + 75), provenance=Provenance.LIVE)
        ledger.write([Write(epoch, {(): final}, checkpoint=Checkpoint.at_start(T0 + 60))])
        put(ledger, epoch, live)
    one = state(tmp_path, at=T0 + 77)
    assert (one.live_until, one.final_until, one.lag_minutes) == (T0 + 75, T0 + 60, 2)
    assert one.minutes is not None
    assert dict(one.minutes.provenance_ratio) == {"live": 0.2, "re-read": 0.8}


def test_gaps_lie_within_blocks_and_between_them_the_newest_first(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        epoch = ledger.begin_epoch("shop/a", T0, "{}")
        put(ledger, epoch, steady(Interval(T0, T0 + 100)))
        put(ledger, epoch, steady(Interval(T0 + 40, T0 + 50), covered=0))
        for i in range(8):
            put(ledger, epoch, steady(Interval(T0 + 2000 + 20 * i, T0 + 2010 + 20 * i)))
    one = state(tmp_path)
    assert one.minutes is not None
    assert (one.minutes.gap_count, one.minutes.gap_minutes) == (9, 10 + 1900 + 7 * 10)
    assert len(one.minutes.gaps) == 5
    assert one.minutes.gaps[0] == Interval(T0 + 2130, T0 + 2140)
    assert one.coverage_ratio == 170 / 2150


@pytest.mark.parametrize("moved_to", [T0 + 3000, T0 + 1500, T0 + 17])
def test_of_several_epochs_each_minute_counts_once(moved_to: int, tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        old, new = (ledger.begin_epoch("shop/a", since, text) for since, text in ((T0, "x"), (T0 + 3000, "y")))
        put(ledger, old, steady(Interval(T0, T0 + 3010)))
        put(ledger, new, steady(Interval(moved_to, T0 + 3500), covered=500))
        ledger.move_epoch(new, moved_to)
    one = state(tmp_path)
    assert one.counted == Interval(T0, T0 + 3500)
    fully = moved_to - T0
    assert one.coverage_ratio == (fully + (3500 - fully) / 2) / 3500
    assert one.minutes is not None
    assert one.minutes.gap_count == 0


def test_minutes_are_looked_at_only_for_objectives_that_were_chosen(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        for name in ("shop/a", "desk/b"):
            put(ledger, ledger.begin_epoch(name, T0, "{}"), steady(Interval(T0, T0 + 10)))
        every, some = look(ledger, (), T0), look(ledger, CHOSEN, T0)
        assert [one.slo for one in every.objectives] == ["desk/b", "shop/a"]
        assert all(one.minutes is None for one in every.objectives)
        assert [one.slo for one in some.objectives if one.minutes] == ["shop/a"]
        assert "choose objectives by --slo GLOB" in status_table(every)
        assert "--slo" not in status_table(some)
        with pytest.raises(UsageError, match="match --slo no/\\*; there are: desk/b, shop/a"):
            look(ledger, ("no/*",), T0)


def test_the_ledger_as_a_whole_tells_its_size(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        put(ledger, ledger.begin_epoch("shop/a", T0, "{}"), steady(Interval(T0, T0 + 10)))
        found = look(ledger, (), T0)
        files = sum(file.stat().st_size for file in tmp_path.iterdir() if file.suffix != ".db-shm")
        assert (found.blocks, found.schema_version) == (1, VERSION)
        assert size_bytes(ledger) == sum((tmp_path / name).stat().st_size for name in ("slo.db", "slo.db-wal")) <= files


def test_table_and_json_say_the_same(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        put(ledger, ledger.begin_epoch("shop/a", T0, '{"total":"x\x1b"}'), steady(Interval(T0, T0 + 10)))
        put(ledger, ledger.epochs()[0], steady(Interval(T0 + 20, T0 + 30)))
        put(ledger, ledger.epochs()[0], steady(Interval(T0, T0 + 30), covered=0), (("pod", "x"),))
        ledger.record_promises([Promise("shop/a", 0, "0.99", "30d"), Promise("shop/a", T0, "0.999", "28d")])
        found = look(ledger, CHOSEN, T0 + 40)
    (one,) = json.loads(status_json(found))["objectives"]
    assert (one["gap_count"], one["lag_minutes"], one["groups"], one["final_until"]) == (1, 10, 1, None)
    assert [target["target"] for target in one["targets"]] == ["0.99", "0.999"]
    table = status_table(found)
    for words in ("99.9%/28d", "66%", "100% re-read", "since the beginning the target is 99% over 30d", "1 of 10m"):
        assert words in table
    assert "\x1b" not in table
