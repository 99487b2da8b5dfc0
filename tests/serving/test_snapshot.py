"""A snapshot gives back what went into it: figures as in the report, and nothing else."""

from __future__ import annotations

import gc
import gzip
import json
import weakref
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.incident import find_incidents
from slo.render.report_json import report_document
from slo.report import Report
from slo.serving.publishing import make_snapshot
from slo.serving.sections import Sections, encoded
from slo.serving.snapshot import Snapshot
from slo.source.protocol import Measured, Source
from slo.spec import Spec
from slo.window import datetime_of
from tests.serving.conftest import AT


def test_the_report_is_the_one_that_a_command_would_give(snapshot: Snapshot, report: Report) -> None:
    document = json.loads(json.dumps(report_document(report)))
    assert json.loads(bytes(snapshot.report_json)) == document
    assert gzip.decompress(snapshot.report_gzip) == bytes(snapshot.report_json)
    assert list(snapshot.objectives) == [entry["slo"] for entry in document["objectives"]]
    for entry in document["objectives"]:
        found = snapshot.objective_json(entry["slo"])
        assert found is not None
        assert json.loads(found) == entry
    assert snapshot.objective_json("cloudshop/none") is None


def test_a_row_and_a_page_tell_the_figures_of_the_report(snapshot: Snapshot, report: Report) -> None:
    assert [row.slo for row in snapshot.rows] == [entry.slo for entry in report.objectives]
    for entry, row in zip(report.objectives, snapshot.rows, strict=True):
        assert (row.state, row.group, row.data_until) == (entry.state, entry.group, entry.data_until)
        assert (row.remaining_ratio, row.remaining_minutes) == (
            entry.budget.remaining_ratio,
            entry.budget.remaining_minutes,
        )
        view = snapshot.view(entry.slo)
        assert view is not None
        assert view.row == row
        assert (view.good_events, view.bad_events, view.total_events) == (
            entry.counts.good,
            entry.counts.bad,
            entry.counts.total,
        )
        assert [burn.burn_rate for burn in view.burn_rates] == [burn.burn_rate for burn in entry.burn_rates]
        assert [alert.firing for alert in view.alerts] == [alert.firing for alert in entry.alerts]
        assert [note.code for note in view.reasons] == [reason.code for reason in entry.reasons]
        assert view.runbook == "https://runbooks.example.com/shop"


def test_a_burn_down_falls_from_the_whole_budget_to_what_is_left(snapshot: Snapshot, report: Report) -> None:
    for entry in report.objectives:
        view = snapshot.view(entry.slo)
        assert view is not None
        if entry.budget.remaining_ratio is None:
            assert not view.burn_down
            assert not view.row.sparkline
            continue
        left = [point.remaining_ratio for point in view.burn_down]
        assert left[0] == 1
        assert left[-1] == pytest.approx(entry.budget.remaining_ratio, abs=1e-5)
        assert all(one is not None and two is not None and one >= two for one, two in pairwise(left))
        assert view.burn_down[-1].minute == entry.window.end
        assert len(view.row.sparkline) == 30
        assert view.row.sparkline[-1] == left[-1]


def test_groups_belong_to_the_objective_before_them(snapshot: Snapshot) -> None:
    whole = snapshot.view("cloudshop/availability")
    assert whole is not None
    assert {row.slo for row in whole.groups} == {
        f'cloudshop/availability{{service="{name}"}}' for name in ("frontend", "cart", "checkout")
    }
    remaining = [row.remaining_ratio for row in whole.groups]
    assert remaining == sorted(remaining, key=lambda one: 1.0 if one is None else one)
    assert snapshot.labels('cloudshop/availability{service="cart"}') == {"team": 'a "quoted" team', "service": "cart"}
    worst = [snapshot.objectives[number] for number in snapshot.worst_first]
    assert sorted(worst) == sorted(id_ for id_ in snapshot.objectives if "{" not in id_)


def test_two_snapshots_of_the_same_have_the_same_tag(spec: Spec, source: Source, snapshot: Snapshot) -> None:
    again = Snapshot.open(make_snapshot(spec, source, at=AT, cycle=8))
    assert again.report_etag == snapshot.report_etag
    later = Snapshot.open(make_snapshot(spec, source, at=datetime_of(int(AT.timestamp()) // 60 - 60)))
    assert later.report_etag != snapshot.report_etag


def test_a_file_may_go_once_it_is_open(spec: Spec, source: Source, tmp_path: Path) -> None:
    file = tmp_path / "snapshot"
    file.write_bytes(make_snapshot(spec, source, at=AT, cycle=3))
    opened = Snapshot.open(file)
    file.unlink()
    assert opened.cycle == 3
    assert opened.objective_json("cloudshop/week") is not None


@pytest.mark.parametrize("wrong", [b"", b"SLOSNAP1", b"another file altogether", b"SLOSNAP1" + b"\xff" * 20])
def test_what_is_no_snapshot_is_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="snapshot"):
        Snapshot.open(wrong)


def test_half_a_snapshot_is_refused(spec: Spec, source: Source) -> None:
    whole = make_snapshot(spec, source, at=AT)
    with pytest.raises(ValueError, match="cut short"):
        Snapshot.open(whole[: len(whole) - 100])


@given(st.dictionaries(st.text(min_size=1), st.binary(), max_size=5))
def test_sections_are_read_as_they_were_written(sections: dict[str, bytes]) -> None:
    data = b"".join(encoded({"a": 1}, sections))
    found = Sections(memoryview(data))
    assert found.facts == {"a": 1}
    assert {name: bytes(found[name]) for name in sections} == sections


def test_times_are_those_of_the_cycle(spec: Spec, source: Source) -> None:
    times: Sequence[datetime] = [datetime_of(int(AT.timestamp()) // 60 + minute) for minute in (0, 1, 2)]
    made = make_snapshot(spec, source, at=times[0], made_at=times[1], next_cycle_at=times[2], simulated=True)
    opened = Snapshot.open(made)
    assert [opened.at, opened.made_at, opened.next_cycle_at] == times
    assert opened.status.simulated
    assert json.loads(bytes(opened.report_json))["simulated"] is True


def test_incidents_are_those_of_the_minutes_paid_by_the_period(
    spec: Spec, source: Source, snapshot: Snapshot, report: Report
) -> None:
    found = {one.slo: snapshot.view(one.slo) for one in report.objectives}
    (objective,) = [one for one in spec.objectives if one.name == "availability"]
    (whole,) = [one for one in report.objectives if one.slo == objective.id]
    measured = source.events([objective], [whole.window], lambda share: None)[objective.id]
    assert isinstance(measured, Measured)
    expected = find_incidents(
        measured.groups[()], objective.budget_ratio, objective.window, whole.window, paid_by=whole.window
    )
    view = found[objective.id]
    assert view is not None
    assert expected
    assert [(one.start_minute, one.end_minute) for one in view.incidents] == [one.interval for one in expected]
    assert [one.consumed_ratio for one in view.incidents] == [one.consumed_ratio for one in expected]
    assert not any(view.incidents for slo, view in found.items() if view is not None and "{" in slo)


def test_a_snapshot_is_let_go_of_without_the_collector_of_garbage(spec: Spec, source: Source) -> None:
    """There may be 50 MB of it, and another one a minute later."""
    snapshot = Snapshot.open(make_snapshot(spec, source, at=AT, made_at=AT))
    state = snapshot.gates["deploy"]
    assert [state.verdicts[slo].reasons for slo in state.slos]
    assert state.labels[state.slos[0]]
    assert snapshot.view(snapshot.objectives[0])
    known = weakref.ref(snapshot)
    gc.disable()
    try:
        del snapshot, state
        assert known() is None
    finally:
        gc.enable()
