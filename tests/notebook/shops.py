"""A shop of known truth for the tests of notebooks: two services, an outage of both, and one of the cart alone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from slo.events import EventSeries
from slo.window import datetime_of
from tests.analysis.histories import MONTH, START, history

OBJECTIVES = """\
service: shop
objectives:
  - name: availability
    target: 99.9%
    window: 30d
    group_by: [service]
    sli:
      ratio: {bad: 'errors_total', total: 'requests_total'}
"""
SERVICES = {
    "cart": history(MONTH, (10_000, 10, 1.0), (20_000, 10, 0.3), total=100.0),
    "frontend": history(MONTH, (20_000, 10, 0.9), total=400.0),
}
SHOP_OUTAGE, CART_OUTAGE = 20_000, 10_000
"""Minutes of the month in which they begin; both last ten."""
BUDGET_EVENTS = 0.001 * 500 * MONTH


def objectives_in(folder: Path, text: str = OBJECTIVES) -> Path:
    path = folder / "objectives.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def events_frame(services: dict[str, EventSeries] = SERVICES) -> pd.DataFrame:
    """A row for each minute and service."""
    return pd.concat(
        pd.DataFrame(
            {
                "time": pd.to_datetime(np.arange(events.start + 1, events.end + 1) * 60, unit="s", utc=True),
                "service": service,
                "bad": np.diff(events.bad),
                "total": np.diff(events.bad + events.good),
            }
        )
        for service, events in services.items()
    )


def time(minute: int) -> datetime:
    """Of a minute of the month."""
    return datetime_of(START + minute)
