"""Few questions for many objectives, and each series handed to those it counts for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from slo.errors import SourceError, SourceResponseError
from slo.ledger.batches import batches
from slo.ledger.counting import Found
from slo.ledger.pace import Lag, final_until, live_until
from slo.ledger.reading import ReadingPlan
from slo.objective import Objective, RatioSLI
from slo.promql.match import matches
from slo.promql.text import selector_text
from slo.samples import SeriesSamples
from slo.selector import MatchOp, Selector
from slo.source.protocol import Labels
from slo.source.query_plan import Role
from slo.window import Interval
from tests.arithmetic.objectives import objective

SPAN = Interval(0, 10)


def of_service(name: str, metric: str = "requests_total") -> Objective:
    total = Selector(metric).where("service", MatchOp.EQUAL, name)
    return replace(
        objective(),
        service="s",
        name=f"o-{name}",
        sli=RatioSLI(total=total, bad=total.where("status", MatchOp.REGEX, "5..")),
    )


class Memory:
    """Answers with what it holds. refused: selectors that fail."""

    def __init__(self, *labels: dict[str, str], refused: str | None = None) -> None:
        self.series = [SeriesSamples(one, np.array([60_000]), np.array([1.0])) for one in labels]
        self.refused = refused
        self.asked: list[str] = []

    def read(self, selector: Selector, interval: Interval) -> list[SeriesSamples]:
        self.asked.append(selector_text(selector))
        if selector.metric == self.refused:
            raise SourceResponseError("refused")
        return [
            one for one in self.series if one.labels["__name__"] == selector.metric and matches(selector, one.labels)
        ]

    def read_minimum(self, selector: Selector, interval: Interval) -> list[tuple[Labels, float]]:
        return []

    def server_time_ms(self) -> int:
        return 0


def fetched(memory: Memory, *objectives: Objective) -> dict[str, Found | SourceError]:
    with ThreadPoolExecutor(1) as executor:
        return ReadingPlan(objectives).fetch(memory, SPAN, executor)


def requests(service: str, status: str) -> dict[str, str]:
    return {"__name__": "requests_total", "service": service, "status": status}


def test_objectives_that_differ_in_one_label_share_a_question() -> None:
    memory = Memory(requests("a", "200"), requests("a", "500"), requests("b|c", "200"), requests("b", "200"))
    found = fetched(memory, of_service("a"), of_service("b|c"))
    assert memory.asked == ['requests_total{service=~"a|b\\\\|c"}']
    a, b = found["s/o-a"], found["s/o-b|c"]
    assert isinstance(a, Found)
    assert isinstance(b, Found)
    assert [one.labels["status"] for one in a.samples] == ["200", "500"]
    assert a.roles[Role.TOTAL].tolist() == [True, True]
    assert a.roles[Role.BAD].tolist() == [False, True]
    assert [one.labels["service"] for one in b.samples] == ["b|c"]


def test_a_question_that_fails_hides_no_other_objective() -> None:
    memory = Memory(requests("a", "200"), refused="others_total")
    found = fetched(memory, of_service("a"), of_service("b", "others_total"))
    assert isinstance(found["s/o-a"], Found)
    assert isinstance(found["s/o-b"], SourceResponseError)


def test_samples_that_are_no_numbers_are_left_out_and_counted() -> None:
    memory = Memory()
    values = np.array([1.0, np.nan, 3.0])
    memory.series = [SeriesSamples(requests("a", "200"), np.array([1000, 2000, 3000]), values)]
    found = fetched(memory, of_service("a"))["s/o-a"]
    assert isinstance(found, Found)
    assert found.undefined == 1
    assert found.samples[0].values.tolist() == [1.0, 3.0]


def test_many_objectives_are_spread_over_batches_that_share_no_question() -> None:
    many = [of_service(f"s{number}") for number in range(450)]
    spread = batches(many)
    assert sorted(len(batch) for batch in spread) == [50, 100, 100, 100, 100]
    assert set().union(*spread) == {one.id for one in many}
    assert batches(many[:3]) == [{one.id for one in many[:3]}]


def reads(lag: Lag, cycles: int, *, late_ms: int, phase_ms: int, interval_ms: int = 15_000) -> list[int]:
    """How many minutes each cycle holds back, of a target that is scraped at a phase and whose samples come late."""
    held = []
    for minute in range(1000, 1000 + cycles):
        now_ms = minute * 60_000 + 2000
        until = live_until(now_ms, lag)
        arrived = min(until * 60_000, now_ms - late_ms)
        lag.observe((arrived - phase_ms) // interval_ms * interval_ms + phase_ms, until * 60_000, now_ms, interval_ms)
        held.append(minute - until)
    return held


@pytest.mark.parametrize("phase_ms", [0, 500, 1000, 7000, 13_500, 14_999])
def test_samples_that_come_at_once_are_never_waited_for_whenever_their_target_is_scraped(phase_ms: int) -> None:
    for interval_ms in (5000, 15_000, 30_000, 60_000):
        assert set(reads(Lag(), 200, late_ms=0, phase_ms=phase_ms, interval_ms=interval_ms)) == {0}


@pytest.mark.parametrize("phase_ms", [0, 500, 7000, 14_999])
def test_a_lag_is_learnt_at_once_and_does_not_grow_by_waiting_for_it(phase_ms: int) -> None:
    held = reads(Lag(), 200, late_ms=60_000, phase_ms=phase_ms)
    assert held[0] == 0
    assert set(held[1:59]) == {1}
    assert sorted(set(held)) == [0, 1]
    assert held.count(0) <= 4, "it is tried once an hour whether the lag is over"


def test_a_lag_that_is_over_is_forgotten_within_the_hour() -> None:
    lag = Lag()
    reads(lag, 30, late_ms=60_000, phase_ms=500)
    assert reads(lag, 90, late_ms=0, phase_ms=500)[-1] == 0


def test_a_lag_that_is_set_is_not_learnt() -> None:
    assert live_until(660_000, Lag(30.0)) == 10
    assert set(reads(Lag(130.0), 20, late_ms=0, phase_ms=500)) == {3}


def test_second_readings_are_a_quarter_of_an_hour_old_and_keep_their_phase() -> None:
    for now in range(1000, 1030):
        until = final_until(now * 60_000 + 500, 4)
        assert until % 15 == 4
        assert now - 30 < until <= now - 15
