"""Counting on after an import, comparing with the source, and counting anew by a mended indicator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from slo.errors import SourceError, UsageError
from slo.ledger.exchange import EVER, exported
from slo.ledger.exchange_read import read_rows
from slo.ledger.exchange_write import write_rows
from slo.ledger.importing import take_in
from slo.ledger.lease import Lease
from slo.ledger.recount import Recounted, recount
from slo.ledger.source import in_force
from slo.ledger.store import Epoch, Ledger
from slo.ledger.stretch import Provenance
from slo.ledger.verifying import final_interval, verify
from slo.objective import Objective, RatioSLI
from slo.selector import Selector
from slo.source.protocol import Measured, Progress
from slo.source.sampled import SampledSource
from slo.source.simulated import SimulatedReader
from slo.window import Interval
from tests.ledger.ledgers import T0, collect, counts, new_ledger, put, reader, steady
from tests.source.test_frame import objective

DAY = 1440
END = T0 + 2 * DAY
AVAILABILITY = objective("a")
MENDED = replace(AVAILABILITY, sli=RatioSLI(total=Selector("all"), bad=Selector("slow")))
HOURS = Interval(END - 300, END - 60)


def recounted(ledger: Ledger, source: SimulatedReader, since: int | None = None) -> Recounted:
    (done,) = recount(ledger, SampledSource(source), [MENDED], earliest=0, since=since, progress=lambda share: None)
    return done


def test_a_collector_goes_on_from_the_end_of_an_import(tmp_path: Path) -> None:
    source = reader(Interval(T0, END + 100))
    with new_ledger(tmp_path, "one.db") as one, new_ledger(tmp_path, "two.db") as two:
        collect(one, [AVAILABILITY], source, T0, END)
        write_rows(tmp_path / "x.parquet", exported(one, (), EVER))
        take_in(two, read_rows(tmp_path / "x.parquet"), replace=False)
        assert collect(two, [AVAILABILITY], source, 0, END + 60) < 5
        collect(one, [AVAILABILITY], source, 0, END + 60)
        assert [epoch.number for epoch in two.epochs()] == [1]
        whole = Interval(T0 + 1, END + 40)
        assert counts(two, AVAILABILITY, whole) == counts(one, AVAILABILITY, whole)


def test_an_objective_of_another_indicator_is_counted_from_the_end_of_an_import(ledger: Ledger) -> None:
    source = reader(Interval(T0, END))
    put(ledger, ledger.begin_epoch("shop/a", T0, ""), steady(Interval(T0, T0 + DAY)))
    collect(ledger, [AVAILABILITY], source, 0, END)
    assert [(epoch.number, epoch.since) for epoch in ledger.epochs()] == [(1, T0), (2, T0 + DAY)]
    assert counts(ledger, AVAILABILITY, Interval(T0, T0 + DAY)).good == 10 * DAY


def test_live_minutes_without_a_checkpoint_are_read_again(ledger: Ledger) -> None:
    source = reader(Interval(T0, END))
    epoch = ledger.begin_epoch("shop/a", END - 100, "{}")
    put(ledger, epoch, steady(Interval(END - 100, END), provenance=Provenance.LIVE))
    collect(ledger, [AVAILABILITY], source, 0, END)
    assert ledger.epochs()[-1].since == END - 100


def test_what_was_counted_is_what_is_recounted(ledger: Ledger) -> None:
    source = reader(Interval(T0, END))
    collect(ledger, [AVAILABILITY], source, T0, END)
    (one,), failures = verify(ledger, SampledSource(source), [AVAILABILITY], HOURS, lambda share: None)
    assert not failures
    assert not one.differs
    assert one.recounted.bad == pytest.approx(240 * 12, abs=1)


def test_a_difference_is_shown_with_its_worst_minutes(ledger: Ledger) -> None:
    source = reader(Interval(T0, END))
    collect(ledger, [AVAILABILITY], source, T0, END)
    wrong = HOURS.start + 17
    put(ledger, ledger.epochs()[0], steady(Interval(wrong, wrong + 1), good=108, bad=20))
    put(ledger, ledger.epochs()[0], steady(Interval(wrong + 5, wrong + 6), good=108, bad=14))
    (one,), _ = verify(ledger, SampledSource(source), [AVAILABILITY], HOURS, lambda share: None)
    assert one.differs
    assert (one.good, one.bad) == (0, 10)
    assert [minute.start for minute in one.worst[:2]] == [wrong, wrong + 5]
    assert (one.worst[0].counted.bad, one.worst[0].recounted.bad) == (20, 12)


def test_an_objective_that_cannot_be_compared_hides_no_other(ledger: Ledger) -> None:
    source = reader(Interval(T0, END))
    collect(ledger, [AVAILABILITY], source, T0, END)
    both = [AVAILABILITY, objective("never")]
    found, failures = verify(ledger, SampledSource(source), both, HOURS, lambda share: None)
    assert [one.slo for one in found] == ["shop/a"]
    assert "never counted" in str(failures["shop/never"])


def test_unless_told_the_last_final_day_is_compared(ledger: Ledger) -> None:
    source = reader(Interval(T0, END))
    with pytest.raises(UsageError, match="no final counts"):
        final_interval(ledger, [AVAILABILITY], None, None)
    collect(ledger, [AVAILABILITY], source, T0, END)
    (edge,) = (edge for _, edge in ledger.edges().values())
    assert final_interval(ledger, [AVAILABILITY], None, None) == Interval(edge - DAY, edge)
    with pytest.raises(UsageError, match="--from is not before --to"):
        final_interval(ledger, [AVAILABILITY], 20, 10)


def test_a_mended_indicator_counts_the_past_as_far_as_the_source_reaches(ledger: Ledger) -> None:
    collect(ledger, [AVAILABILITY], reader(Interval(T0, END)), T0, END)
    known = reader(Interval(T0 + DAY, END + 60))
    collect(ledger, [MENDED], known, 0, END + 60)
    old, new = ledger.epochs()
    done = recounted(ledger, known)
    assert done.interval is not None
    assert done.interval.end == new.since
    assert done.interval.start == T0 + DAY, "the first whole minute"
    assert ledger.epochs() == [old, replace(new, since=done.interval.start)]
    assert counts(ledger, MENDED, Interval(T0 + DAY + 10, END)).bad == pytest.approx(6 * (DAY - 10), abs=1)
    assert counts(ledger, MENDED, Interval(T0 + 10, T0 + DAY)).bad == pytest.approx(12 * (DAY - 10), abs=1)
    assert next(exported(ledger, (), EVER)).start[-1] > done.interval.start, "the old counts are still there"


def test_a_recount_before_any_collector_ran_begins_the_epoch_that_it_goes_on_with(ledger: Ledger) -> None:
    source = reader(Interval(T0, END + 60))
    collect(ledger, [AVAILABILITY], source, T0, END)
    assert recounted(ledger, source).interval is not None
    collect(ledger, [MENDED], source, 0, END + 60)
    assert [epoch.number for epoch in ledger.epochs()] == [1, 2]
    seen = counts(ledger, MENDED, Interval(T0 + 10, END + 30))
    assert seen.bad == pytest.approx(6 * (2 * DAY + 20), abs=1)
    assert seen.covered_minutes == 2 * DAY + 20


def test_a_recount_of_own_minutes_keeps_those_that_the_source_no_longer_covers(ledger: Ledger) -> None:
    collect(ledger, [MENDED], reader(Interval(T0, END)), T0, END)
    put(ledger, ledger.epochs()[0], steady(Interval(END - 90, END - 80), good=0, bad=500))
    done = recounted(ledger, reader(Interval(END - 300, END)), since=END - 600)
    assert done.interval is not None
    assert done.interval.start == END - 300
    whole = counts(ledger, MENDED, Interval(END - 600, END - 60))
    assert whole.covered_minutes == 540
    assert whole.bad == pytest.approx(6 * 540, abs=2)


@pytest.mark.parametrize(
    ("since", "reason"), [(None, "by today's indicator all along"), (END + 5, "no final counts after that time")]
)
def test_where_there_is_nothing_to_recount_it_says_why(since: int | None, reason: str, ledger: Ledger) -> None:
    source = reader(Interval(T0, END))
    assert "never counted" in recounted(ledger, source).reason
    collect(ledger, [MENDED], source, T0, END)
    assert reason in recounted(ledger, source, since).reason


class Failing:
    """A source that fails for every objective."""

    def events(
        self, objectives: Sequence[Objective], intervals: Sequence[Interval], progress: Progress
    ) -> dict[str, Measured | SourceError]:
        return {one.id: SourceError("no answer") for one in objectives}


def test_what_cannot_be_read_leaves_everything_as_it_was(ledger: Ledger) -> None:
    source = reader(Interval(T0, END))
    collect(ledger, [AVAILABILITY], source, T0, END)
    before = ledger.epochs()
    (done,) = recount(ledger, Failing(), [MENDED], earliest=0, since=None, progress=lambda share: None)
    assert str(done.failure) == "no answer"
    assert "nothing of that time" in recounted(ledger, reader(Interval(END + 10, END + 20))).reason
    assert ledger.epochs() == before


def test_a_recount_that_is_interrupted_leaves_everything_as_it_was(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = reader(Interval(T0, END + 60))
    collect(ledger, [AVAILABILITY], source, T0, END)
    before = ledger.epochs()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            recounted(ledger, source)
    assert ledger.epochs() == before
    assert recounted(ledger, source).interval is not None


def test_the_newest_epoch_answers_for_everything_since_it_began() -> None:
    one, two, three = Epoch(1, "a", 1, 0, "x"), Epoch(2, "a", 2, 100, "y"), Epoch(3, "a", 3, 50, "z")
    assert in_force([one, two, three], Interval(10, 200)) == [(one, Interval(10, 50)), (three, Interval(50, 200))]
    assert in_force([one, two], Interval(10, 200)) == [(one, Interval(10, 100)), (two, Interval(100, 200))]
    assert in_force([two], Interval(10, 50)) == []


def test_only_one_may_write_at_a_time(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger, new_ledger(tmp_path) as other, Lease(ledger) as lease, Lease(other) as theirs:
        assert lease.acquire()
        assert not theirs.acquire()
