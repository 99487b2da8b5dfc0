"""Speed and truth of the analysis: backtest of a year, incidents of a month, forecasts of a year and their band.

    python -m bench.backtest

Prints a Markdown table of CPU seconds of this process, best of several, and of what was found against the truth.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

import numpy as np

from slo.events import EventSeries
from slo.firing import replay_alerts
from slo.forecast import forecast
from slo.forecast_band import band_coverage
from slo.gate import BurnLimit, Gate
from slo.incident import find_incidents
from slo.replay import GateReplay, Replayed
from slo.source.fleet import Episode, FleetSpec, simulate
from slo.window import Interval
from tests.arithmetic.objectives import objective

START = 29_800_800
DAY = 1440
MONTH, YEAR = 30 * DAY, 365 * DAY


def main() -> None:
    print("| what | allowed | measured |\n|---|---|---|")
    for what, allowed, measured in (*_backtests(), *_incidents(), *_forecasts(), _replay()):
        print(f"| {what} | {allowed} | {measured} |")


def _history(minutes: int, *, per_second: float, base: float, every_days: int, seed: int = 1) -> EventSeries:
    """Steady noise, and half an hour at 30 % every so many days."""
    incidents = tuple(Episode(day * DAY + 100, 30, 0.3) for day in range(5, minutes // DAY, every_days))
    spec = FleetSpec(
        start=START,
        days=minutes // DAY,
        lead_minutes=0,
        tail_minutes=0,
        pods=1,
        bin_seconds=60,
        scrape_interval_seconds=3600,
        requests_per_second=per_second,
        base_error_ratio=base,
        peak_to_trough=5.0,
        incidents=incidents,
        seed=seed,
    )
    return simulate(spec).happened


def _backtests() -> list[tuple[str, str, str]]:
    one, rows = objective(), []
    for name, per_second, base in (
        ("10 requests/s", 10.0, 0.0005),
        ("0.2 requests/s", 0.2, 0.0005),
        ("burning all year", 10.0, 0.0011),
    ):
        events = _history(YEAR, per_second=per_second, base=base, every_days=20)
        within = Interval(START, START + YEAR)
        seconds = _best(lambda e=events, w=within: replay_alerts(one.alert_policy, e, one.budget_ratio, MONTH, w))  # type: ignore[misc]
        rows.append((f"a year by the minute, 7 windows, 4 pairs; {name}", "20 ms", f"{seconds * 1e3:.1f} ms"))
    return rows


def _incidents() -> list[tuple[str, str, str]]:
    one, off, seconds = objective(), [], 0.0
    within = Interval(START, START + MONTH)
    for seed in range(10):
        events = _history(MONTH, per_second=100.0, base=0.0003, every_days=6, seed=seed)
        found = find_incidents(events, one.budget_ratio, one.window, within, paid_by=within)
        seconds = max(
            seconds,
            _best(lambda e=events: find_incidents(e, one.budget_ratio, one.window, within, paid_by=within)),  # type: ignore[misc]
        )
        for incident in found:
            day = (incident.interval.end - START) // DAY
            truth = events.within(Interval(START + day * DAY + 100, START + day * DAY + 130)).bad
            off.append(abs(incident.bad_events / truth - 1))
    return [
        ("incidents of a month", "", f"{seconds * 1e3:.1f} ms"),
        (f"bills of {len(off)} incidents against the truth, worst", "0.1 %", f"{max(off) * 100:.3f} %"),
    ]


def _forecasts() -> list[tuple[str, str, str]]:
    one = objective()
    events = _history(YEAR, per_second=10.0, base=0.0003, every_days=20)
    rows = [
        (
            "forecast from a year, with its band",
            "",
            f"{_best(lambda: forecast(one, events, START + YEAR)) * 1e3:.0f} ms",
        )
    ]
    for every_days in (3, 10, 30):
        pooled: dict[int, list[int]] = {}
        for seed in range(8):
            for found in band_coverage(*_hourly(every_days, seed), 720, 0.001):
                sums = pooled.setdefault(found.horizon_minutes // DAY, [0, 0])
                sums[0] += found.covered
                sums[1] += found.made
        told = ", ".join(f"{days}d {covered / made * 100:.1f} %" for days, (covered, made) in sorted(pooled.items()))
        rows.append((f"90 % bands that held, incidents every {every_days} days at random", "85 to 95 %", told))
    return rows


def _hourly(every_days: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    ratio, minute = np.full(YEAR, 0.0003), 0
    while minute < YEAR:
        minute += int(rng.exponential(every_days * DAY))
        length = int(rng.lognormal(3.3, 0.8)) + 1
        ratio[minute : minute + length] = rng.uniform(0.02, 1)
        minute += length
    hour = np.arange(YEAR // 60)
    total = rng.poisson(72_000 * np.exp(0.8 * np.cos((hour % 24 - 15) * np.pi / 12)))
    bad = rng.binomial(total, ratio.reshape(-1, 60).mean(axis=1))
    return bad.astype(np.float64), total.astype(np.float64)


def _replay() -> tuple[str, str, str]:
    gate = Gate(
        name="deploy",
        objectives=("cloudshop/*",),
        min_budget_remaining_ratio=Decimal("0.1"),
        max_burn_rate=(BurnLimit(long_minutes=60, max_burn_rate=Decimal(2)),),
        max_data_age_seconds=300,
        on_unknown={"default": "deny"},
    )
    events = _history(MONTH, per_second=10.0, base=0.0003, every_days=6)
    machine = GateReplay(gate, [Replayed(objective=objective(), groups={(): events})])
    begun = time.process_time()
    for _ in machine.answers(Interval(START, START + MONTH), 5, lambda share: None):
        pass
    return "a gate asked every 5 minutes of a month, one objective", "", f"{time.process_time() - begun:.1f} s"


def _best(run: Callable[[], object]) -> float:
    """CPU seconds of the fastest of several runs."""
    best = float("inf")
    for _ in range(9):
        begun = time.process_time()
        run()
        best = min(best, time.process_time() - begun)
    return best


if __name__ == "__main__":
    main()
