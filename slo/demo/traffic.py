"""Simulated requests of the demo shop: the same for the same seed, whatever the pace at which they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

TICK_SECONDS = 0.25

FAST_SECONDS = (0.02, 0.04, 0.08, 0.16, 0.25)
SLOW_SECONDS = (0.4, 0.8, 2.0)

_TICKS_PER_MINUTE = int(60 / TICK_SECONDS)


class Request(NamedTuple):
    pod: int
    is_bad: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the shop's customers do. A burst of errors, up to burst_seconds long, befalls some of the minutes."""

    seed: int = 1
    pods: int = 3
    requests_per_second: float = 20.0
    error_ratio: float = 0.0005
    slow_ratio: float = 0.02
    burst_share: float = 0.2
    burst_seconds: float = 10.0
    burst_error_ratio: float = 0.1

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError("a seed is 0 or more")

    def requests(self, tick: int) -> Iterator[Request]:
        """The requests of one tick after the start, Poisson."""
        rng = np.random.default_rng((self.seed, 1, tick))
        error_ratio = self._error_ratio(tick)
        for _ in range(rng.poisson(self.requests_per_second * TICK_SECONDS)):
            is_bad, is_slow = rng.random(2) < (error_ratio, self.slow_ratio)
            seconds = float(rng.choice(SLOW_SECONDS if is_slow else FAST_SECONDS))
            yield Request(int(rng.integers(self.pods)), bool(is_bad), seconds)

    def _error_ratio(self, tick: int) -> float:
        minute, second = tick // _TICKS_PER_MINUTE, tick % _TICKS_PER_MINUTE * TICK_SECONDS
        rng = np.random.default_rng((self.seed, 2, minute))
        is_struck = rng.random() < self.burst_share
        begin = rng.uniform(0, 60 - self.burst_seconds)
        return self.burst_error_ratio if is_struck and 0 <= second - begin < self.burst_seconds else self.error_ratio
