"""Scrapes in memory: whole, in order, bounded."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from slo.errors import DataError
from slo.samples import Target
from slo.selector import MatchOp, Selector
from slo.source.recent import RecentSamples, Scraped
from slo.window import Interval

POD = Target("shop", "a:80")
EVER = Interval(-1, 10_000)
MINUTE = 60_000


def sample(at: int, value: float, metric: str = "a", **labels: str) -> Scraped:
    return Scraped({"__name__": metric, "job": POD.job, "instance": POD.instance, **labels}, at, value)


def kept(minutes: int = 60, series: int = 10) -> RecentSamples:
    return RecentSamples(keep_ms=minutes * MINUTE, max_series=series)


def test_samples_are_read_by_metric_labels_and_interval() -> None:
    recent = kept()
    for minute in range(5):
        at = minute * MINUTE
        recent.add(POD, at, [sample(at, minute, code="200"), sample(at, 0, code="500"), sample(at, 7, "b")])
    [one] = recent.read(Selector("a").where("code", MatchOp.REGEX, "2.."), Interval(1, 3))
    assert one.times.tolist() == [2 * MINUTE, 3 * MINUTE]
    assert one.values.tolist() == [2.0, 3.0]
    assert one.labels["code"] == "200"


def test_the_first_of_two_samples_counts_and_none_goes_back() -> None:
    recent = kept()
    assert recent.add(POD, 2000, [sample(2000, 1.0), sample(2000, 2.0)]) == 1
    assert recent.add(POD, 3000, [sample(1000, 3.0)]) == 1
    [one] = recent.read(Selector("a"), EVER)
    assert (one.times.tolist(), one.values.tolist()) == ([2000], [1.0])


def test_what_is_older_than_wanted_is_forgotten_with_its_series() -> None:
    recent = kept(minutes=2)
    recent.add(POD, MINUTE, [sample(MINUTE, 1.0), sample(MINUTE, 1.0, pod="old")])
    for minute in (2, 3, 4):
        recent.add(POD, minute * MINUTE, [sample(minute * MINUTE, float(minute))])
    [one] = recent.read(Selector("a"), EVER)
    assert one.times.tolist() == [2 * MINUTE, 3 * MINUTE, 4 * MINUTE]


def test_a_target_that_renames_its_series_at_every_scrape_is_stopped() -> None:
    recent = kept(series=10)
    for scrape in range(3):
        recent.add(POD, scrape * MINUTE, [sample(scrape * MINUTE, 1.0, id=f"{scrape}-{n}") for n in range(3)])
    with pytest.raises(DataError, match="more than 10 series within 60 minutes"):
        recent.add(POD, 4 * MINUTE, [sample(4 * MINUTE, 1.0, id=f"4-{n}") for n in range(3)])
    recent.add(POD, 4 * MINUTE, [sample(4 * MINUTE, 0.0, "up")])
    assert len(recent.read(Selector("a"), EVER)) == 9
    assert recent.read_minimum(Selector("up"), EVER)[0][1] == 0.0


def test_the_least_value_is_a_finite_one() -> None:
    recent = kept()
    recent.add(POD, 1000, [sample(1000, math.nan), sample(1000, -math.inf, pod="b")])
    recent.add(POD, 2000, [sample(2000, 5.0)])
    assert [value for _, value in recent.read_minimum(Selector("a"), EVER)] == [5.0]


def test_what_was_read_does_not_change_afterwards() -> None:
    recent = kept(minutes=1)
    recent.add(POD, 1000, [sample(1000, 1.0)])
    [before] = recent.read(Selector("a"), EVER)
    snapshot = recent.snapshot()
    recent.add(POD, 5 * MINUTE, [sample(5 * MINUTE, 2.0)])
    assert before.times.tolist() == [1000]
    assert snapshot["a"][0].values.tolist() == [1.0]


def test_readers_never_see_part_of_a_scrape() -> None:
    recent, over = kept(minutes=1, series=100), threading.Event()
    torn: list[str] = []

    def look() -> None:
        while not over.is_set():
            lengths = {one.times.size for one in recent.read(Selector("a"), EVER)}
            held = {tuple(one.times.tolist()) for one in recent.snapshot().get("a", ())}
            if len(lengths) > 1 or len(held) > 1:
                torn.append(f"{lengths} {held}")

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for at in range(1000, 401_000, 1000):
        recent.add(POD, at, [sample(at, 1.0, series=str(number)) for number in range(20)])
    over.set()
    for reader in readers:
        reader.join()
    assert not torn
    [first, *_] = recent.read(Selector("a"), EVER)
    assert np.array_equal(np.diff(first.times), np.full(60, 1000))
