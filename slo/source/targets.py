"""What Prometheus knows of scrape targets besides their own series: when their process started, whether they answer."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from slo.births import PATIENCE_MS, Origins, creation_key
from slo.samples import SeriesKey, Target, Times
from slo.selector import MatchOp, Selector
from slo.source.protocol import SampleReader
from slo.units import MINUTE_MS
from slo.window import Interval

_LOOK_BACK_MINUTES = 10
_NO_CLOCK_SECONDS = 1e11
_ONE_BY_ONE = 50
"""Above this many targets a query names their jobs only; the answer is larger, the query stays legible."""


def read_origins(reader: SampleReader, selector: Selector, born: Mapping[Target, int], stretch: Interval) -> Origins:
    """Since when the counters of these targets can have counted (ms); born: when a series of theirs appeared.

    Reads when their processes started and their counters were created, and, for processes that had been running for
    a while, when they were scraped.
    """
    if not born:
        return Origins()
    started: dict[Target, int] = {}
    for labels, seconds in reader.read_minimum(_of_targets("process_start_time_seconds", born), stretch):
        started[_target(labels)] = _milliseconds(seconds)
    running = {target: at for target, at in born.items() if not 0 <= at - started.get(target, 0) <= PATIENCE_MS}
    scraped: dict[Target, Times] = {}
    if running:
        around = Interval(
            min(running.values()) // MINUTE_MS - _LOOK_BACK_MINUTES, max(running.values()) // MINUTE_MS + 1
        )
        for one in reader.read(_of_targets("up", running), around):
            scraped[_target(one.labels)] = one.times[one.values == 1]
    return Origins(started, _created(reader, selector, born, stretch), scraped)


def _created(
    reader: SampleReader, selector: Selector, born: Collection[Target], stretch: Interval
) -> dict[SeriesKey, int]:
    """Creation times that OpenMetrics clients expose beside each counter."""
    stem = re.sub("_(total|count|bucket)$", "", selector.metric)
    plain = Selector(f"{stem}_created", frozenset(one for one in selector.matchers if one.label != "le"))
    found = reader.read_minimum(plain, stretch)
    return {creation_key(labels): _milliseconds(seconds) for labels, seconds in found if _target(labels) in born}


def still_scraped(reader: SampleReader, silent: Mapping[Target, int], end: int) -> set[Target]:
    """Those of the targets that Prometheus went on trying to scrape; silent: the last scrape of each that succeeded."""
    if not silent:
        return set()
    recent = Interval(end - _LOOK_BACK_MINUTES, end)
    tried = {_target(one.labels): int(one.times[-1]) for one in reader.read(_of_targets("up", silent), recent)}
    return {target for target, last in silent.items() if tried.get(target, last) > last}


def scraped_after(reader: SampleReader, last: Mapping[Target, int]) -> set[Target]:
    """Those of the targets that, as is known by now, were scraped soon after what was their last scrape."""
    found = set()
    interval = Interval(min(last.values()) // MINUTE_MS, max(last.values()) // MINUTE_MS + _LOOK_BACK_MINUTES)
    for one in reader.read(_of_targets("up", last), interval):
        scraped = one.times[one.values == 1]
        if scraped.size and (target := _target(one.labels)) in last and int(scraped[-1]) > last[target]:
            found.add(target)
    return found


def _of_targets(metric: str, targets: Collection[Target]) -> Selector:
    selector = Selector(metric).where("job", MatchOp.REGEX, _any_of({job for job, _ in targets}))
    if len(targets) <= _ONE_BY_ONE:
        selector = selector.where("instance", MatchOp.REGEX, _any_of({instance for _, instance in targets}))
    return selector


def _any_of(values: Collection[str]) -> str:
    return "|".join(re.escape(value) for value in sorted(values))


def _milliseconds(seconds: float) -> int:
    """A time that an exporter tells; one that no clock can show tells nothing, as if it lay far in the past."""
    return round(seconds * 1000) if 0 <= seconds < _NO_CLOCK_SECONDS else 0


def _target(labels: Mapping[str, str]) -> Target:
    return Target(labels.get("job", ""), labels.get("instance", ""))
