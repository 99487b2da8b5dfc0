"""Targets that are broken or mean harm: each costs one failed scrape, says why, and leaves nothing behind."""

from __future__ import annotations

import gzip
import math
import time

import pytest

from slo.errors import DataError
from slo.objective import RatioSLI
from slo.selector import Selector
from slo.source.exposition import Limits
from slo.source.sampled import SampledSource
from slo.source.scrape import Scraper
from slo.source.scrape_target import ScrapeTarget
from slo.window import Interval
from tests.arithmetic.objectives import objective
from tests.scrape.servers import (
    Misbehave,
    babbling,
    dripping_body,
    dripping_head,
    endless_body,
    endless_head,
    exporting,
    misbehaving,
    silent,
    vanishing,
)

START = 29_800_800 * 60_000
EVER = Interval(0, 100_000_000)


def scraped(url: str, timeout_seconds: float = 5.0) -> Scraper:
    scraper = Scraper([ScrapeTarget(url)], timeout_seconds=timeout_seconds)
    scraper.scrape_once(START)
    return scraper


def reason(scraper: Scraper) -> str:
    """Why the only scrape failed; nothing but `up` may be left of it."""
    assert list(scraper.snapshot_series()) == ["up"]
    assert [one.values.tolist() for one in scraper.read(Selector("up"), EVER)] == [[0.0]]
    [why] = scraper.problems().values()
    return why


@pytest.mark.parametrize(
    ("misbehave", "message"),
    [
        (endless_body, "the answer is larger than 10 MiB"),
        (endless_head, "not an answer in HTTP: HTTPException 'got more than 100 headers'"),
        (vanishing, "the answer was cut short"),
        (babbling, "not an answer in HTTP"),
    ],
)
def test_what_is_no_whole_answer_is_refused(misbehave: Misbehave, message: str) -> None:
    with misbehaving(misbehave) as url:
        assert message in reason(scraped(url))


@pytest.mark.parametrize("misbehave", [dripping_body, dripping_head, silent])
def test_the_timeout_is_for_the_whole_answer_not_for_each_byte(misbehave: Misbehave) -> None:
    with misbehaving(misbehave) as url:
        begin = time.monotonic()
        assert reason(scraped(url, timeout_seconds=0.3)) == "no whole answer within 0.3 s"
        assert time.monotonic() - begin < 2


def test_redirects_are_not_followed() -> None:
    with exporting("a 1\n") as elsewhere, exporting(status=302) as exporter:
        exporter.headers = {"Location": elsewhere.url}
        assert "redirects are not followed" in reason(scraped(exporter.url))
        assert elsewhere.requests == []


def test_a_compressed_answer_is_not_unpacked() -> None:
    with exporting() as exporter:
        exporter.body = gzip.compress(b"a 1\n" * 1_000_000)
        exporter.headers = {"Content-Encoding": "gzip"}
        assert "encoding 'gzip', which was not asked for" in reason(scraped(exporter.url))


def test_a_body_announced_as_too_large_is_not_read() -> None:
    with exporting("a 1\n") as exporter:
        exporter.headers = {"Content-Length": str(11 * 1024 * 1024)}
        assert "larger than 10 MiB" in reason(scraped(exporter.url))


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        ("<html>It works!</html>\n", "text/html", "'text/html' is not a format of metrics"),
        ("good 1\nnonsense\n", "text/plain", "line 2 cannot be parsed"),
        ("".join(f"a{number} 1\n" for number in range(50_001)), "text/plain", "more than 50000 series"),
    ],
)
def test_of_a_bad_body_not_even_the_good_part_is_taken(body: str, content_type: str, message: str) -> None:
    with exporting(body, content_type) as exporter:
        assert message in reason(scraped(exporter.url))


def test_labels_that_change_at_every_scrape_cannot_fill_the_memory() -> None:
    with exporting() as exporter:
        scraper = Scraper([ScrapeTarget(exporter.url)], limits=Limits(series=10))
        for step in range(5):
            exporter.body = "".join(f'a{{id="{step}-{number}"}} 1\n' for number in range(10)).encode()
            scraper.scrape_once(START + step * 15_000)
    assert len(scraper.read(Selector("a"), EVER)) == 20
    assert list(scraper.problems().values()) == ["more than 21 series within 60 minutes"]


def test_no_target_speaks_for_another_or_overrules_its_up() -> None:
    with exporting('up 0\nrequests_total{job="shop",instance="good:80"} 5\n') as exporter:
        scraper = scraped(exporter.url)
    assert [one.values.tolist() for one in scraper.read(Selector("up"), EVER)] == [[1.0]]
    [one] = scraper.read(Selector("requests_total"), EVER)
    assert one.target == ("shop", exporter.address)
    assert one.labels["exported_instance"] == "good:80"


def test_not_a_number_fails_the_objective_that_uses_it_by_name() -> None:
    one = objective(sli=RatioSLI(total=Selector("broken_total"), bad=Selector("a_total")))
    with exporting("broken_total NaN\na_total 1\n") as exporter:
        scraper = scraped(exporter.url)
    [value] = scraper.read(Selector("broken_total"), EVER)[0].values
    assert math.isnan(value)
    minute = START // 60_000
    found = SampledSource(scraper).events([one], [Interval(minute - 1, minute + 1)], lambda _: None)
    assert isinstance(found[one.id], DataError)
