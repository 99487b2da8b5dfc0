"""What to simulate of a fleet: its traffic, its failures, and what happens to its pods and its scrapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple


class Episode(NamedTuple):
    """A stretch with its own ratio of bad (or slow) requests; minutes count from the fleet's start."""

    start_minute: int
    minutes: int
    ratio: float


class Gap(NamedTuple):
    """A stretch without scrapes: failed ones leave `up` at 0, a Prometheus that was down leaves nothing."""

    start_minute: int
    minutes: int
    silent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSpec:
    """What to simulate. The fleet runs from lead_minutes before `start` (a minute) to tail_minutes after its days.

    requests_per_second: mean of the whole fleet; slow_ratio: None for a fleet without a histogram;
    lazy_series: a status has no series before its first request; pod_lifetime_hours: then another pod with new
    labels takes its place; resets_per_pod: restarts that keep the labels; cron_errors: failures of each pod in the
    second after every cron_every_minutes.
    """

    start: int
    days: int
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"namespace": "cloudshop-prod"}))
    service: str = "frontend"
    pods: int = 3
    scrape_interval_seconds: int = 15
    requests_per_second: float = 10.0
    peak_to_trough: float = 1.0
    peak_hour: float = 15.0
    base_error_ratio: float = 0.0005
    incidents: tuple[Episode, ...] = ()
    slow_ratio: float | None = None
    slowdowns: tuple[Episode, ...] = ()
    pod_lifetime_hours: float | None = None
    lazy_series: bool = False
    resets_per_pod: int = 0
    gaps: tuple[Gap, ...] = ()
    quiet_hours: frozenset[int] = frozenset()
    cron_every_minutes: int = 0
    cron_errors: int = 0
    jitter_ms: int = 5
    bin_seconds: int = 1
    lead_minutes: int = 60
    tail_minutes: int = 5
    seed: int = 1

    def __post_init__(self) -> None:
        if 60 % self.bin_seconds:
            raise ValueError("bins divide a minute, or truth would not be exact at its edges")

    @property
    def first_minute(self) -> int:
        return self.start - self.lead_minutes

    @property
    def minutes(self) -> int:
        return self.lead_minutes + self.days * 1440 + self.tail_minutes

    @property
    def bins(self) -> int:
        return self.minutes * 60 // self.bin_seconds
