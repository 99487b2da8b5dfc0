"""The generated rules in a real Prometheus: what they record is the truth, and what the ledger counted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from bench import peers
from bench.accuracy import availability, scenarios
from bench.arrivals import ArrivingReader
from bench.collected import collect
from bench.rules import LEVELS, evaluated, recording_rules
from slo.render.rules import Layout, render_rules
from slo.samples import SeriesSamples
from slo.source.fleet import simulate
from slo.spec.policy import known_policies
from slo.window import Interval
from tests.rules.objectives import every_kind
from tests.support.prometheus import prometheus_with

STEP_SECONDS = 30
PER_SECOND = 10
GROUP = 'route="a"'
FAILING = {"bad", "good", "probe", "grouped", "month", "low"}


def series(now: int) -> Iterator[SeriesSamples]:
    """Half an hour to `now` in which every request fails, and every second one of another service is slow."""
    times = np.arange(now - 1800, now + 1, STEP_SECONDS, dtype=np.int64)
    counts = (times - times[0]) * float(PER_SECOND)
    target = {"job": "shop", "instance": "a"}
    for labels, values in (
        ({"__name__": "requests_total", "status": "500", "route": "a"}, counts),
        ({"__name__": "seconds_count"}, counts),
        ({"__name__": "seconds_bucket", "le": "0.3"}, counts / 2),
        ({"__name__": "up"}, np.ones(times.size)),
    ):
        yield SeriesSamples({**target, **labels}, times * 1000, values)
    yield SeriesSamples(
        {"__name__": "probe_success", "job": "blackbox", "instance": "b"}, times * 1000, np.zeros(times.size)
    )


class Recorded:
    """A Prometheus that has evaluated all of its rules at least once."""

    def __init__(self, url: str, last: int) -> None:
        self._url = url
        self._last = last

    def rules(self) -> list[dict[str, Any]]:
        answer = requests.get(f"{self._url}/api/v1/rules", timeout=10).json()
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]]

    def value(self, query: str) -> float | None:
        answer = requests.post(f"{self._url}/api/v1/query", data={"query": query}, timeout=10).json()
        result = answer["data"]["result"]
        assert len(result) <= 1, query
        return float(result[0]["value"][1]) if result else None

    def paging(self) -> set[str]:
        """The names of the objectives that page."""
        query = 'ALERTS{alertname="ErrorBudgetBurn",alertstate="firing",severity="page"}'
        answer = requests.post(f"{self._url}/api/v1/query", data={"query": query}, timeout=10).json()
        return {one["metric"]["slo"].removeprefix("shop/") for one in answer["data"]["result"]}

    def expected(self, series: str) -> float:
        """Requests of the five minutes before the evaluation that a recorded sample is of."""
        at = self.value(f"timestamp({series})")
        assert at is not None
        before = int(at - 300) // STEP_SECONDS * STEP_SECONDS
        return float(self._last - before) * PER_SECOND


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    [file], _ = render_rules(every_kind(), Layout(format="prometheus"))
    quick = file.text.replace("interval: 1m\n", "interval: 1s\n").replace("interval: 5m\n", "interval: 1s\n")
    now = int(time.time()) // STEP_SECONDS * STEP_SECONDS
    with prometheus_with(series(now), tmp_path_factory.mktemp("rules"), rules=quick) as url:
        found = Recorded(url, now)
        deadline = time.monotonic() + 60
        while any(rule["health"] == "unknown" for rule in found.rules()) or not found.paging() >= FAILING:
            assert time.monotonic() < deadline, "the rules were not evaluated in time"
            time.sleep(0.2)
        yield found


def test_every_rule_is_evaluated_without_an_error(recorded: Recorded) -> None:
    rules = recorded.rules()
    assert len(rules) > 200
    assert {(rule["health"], rule.get("lastError", "")) for rule in rules} == {("ok", "")}


@pytest.mark.parametrize("name", ["bad", "good", "latency", "month", "low"])
def test_five_minutes_of_events_are_counted_exactly(name: str, recorded: Recorded) -> None:
    total = f'slo:total_events:increase5m{{slo="shop/{name}"}}'
    assert recorded.value(total) == pytest.approx(recorded.expected(total), abs=0.01)
    bad = f'slo:bad_events:increase5m{{slo="shop/{name}"}}'
    share = 0.5 if name == "latency" else 1.0
    assert recorded.value(bad) == pytest.approx(share * recorded.expected(bad), abs=0.01)


def test_a_group_and_the_whole_are_counted(recorded: Recorded) -> None:
    for matchers in ('route="a"', 'route=""'):
        total = f'slo:total_events:increase5m{{slo="shop/grouped",{matchers}}}'
        assert recorded.value(total) == pytest.approx(recorded.expected(total), abs=0.01)


@pytest.mark.parametrize("window", ["5m", "30m", "1h", "2h", "6h", "1d"])
def test_a_ratio_is_that_of_the_events(window: str, recorded: Recorded) -> None:
    assert recorded.value(f'slo:error_ratio:{window}{{slo="shop/bad"}}') == pytest.approx(1.0)
    assert recorded.value(f'slo:error_ratio:{window}{{slo="shop/latency"}}') == pytest.approx(0.5)


def test_what_fails_wholly_pages(recorded: Recorded) -> None:
    assert recorded.paging() >= FAILING
    assert recorded.value('count(ALERTS{alertname="SLOMetricAbsent",alertstate="firing"})') is None


def test_no_period_is_told_that_prometheus_does_not_hold(recorded: Recorded) -> None:
    covered = recorded.value('slo:period_coverage:ratio{slo="shop/bad"}')
    assert covered is None or covered < 0.01


@pytest.mark.parametrize("name", ["churn 8 h, lazy errors", "cron errors every 5 min", "restarts, rare lazy errors"])
def test_the_recorded_ratio_is_the_truth_and_what_the_ledger_counted(name: str, tmp_path: Path) -> None:
    """Within 1 %, or one bad event where there are few."""
    spec = replace(scenarios(2, 30)[name], days=1, base_error_ratio=0.002)
    fleet = simulate(spec)
    window = Interval(spec.start + 300, spec.start + 900)
    objective = replace(availability(window), alert_policy=known_policies()["sre-workbook"])
    ratio = _recorded_ratio(fleet.series, recording_rules(objective), window, tmp_path)
    truth = fleet.reached.within(window)
    ledger = collect(objective, ArrivingReader(fleet.series), window).kept.within(window)
    assert truth.bad > 20
    allowed = max(0.01 * truth.bad, 1) / truth.total
    assert ratio == pytest.approx(truth.bad / truth.total, abs=allowed)
    assert ratio == pytest.approx(ledger.bad / ledger.total, abs=allowed)


def _recorded_ratio(fleet: Mapping[str, Any], rules: Mapping[str, str], window: Interval, folder: Path) -> float | None:
    """What the rules record of the period: each level of them evaluated at every minute from an hour before on."""
    held = [one for group in fleet.values() for one in group]
    before = Interval(window.start - 10, window.end)
    for number, level in enumerate(LEVELS):
        (folder / str(number)).mkdir()
        with prometheus_with(held, folder / str(number)) as url:
            held += [one for record in level for one in evaluated(url, record, rules[record], before)]
    (folder / "last").mkdir()
    with prometheus_with(held, folder / "last") as url:
        return peers.instant(url, rules["slo:error_ratio:period"], window.end)
