"""Three months of a shop, made up but consistent, and what truly befell it: the data of the notebooks.

The same at every run. Three services under the traffic of days and nights; a few requests in ten thousand always fail.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from slo.source.fleet import Episode, FleetSpec, simulate
from slo.window import datetime_of, minute_of

BEGIN = datetime(2026, 7, 31, 22, tzinfo=UTC)
"""The beginning of August in Paris."""
END = datetime(2026, 10, 31, 23, tzinfo=UTC)
"""The end of October there; the clocks went back in between."""

RELEASE = datetime(2026, 10, 14, 14, 5, tzinfo=UTC)
RELEASE_MINUTES = 38
"""A release of the checkout failed: all of its requests, and with them a quarter of the frontend's."""

_REQUESTS_PER_SECOND = {"frontend": 30.0, "cart": 12.0, "checkout": 6.0}


def events() -> pd.DataFrame:
    """A row for each minute and service: time (the end of the minute), service, bad and total requests."""
    return pd.concat([_events(service) for service in _REQUESTS_PER_SECOND], ignore_index=True)


def _events(service: str) -> pd.DataFrame:
    start = minute_of(BEGIN)
    spec = FleetSpec(
        start=start,
        days=-(-(minute_of(END) - start) // 1440),
        service=service,
        pods=1,
        requests_per_second=_REQUESTS_PER_SECOND[service],
        peak_to_trough=20.0,
        base_error_ratio=0.0002,
        incidents=_episodes(service),
        bin_seconds=60,  # by the minute, and scraped once a day: only what happened is looked at
        scrape_interval_seconds=86_400,
        lead_minutes=0,
        tail_minutes=0,
        seed=list(_REQUESTS_PER_SECOND).index(service) + 1,
    )
    happened = simulate(spec).happened
    minutes = minute_of(END) - happened.start
    bad, good = (np.diff(edges[: minutes + 1]) for edges in (happened.bad, happened.good))
    time = pd.date_range(datetime_of(happened.start + 1), periods=minutes, freq="min")
    return pd.DataFrame({"time": time, "service": service, "bad": bad, "total": bad + good})


def _episodes(service: str) -> tuple[Episode, ...]:
    """What befell a service, in the order of time."""
    found = {
        "frontend": [
            _episode(datetime(2026, 8, 11, 9, 30, tzinfo=UTC), 25, 0.2),  # a certificate that had run out
            _episode(RELEASE, RELEASE_MINUTES, 0.25),
        ],
        "cart": [_episode(datetime(2026, 9, 8, 6, tzinfo=UTC), 3 * 1440, 0.006)],  # a slow leak of connections
        "checkout": [_episode(RELEASE, RELEASE_MINUTES, 1.0)],
    }[service]
    night = _episode(datetime(2026, 10, 24, 2, tzinfo=UTC), 30, 1.0)  # half an hour of a night without a network
    return tuple(sorted([*found, night]))


def _episode(begin: datetime, minutes: int, ratio: float) -> Episode:
    return Episode(minute_of(begin) - minute_of(BEGIN), minutes, ratio)
