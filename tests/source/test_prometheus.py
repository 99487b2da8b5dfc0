"""Against a real Prometheus with data of known truth: the lab's queries, every kind of indicator, a live exporter."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Counter, ProcessCollector, start_http_server

from slo.errors import DataError, SpecError
from slo.objective import Comparison, EmptySlice, LatencySLI, Objective, ProbeSLI, RatioSLI, TimeSlices
from slo.promql.text import selector_text
from slo.report import State, evaluate
from slo.reporting import make_report
from slo.samples import SeriesSamples
from slo.selector import Matcher, MatchOp, Selector
from slo.source.discovery import propose_objectives
from slo.source.fleet import Fleet
from slo.source.prometheus import PrometheusReader, PrometheusSource
from slo.source.prometheus_api import PrometheusApi
from slo.source.protocol import Measured
from slo.source.sampled import SampledSource
from slo.spec import load_objectives
from slo.window import Interval, RollingWindow, datetime_of, minute_of
from tests.arithmetic.objectives import TOTAL, objective
from tests.conftest import FLEET_START, LoadPrometheus
from tests.support.prometheus import prometheus_with

WINDOW = Interval(FLEET_START, FLEET_START + 2 * 1440)
LATENCY = Selector("http_request_duration_seconds", frozenset({Matcher("namespace", MatchOp.EQUAL, "cloudshop-prod")}))


def measure(url: str, one: Objective, interval: Interval = WINDOW) -> Measured:
    found = PrometheusSource(url).events([one], [interval], lambda _: None)[one.id]
    assert isinstance(found, Measured), found
    return found


def query(url: str, text: str, at_minute: int) -> float | None:
    """What Prometheus itself computes."""
    form = urllib.parse.urlencode({"query": text, "time": at_minute * 60}).encode()
    with urllib.request.urlopen(f"{url}/api/v1/query", data=form, timeout=30) as answer:
        result = json.load(answer)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def test_the_labs_third_query_excludes_nothing_and_ours_is_right(fleet_url: str, known_fleet: Fleet) -> None:
    """`status!="5.."` compares with the text "5..", so the lab sees its 43.2 minutes untouched after an outage."""
    minutes_left = """2.88 * (1 - ((1 - (
        sum(rate(http_requests_total{status!="5..",namespace="cloudshop-prod"}[2d]))
        / sum(rate(http_requests_total{namespace="cloudshop-prod"}[2d])))) / (1 - 0.999)))"""
    assert query(fleet_url, minutes_left, WINDOW.end) == pytest.approx(2.88)
    one = objective(window=RollingWindow(2 * 1440))
    report = evaluate(one, measure(fleet_url, one).groups[()], at=datetime_of(WINDOW.end))
    truth = known_fleet.reached.within(WINDOW)
    assert truth.bad > 1000
    assert report.budget.total_minutes == 2.88
    assert report.budget.remaining_minutes == pytest.approx(2.88 * (1 - truth.bad / truth.total / 0.001), rel=5e-4)
    assert report.state is State.EXHAUSTED


def test_lazily_created_errors_are_lost_to_promql_and_not_to_us(fleet_url: str, known_fleet: Fleet) -> None:
    bad = query(fleet_url, 'sum(increase(http_requests_total{status=~"5.."}[2d]))', WINDOW.end)
    counted = measure(fleet_url, objective()).groups[()].within(WINDOW).bad
    truth = known_fleet.reached.within(WINDOW).bad
    assert bad is not None
    assert abs(counted - truth) <= 5 < abs(bad - truth)


@pytest.mark.parametrize("chunk_minutes", [7, 61, 1440, 10_000])
def test_the_length_of_a_read_changes_nothing(fleet_url: str, chunk_minutes: int) -> None:
    reader = PrometheusReader(PrometheusApi(fleet_url, timeout_seconds=30))
    interval = Interval(WINDOW.start + 900, WINDOW.start + 1300)
    [found] = (
        SampledSource(reader, chunk_minutes=chunk_minutes).events([objective()], [interval], lambda _: None).values()
    )
    assert isinstance(found, Measured)
    whole = measure(fleet_url, objective(), interval)
    assert np.abs(found.groups[()].bad - whole.groups[()].bad).max() <= 1
    assert np.abs(found.groups[()].good - whole.groups[()].good).max() <= 1
    assert found.groups[()].covered == pytest.approx(whole.groups[()].covered, abs=0.5)


def test_latency_counts_what_is_slower_than_the_threshold(fleet_url: str, known_fleet: Fleet) -> None:
    one = objective(sli=LatencySLI(histogram=LATENCY, threshold=Decimal("0.3")))
    counts = measure(fleet_url, one).groups[()].within(WINDOW)
    slow = known_fleet.slow.within(WINDOW)  # of all that happened, also what no scrape saw
    assert counts.total == pytest.approx(known_fleet.reached.within(WINDOW).total, rel=5e-5)
    assert counts.bad / counts.total == pytest.approx(slow.bad / slow.total, rel=2e-3)


def test_a_threshold_that_is_no_bucket_lists_the_buckets_there_are(fleet_url: str) -> None:
    one = objective(sli=LatencySLI(histogram=LATENCY, threshold=Decimal("0.25")))
    with pytest.raises(
        SpecError, match=r"0\.25 is no bucket of http_request_duration_seconds; buckets found: .*0\.3.*\+Inf"
    ):
        PrometheusSource(fleet_url).events([one], [WINDOW], lambda _: None)


def counter(labels: dict[str, str], points: dict[int, float], metric: str = "http_requests_total") -> SeriesSamples:
    """A series of the shop; times in seconds after the start of the window."""
    base = {"__name__": metric, "namespace": "cloudshop-prod", "job": "shop", "instance": "a:80"}
    times = np.array([WINDOW.start * 60_000 + at * 1000 for at in points], np.int64)
    return SeriesSamples(base | labels, times, np.array(list(points.values()), np.float64))


def line(per_second: float, begin: int, end: int, step: int = 15, start: float = 0.0) -> dict[int, float]:
    return {at: start + per_second * (at - begin) for at in range(begin, end + 1, step)}


def test_a_bucket_that_is_spelled_anew_by_an_upgrade_stays_one_series(load_prometheus: LoadPrometheus) -> None:
    """le="1" by an older server, le="1.0" by Prometheus 3: the same counter goes on."""
    name = "latency_seconds"
    url = load_prometheus(
        [
            counter({}, line(10, -600, 3600), f"{name}_count"),
            counter({"le": "1"}, line(9, -600, 1800), f"{name}_bucket"),
            counter({"le": "1.0"}, line(9, 1815, 3600, start=9 * 2415.0), f"{name}_bucket"),
        ]
    )
    one = objective(sli=LatencySLI(histogram=replace(LATENCY, metric=name), threshold=Decimal(1)))
    interval = Interval(WINDOW.start, WINDOW.start + 60)
    assert measure(url, one, interval).groups[()].within(interval)[:2] == (32_400, 3600)


def test_each_sample_of_a_probe_is_one_observation(load_prometheus: LoadPrometheus) -> None:
    up = {at: float(not 600 < at <= 1200) for at in range(0, 3601, 20)}
    url = load_prometheus([counter({}, up, "probe_success")])
    probe = ProbeSLI(series=Selector("probe_success"), comparison=Comparison.EQUAL, value=1.0)
    interval = Interval(WINDOW.start, WINDOW.start + 60)
    counts = measure(url, objective(sli=probe), interval).groups[()].within(interval)
    assert (counts.total, counts.bad) == (180, 30)
    assert counts.covered_minutes == pytest.approx(60)


def test_time_slices_are_judged_as_a_whole(load_prometheus: LoadPrometheus) -> None:
    """Ten minutes of 10 % errors spend ten slices of a minute, whatever their traffic."""
    errors = (
        dict.fromkeys(range(-600, 1, 15), 0.0)
        | line(1, 15, 600, start=15.0)
        | dict.fromkeys(range(615, 3601, 15), 600.0)
    )
    url = load_prometheus([counter({"status": "200"}, line(9, -600, 3600)), counter({"status": "500"}, errors)])
    sliced = objective(
        window=RollingWindow(60),
        time_slices=TimeSlices(minutes=1, target_ratio=Decimal("0.95"), empty=EmptySlice.GOOD),
    )
    interval = Interval(WINDOW.start, WINDOW.start + 60)
    report = evaluate(sliced, measure(url, sliced, interval).groups[()], at=datetime_of(interval.end))
    assert report.counts[:2] == (50, 10)


def test_groups_over_the_limit_are_counted_in_the_whole_and_told(load_prometheus: LoadPrometheus) -> None:
    url = load_prometheus([counter({"service": f"s{i}", "status": "200"}, line(1, -600, 600)) for i in range(5)])
    one = objective(group_by=("service",), max_groups=2)
    interval = Interval(WINDOW.start, WINDOW.start + 10)
    found = measure(url, one, interval)
    assert set(found.groups) == {(), (("service", "s0"),), (("service", "s1"),)}
    assert found.groups[()].within(interval).total == 3000
    assert "5 groups were found, 2 are shown" in next(r.message for r in found.reasons if r.code == "max_groups")


def test_a_bad_selector_without_series_is_told_for_it_may_be_a_mistake(load_prometheus: LoadPrometheus) -> None:
    url = load_prometheus([counter({"status": "200"}, line(1, -600, 600))])
    interval = Interval(WINDOW.start, WINDOW.start + 10)
    found = measure(url, objective(), interval)
    assert [reason.code for reason in found.reasons] == ["no_bad_series"]
    good = objective(sli=RatioSLI(total=TOTAL, good=TOTAL.where("status", MatchOp.EQUAL, "2OO")))
    found = measure(url, good, interval)
    assert [reason.code for reason in found.reasons] == ["no_good_series"]
    assert found.groups[()].within(interval)[:2] == (0, 600)


def test_a_target_that_is_down_is_a_gap_and_one_that_is_gone_is_not(load_prometheus: LoadPrometheus) -> None:
    samples = [
        counter({"status": "200"}, line(1, -600, 3600)),
        counter({"status": "200", "instance": "down"}, line(1, -600, 1800)),
        counter({"status": "200", "instance": "gone"}, line(1, -600, 1800)),
        counter({"instance": "a:80"}, dict.fromkeys(range(-600, 3601, 15), 1.0), "up"),
        counter({"instance": "down"}, {at: float(at <= 1800) for at in range(-600, 3601, 15)}, "up"),
        counter({"instance": "gone"}, dict.fromkeys(range(-600, 1801, 15), 1.0), "up"),
    ]
    url = load_prometheus(samples)
    interval = Interval(WINDOW.start, WINDOW.start + 60)
    events = measure(url, objective(), interval).groups[()]
    assert events.within(Interval(WINDOW.start, WINDOW.start + 30)).covered_minutes == pytest.approx(30)
    assert events.within(Interval(WINDOW.start + 31, WINDOW.start + 60)).covered_minutes == pytest.approx(14.5)


def test_a_young_service_says_how_much_was_seen(load_prometheus: LoadPrometheus) -> None:
    end = WINDOW.start + 3 * 1440
    url = load_prometheus([counter({"status": "200"}, line(1, 0, 3 * 86_400, step=60))])
    report = make_report([objective()], PrometheusSource(url), at=datetime_of(end), progress=lambda _: None)
    [found] = report.objectives
    assert found.observed_ratio == pytest.approx(0.1, abs=1e-4)
    assert found.counts.total == pytest.approx(3 * 86_400, abs=60)
    assert any(reason.code == "young" and "3 of 30 days seen" in reason.message for reason in found.reasons)


def test_not_a_number_is_refused_and_hides_no_other_objective(load_prometheus: LoadPrometheus) -> None:
    url = load_prometheus(
        [
            counter({"status": "200"}, line(1, -600, 600)),
            counter({"status": "200"}, {0: 1.0, 15: float("nan"), 30: 3.0}, "broken_total"),
        ]
    )
    broken = Selector("broken_total")
    bad = objective(name="broken", sli=RatioSLI(total=broken, bad=broken.where("status", MatchOp.EQUAL, "500")))
    interval = Interval(WINDOW.start, WINDOW.start + 10)
    found = PrometheusSource(url).events([bad, objective()], [interval, interval], lambda _: None)
    assert isinstance(found["cloudshop/broken"], DataError)
    assert isinstance(found["cloudshop/availability"], Measured)


HOSTILE = ['a"b\\c\n{x="y"}', "} or vector(1) #", "é☃\U0001f600", "a.b*c|d", "tab\there"]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_label_values_select_their_own_series_and_nothing_else(
    load_prometheus: LoadPrometheus, value: str
) -> None:
    url = load_prometheus(
        [counter({"status": "200", "path": one}, line(index + 1, -600, 600)) for index, one in enumerate(HOSTILE)]
    )
    total = Selector("http_requests_total").where("path", MatchOp.EQUAL, value)
    one = objective(sli=RatioSLI(total=total, bad=total.where("status", MatchOp.EQUAL, "500")))
    interval = Interval(WINDOW.start, WINDOW.start + 10)
    assert measure(url, one, interval).groups[()].within(interval).total == 600 * (HOSTILE.index(value) + 1)


def wait_for(condition: Callable[[], bool]) -> None:
    """Until Prometheus has scraped what is waited for; bounded."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "Prometheus did not scrape in 30 s"
        time.sleep(0.1)


def test_the_budget_of_a_live_exporter_is_true(tmp_path: Path) -> None:
    """An exporter that began to count before its first scrape, whose errors begin later, scraped every second."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    requests = Counter("http_requests", "Requests", ["namespace", "status"], registry=registry)
    exporter, thread = start_http_server(0, "127.0.0.1", registry)
    port = exporter.server_address[1]
    try:
        requests.labels("cloudshop-prod", "200").inc(100)
        with prometheus_with([], tmp_path, scrape=(f"127.0.0.1:{port}",)) as url:

            def seen(status: str, value: float) -> Callable[[], bool]:
                text = f'http_requests_total{{status="{status}"}}'
                return lambda: _latest(url, text) == value

            wait_for(seen("200", 100))
            requests.labels("cloudshop-prod", "200").inc(900)
            wait_for(seen("200", 1000))
            requests.labels("cloudshop-prod", "500").inc(3)
            requests.labels("cloudshop-prod", "200").inc(8997)
            wait_for(seen("500", 3))
            wait_for(seen("200", 9997))
            at = datetime.fromtimestamp(time.time() + 60, UTC)
            one = objective(window=RollingWindow(60))
            [report] = make_report([one], PrometheusSource(url), at=at, progress=lambda _: None).objectives
    finally:
        exporter.shutdown()
        thread.join()
        exporter.server_close()
    # The first hundred are counted from the exporter's creation, as its client tells it.
    assert (report.counts.bad, report.counts.total) == (3, 10_000)
    assert report.error_ratio == 0.0003
    assert report.budget.remaining_ratio == 0.7


def _latest(url: str, text: str) -> float | None:
    return query(url, text, int(time.time() / 60 + 1))


def test_proposed_objectives_are_valid_and_measure_what_the_server_has(fleet_url: str, known_fleet: Fleet) -> None:
    del known_fleet
    with pytest.raises(DataError, match="has no request counter with a status label"):
        propose_objectives(fleet_url, timeout_seconds=10)


def test_a_server_with_recent_series_gets_a_proposal(load_prometheus: LoadPrometheus) -> None:
    now = minute_of(datetime.now(UTC)) - WINDOW.start
    recent = {(now - back) * 60: 100.0 - back for back in range(30, -1, -1)}
    url = load_prometheus(
        [
            counter({"status": "200"}, recent),
            counter({"status": "503", "job": "Check Out/v2"}, recent, "grpc_calls_total"),
            counter({"le": "0.25"}, recent, "http_request_duration_seconds_bucket"),
            counter({"le": "1"}, recent, "http_request_duration_seconds_bucket"),
            counter({"le": "+Inf"}, recent, "http_request_duration_seconds_bucket"),
            counter({}, recent, "http_request_duration_seconds_count"),
            counter({"job": "blackbox"}, recent, "probe_success"),
        ]
    )
    proposal = propose_objectives(url, timeout_seconds=10)
    found: dict[str, Any] = {one.id: one.sli for one in load_objectives(proposal)}
    assert set(found) == {
        "shop/availability",
        "shop/latency",
        "check-out-v2/grpc-calls-availability",
        "blackbox/reachable",
    }
    assert selector_text(found["shop/availability"].bad) == (
        'http_requests_total{job="shop",namespace="cloudshop-prod",status=~"5.."}'
    )
    assert found["shop/latency"].threshold == Decimal("0.25")
