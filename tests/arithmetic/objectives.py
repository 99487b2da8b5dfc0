"""Objectives for the tests of arithmetic."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from slo.alert_policy import AlertPolicy, WindowPair
from slo.events import EventSeries
from slo.objective import Objective, RatioSLI
from slo.selector import Matcher, MatchOp, Selector
from slo.window import RollingWindow

DAY = 1440
POLICY = AlertPolicy(
    name="sre-workbook",
    pairs=tuple(
        WindowPair(severity=severity, long_minutes=long, short_minutes=short, budget_share=Fraction(share))
        for severity, long, short, share in [
            ("page", 60, 5, "0.02"),
            ("page", 360, 30, "0.05"),
            ("ticket", 1440, 120, "0.1"),
            ("ticket", 4320, 360, "0.1"),
        ]
    ),
)
TOTAL = Selector("http_requests_total", frozenset({Matcher("namespace", MatchOp.EQUAL, "cloudshop-prod")}))


def objective(target: str = "0.999", **changes: Any) -> Objective:
    """The lab's objective: 99.9 % over 30 days, unless told otherwise."""
    values: dict[str, Any] = {
        "service": "cloudshop",
        "name": "availability",
        "target_ratio": Decimal(target),
        "window": RollingWindow(30 * DAY),
        "sli": RatioSLI(total=TOTAL, bad=TOTAL.where("status", MatchOp.REGEX, "5..")),
        "alert_policy": POLICY,
    }
    return Objective(**(values | changes))


def steady(
    minutes: int, *, bad: float = 0.0, total: float = 100.0, coverage: float = 1.0, start: int = 0
) -> EventSeries:
    """The same events in every minute."""
    return EventSeries.from_minutes(start, np.full(minutes, bad), np.full(minutes, total), np.full(minutes, coverage))
