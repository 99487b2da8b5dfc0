"""The service's exact series: they come before recorded ones, and fill the dashboards by themselves."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slo.objective import Objective
from slo.render.dashboards import Form, Site, render_dashboards
from slo.samples import SeriesSamples
from slo.spec import load_objectives
from tests.support.grafana import Grafana, targets
from tests.support.prometheus import prometheus_with

FILE = """\
service: shop
labels: {team: "a/b \\"q\\" é"}
objectives:
  - {name: calm, target: 99.9%, window: 30d, sli: {ratio: {bad: bad_total, total: requests_total}}}
  - {name: routes, target: 99.9%, window: 30d, group_by: [route], sli: {ratio: {bad: bad_total, total: requests_total}}}
alerting: {policy: sre-workbook}
"""
GAUGES = {
    "slo_availability_ratio": 0.9995,
    "slo_budget_remaining_ratio": 0.5,
    "slo_budget_remaining_minutes": 21.6,
    "slo_coverage_ratio": 0.75,
}
PER_MINUTE = {"slo_bad_events_total": 3.5, "slo_total_events_total": 1000.0}
WINDOWS = "5m 30m 1h 2h 6h 1d 3d".split()


def of_service(slo: str, end: int) -> Iterator[SeriesSamples]:
    """What two replicas of the service expose of an objective for two hours: the whole, and one group of it."""
    times = np.arange(60 * end - 7200, 60 * end + 600, 60, dtype=np.int64) * 1000
    since = np.arange(times.size, dtype=float)
    own = {"slo": slo, "slo_service": "shop", "team": 'a/b "q" é', "job": "slo"}
    for replica in ("one", "two"):
        whole = {**own, "instance": replica}
        yield SeriesSamples({"__name__": "slo_target_ratio", **whole}, times, np.full(times.size, 0.999))
        info = {"__name__": "slo_info", "period": "30d", **whole}
        yield SeriesSamples(info, times, np.ones(times.size))
        for labels in (whole, {**whole, "route": "/x"}):
            for name, value in GAUGES.items():
                # What a group has differs, and must not be taken for the whole.
                figure = value / 2 if "route" in labels else value
                yield SeriesSamples({"__name__": name, **labels}, times, np.full(times.size, figure))
            for name, rate in PER_MINUTE.items():
                yield SeriesSamples({"__name__": name, **labels}, times, 5000 + rate * since)
            for window in WINDOWS:
                burn = {"__name__": "slo_burn_rate", "window": window, **labels}
                yield SeriesSamples(burn, times, np.full(times.size, 3.5))


def recorded(slo: str, end: int) -> Iterator[SeriesSamples]:
    labels = {"slo": slo, "slo_service": "shop", "team": 'a/b "q" é'}
    for name, value in (("slo:target:ratio", 0.999), ("slo:budget_remaining:ratio", 0.25), ("slo:burn_rate:1h", 1)):
        yield SeriesSamples({"__name__": name, **labels}, np.array([60_000 * end]), np.array([value]))


def dashboards(objectives: list[Objective]) -> dict[str, dict[str, Any]]:
    files = render_dashboards(objectives, Site(), Form())
    return {file.name.removesuffix(".json"): json.loads(file.text) for file in files}


class Service:
    """What Grafana would ask and show. period: as the variable has it; the counters are two hours old."""

    def __init__(self, url: str, end: int, period: str = "30d") -> None:
        self.grafana = Grafana(url, 60 * end, {"slo": ".+", "period": period, "service": ".+", "team": ".+"})
        self.dashboards = dashboards(load_objectives(FILE))

    def last(self, dashboard: str, title: str, number: int = 0) -> dict[str, float]:
        """By objective, the last value of a panel's query."""
        panel = next(one for one in self.dashboards[dashboard]["panels"] if one["title"] == title)
        found = self.grafana.answer(panel, panel["targets"][number], "1h")
        return {one["metric"]["slo"]: float(one.get("value", one.get("values", [()])[-1])[1]) for one in found}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A Prometheus that scrapes the service and has no rules."""
    end = int(time.time()) // 60
    series = [one for slo in ("shop/calm", "shop/routes") for one in of_service(slo, end)]
    with prometheus_with(series, tmp_path_factory.mktemp("exact")) as url:
        yield Service(url, end)


@pytest.mark.parametrize("name", ["error-budget", "overview", "detail"])
def test_without_rules_every_panel_has_figures_but_those_of_alerts(name: str, service: Service) -> None:
    empty = {
        panel["title"]
        for panel, target in targets(service.dashboards[name])
        if not service.grafana.answer(panel, target, "1h")
    }
    # The counters are younger than the period: the budget of all of it cannot be told.
    without = {"Alerts that fired", "What spent the budget: the ten dearest hours"}
    assert empty == (without if name == "detail" else set())


@pytest.mark.parametrize(
    ("dashboard", "title", "number", "expected"),
    [
        ("error-budget", "Current SLO", 0, 0.9995),
        ("error-budget", "Error budget remaining", 0, 0.5),
        ("error-budget", "Burn rate, last 24 hours", 0, 3.5),
        ("error-budget", "Burn rate, last 24 hours", 1, 3.5),
        ("error-budget", "Downtime left (minutes)", 0, 21.6),
        ("detail", "State", 0, 0),
        ("detail", "Coverage of the period", 0, 0.75),
        ("detail", "Burn-down of the budget", 0, 0.5),
        ("detail", "Error ratio and what is allowed", 0, 0.0035),
        ("detail", "Error ratio and what is allowed", 1, 0.001),
        ("detail", "Events a minute", 0, 1000),
        ("detail", "Events a minute", 1, 3.5),
        ("detail", "Page: 1h and 5m", 2, 14.4),
    ],
)
def test_figures_are_the_service_s(dashboard: str, title: str, number: int, expected: float, service: Service) -> None:
    found = service.last(dashboard, title, number)
    assert found == pytest.approx({"shop/calm": expected, "shop/routes": expected}, rel=1e-6)


def test_what_spent_the_budget_is_told_by_counters_as_old_as_the_period(service: Service) -> None:
    """Of an hour's 60,000 events 60 may be bad, and 210 were."""
    old = Service(service.grafana.url, service.grafana.at // 60, period="1h")
    found = old.last("detail", "What spent the budget: the ten dearest hours")
    assert found == pytest.approx({"shop/calm": 3.5, "shop/routes": 3.5})
    panel = next(one for one in old.dashboards["detail"]["panels"] if one["title"] == "Burn-down of the budget")
    for one in old.grafana.answer(panel, panel["targets"][0], "24h"):
        values = [float(value) for _, value in one["values"]]
        assert (values[0], values[-1]) == pytest.approx((1, 1 - 3.5))


def test_variables_are_filled_without_rules(service: Service) -> None:
    offered = {
        variable["name"]: service.grafana.values_of_label(variable["query"])
        for dashboard in service.dashboards.values()
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    }
    assert offered == {
        "slo": ["shop/calm", "shop/routes"],
        "service": ["shop"],
        "team": ['a/b "q" é'],
        "period": ["30d"],
    }


def test_exact_figures_come_first_and_never_beside_recorded_ones(tmp_path: Path) -> None:
    end = int(time.time()) // 60
    panels = {
        panel["title"]: panel["targets"][0]["expr"]
        for panel in dashboards(load_objectives(FILE))["error-budget"]["panels"]
    }
    both = [*of_service("shop/calm", end), *recorded("shop/calm", end), *recorded("shop/routes", end)]
    with prometheus_with(both, tmp_path) as url:
        grafana = Grafana(url, 60 * end, {"slo": ".+"})
        for title, exact, other in (("Error budget remaining", 0.5, 0.25), ("Burn rate, last 24 hours", 3.5, 1)):
            found = {one["metric"]["slo"]: float(one["value"][1]) for one in grafana.query(panels[title])}
            assert found == {"shop/calm": exact, "shop/routes": other}
