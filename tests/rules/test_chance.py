"""The chance that rules compute is the binomial tail, and the tail is what counting gives."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slo.binomial import binomial_tail
from slo.render.rules.alerts import alert_rules
from tests.rules.objectives import of


def exact_tail(bad: int, total: int, ratio: Fraction) -> float:
    return float(
        sum(math.comb(total, k) * ratio**k * (1 - ratio) ** (total - k) for k in range(bad, total + 1)) or Fraction(0)
    )


@given(st.integers(1, 60), st.data(), st.fractions(Fraction(1, 1000), Fraction(1, 2)))
def test_the_tail_is_the_sum_of_its_terms(total: int, data: st.DataObject, ratio: Fraction) -> None:
    bad = data.draw(st.integers(0, total))
    assert binomial_tail(bad, total, float(ratio)) == pytest.approx(exact_tail(bad, total, ratio), rel=1e-9)


@pytest.mark.parametrize(
    ("bad", "total", "ratio", "tail"),
    [(1, 10, 0.001, 0.00995512), (2, 10, 0.001, 4.476e-05), (0, 10, 0.5, 1.0), (3, 2, 0.5, 0.0), (2, 2, 0.001, 1e-6)],
)
def test_known_tails(bad: int, total: int, ratio: float, tail: float) -> None:
    assert binomial_tail(bad, total, ratio) == pytest.approx(tail, rel=1e-3)


def as_rules_compute(bad: int, total: int) -> float:
    """The expression of the rules, read as Python: PromQL's arithmetic is the same."""
    rule = next(rule for rule in alert_rules(of("bad")) if rule.record == "slo:by_chance:ratio1h")
    formula = rule.expr.split("\nand\n", maxsplit=1)[0]
    for name, value in (
        ('slo:error_ratio:1h{slo="shop/bad"}', bad / total),
        ('slo:total_events:sum1h{slo="shop/bad"}', float(total)),
    ):
        formula = formula.replace(name, repr(value))
    names = {"exp": math.exp, "ln": math.log, "clamp_min": max}
    return float(eval(formula.replace("\n", " "), {"__builtins__": {}}, names))


@given(st.integers(2, 200), st.integers(2, 100_000))
def test_rules_compute_the_tail(bad: int, total: int) -> None:
    assume(bad <= total and bad > 1.5 * total * 0.001)
    tail = binomial_tail(bad, total, 0.001)
    assume(tail > 1e-300)
    assert as_rules_compute(bad, total) == pytest.approx(tail, rel=0.12)
