"""What the reading of samples relies on, of each kind of server: Prometheus 2 and 3, VictoriaMetrics."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Counter, start_http_server

from slo.objective import RatioSLI
from slo.samples import SeriesSamples
from slo.selector import MatchOp, Selector
from slo.source.fleet import REQUESTS, Fleet
from slo.source.prometheus import PrometheusReader, PrometheusSource
from slo.source.prometheus_api import PrometheusApi
from slo.source.protocol import Measured
from slo.window import Interval
from tests.arithmetic.objectives import objective
from tests.conftest import FLEET_START, SERVERS, STARTERS, LoadServer

START_MS = FLEET_START * 60_000


def reader(url: str) -> PrometheusReader:
    return PrometheusReader(PrometheusApi(url, timeout_seconds=30))


def series(points: dict[int, float], metric: str = "x_total", **labels: str) -> SeriesSamples:
    """A series; times in milliseconds after the start of the fleet."""
    times = np.array([START_MS + at for at in points], np.int64)
    base = {"__name__": metric, "job": "shop", "instance": "a:80"}
    return SeriesSamples(base | labels, times, np.array(list(points.values()), np.float64))


@pytest.fixture(params=SERVERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fleet_reader(request: pytest.FixtureRequest, kind: str) -> PrometheusReader:
    return reader(request.getfixturevalue("fleet_url_of")(kind))


def test_every_sample_arrives_as_it_is(fleet_reader: PrometheusReader, known_fleet: Fleet) -> None:
    span = Interval(known_fleet.spec.first_minute - 1, known_fleet.spec.first_minute + known_fleet.spec.minutes)
    found = {one.key: one for one in fleet_reader.read(Selector(REQUESTS), span)}
    assert found.keys() == {one.key for one in known_fleet.series[REQUESTS]}
    for one in known_fleet.series[REQUESTS]:
        assert np.array_equal(found[one.key].times, one.times)
        assert np.array_equal(found[one.key].values, one.values)


def test_the_least_value_is_that_of_the_interval(fleet_reader: PrometheusReader, known_fleet: Fleet) -> None:
    start = known_fleet.spec.start + 300
    selector = Selector(REQUESTS).where("status", MatchOp.EQUAL, "200")
    least = fleet_reader.read_minimum(selector, Interval(start, start + 9))
    found = {labels["instance"]: value for labels, value in least}
    for one in known_fleet.series[REQUESTS]:
        inside = one.values[(one.times >= start * 60_000) & (one.times <= (start + 9) * 60_000)]
        if one.labels["status"] == "200" and inside.size:
            assert found[one.labels["instance"]] == inside.min()


def test_a_read_has_both_ends_and_values_to_the_last_digit(load_server: LoadServer, kind: str) -> None:
    points = {0: 0.0, 1: 0.1, 30_123: 123456789012.345, 60_000: 2.0**53, 60_001: 2.0**53}
    found = reader(load_server(kind, [series(points)])).read(
        Selector("x_total"), Interval(FLEET_START, FLEET_START + 1)
    )
    [one] = found
    assert (one.times - START_MS).tolist() == [0, 1, 30_123, 60_000]
    assert one.values.tolist() == [0.0, 0.1, 123456789012.345, 2.0**53]


def test_labels_arrive_as_they_are(load_server: LoadServer, kind: str) -> None:
    hostile = ['a"b\\c\n{x="y"}', "} or vector(1) #", "é☃\U0001f600", "a.b*c|d", "tab\there"]
    asked = reader(load_server(kind, [series({0: 1.0}, path=value) for value in hostile]))
    for value in hostile:
        selector = Selector("x_total").where("path", MatchOp.EQUAL, value)
        # Past midnight: VictoriaMetrics does not find a series that begins at 00:00:00.000 in a range that ends there.
        [one] = asked.read(selector, Interval(FLEET_START - 1, FLEET_START + 1))
        assert one.labels["path"] == value


def test_what_was_scraped_a_moment_ago_is_seen(load_server: LoadServer, kind: str) -> None:
    """VictoriaMetrics answers functions from half a minute ago unless told not to."""
    now = int(time.time())
    recent = series({(now - 5) * 1000 - START_MS: 7.0})
    url = load_server(kind, [recent])
    form = {"query": "min_over_time(x_total[20s])", "time": str(now)}
    envelope = PrometheusApi(url, timeout_seconds=30).post("/api/v1/query", form)
    assert [one["value"] for one in envelope["data"]["result"]] == [[now, "7"]]
    asked = reader(url)
    around = Interval(now // 60 - 5, now // 60 + 1)
    [one] = asked.read(Selector("x_total"), around)
    assert one.values.tolist() == [7.0]
    assert [value for _, value in asked.read_minimum(Selector("x_total"), around)] == [7.0]


def test_the_server_tells_its_own_time(load_server: LoadServer, kind: str) -> None:
    url = load_server(kind, [series({0: 1.0})])
    before = time.time() * 1000
    told = PrometheusApi(url, timeout_seconds=30).server_time_ms()
    assert before - 1001 <= told <= time.time() * 1000


def test_the_end_of_a_series_is_no_sample(tmp_path: Path, kind: str) -> None:
    """A target that is gone leaves a mark; that VictoriaMetrics shows it as NaN is no reason to refuse the counter."""
    registry = CollectorRegistry()
    requests = Counter("http_requests", "Requests", ["status"], registry=registry)
    for status, count in (("200", 990), ("500", 10)):
        requests.labels(status).inc(count)
    exporter, thread = start_http_server(0, "127.0.0.1", registry)
    target = f"127.0.0.1:{exporter.server_address[1]}"
    with STARTERS[kind]([], tmp_path, scrape=(target,)) as url:
        asked = reader(url)
        try:
            wait_for(asked, "up", 1.0)
        finally:
            exporter.shutdown()
            thread.join()
            exporter.server_close()
        wait_for(asked, "up", 0.0)
        total = Selector("http_requests_total")
        one = objective(sli=RatioSLI(total=total, bad=total.where("status", MatchOp.EQUAL, "500")))
        interval = around_now()
        measured = PrometheusSource(url).events([one], [interval], lambda _: None)[one.id]
        assert isinstance(measured, Measured), measured
        assert measured.groups[()].within(interval)[:2] == (990, 10)


def around_now() -> Interval:
    now = int(time.time()) // 60
    return Interval(now - 5, now + 1)


def wait_for(asked: PrometheusReader, metric: str, value: float) -> None:
    """Until the newest sample of the metric has the value; bounded."""
    deadline = time.monotonic() + 30
    while [one.values[-1] for one in asked.read(Selector(metric), around_now())] != [value]:
        assert time.monotonic() < deadline, f"{metric} did not become {value} in 30 s"
        time.sleep(0.1)
