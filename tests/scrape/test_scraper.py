"""The scraper against well-behaved servers: it stores what Prometheus would store, at times that never go back."""

from __future__ import annotations

import json
import threading
import urllib.parse
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from slo.errors import UsageError
from slo.selector import MatchOp, Selector
from slo.source.scrape import MAX_TARGETS, Scraper
from slo.source.scrape_target import ScrapeTarget
from slo.source.steady_clock import SteadyClock
from slo.window import Interval
from tests.scrape.servers import OPENMETRICS, TEXT, exporting, misbehaving, silent
from tests.support.prometheus import prometheus_with

START = 29_800_800 * 60_000
EVER = Interval(0, 100_000_000)

PECULIAR_TEXT = """\
# TYPE logins counter
logins{job="theirs",instance="x:1",empty=""} 7
twice{exported_job="older",job="newer"} 1
doubled 1
doubled 2
h_bucket{le="0.3"} 4
h_bucket{le="+Inf"} 5
# a comment
odd{path="a\\\\b\\"c\\n"} 1.5e3
late 3 1000
far 3 99999999999999
"""

PECULIAR_OPENMETRICS = """\
# TYPE visits counter
visits_total{job="theirs"} 7
visits_created{job="theirs"} 1700000000.5
# TYPE h_seconds histogram
h_seconds_bucket{le="0.3"} 4 # {trace_id="a"} 0.2
h_seconds_bucket{le="+Inf"} 5
h_seconds_count 5
h_seconds_sum 1.5
h_seconds_created 1700000000.5
# EOF
"""


class Clocks:
    """A wall clock and a monotonic one that tests move."""

    def __init__(self) -> None:
        self.wall = START / 1000
        self.monotonic = 500.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def steady(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.monotonic)


def values(scraper: Scraper, metric: str) -> list[float]:
    return [float(value) for one in scraper.read(Selector(metric), EVER) for value in one.values]


def test_samples_get_the_targets_labels_and_the_time_of_the_scrape() -> None:
    with exporting('requests_total{status="200"} 5\n') as exporter:
        scraper = Scraper([ScrapeTarget.parse(f"front={exporter.url}")])
        scraper.scrape_once(START)
    [one] = scraper.read(Selector("requests_total").where("status", MatchOp.EQUAL, "200"), EVER)
    assert one.labels == {
        "__name__": "requests_total",
        "status": "200",
        "job": "front",
        "instance": exporter.address,
    }
    assert (one.times.tolist(), one.values.tolist()) == ([START], [5.0])
    assert values(scraper, "up") == [1.0]


def test_the_request_is_the_one_that_prometheus_sends_but_for_compression() -> None:
    with exporting() as exporter:
        Scraper([ScrapeTarget(exporter.url + "?module=a")], timeout_seconds=3).scrape_once()
    [(path, headers)] = exporter.requests
    assert path == "/metrics?module=a"
    assert headers["Accept"].startswith("application/openmetrics-text;version=1.0.0,")
    assert headers["Accept-Encoding"] == "identity"
    assert headers["X-Prometheus-Scrape-Timeout-Seconds"] == "3"


def test_series_and_values_are_those_that_a_prometheus_stores(tmp_path: Path) -> None:
    with exporting(PECULIAR_TEXT, TEXT) as text, exporting(PECULIAR_OPENMETRICS, OPENMETRICS) as openmetrics:
        scraper = Scraper([ScrapeTarget(text.url), ScrapeTarget(openmetrics.url)])
        scraper.scrape_once()
        with prometheus_with([], tmp_path, scrape=(text.address, openmetrics.address)) as url:
            for exporter in (text, openmetrics):
                exporter.wait_for_requests(3)  # ours and two of Prometheus, which stored the first before the second
            form = urllib.parse.urlencode({"query": '{__name__=~".+",__name__!~"scrape_.*"}'}).encode()
            with urllib.request.urlopen(f"{url}/api/v1/query", data=form, timeout=30) as answer:
                stored = json.load(answer)["data"]["result"]
    assert scraper.problems() == {}
    expected = {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in stored}
    ours = {one.key: float(one.values[-1]) for group in scraper.snapshot_series().values() for one in group}
    assert len(expected) > 12
    assert ours == expected


def test_a_sample_with_a_time_of_its_own_keeps_it_and_is_stored_once() -> None:
    with exporting(f"a 1 {START - 5000}\nb 1 {START + 3_600_000}\n") as exporter:
        scraper = Scraper([ScrapeTarget(exporter.url)])
        for step in range(3):
            scraper.scrape_once(START + step * 15_000)
    [one] = scraper.read(Selector("a"), EVER)
    assert one.times.tolist() == [START - 5000]
    assert values(scraper, "b") == [], "too far in the future"


def test_a_target_that_is_down_is_down_in_up_and_in_nothing_else_and_comes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "slo")
    with exporting("a 1\n") as exporter:
        target = ScrapeTarget(exporter.url)
        scraper = Scraper([target])
        for step, status in enumerate([200, 503, 503, 200]):
            exporter.status = status
            scraper.scrape_once(START + step * 15_000)
            assert dict(scraper.problems()) == ({target.place: "answered 503 instead of 200"} if status == 503 else {})
    [up] = scraper.read(Selector("up"), EVER)
    assert up.values.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert values(scraper, "a") == [1.0, 1.0]
    assert [record.message for record in caplog.records] == [
        f"scraping {exporter.url} failed: answered 503 instead of 200",
        f"scraping {exporter.url} succeeds again",
    ], "what changes is logged, not every failure"


def test_a_target_that_nobody_listens_at_is_down() -> None:
    with exporting() as exporter:
        target = ScrapeTarget(exporter.url)
    scraper = Scraper([target])
    scraper.scrape_once(START)
    assert values(scraper, "up") == [0.0]
    assert "no answer" in scraper.problems()[target.place]


def test_a_wall_clock_that_jumps_back_does_not_move_samples_back() -> None:
    clocks = Clocks()
    with exporting("a 1\n") as exporter:
        scraper = Scraper([ScrapeTarget(exporter.url)], clock=clocks.steady())
        for jump in (0, -7200, 0, 0):
            clocks.pass_by(15)
            clocks.wall += jump
            scraper.scrape_once()
    [one] = scraper.read(Selector("a"), EVER)
    assert np.diff(one.times).tolist() == [15_000] * 3
    assert scraper.server_time_ms() == one.times[-1]


def test_a_wall_clock_that_jumps_ahead_is_followed_as_after_a_machines_sleep() -> None:
    clocks = Clocks()
    steady = clocks.steady()
    assert steady.now_ms() == START
    clocks.wall += 1800
    assert steady.now_ms() == START + 1_800_000
    clocks.wall -= 3600
    clocks.pass_by(1)
    assert steady.now_ms() == START + 1_801_000


def test_a_clock_that_stands_still_gives_each_scrape_a_time_of_its_own() -> None:
    with exporting("a 1\n") as exporter:
        scraper = Scraper([ScrapeTarget(exporter.url)])
        for _ in range(3):
            scraper.scrape_once(START)
    [one] = scraper.read(Selector("a"), EVER)
    assert one.times.tolist() == [START, START + 1, START + 2]


def test_a_started_scraper_reads_every_target_again_and_again_until_it_is_stopped() -> None:
    with ExitStack() as running:
        exporters = [running.enter_context(exporting("a 1\n")) for _ in range(5)]
        targets = [ScrapeTarget(exporter.url) for exporter in exporters]
        with Scraper(targets, interval_seconds=0.1) as scraper:
            assert scraper.wait_for_scrapes(3, 20)
        found = scraper.read(Selector("a"), EVER)
        assert {one.target for one in found} == {target.place for target in targets}
        assert all(one.times.size >= 3 for one in found)
        phases = {int(one.times[0]) % 100 // 5 for one in found}
        assert len(phases) > 1, "not all at once"
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("scrape ")]


def test_a_slow_target_delays_no_other() -> None:
    with exporting("a 1\n") as exporter, ExitStack() as slow:
        targets = [ScrapeTarget(slow.enter_context(misbehaving(silent))), ScrapeTarget(exporter.url)]
        with Scraper(targets, interval_seconds=0.1, timeout_seconds=30) as scraper:
            exporter.wait_for_requests(5)
            assert not scraper.wait_for_scrapes(1, 0), "the slow one is still being waited for"
            slow.close()


def test_waiting_for_scrapes_that_do_not_come_ends() -> None:
    assert not Scraper([ScrapeTarget("http://127.0.0.1:1")]).wait_for_scrapes(1, 0.01)


def test_targets_that_could_not_be_told_apart_or_are_too_many_or_none_are_refused() -> None:
    one = ScrapeTarget("http://a:1/probe?target=x")
    with pytest.raises(UsageError, match="a:1 is named twice for the job shop"):
        Scraper([one, ScrapeTarget("http://a:1/probe?target=y")])
    Scraper([one, ScrapeTarget("http://a:1/probe?target=y", "other")])
    with pytest.raises(UsageError, match="at least one target"):
        Scraper([])
    with pytest.raises(UsageError, match="201 targets to scrape, of at most 200"):
        Scraper([ScrapeTarget(f"http://a:{port}") for port in range(1, MAX_TARGETS + 2)])
    with pytest.raises(UsageError, match="interval of 0 s"):
        Scraper([one], interval_seconds=0)


def test_a_scraper_is_started_once() -> None:
    with (
        exporting() as exporter,
        Scraper([ScrapeTarget(exporter.url)], interval_seconds=0.1) as scraper,
        pytest.raises(UsageError, match="started before"),
    ):
        scraper.start()


def test_a_snapshot_does_not_move() -> None:
    with exporting("a 1\n") as exporter:
        scraper = Scraper([ScrapeTarget(exporter.url)])
        scraper.scrape_once(START)
        snapshot = scraper.snapshot()
        scraper.scrape_once(START + 1000)
    assert [one.times.size for one in snapshot.read(Selector("a"), EVER)] == [1]
