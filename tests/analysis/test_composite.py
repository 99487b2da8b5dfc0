"""Several budgets as one: the weighted maths, states, and the command."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.composite import Part, composite_of
from slo.events import EventSeries
from slo.report import ObjectiveReport, State, evaluate
from slo.window import datetime_of
from tests.analysis.commands import answered, called, write_events, write_objectives
from tests.analysis.histories import MONTH, START, history
from tests.arithmetic.objectives import objective

AT = datetime_of(START + MONTH)


def report(error_ratio: float, *, total: float = 1000.0, target: str = "0.999") -> ObjectiveReport:
    return evaluate(objective(target), history(MONTH, base=error_ratio, total=total), at=AT)


def part(error_ratio: float, weight: int = 1, **more: float) -> Part:
    return Part(report=report(error_ratio, **more), weight=Fraction(weight))  # type: ignore[arg-type]


def test_each_part_counts_by_its_weight_and_not_by_its_traffic() -> None:
    made = composite_of([part(0.0002, 3, total=10_000.0), part(0.001, 1, total=100.0)])
    assert made.consumed_ratio == pytest.approx((3 * 0.2 + 1 * 1.0) / 4)
    assert made.remaining_ratio == pytest.approx(0.6)
    assert dict(made.burn_rates)[1440] == pytest.approx(0.4, rel=0.01)
    assert made.state is State.OK


def test_one_part_at_three_times_its_budget_exhausts_three_equal_parts() -> None:
    assert composite_of([part(0.003), part(0.0), part(0.0)]).state is State.EXHAUSTED
    assert composite_of([part(0.0029), part(0.0), part(0.0)]).state is State.OK


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=4), st.integers(1, 1000))
@settings(deadline=None, max_examples=20)
def test_equal_parts_are_the_part_itself_and_the_scale_of_weights_is_free(weights: list[int], scale: int) -> None:
    one = report(0.0004)
    made = composite_of([Part(report=one, weight=Fraction(weight)) for weight in weights])
    assert made.consumed_ratio == one.budget.consumed_ratio
    scaled = composite_of([Part(report=one, weight=Fraction(weight * scale)) for weight in weights])
    assert (scaled.consumed_ratio, scaled.burn_rates) == (made.consumed_ratio, made.burn_rates)


def test_what_is_unknown_of_a_part_is_unknown_of_all() -> None:
    unknown = Part(report=evaluate(objective(), EventSeries.empty(), at=AT), weight=Fraction(1))
    made = composite_of([part(0.5), unknown])
    assert (made.state, made.consumed_ratio, made.remaining_ratio) == (State.NO_DATA, None, None)
    assert {rate for _, rate in made.burn_rates} == {None}


def test_a_composite_needs_parts_and_weights_over_zero() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        composite_of([])
    with pytest.raises(ValueError, match="a weight is over 0"):
        part(0.0, 0)


def test_the_command_tells_parts_and_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = write_objectives(tmp_path), write_events(tmp_path, {"shop": history(MONTH, base=0.0005)})
    document = answered(capsys, "composite", files[0], "--data", files[1], "--part", "shop/availability=2.5")
    assert document["remaining_ratio"] == pytest.approx(0.5)
    assert document["parts"][0]["weight"] == 2.5
    code, out, _ = called(capsys, "composite", files[0], "--data", files[1], "--part", "shop/availability")
    assert code == 0
    assert "together" in out


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["shop/other"], "--part: there is no objective 'shop/other' in these files; there are: shop/availability"),
        (["shop/availability=0"], "--part: '0' is not a weight"),
        (["shop/availability=nan"], "--part: 'nan' is not a weight"),
        (["shop/availability", "shop/availability=2"], "--part: shop/availability is named twice"),
    ],
)
def test_a_wrong_part_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parts: list[str], message: str
) -> None:
    options = [word for one in parts for word in ("--part", one)]
    code, out, err = called(capsys, "composite", write_objectives(tmp_path), "--demo", *options)
    assert (code, out) == (2, "")
    assert message in err
