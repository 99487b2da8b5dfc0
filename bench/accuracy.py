"""How far each way of counting is from the truth: `python -m bench.accuracy` prints a Markdown table.

Fleets of known truth (slo/source/fleet.py) are loaded into a real Prometheus, and everyone is asked for the error
ratio of the same 30 days. Exits with 1 where ours is off by more than 0.05 % and by more than one bad event.
Contenders: ours; the four queries of the lab's task 5.4, verbatim; a mean of 5-minute ratios, as Sloth's 30d rule.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import requests

from slo.alert_policy import AlertPolicy
from slo.events import EventSeries, WindowCounts
from slo.objective import Objective, RatioSLI
from slo.selector import MatchOp, Selector
from slo.source.fleet import REQUESTS, Episode, Fleet, FleetSpec, Gap, simulate
from slo.source.prometheus import PrometheusSource
from slo.source.protocol import Measured, Source
from slo.source.sampled import SampledSource
from slo.source.simulated import SimulatedReader
from slo.window import Interval, RollingWindow
from tests.support.prometheus import prometheus_with

START = 29_800_800
BUDGET_RATIO = 0.001
LAB_MINUTES = 43.2
TOLERANCE_RATIO = 0.0005

_ALL = '{namespace="cloudshop-prod"}'
_RATE_30D = f'sum(rate({REQUESTS}{{status!~"5..",namespace="cloudshop-prod"}}[30d])) / sum(rate({REQUESTS}{_ALL}[30d]))'
# Its third query compares with != where !~ was meant: nothing is ever bad.
_WRONG_30D = (
    f'sum(rate({REQUESTS}{{status!="5..",namespace="cloudshop-prod"}}[30d])) / sum(rate({REQUESTS}{_ALL}[30d]))'
)
LAB_QUERIES = (
    f"({_RATE_30D}) * 100",
    f"(1 - ({_RATE_30D})) / (1 - 0.999) * 100",
    f"43.2 * (1 - ((1 - ({_WRONG_30D})) / (1 - 0.999)))",
    f'(sum(rate({REQUESTS}{{status=~"5..",namespace="cloudshop-prod"}}[1h])) / sum(rate({REQUESTS}{_ALL}[1h])))'
    " / (1 - 0.999)",
)
FIVE_MINUTE_RATIO = (
    f'sum(rate({REQUESTS}{{status=~"5..",namespace="cloudshop-prod"}}[5m])) / sum(rate({REQUESTS}{_ALL}[5m]))'
)


def scenarios(days: int, interval_seconds: int) -> dict[str, FleetSpec]:
    """The fleets, by what is hard about them."""
    plain = FleetSpec(
        start=START, days=days, scrape_interval_seconds=interval_seconds, requests_per_second=12.0, tail_minutes=15
    )
    night = Episode(min(10, days - 1) * 1440 + 170, 50, 1.0)
    return {
        "night incident, 20:1 traffic": replace(
            plain, peak_to_trough=20.0, base_error_ratio=0.0001, incidents=(night,)
        ),
        "churn 8 h, lazy errors": replace(
            plain, requests_per_second=3.0, base_error_ratio=0.0001, pod_lifetime_hours=8.0, lazy_series=True
        ),
        "gaps 1, 12, 180 min, 20 restarts": replace(
            plain, peak_to_trough=5.0, resets_per_pod=20, gaps=(Gap(1500, 1), Gap(3001, 12), Gap(5007, 180))
        ),
        "low traffic, quiet nights": replace(
            plain,
            requests_per_second=0.02,
            base_error_ratio=0.002,
            lazy_series=True,
            pod_lifetime_hours=240.0,
            quiet_hours=frozenset(range(1, 5)),
        ),
        "cron errors every 5 min": replace(plain, base_error_ratio=0.0, cron_every_minutes=5, cron_errors=2),
        "restarts, rare lazy errors": replace(
            plain, requests_per_second=3.0, base_error_ratio=0.0001, resets_per_pod=40, lazy_series=True
        ),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One scenario's truth and answers; relative errors in percent, None where there was no answer."""

    name: str
    reached: WindowCounts
    happened: WindowCounts
    ours: WindowCounts
    lab: tuple[float | None, ...]
    mean_of_ratios: float | None
    samples: int
    seconds: float

    @property
    def ours_percent(self) -> float | None:
        return _relative(_ratio(self.ours), _ratio(self.reached))

    @property
    def passed(self) -> bool:
        expected, got = _ratio(self.reached), _ratio(self.ours)
        return abs(got - expected) <= max(TOLERANCE_RATIO * expected, 1 / max(self.reached.total, 1))

    def row(self) -> str:
        lost = 1 - self.reached.bad / self.happened.bad if self.happened.bad else 0.0
        cells = [
            self.name,
            f"{self.reached.bad} / {self.reached.total}",
            f"{lost:.2%}",
            f"{self.ours.bad} / {self.ours.total}",
            f"**{_shown(self.ours_percent)}**",
            *map(_shown, self.lab),
            _shown(self.mean_of_ratios),
            f"{self.samples / 1e6:.2f}M in {self.seconds:.1f} s",
        ]
        return f"| {' | '.join(cells)} |"


HEADER = (
    "| scenario | truth: bad / total | unseen bad | ours: bad / total | ours | lab 1: availability | lab 2: consumed"
    " | lab 3: minutes left | lab 4: burn 1h | mean of 5m ratios | samples read by ours |\n" + "|---" * 11 + "|"
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("--no-prometheus", action="store_true", help="read the simulation directly: ours only, faster")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--scrape-interval", type=int, default=15, metavar="SECONDS")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios whose name contains the text")
    options = parser.parse_args(arguments)
    print(HEADER, flush=True)
    failed = []
    for name, spec in scenarios(options.days, options.scrape_interval).items():
        if options.only in name:
            outcome = measure(name, spec, direct=options.no_prometheus)
            print(outcome.row(), flush=True)
            failed += [] if outcome.passed else [name]
    for name in failed:
        print(f"ours is off by more than 0.05 % and one bad event: {name}", file=sys.stderr)
    return 1 if failed else 0


def measure(name: str, spec: FleetSpec, *, direct: bool) -> Outcome:
    """Everyone's answer for one fleet."""
    fleet = simulate(spec)
    window = Interval(spec.start, spec.start + spec.days * 1440)
    with nullcontext(None) if direct else _loaded(fleet) as url:
        source = PrometheusSource(url) if url else SampledSource(SimulatedReader(fleet.series))
        began = time.perf_counter()
        ours = count(source, window)
        seconds = time.perf_counter() - began
        lab, mean = (ask_lab(url, fleet, window), mean_of_ratios(url, fleet, window)) if url else ((None,) * 4, None)
    read = sum(one.times.size for one in fleet.series[REQUESTS])
    return Outcome(
        name=name,
        reached=fleet.reached.within(window),
        happened=fleet.happened.within(window),
        ours=ours.within(window),
        lab=lab,
        mean_of_ratios=mean,
        samples=read,
        seconds=seconds,
    )


def count(source: Source, window: Interval) -> EventSeries:
    """Ours: the events of the shop's availability."""
    objective = availability(window)
    measured = source.events([objective], [window], lambda share: None)[objective.id]
    if not isinstance(measured, Measured):
        raise measured
    return measured.groups[()]


def availability(window: Interval) -> Objective:
    """The shop's availability over the whole window."""
    total = Selector(REQUESTS).where("namespace", MatchOp.EQUAL, "cloudshop-prod")
    return Objective(
        service="cloudshop",
        name="availability",
        target_ratio=Decimal("0.999"),
        window=RollingWindow(window.minutes),
        sli=RatioSLI(total=total, bad=total.where("status", MatchOp.REGEX, "5..")),
        alert_policy=AlertPolicy(name="none", pairs=()),
    )


def ask_lab(url: str, fleet: Fleet, window: Interval) -> tuple[float | None, ...]:
    """The error ratios that the lab's answers amount to (over 30 days; the fourth over an hour), against the truth."""
    availability, consumed, minutes, burn = (_instant(url, query, window.end) for query in LAB_QUERIES)
    truth = _ratio(fleet.reached.within(window))
    truth_1h = _ratio(fleet.reached.within(Interval(window.end - 60, window.end)))
    return (
        _relative(None if availability is None else 1 - availability / 100, truth),
        _relative(None if consumed is None else consumed / 100 * BUDGET_RATIO, truth),
        _relative(None if minutes is None else (1 - minutes / LAB_MINUTES) * BUDGET_RATIO, truth),
        _relative(None if burn is None else burn * BUDGET_RATIO, truth_1h),
    )


def mean_of_ratios(url: str, fleet: Fleet, window: Interval) -> float | None:
    """The mean of the ratios of 5 minutes, recorded each minute; one NaN spoils it, as it does there."""
    ratios: list[float] = []
    for day in range(window.start, window.end, 1440):
        last = min(day + 1440, window.end)
        stretch = {"start": (day + 1) * 60, "end": last * 60, "step": 60}
        for one in _ask(url, "query_range", {"query": FIVE_MINUTE_RATIO, **stretch}):
            ratios += [float(value) for _, value in one["values"]]
    return _relative(float(np.mean(ratios)) if ratios else None, _ratio(fleet.reached.within(window)))


def _instant(url: str, query: str, minute: int) -> float | None:
    found = _ask(url, "query", {"query": query, "time": minute * 60})
    return float(found[0]["value"][1]) if found else None


def _ask(url: str, route: str, parameters: Mapping[str, str | int]) -> list[dict[str, Any]]:
    answer = requests.post(f"{url}/api/v1/{route}", data=parameters, timeout=120)
    answer.raise_for_status()
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result


@contextmanager
def _loaded(fleet: Fleet) -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="slo-bench-") as directory,
        prometheus_with((one for group in fleet.series.values() for one in group), Path(directory)) as url,
    ):
        yield url


def _ratio(counts: WindowCounts) -> float:
    return counts.bad / counts.total if counts.total else 0.0


def _relative(got: float | None, expected: float) -> float | None:
    """The error in percent; None without an answer, or where it cannot be told."""
    if got is None:
        return None
    if not expected:
        return 0.0 if got == expected else None
    return (got / expected - 1) * 100


def _shown(percent: float | None) -> str:
    return "-" if percent is None else "NaN" if np.isnan(percent) else f"{percent:+.3f} %"


if __name__ == "__main__":
    sys.exit(main())
