"""`slo backfill`: through promtool into a real Prometheus, where rules and graphs find the figures of the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from bench.rules import recording_rules
from slo.cli import run
from slo.events import EventSeries
from slo.objective import Objective
from slo.render.rules.history import Measured, openmetrics
from slo.spec import load_files
from slo.window import Interval
from tests.rules.objectives import every_kind
from tests.support.prometheus import load_openmetrics, prometheus_with

EXAMPLE = Path(__file__).parents[2] / "examples" / "cloudshop.yaml"
END = 1793491200
"""The time of the demo's report."""


class Backfilled:
    """A Prometheus that holds nothing but what `slo backfill` wrote."""

    def __init__(self, url: str, report: dict[str, Any]) -> None:
        self._url = url
        self.reports = {entry["slo"]: entry for entry in report["objectives"]}
        self.objectives: dict[str, Objective] = {one.id: one for one in load_files([EXAMPLE]).objectives}

    def value(self, query: str) -> float:
        # As a ruler, which does not evaluate on the very second of a step.
        form: dict[str, str | int] = {"query": query, "time": END + 20}
        [found] = requests.post(f"{self._url}/api/v1/query", data=form, timeout=10).json()["data"]["result"]
        return float(found["value"][1])


@pytest.fixture(scope="module")
def backfilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backfilled]:
    folder = tmp_path_factory.mktemp("backfill")
    assert run(["backfill", str(EXAMPLE), "--demo", "-o", str(folder / "history.om")]) == 0
    report = folder / "report.json"
    with pytest.MonkeyPatch.context() as patch, report.open("w") as out:
        patch.setattr("sys.stdout", out)
        assert run(["report", str(EXAMPLE), "--demo", "-o", "json"]) == 0
    load_openmetrics(folder / "history.om", folder / "data")
    with prometheus_with((), folder) as url:
        yield Backfilled(url, json.loads(report.read_text()))


IDS = ("cloudshop/availability", "cloudshop/latency", "cloudshop/reachable")


@pytest.mark.parametrize("slo", IDS)
def test_the_period_rule_finds_the_budget_of_the_report(slo: str, backfilled: Backfilled) -> None:
    rules = recording_rules(backfilled.objectives[slo])
    reported = backfilled.reports[slo]
    assert backfilled.value(rules["slo:error_ratio:period"]) == pytest.approx(reported["error_ratio"], rel=1e-9)
    covered = backfilled.value(rules["slo:period_coverage:ratio"])
    assert covered == pytest.approx(reported["coverage_ratio"] * reported["observed_ratio"], abs=1e-3)


@pytest.mark.parametrize("slo", IDS)
def test_graphs_find_the_figures_of_the_report(slo: str, backfilled: Backfilled) -> None:
    """Fractions of events are rounded from where a reading begins, so that a window may differ by one event."""
    reported = backfilled.reports[slo]
    for record, expected in (
        ("slo:error_ratio:period", reported["error_ratio"]),
        ("slo:budget_remaining:ratio", reported["budget"]["remaining_ratio"]),
        ("slo:budget_remaining:minutes", reported["budget"]["remaining_minutes"]),
        *((f"slo:burn_rate:{one['window']}", one["burn_rate"]) for one in reported["burn_rates"]),
    ):
        if expected is not None:
            assert backfilled.value(f'{record}{{slo="{slo}"}}') == pytest.approx(expected, rel=1e-4), record


@pytest.mark.parametrize("slo", IDS)
def test_windows_of_rules_that_begin_now_are_those_of_the_report(slo: str, backfilled: Backfilled) -> None:
    """To a day they sum up counts of five minutes, of which the ones at the edge lie half outside."""
    rules = recording_rules(backfilled.objectives[slo])
    totals = {one["window"]: one["total_events"] for one in backfilled.reports[slo]["burn_rates"]}
    assert backfilled.value(rules["slo:total_events:sum1d"]) == pytest.approx(totals["1d"], rel=0.01)
    assert backfilled.value(rules["slo:total_events:sum3d"]) == pytest.approx(totals["3d"], rel=1e-9)


def objective(name: str) -> Objective:
    return next(one for one in every_kind() if one.name == name)


def seen(minutes: int, hole: Interval) -> EventSeries:
    """A hundred requests a minute, of which one fails; and minutes of which nothing is known."""
    known = np.ones(minutes)
    known[hole.start : hole.end] = 0
    return EventSeries.from_minutes(0, known, 100 * known, known)


def samples(measured: Measured, *, counts_only: bool = False) -> dict[str, dict[int, float]]:
    """Value by minute, by series."""
    found: dict[str, dict[int, float]] = {}
    for line in openmetrics([measured], counts_only=counts_only):
        if not line.startswith("#"):
            series, value, at = line.rsplit(" ", 2)
            found.setdefault(series, {})[int(at) // 60] = float(value)
    return found


def test_minutes_of_which_nothing_is_known_are_left_out_and_lower_the_coverage() -> None:
    events = seen(240, hole=Interval(60, 150))
    found = samples(Measured(objective("bad"), {(): events}, Interval(0, 240)))
    labels = '{slo="shop/bad",slo_service="shop",team="a {{ b"}'
    fives = found[f"slo:total_events:sum5m{labels}"]
    assert list(fives) == [*range(5, 61, 5), *range(155, 241, 5)]
    assert set(fives.values()) == {500.0}
    assert found[f"slo:coverage:ratio1h{labels}"] == {60: 1.0, 180: 0.5, 240: 1.0}
    assert found[f"slo:period_coverage:ratio{labels}"][240] == pytest.approx(150 / 43200)


def test_a_quiet_hour_is_nought_events_and_no_ratio() -> None:
    events = EventSeries.from_minutes(0, np.zeros(60), np.zeros(60), np.ones(60))
    found = samples(Measured(objective("bad"), {(): events}, Interval(0, 60)))
    names = {series.partition("{")[0] for series in found}
    assert not {name for name in names if "ratio:" in name or "rate" in name}
    assert {value for series, values in found.items() if "events" in series for value in values.values()} == {0.0}


def test_counts_alone_are_enough_for_the_rules() -> None:
    found = samples(Measured(objective("bad"), {(): seen(60, Interval(0, 0))}, Interval(0, 60)), counts_only=True)
    assert {series.partition("{")[0] for series in found} == {
        *(f"slo:{of}_events:{name}" for of in ("total", "bad") for name in ("increase5m", "sum5m", "sum1h")),
        "slo:coverage:ratio1h",
    }


def test_groups_have_counts_of_their_own_and_the_coverage_of_the_whole() -> None:
    events = seen(60, Interval(0, 0))
    group = (("route", 'a\\b "c"\nd'),)
    found = samples(Measured(objective("grouped"), {(): events, group: events}, Interval(0, 60)))
    assert any('route="a\\\\b \\"c\\"\\nd"' in series for series in found)
    assert len([series for series in found if series.startswith("slo:total_events:sum5m")]) == 2
    assert len([series for series in found if "coverage" in series]) == 2


def test_a_calendar_has_no_period_to_write() -> None:
    found = samples(Measured(objective("month"), {(): seen(60, Interval(0, 0))}, Interval(0, 60)))
    assert not [series for series in found if "period" in series or "budget" in series]


def test_a_target_of_everything_has_no_burn_rate() -> None:
    full = replace(objective("full"), labels={})
    found = samples(Measured(full, {(): seen(60, Interval(0, 0))}, Interval(0, 60)))
    assert not [series for series in found if "burn_rate" in series or "budget" in series]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--from", "yesterday"], "--from: 'yesterday' is not a time"),
        (["--to", "2026-11-01"], "--to: '2026-11-01' is not a time"),
        (["--from", "2026-11-02T00:00:00Z", "--to", "2026-11-01T00:00:00Z"], "--from is not before --to"),
        (["--prometheus", "http://127.0.0.1:1"], "exclude each other"),
    ],
)
def test_bad_options_are_one_clear_line(
    options: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "history.om"
    assert run(["backfill", str(EXAMPLE), "--demo", "-o", str(target), *options]) == 2
    assert complaint in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_source_that_fails_leaves_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "history.om"
    options = ["--prometheus", "http://127.0.0.1:1", "--timeout", "1", "--to", "2026-11-01T00:00:00Z"]
    assert run(["backfill", str(EXAMPLE), "-o", str(target), *options]) == 3
    assert "nothing is written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
