"""What it costs to know: `python -m bench.cost` prints how many samples are read for one objective each minute.

Thirty days of three pods at 30 s (6 error and total series) in a real Prometheus. The rules of Sloth and Pyrra read
what its `stats=all` says of an evaluation of each, as often as they are evaluated; the collector reads what it brings,
each sample twice.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from bench import peers
from bench.accuracy import START, _loaded, availability, scenarios
from bench.arrivals import ArrivingReader
from bench.collected import TAIL_MINUTES, collect
from slo.source.fleet import REQUESTS, Fleet, simulate
from slo.window import Interval


def main() -> int:
    spec = next(iter(scenarios(30, 30).values()))
    fleet = simulate(replace(spec, days=30))
    end = START + 30 * 1440
    existing = sum(one.times.size for one in fleet.series[REQUESTS]) / fleet.spec.minutes
    ours = ours_per_minute(fleet)
    print(f"{len(fleet.series[REQUESTS])} series, {existing:.1f} samples a minute\n")
    print("| | samples read a minute | times what the collector reads |\n|---|---|---|")
    print(f"| collector | {ours:.1f} | 1 |", flush=True)
    with _loaded(fleet) as url:
        for name, rules in peers.rules_for_cost().items():
            raw = sum(often * peers.samples_read(url, rule, end) for rule, often in rules)
            read = raw + peers.recorded_samples_read().get(name, 0.0)
            print(f"| {name} | {read:,.0f} | {read / ours:,.0f} |", flush=True)
    return 0


def ours_per_minute(fleet: Fleet) -> float:
    """Over a day in the middle, as reading does not depend on what was before."""
    window = Interval(START + 10 * 1440, START + 11 * 1440)
    collected = collect(availability(window), ArrivingReader(fleet.series), window)
    return collected.samples.total() / (window.minutes + TAIL_MINUTES)


if __name__ == "__main__":
    sys.exit(main())
