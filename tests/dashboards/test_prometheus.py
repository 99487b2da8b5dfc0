"""Every query of every dashboard on a real Prometheus with the generated rules, and a history of known truth."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from slo.events import EventSeries
from slo.objective import Group, Objective
from slo.render.dashboards import Form, Site, render_dashboards
from slo.render.rules import Layout, render_rules
from slo.render.rules.history import Measured, openmetrics
from slo.report import ObjectiveReport, evaluate
from slo.spec import load_objectives
from slo.window import Interval
from tests.support.grafana import Grafana, shown, targets
from tests.support.prometheus import load_openmetrics, prometheus_with

FILE = """\
service: shop
labels: {team: "a/b \\"q\\" é"}
objectives:
  - {name: calm, target: 99.9%, window: 30d, sli: {ratio: {bad: bad_total, total: requests_total}}}
  - {name: spent, target: 99.5%, window: 7d, sli: {ratio: {bad: bad_total, total: requests_total}}}
  - {name: burning, target: 99%, window: 28d, sli: {ratio: {bad: bad_total, total: requests_total}}}
  - name: routes
    target: 99.9%
    window: 30d
    group_by: [route]
    sli: {ratio: {bad: bad_total, total: requests_total}}
alerting: {policy: sre-workbook, runbook: "https://runbooks.example.com/shop"}
"""
DAY, PER_MINUTE = 1440, 1000.0
ROUTES: tuple[Group, ...] = ((("route", 'a "b" c'),), (("route", "/x{y}"),))


def truth(objective: Objective, end: int) -> dict[Group, EventSeries]:
    """30 days and more at a steady rate, with an outage days ago; one objective burns to the end."""
    minutes = 31 * DAY
    total, bad = np.full(minutes, PER_MINUTE), np.zeros(minutes)
    bad[-5 * DAY : -5 * DAY + 40] = {"spent": 1000, "calm": 300, "routes": 150}.get(objective.name, 0)
    bad[-3 * DAY : -3 * DAY + 20] = {"spent": 1000}.get(objective.name, 0)
    # Before the period: nothing of it may be left over in it.
    bad[-10 * DAY : -10 * DAY + 20] = {"spent": 1000}.get(objective.name, 0)
    if objective.name == "burning":
        bad[-400:] = 400
    whole = EventSeries.from_minutes(end - minutes, bad, total, np.ones(minutes))
    if not objective.group_by:
        return {(): whole}
    half = EventSeries.from_minutes(end - minutes, bad, total / 2, np.ones(minutes))
    fine = EventSeries.from_minutes(end - minutes, 0 * bad, total / 2, np.ones(minutes))
    return {(): whole, ROUTES[0]: half, ROUTES[1]: fine}


class Shop:
    """A Prometheus with the history and the rules, what Grafana would ask it, and what the reports say."""

    def __init__(self, url: str, end: int, objectives: list[Objective]) -> None:
        self.url = url
        self.at = int(time.time())
        self.dashboards: dict[str, dict[str, Any]] = {
            file.name.removesuffix(".json"): json.loads(file.text)
            for file in render_dashboards(objectives, Site(), Form())
        }
        at = datetime.fromtimestamp(60 * end, UTC)
        self.reports: dict[str, ObjectiveReport] = {
            one.id: evaluate(one, truth(one, end)[()], at=at) for one in objectives
        }

    def grafana(self, slo: str | None = None) -> Grafana:
        """One objective chosen, or all."""
        period = {"shop/spent": "7d", "shop/burning": "28d"}.get(slo or "", "30d")
        chosen = {"slo": [slo] if slo else ".+", "period": period, "service": ".+", "team": ['a/b "q" é']}
        return Grafana(self.url, self.at, chosen)

    def panel(self, dashboard: str, title: str) -> dict[str, Any]:
        return next(one for one in self.dashboards[dashboard]["panels"] if one["title"] == title)

    def figures(self, dashboard: str, title: str, number: int = 0, slo: str | None = None) -> dict[str, float]:
        """The last value of a panel's query by objective."""
        panel = self.panel(dashboard, title)
        found = self.grafana(slo).answer(panel, panel["targets"][number], "24h")
        return {one["metric"].get("slo", ""): float(one.get("value", one.get("values", [()])[-1])[1]) for one in found}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("dashboards")
    objectives = load_objectives(FILE)
    # The rules go on counting by whole five minutes: these must hold until they are looked at.
    end = int(time.time() + 60) // 300 * 5
    measured = [Measured(one, truth(one, end), Interval(end - 30 * DAY, end)) for one in objectives]
    (folder / "history.om").write_text("".join(openmetrics(measured, counts_only=False)))
    load_openmetrics(folder / "history.om", folder / "data")
    [file], _ = render_rules(objectives, Layout(format="prometheus"))
    quick = file.text.replace("interval: 1m\n", "interval: 2s\n").replace("interval: 5m\n", "interval: 2s\n")
    with prometheus_with((), folder, rules=quick) as url:
        deadline = time.monotonic() + 120
        # The last series of each objective's rules, and the alerts of the one that burns.
        wanted = {"slo_info": 4, "slo:period_coverage:ratio": 4, 'ALERTS{alertstate="firing"}': 2}
        while any(
            len(Grafana(url, int(time.time()), {}).query(f"timestamp({series}) > {60 * end}")) < count
            for series, count in wanted.items()
        ):
            assert time.monotonic() < deadline, "the rules were not evaluated in time"
            time.sleep(0.2)
        yield Shop(url, end, objectives)


@pytest.mark.parametrize("name", ["error-budget", "overview", "detail"])
def test_every_query_gives_what_its_panel_can_draw(name: str, shop: Shop) -> None:
    dashboard = shop.dashboards[name]
    asked = 0
    for panel, target in targets(dashboard):
        found = shop.grafana().answer(panel, target, "24h")
        asked += 1
        assert found, (panel["title"], target["expr"])
        for one in found:
            points = [one["value"]] if target["instant"] else one["values"]
            assert all(np.isfinite(float(value)) for _, value in points), (panel["title"], one)
            wanted = {"slo"} if "{{slo}}" in target["legendFormat"] and "count(" not in target["expr"] else set()
            assert wanted <= set(one["metric"]), (panel["title"], one["metric"])
            # Nothing but what the panel names its series by: no replica, no job, no recorded series' name.
            named = {"slo", "route", "severity", "long_window"}
            assert set(one["metric"]) <= named, (panel["title"], one["metric"])
    assert asked >= 4


@pytest.mark.parametrize("name", ["calm", "spent", "burning", "routes"])
def test_the_four_figures_are_those_of_the_report(name: str, shop: Shop) -> None:
    """As they are displayed; a negative budget is negative."""
    slo = f"shop/{name}"
    reported = shop.reports[slo]
    assert reported.budget is not None
    for title, expected in (
        ("Current SLO", reported.availability_ratio),
        ("Error budget remaining", reported.budget.remaining_ratio),
        ("Downtime left (minutes)", reported.budget.remaining_minutes),
    ):
        panel = shop.panel("error-budget", title)
        assert expected is not None
        assert shown(shop.figures("error-budget", title, slo=slo)[slo], panel, slo) == shown(expected, panel, slo)
    for number, window in enumerate((60, 360)):
        expected = next(one.burn_rate for one in reported.burn_rates if one.window_minutes == window)
        assert expected is not None
        figure = shop.figures("error-budget", "Burn rate, last 24 hours", number, slo)[slo]
        graph = shop.panel("error-budget", "Burn rate, last 24 hours")
        assert shown(figure, graph, slo) == shown(expected, graph, slo)
    if name == "spent":
        assert shop.figures("error-budget", "Error budget remaining")[slo] < 0


def test_the_state_is_that_of_the_report(shop: Shop) -> None:
    names = {-1: "no_data", 0: "ok", 1: "burning", 2: "exhausted"}
    found = {slo: names[int(value)] for slo, value in shop.figures("detail", "State").items()}
    assert found == {slo: report.state.value for slo, report in shop.reports.items()}
    assert set(found.values()) == {"ok", "burning", "exhausted"}
    counts = [next(iter(shop.figures("overview", name).values())) for name in ("Exhausted", "Burning", "Ok", "No data")]
    assert counts == [1, 1, 2, 0]


@pytest.mark.parametrize("name", ["calm", "spent", "burning"])
def test_the_budget_burns_down_from_all_to_the_rest(name: str, shop: Shop) -> None:
    slo = f"shop/{name}"
    panel = shop.panel("detail", "Burn-down of the budget")
    spent, even = (shop.grafana(slo).answer(panel, target, "24h")[0]["values"] for target in panel["targets"])
    values = [float(value) for _, value in spent]
    assert values[0] == pytest.approx(1, abs=0.01)
    assert values == sorted(values, reverse=True)
    rest = shop.reports[slo].budget
    assert rest is not None
    assert values[-1] == pytest.approx(rest.remaining_ratio, abs=2e-3)
    assert (float(even[0][1]), float(even[-1][1])) == pytest.approx((1, 0), abs=0.01)


def test_the_dearest_hours_are_those_of_the_outages(shop: Shop) -> None:
    panel = shop.panel("detail", "What spent the budget: the ten dearest hours")
    [found] = shop.grafana("shop/spent").answer(panel, panel["targets"][0], "24h")
    share = sum(float(value) for _, value in found["values"])
    assert len(found["values"]) <= 4
    assert share == pytest.approx(60_000 / 50_400, rel=0.02)


def test_a_threshold_is_that_of_the_objective(shop: Shop) -> None:
    """Over a week the Workbook's share of the budget is gone at a quarter of the speed."""
    found = shop.figures("detail", "Page: 1h and 5m", 2)
    assert found == pytest.approx({"shop/calm": 14.4, "shop/routes": 14.4, "shop/spent": 3.36, "shop/burning": 13.44})


def test_groups_stand_for_themselves(shop: Shop) -> None:
    panel = shop.panel("detail", "Budget of each group")
    found = shop.grafana().answer(panel, panel["targets"][0], "24h")
    lost = 6000 / (0.001 * 30 * DAY * PER_MINUTE / 2)
    values = {one["metric"]["route"]: float(one["value"][1]) for one in found}
    assert values == pytest.approx({'a "b" c': 1 - lost, "/x{y}": 1}, abs=1e-4)


def test_variables_offer_objectives_services_and_any_label(shop: Shop) -> None:
    offered = {}
    for dashboard in shop.dashboards.values():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                offered[variable["name"]] = shop.grafana("shop/spent").values_of_label(variable["query"])
    assert offered == {
        "slo": ["shop/burning", "shop/calm", "shop/routes", "shop/spent"],
        "service": ["shop"],
        "team": ['a/b "q" é'],
        "period": ["7d"],
    }


@pytest.mark.parametrize(("team", "rows"), [('a/b "q" é', 4), ("a/b", 0), ("a.b|.*", 0), ("x\\y'z", 0)])
def test_a_label_filters_by_its_very_value(team: str, rows: int, shop: Shop) -> None:
    panel = shop.panel("overview", "Objectives")
    grafana = Grafana(shop.url, shop.at, {"service": ".+", "team": [team]})
    assert len(grafana.answer(panel, panel["targets"][0], "24h")) == rows


def test_annotations_are_answered(shop: Shop) -> None:
    annotations = [one for one in shop.dashboards["error-budget"]["annotations"]["list"] if "expr" in one]
    answers = {one["name"]: shop.grafana().query(one["expr"]) for one in annotations}
    assert {one["metric"]["slo"] for one in answers["Alerts"]} == {"shop/burning"}
    assert set(answers) == {"Alerts", "Chaos runs", "Gates denying"}
