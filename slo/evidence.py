"""Whether so many bad events are more than chance: the condition of the generated rules, for whole histories."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LEAST_CHANCE_RATIO = 0.0001
"""An alert needs so many bad events that chance brings them less often than this while the objective is kept."""

_LEAST_BAD = 2
_NATS = -2 * math.log(LEAST_CHANCE_RATIO / 1.05)


def beyond_chance(bad: Counts, total: Counts, budget_ratio: Fraction) -> Flags:
    """Where P(X >= bad), X binomial of `total` at the budget's ratio, is below 1 in 10,000; never for one bad event.

    bad, total: shape (n,). Most are told by Bernstein's inequality, P(X >= n b + t) <= exp(-t^2 / 2 (n b (1 - b) +
    t / 3)), the rest by the formula that the rules have, within 3 % of the exact tail. Source: Boucheron, Lugosi and
    Massart, Concentration Inequalities, section 2.8; Feller, An Introduction to Probability Theory, volume 1, VI.3.
    """
    b = float(budget_ratio)
    expected = total * b
    lead = bad - expected
    possible = (lead > 0) & (bad >= _LEAST_BAD)
    # 5 % stricter than the limit, as the rules' formula may lie 3 % above the exact tail.
    bound = expected * ((1 - b) * _NATS)
    bound += lead * (_NATS / 3)
    found: Flags = possible & (lead * lead > bound)
    (doubtful,) = np.nonzero(possible > found)
    if doubtful.size:
        found[doubtful] = _by_chance(bad[doubtful], total[doubtful], b) < LEAST_CHANCE_RATIO
    return found


def _by_chance(bad: Counts, total: Counts, b: float) -> Floats:
    """P(X >= k) <= p(k) / (1 - q), q = (n - k) b / ((k + 1) (1 - b)); p(k) with Gosper's form of Stirling's n!."""
    n = total.astype(np.float64)
    ratio = bad / n
    good = np.maximum(1 - ratio, 1e-12)
    exponent = -n * (ratio * np.log(ratio / b) + good * np.log(good / (1 - b)))
    width = math.tau * (n * ratio + 1 / 6) * (n * good + 1 / 6) / (n + 1 / 6)
    q = good * b / (1 - b) / (ratio + 1 / n)
    chance: Floats = np.exp(exponent - 0.5 * np.log(width) - np.log(1 - q))
    return chance
