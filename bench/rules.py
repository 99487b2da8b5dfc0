"""How far the generated rules are from the truth, and what they cost: `python -m bench.rules` prints two tables.

The fleets of bench/accuracy.py are loaded into a real Prometheus, which evaluates every expression of the generated
rules at every minute; what a rule records is loaded for the rules that build on it, as Prometheus would have it. Cost:
what `stats=all` says of each rule, as often as it is evaluated, beside the rules of Sloth and Pyrra. Exits with 1 where
the recorded ratio of the period is off by more than 1 % in a scenario without gaps, or the rules read too much.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import requests
import yaml

from bench import peers
from bench.accuracy import START, _ratio, _relative, _shown, availability, scenarios
from slo.objective import Objective
from slo.render.rules import Layout, render_rules
from slo.samples import SeriesSamples
from slo.source.fleet import REQUESTS, Fleet, simulate
from slo.spec.policy import known_policies
from slo.window import Interval
from tests.support.prometheus import prometheus_with

LEVELS = (
    ("slo:total_events:increase5m",),
    ("slo:bad_events:increase5m",),
    ("slo:total_events:sum5m", "slo:bad_events:sum5m", "slo:coverage:ratio1h"),
)
"""What builds on what: a rule reads what those above it record."""
ALLOWED_PERCENT = 1.0
ALLOWED_SAMPLES = 8780
_POINTS = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.rules", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios whose names contain this")
    parser.add_argument("--no-cost", action="store_true")
    options = parser.parse_args(arguments)
    print("| scenario | truth: bad / total | recorded ratio | coverage |\n|---|---|---|---|", flush=True)
    passed = True
    for name, spec in scenarios(options.days, 30).items():
        if options.only in name:
            fleet = simulate(spec)
            window = Interval(START, START + options.days * 1440)
            percent, row = accuracy(name, fleet, window)
            print(row, flush=True)
            passed &= bool(spec.gaps) or (percent is not None and abs(percent) <= ALLOWED_PERCENT)
    if not options.no_cost:
        passed &= cost()
    return 0 if passed else 1


def accuracy(name: str, fleet: Fleet, window: Interval) -> tuple[float | None, str]:
    """The error of the recorded ratio in percent, and the row that tells it."""
    rules = recording_rules(_objective(window))
    truth = fleet.reached.within(window)
    series: list[SeriesSamples] = [one for group in fleet.series.values() for one in group]
    for level in LEVELS:
        with _prometheus(series) as url:
            series += [one for record in level for one in evaluated(url, record, rules[record], window)]
    with _prometheus([one for one in series if one.labels["__name__"].startswith("slo:")]) as url:
        ratio = peers.instant(url, rules["slo:error_ratio:period"], window.end)
        coverage = peers.instant(url, rules["slo:period_coverage:ratio"], window.end)
    percent = _relative(ratio, _ratio(truth))
    cells = [name, f"{truth.bad} / {truth.total}", f"**{_shown(percent)}**", f"{coverage or 0.0:.4f}"]
    return percent, f"| {' | '.join(cells)} |"


def _objective(window: Interval) -> Objective:
    return replace(availability(window), alert_policy=known_policies()["sre-workbook"])


def recording_rules(objective: Objective) -> dict[str, str]:
    """The expressions of an objective's recording rules by name, read back from the generated file."""
    return {rule["record"]: rule["expr"] for _, rule in _rules(objective) if "record" in rule}


def evaluated(url: str, record: str, expr: str, window: Interval) -> list[SeriesSamples]:
    """What a rule records when it is evaluated at every minute of a window."""
    found: dict[tuple[tuple[str, str], ...], list[tuple[float, str]]] = {}
    for start in range(window.start + 1, window.end + 1, _POINTS):
        last = min(start + _POINTS - 1, window.end)
        form: dict[str, str | int] = {"query": expr, "start": start * 60, "end": last * 60, "step": 60}
        answer = requests.post(f"{url}/api/v1/query_range", data=form, timeout=600)
        answer.raise_for_status()
        for one in answer.json()["data"]["result"]:
            found.setdefault(tuple(sorted(one["metric"].items())), []).extend(one["values"])
    return [_recorded(record, dict(labels), values) for labels, values in found.items()]


def _recorded(record: str, labels: Mapping[str, str], values: Sequence[Any]) -> SeriesSamples:
    times = np.array([round(float(at) * 1000) for at, _ in values], np.int64)
    numbers = np.array([float(value) for _, value in values])
    own = {"slo": "cloudshop/availability"}
    return SeriesSamples({**labels, **own, "__name__": record}, times, numbers)


def cost() -> bool:
    """Prints what an evaluation of all rules reads in a minute; whether it is within what is allowed."""
    window = Interval(START, START + 30 * 1440)
    every = list(_rules(_objective(window)))
    read: dict[str, float] = {}
    with _prometheus([*_raw(window), *_plausible(every, window)]) as url:
        for interval, rule in every:
            name = rule.get("record") or "alerts"
            read[name] = read.get(name, 0.0) + peers.samples_read(url, rule["expr"], window.end) / interval
        theirs = {
            name: sum(often * peers.samples_read(url, expr, window.end) for expr, often in rules)
            + peers.recorded_samples_read().get(name, 0.0)
            for name, rules in peers.rules_for_cost().items()
        }
    total = sum(read.values())
    print("\n6 error and 15 total series at 30 s, 30 days\n\n| | samples read a minute |\n|---|---|")
    for name, samples in {"these rules": total, **theirs}.items():
        print(f"| {name} | {samples:,.0f} |")
    for name, samples in sorted(read.items(), key=lambda item: -item[1]):
        print(f"| of these rules: {name} | {samples:,.0f} |")
    return total <= ALLOWED_SAMPLES


def _raw(window: Interval) -> Iterator[SeriesSamples]:
    """Three pods with five statuses each, two of them errors; every sample is there, and `up` and process starts."""
    times = np.arange(window.start * 60 + 7, window.end * 60, 30, dtype=np.int64)
    for pod in range(3):
        target = {"job": "frontend", "instance": f"10.0.0.{pod}:8080"}
        for number, status in enumerate(("200", "201", "404", "500", "503")):
            labels = {**target, "__name__": REQUESTS, "namespace": "cloudshop-prod", "status": status}
            yield SeriesSamples(labels, times * 1000, (times - times[0]) * float(5 - number))
        yield SeriesSamples({**target, "__name__": "up"}, times * 1000, np.ones(times.size))
        started = np.full(times.size, float(times[0]))
        yield SeriesSamples({**target, "__name__": "process_start_time_seconds"}, times * 1000, started)


def _plausible(every: Sequence[tuple[float, Mapping[str, Any]]], window: Interval) -> Iterator[SeriesSamples]:
    """Each recorded series at every minute: what is in it does not matter to what is read."""
    times = np.arange(window.start + 1, window.end + 1, dtype=np.int64) * 60_000
    for _, rule in every:
        if rule.get("record", "").startswith("slo:"):
            labels = {"__name__": rule["record"], "slo": "cloudshop/availability"}
            yield SeriesSamples(labels, times, np.full(times.size, 0.5))


def _rules(objective: Objective) -> Iterator[tuple[float, Mapping[str, Any]]]:
    """Each rule of the generated file with the minutes between its evaluations."""
    [file], _ = render_rules([objective], Layout(format="prometheus"))
    for group in yaml.safe_load(file.text)["groups"]:
        for rule in group["rules"]:
            yield float(group["interval"].removesuffix("m")), rule


@contextmanager
def _prometheus(series: Sequence[SeriesSamples]) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="slo-bench-") as folder, prometheus_with(series, Path(folder)) as url:
        yield url


if __name__ == "__main__":
    sys.exit(main())
