"""The demo shop, and counting what a scraper saw of it: every request once, in every kind of objective."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from slo.demo.shop import DemoShop, Truth
from slo.demo.traffic import Traffic
from slo.objective import Objective
from slo.source.protocol import Measured, SampleReader
from slo.source.sampled import SampledSource
from slo.source.scrape import Scraper
from slo.source.scrape_target import ScrapeTarget
from slo.spec import load_objectives
from slo.units import MINUTE_MS
from slo.window import Interval

ROOT = Path(__file__).parents[2]
MINUTES = 6
SCRAPE_SECONDS = 15


@pytest.fixture(scope="module")
def cloudshop() -> Mapping[str, Objective]:
    path = ROOT / "examples" / "cloudshop.yaml"
    return {one.id.partition("/")[2]: one for one in load_objectives(path.read_text(encoding="utf-8"), file=path.name)}


def counted(reader: SampleReader, one: Objective, begin_ms: int, end_ms: int) -> tuple[int, int]:
    """Bad and total over the minutes that hold both times."""
    interval = Interval(begin_ms // MINUTE_MS - 1, end_ms // MINUTE_MS + 1)
    found = SampledSource(reader).events([one], [interval], lambda _: None)[one.id]
    assert isinstance(found, Measured), found
    counts = found.groups[()].within(interval)
    return counts.bad, counts.total


def run(shop: DemoShop, scraper: Scraper, begin_seconds: int, end_seconds: int) -> int:
    """Let the shop run, scraped as it goes; the time of the last scrape in ms."""
    at = 0
    for elapsed in range(begin_seconds, end_seconds + 1, SCRAPE_SECONDS):
        shop.advance_to(elapsed)
        at = round((shop.started_at + elapsed) * 1000)
        scraper.scrape_once(at)
    return at


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_request_is_counted_once_by_every_objective_of_the_example(
    seed: int, cloudshop: Mapping[str, Objective]
) -> None:
    with DemoShop(seed=seed, live=False) as shop:
        scraper = Scraper([ScrapeTarget(url) for url in shop.urls])
        begin = round(shop.started_at * 1000)
        end = run(shop, scraper, 3, MINUTES * 60)
        truth = shop.truth()
    assert truth.total > 15 * MINUTES * 60
    assert truth.bad > 0
    assert truth.slow > 0
    for name in ("availability", "availability-month"):
        assert counted(scraper, cloudshop[name], begin, end) == (truth.bad, truth.total)
    assert counted(scraper, cloudshop["latency"], begin, end) == (truth.slow, truth.total)
    scrapes = len(range(3, MINUTES * 60 + 1, SCRAPE_SECONDS)) * len(shop.urls)
    assert counted(scraper, cloudshop["reachable"], begin, end) == (0, scrapes)


def test_what_happens_after_the_last_scrape_is_not_counted(cloudshop: Mapping[str, Objective]) -> None:
    with DemoShop(live=False) as shop:
        scraper = Scraper([ScrapeTarget(url) for url in shop.urls])
        end = run(shop, scraper, 3, 120)
        reached = shop.truth()
        shop.advance_to(600)
    assert shop.truth().total > reached.total
    begin = round(shop.started_at * 1000)
    assert counted(scraper, cloudshop["availability"], begin, end) == (reached.bad, reached.total)


def test_a_restart_loses_only_what_no_scrape_reached(cloudshop: Mapping[str, Objective]) -> None:
    with DemoShop(live=False, pods=1) as first:
        port = int(first.url.split(":")[2].partition("/")[0])
        scraper = Scraper([ScrapeTarget(first.url)])
        begin = round(first.started_at * 1000)
        run(first, scraper, 3, 120)
        before = first.truth()
        first.advance_to(125)
    scraper.scrape_once(begin + 130_000)
    assert len(scraper.problems()) == 1
    with DemoShop(live=False, pods=1, port=port, seed=2, started_at=first.started_at + 140) as second:
        end = run(second, scraper, 5, 120)
        after = second.truth()
    total = counted(scraper, cloudshop["availability"], begin, end)
    assert total == (before.bad + after.bad, before.total + after.total)


def test_live_numbers_rise_and_a_scrape_holds_whole_requests(cloudshop: Mapping[str, Objective]) -> None:
    with DemoShop() as shop:
        with Scraper([ScrapeTarget(url) for url in shop.urls], interval_seconds=0.2) as scraper:
            assert scraper.wait_for_scrapes(5, 20)
        truth, reader, end = shop.truth(), scraper.snapshot(), scraper.server_time_ms()
    begin = round(shop.started_at * 1000)
    bad, total = counted(reader, cloudshop["availability"], begin, end)
    slow, observed = counted(reader, cloudshop["latency"], begin, end)
    assert 0 < total == observed <= truth.total
    assert bad <= truth.bad
    assert slow <= truth.slow


def test_the_same_seed_gives_the_same_requests_at_any_pace() -> None:
    with DemoShop(seed=5, live=False) as slowly, DemoShop(seed=5, live=False) as at_once:
        for elapsed in range(1, 121):
            slowly.advance_to(elapsed)
        at_once.advance_to(120)
        assert slowly.truth() == at_once.truth() != Truth()


def test_bursts_of_errors_come_now_and_then() -> None:
    traffic = Traffic(seed=1)
    bad = [
        sum(one.is_bad for tick in range(m * 240, m * 240 + 240) for one in traffic.requests(tick)) for m in range(30)
    ]
    assert 1 <= sum(count >= 5 for count in bad) <= 15
    assert sum(count <= 2 for count in bad) >= 15


def test_a_negative_seed_is_refused_before_anything_runs() -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="a seed is 0 or more"):
        DemoShop(seed=-1)
    assert threading.active_count() == before


def test_the_program_prints_its_addresses_once_it_listens_and_ends_when_told() -> None:
    command = [sys.executable, "-m", "slo.demo.shop", "--port", "0", "--seed", "7"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for url in [process.stdout.readline().strip() for _ in range(3)]:
                assert url.startswith("http://127.0.0.1:")
                with urllib.request.urlopen(url, timeout=10) as answer:
                    assert b"process_start_time_seconds" in answer.read()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_port_that_is_taken_is_one_line_and_status_2() -> None:
    with DemoShop(live=False, pods=1) as shop:
        port = shop.url.split(":")[2].partition("/")[0]
        command = [sys.executable, "-m", "slo.demo.shop", "--port", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("the shop cannot open: ")
    assert done.stderr.count("\n") == 1
