"""The rules of Sloth and Pyrra for one objective of 99.9 % over 30 days, and what they answer on a real Prometheus.

Written out from their sources: Sloth v0.16, internal/prometheus/{sli_rules,alert_rules}.go and its SRE-workbook
windows; Pyrra (August 2026), slo/rules.go, whose windows are those of 28 days scaled by the period and rounded to the
minute, and whose alerts wait for half of the short window.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import requests

from slo.window import Interval

BUDGET_RATIO = 0.001
_ERRORS = 'http_requests_total{namespace="cloudshop-prod",status=~"5.."}'
_TOTAL = 'http_requests_total{namespace="cloudshop-prod"}'
_POINTS = 10_000


class Pair(NamedTuple):
    """A page: both windows burn faster than the factor for `wait` minutes."""

    factor: float
    long: int
    short: int
    wait: int


SLOTH_PAGES = (Pair(14.4, 60, 5, 0), Pair(6, 360, 30, 0))
PYRRA_PAGES = (Pair(14, 64, 5, 3), Pair(7, 386, 32, 16))
PYRRA_30D = f"sum(increase({_ERRORS}[30d])) / sum(increase({_TOTAL}[30d]))"


def ratio_rate(minutes: int) -> str:
    """Sloth's slo:sli_error:ratio_rateW; Pyrra's :burnrateW is the same."""
    return f"(sum(rate({_ERRORS}[{minutes}m])) / sum(rate({_TOTAL}[{minutes}m])))"


def rules_for_cost() -> dict[str, tuple[tuple[str, float], ...]]:
    """Every expression that reads raw series, and how often it is evaluated in a minute.

    Both evaluate every 30 s, Pyrra its 30-day increase every two and a half minutes.
    """
    sloth = (5, 30, 60, 120, 360, 1440, 4320)
    pyrra = (5, 32, 64, 129, 386, 1543, 6171)
    return {
        "Sloth": tuple((ratio_rate(minutes), 2.0) for minutes in sloth),
        "Pyrra": ((PYRRA_30D, 0.4), *((ratio_rate(minutes), 2.0) for minutes in pyrra)),
    }


def error_ratios(url: str, minutes: int, interval: Interval) -> npt.NDArray[np.float64]:
    """The recorded ratio of a window at every minute of `(start, end]`; NaN where there is none."""
    found = np.full(interval.minutes, np.nan)
    for start in range(interval.start + 1, interval.end + 1, _POINTS):
        last = min(start + _POINTS - 1, interval.end)
        form = {"query": ratio_rate(minutes), "start": start * 60, "end": last * 60, "step": 60}
        for one in _post(url, "query_range", form)["result"]:
            for at, value in one["values"]:
                found[round(at) // 60 - interval.start - 1] = float(value)
    return found


def pages(url: str, pairs: tuple[Pair, ...], interval: Interval) -> npt.NDArray[np.bool_]:
    """Whether a page is firing at every minute of the interval."""
    firing = np.zeros(interval.minutes, np.bool_)
    for pair in pairs:
        long, short = (error_ratios(url, minutes, interval) for minutes in (pair.long, pair.short))
        holds = (long > pair.factor * BUDGET_RATIO) & (short > pair.factor * BUDGET_RATIO)
        firing |= _for(holds, pair.wait)
    return firing


def samples_read(url: str, query: str, minute: int) -> int:
    """Samples that one evaluation reads, by stats=all."""
    data = _post(url, "query", {"query": query, "time": minute * 60, "stats": "all"})
    return int(data["stats"]["samples"]["totalQueryableSamples"])


def instant(url: str, query: str, minute: int) -> float | None:
    result = _post(url, "query", {"query": query, "time": minute * 60})["result"]
    return float(result[0]["value"][1]) if result else None


def _for(holds: npt.NDArray[np.bool_], wait: int) -> npt.NDArray[np.bool_]:
    """What has held for so many minutes."""
    firing = holds.copy()
    for minutes in range(1, wait + 1):
        firing[minutes:] &= holds[:-minutes]
        firing[:minutes] = False
    return firing


def _post(url: str, route: str, form: dict[str, Any]) -> dict[str, Any]:
    answer = requests.post(f"{url}/api/v1/{route}", data=form, timeout=600)
    answer.raise_for_status()
    data: dict[str, Any] = answer.json()["data"]
    return data
