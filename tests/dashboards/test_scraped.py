"""The service's own /metrics in a real Prometheus: the dashboards show what the report says, to the last digit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from slo.clock import parse_time
from slo.render.dashboards import Form, Site, render_dashboards
from slo.report import ObjectiveReport, Report
from slo.reporting import make_report
from slo.samples import SeriesSamples
from slo.serving.publishing import make_snapshot
from slo.serving.snapshot import Snapshot
from slo.source.simulated import simulated_cloudshop
from slo.spec import load_files
from tests.support.grafana import Grafana
from tests.support.prometheus import prometheus_with

AT = parse_time("2026-11-01T00:00:00Z")
FILE = """\
service: cloudshop
labels: {team: "a \\"quoted\\" team"}
objectives:
  - {name: availability, target: 99.9%, window: 30d, group_by: [service], sli: REQUESTS}
  - {name: spent, target: 99.99%, window: 30d, sli: REQUESTS}
  - {name: strict, target: 100%, window: 1d, sli: REQUESTS}
  - {name: silent, target: 99%, window: 7d, sli: {ratio: {bad: nothing_bad, total: nothing}}}
  - {name: month, target: 99.9%, window: {calendar: month, time_zone: Europe/Paris}, sli: REQUESTS}
alerting: {policy: sre-workbook}
""".replace("REQUESTS", "{ratio: {bad: 'http_requests_total{status=~\"5..\"}', total: http_requests_total}}")


def scraped(metrics: str) -> Iterator[SeriesSamples]:
    """What a scrape of the service makes of its text."""
    times = np.arange(-240, 1, 60, dtype=np.int64) * 1000 + int(AT.timestamp() * 1000)
    for family in text_string_to_metric_families(metrics):
        for one in family.samples:
            labels = {"__name__": one.name, **one.labels, "job": "slo", "instance": "one"}
            yield SeriesSamples(labels, times, np.full(times.size, float(one.value)))


class Shown:
    def __init__(self, url: str, report: Report, panels: dict[str, dict[str, Any]]) -> None:
        chosen = {"slo": ".+", "service": ".+", "team": ".+", "period": "30d"}
        self._grafana = Grafana(url, int(AT.timestamp()), chosen)
        self._panels = panels
        self.report = report
        self.whole = {one.slo: one for one in report.objectives if not one.group}

    def figures(self, title: str, number: int = 0) -> list[dict[str, Any]]:
        panel = self._panels[title]
        return self._grafana.answer(panel, panel["targets"][number], "5m")

    def by_objective(self, title: str, number: int = 0) -> dict[str, float]:
        found = self.figures(title, number)
        values = {one["metric"]["slo"]: float(one.get("value", one.get("values", [()])[-1])[1]) for one in found}
        assert len(values) == len(found)
        return values


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder: Path = tmp_path_factory.mktemp("scraped")
    (folder / "o.yaml").write_text(FILE, encoding="utf-8")
    spec, source = load_files([folder / "o.yaml"]), simulated_cloudshop(at=AT)
    report = make_report(spec.objectives, source, at=AT, progress=lambda share: None)
    metrics = Snapshot.open(make_snapshot(spec, source, at=AT, cycle=1, made_at=AT)).metrics
    made = [json.loads(file.text) for file in render_dashboards(spec.objectives, Site(), Form())]
    panels = {panel["title"]: panel for dashboard in made for panel in dashboard["panels"]}
    with prometheus_with(scraped(bytes(metrics).decode()), folder) as url:
        yield Shown(url, report, panels)


def remaining(one: ObjectiveReport) -> float | None:
    return one.budget.remaining_ratio


def burn_rate(one: ObjectiveReport, window_minutes: int) -> float | None:
    return next(burn.burn_rate for burn in one.burn_rates if burn.window_minutes == window_minutes)


def defined(values: dict[str, float | None]) -> dict[str, float]:
    return {slo: value for slo, value in values.items() if value is not None}


def test_the_four_figures_of_every_objective(page: Shown) -> None:
    expected = {slo: one.availability_ratio for slo, one in page.whole.items()}
    assert page.by_objective("Current SLO") == defined(expected)
    assert page.by_objective("Error budget remaining") == defined({s: remaining(one) for s, one in page.whole.items()})
    assert page.by_objective("Downtime left (minutes)") == defined(
        {slo: one.budget.remaining_minutes for slo, one in page.whole.items()}
    )
    for number, minutes in enumerate((60, 360)):
        assert page.by_objective("Burn rate, last 24 hours", number) == defined(
            {slo: burn_rate(one, minutes) for slo, one in page.whole.items()}
        )
    assert page.by_objective("Error budget remaining")["cloudshop/spent"] < 0
    assert "cloudshop/month" in page.by_objective("Error budget remaining")


def test_states_without_rules_are_those_of_the_report_but_for_alerts(page: Shown) -> None:
    names = {-1: "no_data", 0: "ok", 2: "exhausted"}
    shown = {slo: names[int(value)] for slo, value in page.by_objective("State").items()}
    assert shown == {slo: one.state.value for slo, one in page.whole.items()}


def test_groups_are_the_report_s(page: Shown) -> None:
    groups = {dict(one.group)["service"]: one for one in page.report.objectives if one.group}
    assert groups
    shown = {one["metric"]["service"]: float(one["value"][1]) for one in page.figures("Budget of each group")}
    assert shown == defined({name: remaining(one) for name, one in groups.items()})
