"""Replicas: one answers at a time, the next one takes over, and nothing is counted twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from slo.errors import DataError, ServerFailedError, SourceError, SourceResponseError, SourceUnreachableError
from slo.samples import SeriesSamples
from slo.selector import Selector
from slo.source.fleet import Fleet
from slo.source.prometheus import PrometheusSource
from slo.source.protocol import Labels, Measured
from slo.source.replicas import ReplicatedReader
from slo.source.server import Server
from slo.window import Interval
from tests.arithmetic.objectives import objective
from tests.conftest import FLEET_START, LoadPrometheus
from tests.support.prometheus import free_port
from tests.support.proxy import proxy

X = Selector("x")
SPAN = Interval(0, 10)


class Replica:
    """A reader that answers with its own name, or fails as it is told."""

    def __init__(self, name: str, failure: SourceError | None = None) -> None:
        self.name = name
        self.failure = failure
        self.asked = 0

    def read(self, selector: Selector, interval: Interval) -> list[SeriesSamples]:
        self.asked += 1
        if self.failure:
            raise self.failure
        return [SeriesSamples({"from": self.name}, np.array([1]), np.array([1.0]))]

    def read_minimum(self, selector: Selector, interval: Interval) -> list[tuple[Labels, float]]:
        return [(one.labels, 1.0) for one in self.read(selector, interval)]

    def server_time_ms(self) -> int:
        return 0


def answered_by(reader: ReplicatedReader) -> str:
    [one] = reader.read(X, SPAN)
    return one.labels["from"]


@pytest.mark.parametrize("failure", [SourceUnreachableError("down"), ServerFailedError("HTTP 503")])
def test_the_next_replica_takes_over_and_stays(failure: SourceError) -> None:
    a, b, c = Replica("a", failure), Replica("b"), Replica("c")
    reader = ReplicatedReader([a, b, c])
    assert [answered_by(reader) for _ in range(3)] == ["b", "b", "b"]
    assert (a.asked, b.asked, c.asked) == (1, 3, 0)
    assert reader.preferred is b
    assert reader.others() == (c, a)
    assert reader.warnings == {f"another replica was asked: {failure}"}


def test_the_first_one_is_asked_again_after_all_others_failed() -> None:
    a, b = Replica("a", SourceUnreachableError("down")), Replica("b")
    reader = ReplicatedReader([a, b])
    assert reader.read_minimum(X, SPAN) == [({"from": "b"}, 1.0)]
    a.failure, b.failure = None, SourceUnreachableError("down, too")
    assert answered_by(reader) == "a"
    assert reader.others() == (b,)


def test_when_all_fail_the_last_failure_is_told_and_the_preference_stays() -> None:
    replicas = [Replica("a", SourceUnreachableError("first")), Replica("b", ServerFailedError("last"))]
    reader = ReplicatedReader(replicas)
    with pytest.raises(ServerFailedError, match="last"):
        reader.read(X, SPAN)
    assert reader.preferred is replicas[0]


@pytest.mark.parametrize("failure", [SourceResponseError("parse error"), DataError("native histogram")])
def test_what_every_replica_would_refuse_is_asked_once(failure: SourceError) -> None:
    a, b = Replica("a", failure), Replica("b")
    with pytest.raises(type(failure), match=str(failure)):
        ReplicatedReader([a, b]).read(X, SPAN)
    assert b.asked == 0


def test_threads_that_fail_together_move_on_by_one_replica() -> None:
    together = threading.Barrier(4)

    class Failing(Replica):
        def read(self, selector: Selector, interval: Interval) -> list[SeriesSamples]:
            together.wait(10)
            return super().read(selector, interval)

    b, c = Replica("b"), Replica("c")
    reader = ReplicatedReader([Failing("a", SourceUnreachableError("down")), b, c])
    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(lambda _: answered_by(reader), range(4))) == ["b"] * 4
    assert reader.preferred is b


def test_no_reader_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ReplicatedReader([])


def scraped(phase: int, days: int) -> list[SeriesSamples]:
    """Ten requests a second of which one fails, as a replica sees them that scrapes every 15 s from the phase on."""
    seconds = np.arange(-3600 + phase, days * 86_400 + 3600, 15)
    return [
        SeriesSamples(
            {
                "__name__": "http_requests_total",
                "namespace": "cloudshop-prod",
                "job": "shop",
                "instance": "a:80",
                "status": status,
            },
            FLEET_START * 60_000 + seconds * 1000,
            ((seconds + 3600) * per_second).astype(np.float64),
        )
        for status, per_second in (("200", 9), ("500", 1))
    ]


def test_a_pair_of_which_one_dies_in_the_middle_counts_every_event_once(load_prometheus: LoadPrometheus) -> None:
    """The second replica scrapes seven seconds later; the first fails from its third question on."""
    days = 6
    interval = Interval(FLEET_START, FLEET_START + days * 1440)
    with proxy(load_prometheus(scraped(0, days))) as first, proxy(load_prometheus(scraped(7, days))) as second:
        first.guard = lambda _: 500 if len(first.requests) > 2 else None
        source = PrometheusSource(Server(urls=(first.url, second.url)))
        measured = source.events([objective()], [interval], lambda _: None)["cloudshop/availability"]
        assert len(second.requests) > 2
    assert isinstance(measured, Measured), measured
    seconds = days * 86_400
    assert measured.groups[()].within(interval)[:2] == (9 * seconds, seconds)
    assert measured.groups[()].within(interval).covered_minutes == pytest.approx(interval.minutes, abs=0.1)
    assert ["another replica was asked" in one.message for one in measured.reasons] == [True]


def test_a_replica_that_is_down_from_the_start_hides_nothing(fleet_url: str, known_fleet: Fleet) -> None:
    interval = Interval(known_fleet.spec.start, known_fleet.spec.start + 60)
    down = f"http://127.0.0.1:{free_port()}"
    source = PrometheusSource(Server(urls=(down, fleet_url)))
    measured = source.events([objective()], [interval], lambda _: None)["cloudshop/availability"]
    assert isinstance(measured, Measured), measured
    assert measured.groups[()].within(interval).total > 0
    assert any(f"{down} cannot be reached: connection refused" in one.message for one in measured.reasons)
