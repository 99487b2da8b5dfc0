"""Incidents are looked for in turn: a cycle that has no time left goes on where the last one ended."""

from __future__ import annotations

from dataclasses import replace

from slo.correction import Category, Correction
from slo.events import EventSeries
from slo.report import evaluate
from slo.reporting import evaluations
from slo.serving.incidents import Incidents, incidents_of
from slo.source.protocol import Source
from slo.spec import Spec
from slo.window import Interval, minute_of
from tests.serving.conftest import AT


def test_a_cycle_without_time_asks_for_some_at_once_and_the_next_for_the_others(spec: Spec, source: Source) -> None:
    (availability,) = [one for one in spec.objectives if one.name == "availability"]
    every = [replace(availability, name=f"availability-{number}", group_by=()) for number in range(25)]
    evaluated = list(evaluations(every, source, at=AT, progress=lambda share: None))
    incidents = Incidents(seconds=0.0)

    incidents.look(evaluated, source, minute_of(AT))
    first = dict(incidents.found)
    assert 1 < len(first) < len(every)

    incidents.look(evaluated, source, minute_of(AT) + 1)
    assert set(incidents.found) == {one.id for one in every}
    assert all(incidents.found.values()), "the shop had a bad night"


def test_a_time_that_a_correction_leaves_out_is_no_incident(spec: Spec, source: Source) -> None:
    (availability,) = [one for one in spec.objectives if one.name == "availability"]
    one = replace(availability, group_by=())
    (before,) = evaluations([one], source, at=AT, progress=lambda share: None)
    assert isinstance(before.everything, EventSeries)
    found = incidents_of(before, before.everything)
    night = found[0]
    correction = Correction(
        id=1,
        slos=("*",),
        when=Interval(night.start_minute - 10, night.end_minute + 10),
        category=Category.MAINTENANCE,
        reason="announced",
        author="ada",
        made_at=AT,
    )
    report = evaluate(one, before.everything, at=AT, corrections=[correction])
    after = incidents_of(before._replace(report=report), before.everything)
    assert [one.start_minute for one in after] == [one.start_minute for one in found[1:]]
