"""How far the collector is from the truth: `python -m bench.ledger_accuracy` prints Markdown tables.

Fleets of known truth are collected minute by minute into a ledger, as samples arrive; beside it the rules of Sloth and
Pyrra (bench/peers.py) are evaluated by a real Prometheus that holds the same samples. Exits with 1 where the error
ratio of the period is off by more than 0.05 % and by more than one bad event, of those that reached a scrape.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path

import numpy as np

from bench import burn, peers
from bench.accuracy import START, TOLERANCE_RATIO, _ratio, _relative, _shown, availability, scenarios
from bench.arrivals import ArrivingReader, Replicas, Series, every
from bench.collected import TAIL_MINUTES, Collected, collect
from slo.ledger.checkpoint import REACH_MINUTES
from slo.samples import SeriesSamples
from slo.source.fleet import REQUESTS, Episode, Fleet, FleetSpec, Gap, simulate
from slo.units import MINUTE_MS
from slo.window import Interval
from tests.support.prometheus import prometheus_with

_AWAY = Interval(START + 500, START + 680)
_BEFORE_AN_INCIDENT_MINUTES, _AFTER_AN_INCIDENT_MINUTES = 60, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A fleet, and what befalls the collector or its samples."""

    spec: FleetSpec
    lag_minutes: int = 0
    replicas: bool = False
    kills: int = 0


@dataclass(slots=True)
class Rows:
    """What is said of one scenario in each table, and whether ours is near enough to the truth."""

    ratio: list[str]
    passed: bool
    burn: list[str] = field(default_factory=list)


RATIO_HEADER = (
    "| scenario | truth: bad / total | unseen bad | ours: bad / total | ours | Sloth | Pyrra"
    " | read: of the objective | of `up` and starts | took |\n" + "|---" * 10 + "|"
)
BURN_HEADER = (
    "| scenario | burn 5m, RMSE: told live | kept | rule | minutes without a rule's answer | told after"
    " | page begins, ends after truth's: ours | Sloth | Pyrra |\n" + "|---" * 9 + "|"
)


def all_scenarios(days: int) -> dict[str, Scenario]:
    """Those of bench/accuracy.py, and four in which samples or collector are away."""
    found = {name: Scenario(spec=spec) for name, spec in scenarios(days, 15).items()}
    night = found["night incident, 20:1 traffic"].spec
    middle = min(10, days - 1) * 1440
    day = replace(night, peak_to_trough=3.0, incidents=(Episode(middle + 600, 40, 0.1),))
    kills = 200 * days // 30
    found["Prometheus restart, 7 min away"] = Scenario(
        spec=replace(day, resets_per_pod=5, gaps=(Gap(middle + 300, 7),))
    )
    found["HA pair, one away for 3 h"] = Scenario(spec=replace(day, scrape_interval_seconds=5), replicas=True)
    found["samples 60 s late"] = Scenario(spec=replace(day, pod_lifetime_hours=24.0), lag_minutes=1)
    found[f"collector killed {kills} times"] = Scenario(
        spec=replace(day, resets_per_pod=5, lazy_series=True), kills=kills
    )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger_accuracy", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=1, help="scenarios at a time")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios whose name contains the text")
    options = parser.parse_args(arguments)
    wanted = [name for name in all_scenarios(options.days) if options.only in name]
    print(f"Collected minute by minute over {options.days} days; errors are of the ratio of that period.\n")
    print(RATIO_HEADER, flush=True)
    done: list[Rows] = []
    with ProcessPoolExecutor(options.jobs) as executor:
        for rows in executor.map(measure, wanted, repeat(options.days)):
            print(_row(rows.ratio), flush=True)
            done.append(rows)
    print(f"\n{BURN_HEADER}")
    for name, rows in zip(wanted, done, strict=True):
        print(_row([name, *rows.burn]), flush=True)
    failed = [name for name, rows in zip(wanted, done, strict=True) if not rows.passed]
    for name in failed:
        print(f"ours is off by more than 0.05 % and one bad event: {name}", file=sys.stderr)
    return 1 if failed else 0


def measure(name: str, days: int) -> Rows:
    """Both rows of one scenario."""
    scenario = all_scenarios(days)[name]
    fleet = simulate(scenario.spec)
    window = Interval(START, START + days * 1440)
    reader = _reader(scenario, fleet)
    began = time.perf_counter()
    ours = collect(availability(window), reader, window, kills=scenario.kills)
    took = time.perf_counter() - began
    rows = _beside(scenario, fleet, reader.series, ours, window)
    reached, happened, kept = (one.within(window) for one in (fleet.reached, fleet.happened, ours.kept))
    existing = _existing(_complete_series(scenario, fleet), window)
    rows.ratio = [
        name,
        f"{reached.bad} / {reached.total}",
        f"{1 - reached.bad / happened.bad:.2%}" if happened.bad else "-",
        f"{kept.bad} / {kept.total}",
        f"**{_shown(_relative(_ratio(kept), _ratio(reached)))}**",
        *rows.ratio,
        f"{ours.samples[REQUESTS] / existing:.2f}",
        f"{(ours.samples.total() - ours.samples[REQUESTS]) / existing:.2f}",
        f"{took:.0f} s",
    ]
    off = abs(_ratio(kept) - _ratio(reached))
    rows.passed = off <= max(TOLERANCE_RATIO * _ratio(reached), 1 / max(reached.total, 1))
    return rows


def _reader(scenario: Scenario, fleet: Fleet) -> ArrivingReader | Replicas:
    if not scenario.replicas:
        return ArrivingReader(fleet.series, lag_seconds=60 * scenario.lag_minutes)
    first = ArrivingReader(every(fleet.series, 3, 0), away=_AWAY)
    return Replicas([first, ArrivingReader(every(fleet.series, 3, 1))])


def _complete_series(scenario: Scenario, fleet: Fleet) -> Series:
    """The fleet's, as one replica would have them that is never away."""
    return every(fleet.series, 3, 1) if scenario.replicas else fleet.series


def _existing(series: Series, window: Interval) -> int:
    """Samples of the objective's series, from where the first read begins to the last cycle."""
    edges = ((window.start - REACH_MINUTES) * MINUTE_MS, (window.end + TAIL_MINUTES) * MINUTE_MS)
    return sum(int(np.diff(one.times.searchsorted(edges, "right"))[0]) for one in series[REQUESTS])


def _beside(scenario: Scenario, fleet: Fleet, series: Series, ours: Collected, window: Interval) -> Rows:
    """The peers' answers on what the first replica holds, and everyone's burn rates and pages."""
    truth = burn.burn_rates(burn.window_counts(fleet.happened, window))
    kept = burn.burn_rates(burn.window_counts(ours.kept, window))
    reached = _ratio(fleet.reached.within(window))
    with (
        tempfile.TemporaryDirectory(prefix="slo-bench-") as folder,
        prometheus_with(_every_one(series), Path(folder)) as url,
    ):
        rule = peers.error_ratios(url, 5, window, scenario.lag_minutes)
        pyrra = peers.instant(url, peers.pyrra_period_ratio(window.minutes // 1440), window.end)
        pages = _pages(url, scenario, truth, ours, window)
    return Rows(
        ratio=[_shown(_relative(answer, reached)) for answer in (peers.sloth_period_ratio(rule), pyrra)],
        passed=False,
        burn=[
            f"{burn.rmse(*burn.told_five_minutes(ours.told, truth)):.2f}",
            f"{burn.rmse(kept[:, 0], truth[:, 0]):.2f}",
            f"{burn.rmse(rule.values / peers.BUDGET_RATIO, truth[:, 0]):.2f}",
            f"{np.mean(np.isnan(rule.values) & ~np.isnan(truth[:, 0])):.2%}",
            f"{ours.delay_minutes:.1f} min",
            *pages,
        ],
    )


def _pages(url: str, scenario: Scenario, truth: burn.Floats, ours: Collected, window: Interval) -> list[str]:
    """How many minutes after truth's page the others begin and end by the clock, around each incident."""
    cells: list[list[str]] = [[], [], []]
    for incident in scenario.spec.incidents:
        low = max(incident.start_minute - _BEFORE_AN_INCIDENT_MINUTES, 0)
        high = min(incident.start_minute + incident.minutes + _AFTER_AN_INCIDENT_MINUTES, window.minutes)
        stretch = Interval(window.start + low, window.start + high)
        expected = burn.span(burn.firing(truth)[low:high])
        found = [burn.told_firing(ours.told)[low:high]]
        for pairs in (peers.SLOTH_PAGES, peers.PYRRA_PAGES):
            found.append(peers.pages(url, pairs, stretch, scenario.lag_minutes))
        for column, flags in zip(cells, found, strict=True):
            column.append(burn.after(burn.span(flags), expected))
    return ["; ".join(column) or "-" for column in cells]


def _every_one(series: Series) -> Iterator[SeriesSamples]:
    return (one for group in series.values() for one in group)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
