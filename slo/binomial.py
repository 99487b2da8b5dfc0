"""How likely so many bad events are by chance alone."""

from __future__ import annotations

import math


def binomial_tail(bad: int, total: int, ratio: float) -> float:
    """P(X >= bad) of `total` events of which each is bad with probability `ratio`, in [0, 1].

    The terms are summed from the first one on until they no longer count: all are positive, so that nothing cancels.
    Source: Feller, An Introduction to Probability Theory, volume 1, chapter VI.
    """
    if bad <= 0:
        return 1.0
    if bad > total or ratio <= 0:
        return 0.0
    if ratio >= 1:
        return 1.0
    if bad <= total * ratio:
        return 1.0 - binomial_tail(total - bad + 1, total, 1.0 - ratio)
    choices = math.lgamma(total + 1) - math.lgamma(bad + 1) - math.lgamma(total - bad + 1)
    term = math.exp(choices + bad * math.log(ratio) + (total - bad) * math.log1p(-ratio))
    tail, odds = 0.0, ratio / (1.0 - ratio)
    for k in range(bad, total + 1):
        tail += term
        if term <= tail * 1e-17:
            break
        term *= (total - k) / (k + 1) * odds
    return min(tail, 1.0)
