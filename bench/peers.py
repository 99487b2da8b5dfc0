"""The rules of Sloth and Pyrra for one objective of 99.9 % over 30 days, and what they answer on a real Prometheus.

Written out from their sources: Sloth v0.16, internal/prometheus/{sli_rules,alert_rules}.go and its SRE-workbook
windows; Pyrra (August 2026), slo/rules.go: windows and waits are those of 28 days, scaled by the period and rounded to
the minute each, and where errors and total are one metric, its increase is recorded once.
The expressions are evaluated as range queries with a step of a minute, which is what rules at that interval record.
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


class Recorded(NamedTuple):
    """A rule's results: values, NaN included, and at which minutes there were any."""

    values: npt.NDArray[np.float64]
    there: npt.NDArray[np.bool_]


SLOTH_PAGES = (Pair(14.4, 60, 5, 0), Pair(6, 360, 30, 0))
PYRRA_PAGES = (Pair(14, 64, 5, 2), Pair(7, 386, 32, 16))
_SLOTH_WINDOWS = (5, 30, 60, 120, 360, 1440, 4320)
_PYRRA_WINDOWS = (5, 32, 64, 129, 386, 1543, 6171)
_SLOTH_PERIOD_SAMPLES = 2 * 30 * 2880
"""What ratio_rate30d reads besides: 30 days of the 5-minute ratio, recorded every 30 s, for its sum and its count."""


def ratio_rate(minutes: int, late_minutes: int = 0) -> str:
    """Sloth's slo:sli_error:ratio_rateW; Pyrra's :burnrateW is the same.

    late_minutes: the rule as it sees a window of which the last minutes have not arrived.
    """
    window = f"[{minutes - late_minutes}m]" + (f" offset {late_minutes}m" if late_minutes else "")
    return f"(sum(rate({_ERRORS}{window})) / sum(rate({_TOTAL}{window})))"


def pyrra_period_ratio(days: int) -> str:
    """One minus Pyrra's availability, over its recorded http_requests:increase30d."""
    return f"sum(increase({_ERRORS}[{days}d]) or vector(0)) / sum(increase({_TOTAL}[{days}d]))"


def sloth_period_ratio(five_minutes: Recorded) -> float | None:
    """slo:sli_error:ratio_rate30d: sum_over_time / count_over_time of the 5-minute ratio. A recorded NaN spoils it; a
    minute without any is not counted."""
    values = five_minutes.values[five_minutes.there]
    return float(values.mean()) if values.size else None


def rules_for_cost() -> dict[str, tuple[tuple[str, float], ...]]:
    """Every expression that reads raw series, and how often it is evaluated in a minute.

    Both evaluate every 30 s, Pyrra its 30-day increase every two and a half minutes.
    """
    increase = f"sum by (status) (increase({_TOTAL}[30d]))"
    return {
        "Sloth": tuple((ratio_rate(minutes), 2.0) for minutes in _SLOTH_WINDOWS),
        "Pyrra": ((increase, 0.4), *((ratio_rate(minutes), 2.0) for minutes in _PYRRA_WINDOWS)),
    }


def recorded_samples_read() -> dict[str, float]:
    """What is read in a minute of the recorded series themselves, where it is much."""
    return {"Sloth": 2.0 * _SLOTH_PERIOD_SAMPLES}


def error_ratios(url: str, minutes: int, interval: Interval, late_minutes: int = 0) -> Recorded:
    """The recorded ratio of a window at every minute of `(start, end]`."""
    values = np.full(interval.minutes, np.nan)
    there = np.zeros(interval.minutes, np.bool_)
    for start in range(interval.start + 1, interval.end + 1, _POINTS):
        last = min(start + _POINTS - 1, interval.end)
        query = ratio_rate(minutes, late_minutes)
        form = {"query": query, "start": start * 60, "end": last * 60, "step": 60}
        for one in _post(url, "query_range", form)["result"]:
            for at, value in one["values"]:
                index = round(at) // 60 - interval.start - 1
                values[index], there[index] = float(value), True
    return Recorded(values, there)


def pages(url: str, pairs: tuple[Pair, ...], interval: Interval, late_minutes: int = 0) -> npt.NDArray[np.bool_]:
    """Whether a page is firing at every minute of the interval."""
    firing = np.zeros(interval.minutes, np.bool_)
    for pair in pairs:
        long, short = (error_ratios(url, size, interval, late_minutes).values for size in (pair.long, pair.short))
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
