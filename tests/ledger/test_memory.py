"""What is held in memory answers as the store does, whatever was written since and however time went on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slo.ledger.memory import LedgerMemory
from slo.ledger.source import LedgerSource
from slo.ledger.store import Epoch, Ledger, Write
from slo.ledger.stretch import FULL, Provenance, Stretch
from slo.ledger.text import indicator_text
from slo.objective import EmptySlice, Group, Objective, TimeSlices
from slo.report import Report
from slo.reporting import make_report
from slo.source.protocol import ReportSource
from slo.window import CalendarUnit, CalendarWindow, datetime_of
from tests.arithmetic.objectives import objective

START = 29_800_800
"""A midnight in UTC."""

DAY = 1440
HOLE = 17
"""Of each hour, where nothing may have been seen. No window is looked at that begins there: the store does not know
whether there was anything before it, the memory does."""

FRONTEND: Group = (("service", "frontend"),)


def objectives() -> list[Objective]:
    rolling = objective()
    sliced = TimeSlices(minutes=5, target_ratio=rolling.target_ratio, empty=EmptySlice.GOOD)
    return [
        replace(rolling, name="rolling"),
        replace(rolling, name="grouped", group_by=("service",)),
        replace(rolling, name="month", window=CalendarWindow(CalendarUnit.MONTH, "Europe/Paris")),
        replace(rolling, name="sliced", time_slices=sliced),
        replace(rolling, name="changed"),
    ]


def stretch(rng: np.random.Generator, start: int, end: int, provenance: Provenance) -> Stretch:
    good, bad = rng.poisson(50, end - start), rng.poisson(1, end - start)
    holes = (np.arange(start, end) % 60 == HOLE) & (rng.random(end - start) < 0.5)
    covered = np.where(holes, 0, FULL).astype(np.int16)
    return Stretch.of(start, good, bad, covered, provenance)


class World:
    """A ledger with 31 days, its memory, and a collector's writes minute by minute."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.rng = np.random.default_rng(7)
        self.every = objectives()
        self.epochs: list[Epoch] = []
        for one in self.every:
            if one.name == "changed":
                former = ledger.begin_epoch(one.id, START - 31 * DAY, "{}")
                ledger.write([Write(former, {(): stretch(self.rng, START - 31 * DAY, START - DAY, Provenance.REREAD)})])
            since = START - (DAY if one.name == "changed" else 31 * DAY)
            self.epochs.append(ledger.begin_epoch(one.id, since, indicator_text(one)))
        for begin in range(START - 31 * DAY, START, DAY):
            self.write(begin, begin + DAY, Provenance.REREAD)
        self.memory = LedgerMemory(ledger, self.every, at_minute=START)

    def write(self, start: int, end: int, provenance: Provenance) -> Sequence[Write]:
        writes = []
        for one, epoch in zip(self.every, self.epochs, strict=True):
            if epoch.since <= start:
                groups: tuple[Group, ...] = ((), FRONTEND) if one.group_by else ((),)
                writes.append(Write(epoch, {group: stretch(self.rng, start, end, provenance) for group in groups}))
        self.ledger.write(writes)
        return writes

    def amend(self, start: int, end: int) -> Sequence[Write]:
        nothing = np.zeros(end - start, np.int16)
        more = Stretch.of(start, np.full(end - start, 3), np.full(end - start, 1), nothing, Provenance.NONE)
        writes = [Write(epoch, {}, amendments={(): more}) for epoch in self.epochs]
        self.ledger.write(writes)
        return writes

    def check(self, at_minute: int) -> None:
        """Both sources give the same report."""
        self.memory.prepare(at_minute)
        ours, theirs = (self.report(source, at_minute) for source in (self.memory, LedgerSource(self.ledger)))
        for one, other in zip(rounded(ours), rounded(theirs), strict=True):
            assert one == other

    def report(self, source: ReportSource, at_minute: int) -> Report:
        return make_report(self.every, source, at=datetime_of(at_minute), progress=lambda share: None)


def rounded(report: Report) -> list[dict[str, object]]:
    """The figures, coverage without the last bits: sums of thousandths and of ratios differ there."""
    return [
        {field: getattr(one, field) for field in one.__slots__ if field not in ("coverage_ratio", "counts", "reasons")}
        | {"coverage": round(one.coverage_ratio, 9), "good": one.counts.good, "bad": one.counts.bad}
        | {"reasons": [(reason.code, reason.message) for reason in one.reasons]}
        for one in report.objectives
    ]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Ledger(str(tmp_path / "slo.db"), create=True))


def test_what_was_loaded_answers_as_the_store_does(world: World) -> None:
    world.check(START)


def test_a_day_of_minutes_and_second_readings_later_it_still_does(world: World) -> None:
    for minute in range(START, START + DAY + 90):
        world.memory.apply(world.write(minute, minute + 1, Provenance.LIVE), at_minute=minute + 1)
        if minute % 15 == 14 and minute > START + 30:
            final = minute - 29
            world.memory.apply(world.write(final, final + 15, Provenance.REREAD), at_minute=minute + 1)
        world.memory.prepare(minute + 1)
        if (minute % 97 == 0 and (minute + 1) % 60 != HOLE) or minute in (START + DAY - 1, START + DAY):
            world.check(minute + 1)
    world.check(START + DAY + 90)


@pytest.mark.parametrize("ago", [60, 3 * DAY], ids=["recent", "long ago"])
def test_what_is_amended_or_counted_anew_is_answered_anew(world: World, ago: int) -> None:
    before = world.report(world.memory, START)
    world.memory.apply(world.amend(START - ago, START - ago + 30), at_minute=START)
    world.check(START)
    world.memory.apply(world.write(START - ago, START - ago + 45, Provenance.REREAD), at_minute=START)
    world.check(START)
    assert world.report(world.memory, START).objectives[0].counts != before.objectives[0].counts


def test_a_group_that_appears_is_held_from_then_on(world: World) -> None:
    grouped = world.epochs[1]
    write = Write(grouped, {(("service", "new"),): stretch(world.rng, START - 5, START, Provenance.LIVE)})
    world.ledger.write([write])
    world.memory.apply([write], at_minute=START)
    world.check(START)
    assert len(world.report(world.memory, START).objectives) == 5 + 2


def test_an_objective_that_was_never_counted_is_told(world: World) -> None:
    unknown = replace(objective(), name="unknown")
    memory = LedgerMemory(world.ledger, [unknown], at_minute=START)
    [one] = make_report([unknown], memory, at=datetime_of(START), progress=lambda share: None).objectives
    assert one.reasons[0].code == "source_error"
    assert "has never counted" in one.reasons[0].message
