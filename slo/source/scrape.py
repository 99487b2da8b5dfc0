"""Scrapes targets without a Prometheus: for small shops, and for what must be measured where no Prometheus is.

Every target has a thread of its own, so that a slow one delays no other. What a scrape brings is stored as Prometheus
would store it, in memory, for the last minutes.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from slo.errors import SourceError, UsageError
from slo.promql.names import METRIC_LABEL
from slo.samples import SeriesSamples, Target
from slo.selector import Selector
from slo.source.exposition import ExposedSample, Limits, parse_exposition
from slo.source.protocol import Labels
from slo.source.recent import RecentSamples, Scraped
from slo.source.scrape_fetch import fetch
from slo.source.scrape_target import ScrapeTarget
from slo.source.simulated import SimulatedReader
from slo.source.steady_clock import SteadyClock
from slo.units import MINUTE_MS
from slo.window import Interval

MAX_TARGETS = 200
"""More targets than this are no small shop: Prometheus costs less than a thread for each of them."""

MAX_AHEAD_MS = 10 * MINUTE_MS
"""Prometheus drops samples whose own timestamp lies further in the future than this."""

_CHURN = 2
"""All series of a target may be replaced once, as by a restart under other labels, within what is kept."""

_log = logging.getLogger(__name__)


class Scraper:
    """Scrapes targets every interval, each at a phase of its own, and reads back what they exposed (SampleReader).

    Raises UsageError for no targets, too many, or two that are the same instance of one job.
    """

    def __init__(
        self,
        targets: Sequence[ScrapeTarget],
        *,
        interval_seconds: float = 15.0,
        timeout_seconds: float | None = None,
        keep_minutes: int = 60,
        limits: Limits | None = None,
        clock: SteadyClock | None = None,
    ) -> None:
        _check(targets, interval_seconds)
        self._limits = limits or Limits()
        self._interval_ms = round(interval_seconds * 1000)
        self._timeout_seconds = timeout_seconds or min(10.0, interval_seconds)
        self._clock = clock or SteadyClock()
        self._recent = RecentSamples(keep_ms=keep_minutes * MINUTE_MS, max_series=_CHURN * self._limits.series + 1)
        self._states = [_State(target) for target in targets]
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._scraped = threading.Condition()

    def read(self, selector: Selector, interval: Interval) -> list[SeriesSamples]:
        """The samples of every matching series in the interval `(start, end]`, never part of a scrape."""
        return self._recent.read(selector, interval)

    def read_minimum(self, selector: Selector, interval: Interval) -> list[tuple[Labels, float]]:
        """The least finite value of every matching series in the interval."""
        return self._recent.read_minimum(selector, interval)

    def snapshot(self) -> SimulatedReader:
        """A reader of what is known at this instant, for several reads that must agree with each other."""
        return SimulatedReader(self.snapshot_series())

    def snapshot_series(self) -> dict[str, tuple[SeriesSamples, ...]]:
        """Everything that is known at this instant, by metric."""
        return self._recent.snapshot()

    def server_time_ms(self) -> int:
        """The time that samples are stamped with; it never goes back."""
        return self._clock.now_ms()

    def problems(self) -> Mapping[Target, str]:
        """Why the last scrape of each target failed, of those whose did."""
        with self._scraped:
            return {state.target.place: state.reason for state in self._states if state.reason is not None}

    def trouble(self) -> str:
        """Why nothing at all is to be had, once every target's last scrape failed; else "". One that is down is no
        trouble here: its minutes are not covered, and that is told where they count."""
        problems = self.problems()
        if len(problems) < len(self._states):
            return ""
        state = self._states[0]
        which = "" if len(self._states) == 1 else f"none of {len(self._states)} targets can be scraped, such as "
        return f"{which}{state.target.url}: {problems[state.target.place]}"

    def scrape_once(self, at_ms: int | None = None) -> None:
        """Scrape every target once, now; at_ms: the time to stamp the samples with instead of the clock's."""
        with ThreadPoolExecutor(len(self._states)) as executor:
            list(executor.map(lambda state: self._scrape(state, at_ms), self._states))

    def wait_for_scrapes(self, count: int, timeout_seconds: float) -> bool:
        """Whether every target has been scraped so often, successfully or not, within the time."""
        with self._scraped:
            return self._scraped.wait_for(
                lambda: min(state.scrapes for state in self._states) >= count, timeout_seconds
            )

    def start(self) -> None:
        if self._threads:
            raise UsageError("this scraper was started before; make another one")
        for state in self._states:
            name = f"scrape {state.target.instance}"
            thread = threading.Thread(target=self._run, args=(state,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End scraping; what was read stays. Waits for scrapes under way, so for the timeout at most."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(self._timeout_seconds + self._limits.parse_seconds)

    def __enter__(self) -> Scraper:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, state: _State) -> None:
        now = self._clock.now_ms()
        due = now + (_phase(state.target, self._interval_ms) - now) % self._interval_ms
        while not self._stopping.wait(max(0, due - self._clock.now_ms()) / 1000):
            self._scrape(state, None)
            # Scrapes that are overdue, after a slow one or a sleep of the machine, are left out rather than caught up.
            late = max(0, self._clock.now_ms() - due)
            due += (late // self._interval_ms + 1) * self._interval_ms

    def _scrape(self, state: _State, at_ms: int | None) -> None:
        with state.busy:
            now = self._clock.now_ms() if at_ms is None else at_ms
            state.last = at = max(now, state.last + 1)
            reason = self._take(state.target, at)
        with self._scraped:
            state.note(reason)
            self._scraped.notify_all()

    def _take(self, target: ScrapeTarget, at: int) -> str | None:
        """Scrape and store; what went wrong, if anything did."""
        up = {METRIC_LABEL: "up", "job": target.job, "instance": target.instance}
        try:
            answer = fetch(target, timeout_seconds=self._timeout_seconds, max_bytes=self._limits.body_bytes)
            exposed = parse_exposition(answer.body, answer.content_type, self._limits)
            # First, so that a target that exposes an `up` of its own does not overrule this one.
            scrape = [Scraped(up, at, 1.0), *_stamped(exposed, target, at)]
            left_out = self._recent.add(target.place, at, scrape)
        except SourceError as error:
            self._recent.add(target.place, at, [Scraped(up, at, 0.0)])
            return str(error)
        except Exception as error:  # an oversight here must not end a target's scraping for good
            _log.exception("scraping %s failed unexpectedly", target.url)
            self._recent.add(target.place, at, [Scraped(up, at, 0.0)])
            return f"unexpected {type(error).__name__}"
        if left_out:
            _log.debug("%s: %d samples were duplicates or not newer than those before", target.url, left_out)
        return None


class _State:
    """How the scraping of one target goes."""

    def __init__(self, target: ScrapeTarget) -> None:
        self.target = target
        self.busy = threading.Lock()
        self.last = 0
        self.scrapes = 0
        self.reason: str | None = None

    def note(self, reason: str | None) -> None:
        """Count a scrape; log what changed, not every failure of a target that is down for days."""
        self.scrapes += 1
        if reason is not None and reason != self.reason:
            _log.warning("scraping %s failed: %s", self.target.url, reason)
        elif reason is None and self.reason is not None:
            _log.info("scraping %s succeeds again", self.target.url)
        self.reason = reason


def _check(targets: Sequence[ScrapeTarget], interval_seconds: float) -> None:
    if not targets:
        raise UsageError("name at least one target to scrape, such as http://127.0.0.1:8000/metrics")
    if len(targets) > MAX_TARGETS:
        raise UsageError(f"{len(targets)} targets to scrape, of at most {MAX_TARGETS}; use a Prometheus")
    if not 0.05 <= interval_seconds <= 3600:
        raise UsageError(f"a scrape interval of {interval_seconds:g} s is not between 0.05 s and 1 h")
    places = [target.place for target in targets]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise UsageError(
            f"{twice.instance} is named twice for the job {twice.job}; their series could not be told apart"
        )


def _phase(target: ScrapeTarget, interval_ms: int) -> int:
    """Where in the interval a target is scraped: the same after every start, and spread over all targets."""
    digest = hashlib.blake2b("\0".join(target.place).encode(), digest_size=8).digest()
    return int.from_bytes(digest) % interval_ms


def _stamped(exposed: Sequence[ExposedSample], target: ScrapeTarget, at: int) -> Iterator[Scraped]:
    """Samples with their target's labels, and the scrape's time where they have no believable one of their own."""
    for one in exposed:
        time = at if one.time is None else one.time
        if 0 < time <= at + MAX_AHEAD_MS:
            yield Scraped(_labels(one.labels, target) | {METRIC_LABEL: one.name}, time, one.value)


def _labels(exposed: Mapping[str, str], target: ScrapeTarget) -> dict[str, str]:
    """The exposed labels and the target's; one that clashes is renamed, and an empty one is none, as in Prometheus."""
    own = {"job": target.job, "instance": target.instance}
    labels = {label: value for label, value in exposed.items() if value and label not in own}
    for label in sorted(own.keys() & exposed.keys()):
        renamed = f"exported_{label}"
        while renamed in labels:
            renamed = f"exported_{renamed}"
        if exposed[label]:
            labels[renamed] = exposed[label]
    return labels | own
