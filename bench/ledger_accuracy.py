"""How far the collector is from the truth: `python -m bench.ledger_accuracy` prints Markdown tables.

Fleets of known truth are collected minute by minute into a ledger, as samples arrive; beside it the rules of Sloth and
Pyrra (bench/peers.py) are evaluated by a real Prometheus that holds the same samples. Exits with 1 where the error
ratio of the period is off by more than 0.05 % and by more than one bad event, of those that reached a scrape.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
import numpy.typing as npt

from bench import peers
from bench.accuracy import START, _loaded, _ratio, _relative, _shown, availability, scenarios
from bench.arrivals import ArrivingReader, Replicas, every
from bench.collected import Collected, collect
from slo.events import EventSeries
from slo.source.fleet import REQUESTS, Episode, Fleet, FleetSpec, Gap, simulate
from slo.window import Interval

TOLERANCE_RATIO = 0.0005
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A fleet, and what befalls the collector or its samples."""

    spec: FleetSpec
    lag_seconds: int = 0
    replicas: bool = False
    kills: int = 0


def all_scenarios(days: int) -> dict[str, Scenario]:
    """Those of bench/accuracy.py, and four in which samples or collector are away."""
    found = {name: Scenario(spec=spec) for name, spec in scenarios(days, 15).items()}
    night = found["night incident, 20:1 traffic"].spec
    middle = min(10, days - 1) * 1440
    day = replace(night, peak_to_trough=3.0, incidents=(Episode(middle + 600, 40, 0.1),))
    found["Prometheus restart"] = Scenario(spec=replace(day, resets_per_pod=5, gaps=(Gap(middle + 300, 7),)))
    found["HA pair, one away for 3 h"] = Scenario(spec=replace(day, scrape_interval_seconds=5), replicas=True)
    found["samples 60 s late"] = Scenario(spec=replace(day, pod_lifetime_hours=24.0), lag_seconds=60)
    found["collector killed 200 times"] = Scenario(spec=replace(day, resets_per_pod=5, lazy_series=True), kills=200)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger_accuracy", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=1, help="scenarios at a time")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios whose name contains the text")
    options = parser.parse_args(arguments)
    print(f"Collected minute by minute over {options.days} days; errors are of the ratio of that period.\n")
    print(
        "| scenario | truth: bad / total | unseen bad | ours: bad / total | ours | Sloth | Pyrra | burn 5m RMSE: live"
        " | kept | rule 5m | page begins, ends after truth's: ours | Sloth | Pyrra | told after | samples read |"
    )
    print("|---" * 15 + "|", flush=True)
    passed = True
    wanted = [name for name in all_scenarios(options.days) if options.only in name]
    with ProcessPoolExecutor(options.jobs) as executor:
        for row, is_passed in executor.map(measure, wanted, repeat(options.days)):
            print(row, flush=True)
            passed &= is_passed
    return 0 if passed else 1


def measure(name: str, days: int) -> tuple[str, bool]:
    """A row of the table, and whether ours is near enough to the truth."""
    scenario = all_scenarios(days)[name]
    fleet = simulate(scenario.spec)
    window = Interval(START, START + scenario.spec.days * 1440)
    seen = fleet if not scenario.replicas else replace(fleet, series=every(fleet.series, 3, 0))
    ours = collect(availability(window), _reader(scenario, fleet), window, kills=scenario.kills)
    reached, happened = fleet.reached.within(window), fleet.happened.within(window)
    kept = ours.kept.within(window)
    off = abs(_ratio(kept) - _ratio(reached))
    passed = off <= max(TOLERANCE_RATIO * _ratio(reached), 1 / max(reached.total, 1))
    existing = sum(one.times.size for one in seen.series[REQUESTS])
    cells = [
        name,
        f"{reached.bad} / {reached.total}",
        f"{1 - reached.bad / happened.bad:.2%}" if happened.bad else "-",
        f"{kept.bad} / {kept.total}",
        f"**{_shown(_relative(_ratio(kept), _ratio(reached)))}**",
        *_beside(fleet, seen, ours, window),
        f"{ours.delay_minutes:.1f} min",
        f"{ours.samples / existing:.2f} of those there are",
    ]
    return f"| {' | '.join(cells)} |", passed


def _reader(scenario: Scenario, fleet: Fleet) -> ArrivingReader | Replicas:
    if not scenario.replicas:
        return ArrivingReader(fleet.series, lag_seconds=scenario.lag_seconds)
    away = Interval(START + 500, START + 680)
    first = ArrivingReader(every(fleet.series, 3, 0), away=away)
    return Replicas(first, ArrivingReader(every(fleet.series, 3, 1)))


def _beside(fleet: Fleet, seen: Fleet, ours: Collected, window: Interval) -> list[str]:
    """What the peers' rules answer, the errors of the 5-minute burn rate, and when pages begin and end."""
    truth = _minutes(fleet.happened, window)
    reached = _ratio(fleet.reached.within(window))
    with _loaded(seen) as url:
        rule = peers.error_ratios(url, 5, window)
        cells = [
            _shown(_relative(float(np.mean(rule)), reached)),
            _shown(_relative(peers.instant(url, peers.PYRRA_30D, window.end), reached)),
        ]
        for bad, total in (ours.live, _minutes(ours.kept, window)):
            cells.append(f"{_rmse(_burn(bad, total, 5), _burn(*truth, 5)):.2f}")
        cells.append(f"{_rmse(rule / peers.BUDGET_RATIO, _burn(*truth, 5)):.2f}")
        cells += _pages(url, fleet.spec, truth, ours, window)
    return cells


def _pages(url: str, spec: FleetSpec, truth: tuple[Floats, Floats], ours: Collected, window: Interval) -> list[str]:
    """How many minutes after truth's page the others begin and end, around the first incident."""
    if not spec.incidents:
        return ["-"] * 3
    begin = spec.incidents[0].start_minute
    around = slice(max(begin - 60, 0), begin + 540)
    stretch = Interval(window.start + around.start, window.start + around.stop)
    expected = _span(_firing(*truth)[around])
    found = [_firing(*ours.live)[around]]
    found += [peers.pages(url, pairs, stretch) for pairs in (peers.SLOTH_PAGES, peers.PYRRA_PAGES)]
    return [_after(_span(firing), expected) for firing in found]


def _firing(bad: Floats, total: Floats) -> Flags:
    """The workbook's pages, on exact counts."""
    firing = np.zeros(bad.size, np.bool_)
    for pair in peers.SLOTH_PAGES:
        long, short = _burn(bad, total, pair.long), _burn(bad, total, pair.short)
        firing |= (long > pair.factor) & (short > pair.factor)
    return firing


def _span(firing: Flags) -> tuple[int, int] | None:
    at = np.flatnonzero(firing)
    return (int(at[0]), int(at[-1])) if at.size else None


def _after(found: tuple[int, int] | None, expected: tuple[int, int] | None) -> str:
    if found is None or expected is None:
        return "none" if found is None else "only here"
    return f"{found[0] - expected[0]:+d}, {found[1] - expected[1]:+d} min"


def _minutes(events: EventSeries, window: Interval) -> tuple[Floats, Floats]:
    """Bad and total events of each minute of the window."""
    at = slice(window.start - events.start, window.end - events.start + 1)
    bad, good = np.diff(events.bad[at]).astype(np.float64), np.diff(events.good[at]).astype(np.float64)
    return bad, bad + good


def _burn(bad: Floats, total: Floats, minutes: int) -> Floats:
    """The burn rate of the last minutes at every minute; 0 without events."""
    bad_sum, total_sum = (np.concatenate([[0.0], np.cumsum(one, dtype=np.float64)]) for one in (bad, total))
    low = np.maximum(np.arange(1, bad.size + 1) - minutes, 0)
    bad_in, total_in = bad_sum[1:] - bad_sum[low], total_sum[1:] - total_sum[low]
    return np.where(total_in > 0, bad_in / np.maximum(total_in, 1), 0.0) / peers.BUDGET_RATIO


def _rmse(found: Floats, expected: Floats) -> float:
    """Where there is no answer, none is compared."""
    there = ~np.isnan(found)
    return float(np.sqrt(np.mean((found[there] - expected[there]) ** 2))) if there.any() else float("nan")


if __name__ == "__main__":
    sys.exit(main())
