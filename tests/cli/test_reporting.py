"""From objectives and a source to the report: nothing that fails hides what succeeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from slo.errors import SourceError, SourceUnreachableError, UsageError
from slo.events import EventSeries
from slo.objective import EmptySlice, Group, Objective, TimeSlices
from slo.report import Reason, State, needed_interval
from slo.reporting import failures, make_report
from slo.source.protocol import Measured, Progress
from slo.window import Interval, RollingWindow, minute_of
from tests.source.test_frame import objective

AT = datetime(2026, 11, 1, 0, 0, 42, tzinfo=UTC)


class Given:
    """A source that answers what it is given, or fails as a whole."""

    def __init__(self, answers: dict[str, Measured | SourceError] | SourceError) -> None:
        self.answers = answers

    def events(
        self, objectives: Sequence[Objective], intervals: Sequence[Interval], progress: Progress
    ) -> dict[str, Measured | SourceError]:
        if isinstance(self.answers, SourceError):
            raise self.answers
        progress(1.0)
        return self.answers


def steady() -> EventSeries:
    ones = np.ones(2000)
    return EventSeries.from_minutes(minute_of(AT) - 2000, ones * 0, ones, ones)


def test_one_failure_is_reported_in_its_place_and_hides_nothing() -> None:
    answers: dict[str, Measured | SourceError] = {
        "shop/a": SourceError("too much of http://me:secret@host"),
        "shop/b": Measured({(): steady()}),
    }
    report = make_report(
        [objective("a"), objective("b"), objective("c")], Given(answers), at=AT, progress=lambda share: None
    )
    assert [one.state for one in report.objectives] == [State.NO_DATA, State.OK, State.NO_DATA]
    assert failures(report) == [
        ("shop/a", "too much of http://me:***@host"),
        ("shop/c", "the source gave no answer for this objective"),
    ]


def test_a_source_that_fails_as_a_whole_fails_for_every_objective() -> None:
    source = Given(SourceUnreachableError("nobody answers"))
    report = make_report([objective("a"), objective("b")], source, at=AT, progress=lambda share: None)
    assert failures(report) == [("shop/a", "nobody answers"), ("shop/b", "nobody answers")]


def test_the_whole_comes_before_its_groups_and_notes_are_passed_on() -> None:
    group: Group = (("pod", "x"),)
    note = Reason(code="max_groups", message="many")
    answers: dict[str, Measured | SourceError] = {"shop/a": Measured({(): steady(), group: steady()}, (note,))}
    report = make_report([objective("a")], Given(answers), at=AT, progress=lambda share: None)
    assert [one.slo for one in report.objectives] == ["shop/a", 'shop/a{pod="x"}']
    assert all(note in one.reasons for one in report.objectives)


def test_the_time_is_floored_to_the_minute_and_needs_a_zone() -> None:
    assert make_report([], Given({}), at=AT, progress=lambda share: None).at == AT.replace(second=0)
    with pytest.raises(UsageError, match="no zone"):
        make_report([], Given({}), at=AT.replace(tzinfo=None), progress=lambda share: None)


def test_a_short_window_still_needs_what_the_alerts_look_at_from_the_beginning_of_a_slice() -> None:
    short = replace(objective(), window=RollingWindow(30))
    assert needed_interval(short, 1_000_007) == Interval(999_947, 1_000_007)
    slices = TimeSlices(minutes=5, target_ratio=Decimal("0.9"), empty=EmptySlice.GOOD)
    assert needed_interval(replace(short, time_slices=slices), 1_000_007) == Interval(999_945, 1_000_007)
